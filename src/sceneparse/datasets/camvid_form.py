"""Exports in CamVid's form (CVAT's "CamVid 1.0", Datumaro's `camvid`): label_colors.txt, SUBSET/ and SUBSETannot/.

Masks are colour pictures. Black is what nobody drew; Datumaro writes no line for it and reads it back as `background`.
"""

from pathlib import Path

from sceneparse.datasets.folder import subfolders, wrong_layout
from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.kind import DatasetKind, root_of
from sceneparse.datasets.label_maps import BLACK, read_label_colors
from sceneparse.datasets.layout import Layout, Listings, open_layout, tool_notes
from sceneparse.datasets.matching import SplitFolders
from sceneparse.datasets.unlabelled import UnlabelledOptions, with_unlabelled
from sceneparse.settings import DataSettings
from sceneparse.settings.kinds import PICTURES

LABEL_FILES = ("label_colors.txt", "labelmap.txt")
"""What the file of the classes is called; the second by CVAT, once."""

LAYOUT = "label_colors.txt, SUBSET/NAME.jpg and SUBSETannot/NAME.png"
"""The expected tree, in one line."""


def camvid_form_layout(settings: DataSettings) -> Layout:
    """Return what lies on disk of an export.

    Raises:
        UserError: Another layout, or label_colors.txt cannot be read.
    """
    root = root_of(settings)
    folders = _splits(root)
    file = _label_file(root)
    if not folders or file is None:
        raise wrong_layout(root, LAYOUT)
    options = KIND.read_options(settings.options, "data.options")
    labels, note = with_unlabelled(read_label_colors(file), BLACK, options.unlabelled, str(file))
    splits = Listings(folders)
    notes = tool_notes(note, splits, settings)
    return Layout(root, labels, splits, folders, notes, partly=True, undivided=True, named_in=file.name)


def _splits(root: Path) -> dict[str, SplitFolders]:
    names = subfolders(root)
    return {n: SplitFolders(n, root / n, root / f"{n}annot") for n in names if f"{n}annot" in names}


def _label_file(root: Path) -> Path | None:
    return next((root / name for name in LABEL_FILES if (root / name).is_file()), None)


def recognise_camvid_form(root: Path) -> str | None:
    """What in a folder speaks for an export in CamVid's form."""
    file = _label_file(root)
    split = next(iter(_splits(root)), None) if file is not None else None
    return None if file is None or split is None else f"{file.name}, {split}/ and {split}annot/"


KIND = DatasetKind(
    open=open_layout(camvid_form_layout),
    entry=Entry(
        title="Exports in CamVid's form",
        contents="as many as were drawn; the classes of label_colors.txt; splits as the folders say",
        licence="yours",
        page="https://docs.cvat.ai/docs/dataset_management/formats/format-camvid/",
        tree=("DIR/label_colors.txt", "DIR/SUBSET/NAME.jpg", "DIR/SUBSETannot/NAME.png"),
        by_hand='these are your own: in CVAT "Export dataset", "CamVid 1.0" with "Save images", and unpack the zip; in '
        "Datumaro -f camvid --save-media",
    ),
    card="Pictures annotated with a tool that writes CamVid's form.",
    options=UnlabelledOptions,
    uses=PICTURES,
    layout=camvid_form_layout,
    recognise=recognise_camvid_form,
)
