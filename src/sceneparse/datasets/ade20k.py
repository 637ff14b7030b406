"""ADE20K's benchmark of 150 classes, SceneParse150 (Zhou et al., CVPR 2017), as ADEChallengeData2016.zip has it.

20,210 pictures for training, 2,000 for validation, on which papers report; those for testing have no public truth. In
the masks 0 is what none of the 150 classes covers, and counts in nothing.
"""

from pathlib import Path

from sceneparse.datasets.getting.entry import Download, Entry
from sceneparse.datasets.kind import DatasetKind, by_root
from sceneparse.datasets.matching import SplitFolders
from sceneparse.datasets.pairs import PairedPictures
from sceneparse.datasets.published import located, read_published_mask
from sceneparse.datasets.subsets import chosen_split
from sceneparse.standard import standard_labels

ADE20K = standard_labels("ade20k-150")

SPLITS = {"train": "training", "val": "validation"}
"""The folder of each split."""

LAYOUT = (
    "ADEChallengeData2016/{images/{training,validation}/NAME.jpg,annotations/{training,validation}/NAME.png} "
    "(the full annotation with NAME_seg.png is kind ade20k_full)"
)
"""The expected tree, in one line."""


def open_ade20k(root: Path, split: str, channels: int = 3) -> PairedPictures:
    """Open a split of SceneParse150.

    Args:
        root: ADEChallengeData2016, or the folder in which it lies.
        split: train or val.
        channels: Channels of the pictures.

    Raises:
        UserError: Another layout, no such split, or pictures and masks that don't match.
    """
    base = located(
        root,
        ("ADEChallengeData2016",),
        lambda folder: (
            (folder / "annotations" / "training").is_dir() or (folder / "annotations" / "validation").is_dir()
        ),
        LAYOUT,
    )
    splits = {
        name: SplitFolders(name, base / "images" / folder, base / "annotations" / folder)
        for name, folder in SPLITS.items()
        if (base / "annotations" / folder).is_dir()
    }
    return PairedPictures(chosen_split(splits, split, root), ADE20K, channels, read_published_mask)


def recognise_ade20k(root: Path) -> str | None:
    """What in a folder speaks for SceneParse150."""
    for base in (root, root / "ADEChallengeData2016"):
        for folder in SPLITS.values():
            if (base / "annotations" / folder).is_dir() and (base / "images" / folder).is_dir():
                return f"images/{folder}/ and annotations/{folder}/"
    return None


KIND = DatasetKind(
    open=by_root(open_ade20k),
    entry=Entry(
        title="ADE20K, SceneParse150",
        contents="20,210 + 2,000 pictures; 150 classes; train, val",
        licence="pictures for non-commercial research and education only, annotation BSD 3-clause",
        page="http://sceneparsing.csail.mit.edu/",
        size="0.9 GB",
        tree=(
            "DIR/ADEChallengeData2016/images/{training,validation}/ADE_train_00000001.jpg",
            "DIR/ADEChallengeData2016/annotations/{training,validation}/ADE_train_00000001.png",
        ),
        downloads=(
            Download(
                "http://data.csail.mit.edu/places/ADEchallenge/ADEChallengeData2016.zip",
                "sha1:219e1696abb36c8ba3a3afe7fb2f4b4606a897c7",
            ),
        ),
        test="mean IoU and pixel accuracy on val, under protocol semseg, mmseg or csail: say which",
    ),
    card="ADE20K's benchmark of 150 classes, SceneParse150 (Zhou et al., 2017).",
    fixed_labels=lambda: ADE20K,
    uses=("orientation",),
    splits=tuple(SPLITS),
    reported="val",
    recognise=recognise_ade20k,
)
