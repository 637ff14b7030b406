"""Exports in CamVid's form (CVAT's "CamVid 1.0", Datumaro's `camvid`): label_colors.txt, SUBSET/ and SUBSETannot/.

CamVid itself is read here with all of its 32 classes, as its authors publish it (701_StillsRaw_full/ and
LabeledApproved_full/) and as it lies on Kaggle (class_dict.csv, SUBSET/ and SUBSET_labels/).

Masks are colour pictures. Black is what nobody drew; Datumaro writes no line for it and reads it back as `background`.
"""

from pathlib import Path

from sceneparse.datasets.folder import subfolders, wrong_layout
from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.kind import DatasetKind, root_of
from sceneparse.datasets.label_maps import BLACK, CLASS_DICT, read_class_dict, read_label_colors
from sceneparse.datasets.layout import Layout, Listings, open_layout, tool_notes
from sceneparse.datasets.matching import SplitFolders
from sceneparse.datasets.unlabelled import Listed, UnlabelledOptions, with_unlabelled
from sceneparse.settings import DataSettings
from sceneparse.settings.kinds import PICTURES

LABEL_FILES = ("label_colors.txt", "labelmap.txt", CLASS_DICT)
"""What the file of the classes is called; the second by CVAT, once."""

PUBLISHED = ("701_StillsRaw_full", "LabeledApproved_full")
"""The folders of pictures and masks as CamVid's authors publish them; masks are called NAME_L.png."""

LAYOUT = (
    "label_colors.txt, SUBSET/NAME.jpg and SUBSETannot/NAME.png; of CamVid itself also class_dict.csv, SUBSET/ and "
    "SUBSET_labels/, or label_colors.txt, 701_StillsRaw_full/ and LabeledApproved_full/"
)
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
    labels, note = with_unlabelled(_classes(file), BLACK, options.unlabelled, str(file))
    splits = Listings(folders)
    notes = tool_notes(note, splits, settings)
    return Layout(root, labels, splits, folders, notes, partly=True, undivided=True, named_in=file.name)


def _splits(root: Path) -> dict[str, SplitFolders]:
    names = subfolders(root)
    if set(PUBLISHED) <= set(names):
        images, masks = PUBLISHED
        return {"all": SplitFolders("all", root / images, root / masks)}
    found = ((n, f"{n}{ending}") for n in names for ending in ("annot", "_labels"))
    return {n: SplitFolders(n, root / n, root / masks) for n, masks in found if masks in names}


def _classes(file: Path) -> list[Listed]:
    return read_class_dict(file) if file.name == CLASS_DICT else read_label_colors(file)


def _label_file(root: Path) -> Path | None:
    return next((root / name for name in LABEL_FILES if (root / name).is_file()), None)


def recognise_camvid_form(root: Path) -> str | None:
    """What in a folder speaks for an export in CamVid's form."""
    file = _label_file(root)
    split = next(iter(_splits(root).values()), None) if file is not None else None
    return None if file is None or split is None else f"{file.name}, {split.images.name}/ and {split.masks.name}/"


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
