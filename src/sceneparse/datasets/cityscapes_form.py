"""Exports in Cityscapes' tree with classes of their own (CVAT's "Cityscapes 1.0", Datumaro's `cityscapes`).

The masks NAME_gtFine_labelIds.png hold the positions in label_colors.txt, not Cityscapes' label ids; 0 is what nobody
drew, the `background`, which need not be listed.
"""

from pathlib import Path

from sceneparse.datasets.folder import subfolders, wrong_layout
from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.kind import DatasetKind, root_of
from sceneparse.datasets.label_maps import BLACK, read_label_colors
from sceneparse.datasets.layout import Layout, Listings, open_layout, tool_notes
from sceneparse.datasets.matching import SplitFolders
from sceneparse.datasets.unlabelled import BACKGROUND, Listed, UnlabelledOptions, with_unlabelled
from sceneparse.settings import DataSettings
from sceneparse.settings.kinds import PICTURES

LABEL_COLORS = "label_colors.txt"

IMAGES = ("leftImg8bit", "imgsFine/leftImg8bit")
"""Where the pictures lie."""

LAYOUT = (
    "label_colors.txt, leftImg8bit/SUBSET/NAME_leftImg8bit.png and gtFine/SUBSET/NAME_gtFine_labelIds.png (also "
    "imgsFine/leftImg8bit)"
)
"""The expected tree, in one line."""


def cityscapes_form_layout(settings: DataSettings) -> Layout:
    """Return what lies on disk of an export.

    Raises:
        UserError: Another layout, or label_colors.txt cannot be read.
    """
    root = root_of(settings)
    folders = _splits(root)
    if not folders or not (root / LABEL_COLORS).is_file():
        raise wrong_layout(root, LAYOUT)
    options = KIND.read_options(settings.options, "data.options")
    classes = read_label_colors(root / LABEL_COLORS)
    if not any(one.color == BLACK or one.name == BACKGROUND for one in classes):
        classes = [Listed(BACKGROUND, 0, BLACK), *(Listed(one.name, one.value + 1, one.color) for one in classes)]
    labels, note = with_unlabelled(classes, 0, options.unlabelled, str(root / LABEL_COLORS))
    splits = Listings(folders)
    notes = tool_notes(note, splits, settings)
    return Layout(root, labels, splits, folders, notes, partly=True, undivided=True, named_in=LABEL_COLORS)


def _splits(root: Path) -> dict[str, SplitFolders]:
    images = next((root / below for below in IMAGES if (root / below).is_dir()), None)
    if images is None or not (root / "gtFine").is_dir():
        return {}
    names = [name for name in subfolders(root / "gtFine") if (images / name).is_dir()]
    return {name: SplitFolders(name, images / name, root / "gtFine" / name) for name in names}


def recognise_cityscapes_form(root: Path) -> str | None:
    """What in a folder speaks for an export in Cityscapes' tree with classes of its own."""
    if (root / LABEL_COLORS).is_file() and _splits(root):
        return "label_colors.txt and gtFine/"
    return None


KIND = DatasetKind(
    open=open_layout(cityscapes_form_layout),
    entry=Entry(
        title="Exports in Cityscapes' tree, with classes of their own",
        contents="as many as were drawn; the classes of label_colors.txt; splits as the folders say",
        licence="yours",
        page="https://docs.cvat.ai/docs/dataset_management/formats/format-cityscapes/",
        tree=(
            "DIR/label_colors.txt",
            "DIR/leftImg8bit/SUBSET/NAME_leftImg8bit.png",
            "DIR/gtFine/SUBSET/NAME_gtFine_labelIds.png",
        ),
        by_hand='these are your own: in CVAT "Export dataset", "Cityscapes 1.0" with "Save images", and unpack the '
        "zip; in Datumaro -f cityscapes --save-media",
    ),
    card="Pictures annotated with a tool that writes Cityscapes' tree.",
    options=UnlabelledOptions,
    uses=PICTURES,
    layout=cityscapes_form_layout,
    recognise=recognise_cityscapes_form,
)
