"""PASCAL VOC 2012 (Everingham et al., IJCV 2015) with SBD's additional annotation (Hariharan et al., ICCV 2011).

VOC has 1,464 pictures for training and 1,449 for validation; the truth of those for testing is on its server only. SBD
labels 11,355 pictures of VOC 2011. All that either labels, but for VOC's validation split, are the 10,582 pictures on
which papers train ("trainaug"). Where both label a picture VOC's own, finer annotation is taken.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sceneparse.datasets.colored import ColoredOrNumbered, colors_of
from sceneparse.datasets.getting.entry import Download, Entry
from sceneparse.datasets.kind import DatasetKind, by_root
from sceneparse.datasets.label_maps import read_labelmap
from sceneparse.datasets.layout import Known
from sceneparse.datasets.matching import Pair
from sceneparse.datasets.pairs import ListedPictures
from sceneparse.datasets.published import (
    listed_pairs,
    located,
    mat_map,
    mat_variable,
    no_split,
    read_names,
)
from sceneparse.datasets.submission import SubmissionForm
from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace
from sceneparse.pictures.turning import Orientation
from sceneparse.standard import standard_labels

if TYPE_CHECKING:
    from torch import Tensor

VOC = standard_labels("voc-21")

COLORED_TRUTH = Known(ColoredOrNumbered(colors_of(VOC, (224, 224, 192))), fixed=True)
"""Reads masks with VOC's numbers, or saved in its colours; the last is that of the border, which counts in nothing."""

SPLITS = ("train", "val", "trainval", "train_aug")

WHOLE = {"train": 1464, "val": 1449, "sbd": 11355, "train_aug": 10582}
"""Numbers of pictures of the whole data sets."""

LAYOUT = (
    "VOCdevkit/VOC2012/{JPEGImages/NAME.jpg,SegmentationClass/NAME.png,ImageSets/Segmentation/{train,val}.txt}, and "
    "for train_aug benchmark_RELEASE/dataset/{cls/NAME.mat,train.txt,val.txt} (SBD) or SegmentationClassAug/NAME.png"
)
"""The expected tree, in one line."""

SBD_FOLDERS = ("benchmark_RELEASE/dataset", "VOCaug/dataset", "SBD/dataset", "dataset")
"""Where SBD lies, in VOC2012 or in one of the two folders above it."""


def open_voc2012(root: Path, split: str, channels: int = 3) -> ListedPictures:
    """Open a split of PASCAL VOC 2012.

    Args:
        root: VOC2012, VOCdevkit or the folder in which that lies.
        split: train, val, trainval, or train_aug: all that VOC or SBD label but VOC's val.
        channels: Channels of the pictures.

    Raises:
        UserError: Another layout, no such split, or files that a list names and that aren't there.
    """
    if split not in SPLITS:
        raise no_split(root, split, SPLITS)
    base = located(
        root,
        ("VOC2012", "VOCdevkit/VOC2012"),
        lambda folder: (folder / "JPEGImages").is_dir() and (folder / "SegmentationClass").is_dir(),
        LAYOUT,
    )
    _refuse_own_classes(base)
    masks = base / "SegmentationClass"
    if split != "train_aug":
        names = _listed(base, split)
        pairs = listed_pairs(split, names, base / "JPEGImages", lambda name: masks / f"{name}.png")
        return ListedPictures(pairs, VOC, channels, COLORED_TRUTH)
    return ListedPictures(_augmented(base), VOC, channels, read_either)


def _refuse_own_classes(base: Path) -> None:
    """Refuse a tool's export in VOC's tree, whose colours stand for other classes."""
    labelmap = base / "labelmap.txt"
    if labelmap.is_file() and not {one.name for one in read_labelmap(labelmap)} <= set(VOC.names):
        raise UserError(f"{labelmap}: names classes that PASCAL VOC doesn't have: read the data set as kind cvat")


def _augmented(base: Path) -> tuple[Pair, ...]:
    """What VOC or SBD label but VOC's validation split, by SegmentationClassAug where that is there, else by SBD."""
    ours, held_out = set(_listed(base, "train")), set(_listed(base, "val"))
    around = (base, *base.absolute().parents[:2])
    united = next((f / "SegmentationClassAug" for f in around if (f / "SegmentationClassAug").is_dir()), None)
    sbd = next((f / below for f in around for below in SBD_FOLDERS if (f / below / "cls").is_dir()), None)
    masks: dict[str, Path] = {}
    if united is not None:
        masks = {file.stem: file for file in united.glob("*.png")}
        whole = len(masks) == WHOLE["train_aug"] + WHOLE["val"]
    elif sbd is not None:
        theirs = [name for part in ("train", "val") for name in read_names(sbd / f"{part}.txt")]
        masks = {name: sbd / "cls" / f"{name}.mat" for name in theirs}
        masks |= {name: base / "SegmentationClass" / f"{name}.png" for name in ours}
        whole = len(set(theirs)) == WHOLE["sbd"] and len(ours) == WHOLE["train"]
    else:
        raise UserError(
            f"{base}: split 'train_aug' needs SBD or SegmentationClassAug beside it; expected layout: {LAYOUT}"
        )
    names = sorted(masks.keys() - held_out)
    if whole and len(held_out) == WHOLE["val"] and len(names) != WHOLE["train_aug"]:
        raise UserError(
            f"{base}: VOC and SBD together give {len(names):,} pictures for training, but should give "
            f"{WHOLE['train_aug']:,}: their lists are not the published ones; fetch them again"
        )
    return listed_pairs("train_aug", names, base / "JPEGImages", masks.__getitem__)


def _listed(base: Path, split: str) -> list[str]:
    return read_names(base / "ImageSets" / "Segmentation" / f"{split}.txt")


def read_either(path: Path, labels: LabelSpace, *, orientation: Orientation = "apply") -> Tensor:
    """VOC's mask, in numbers or saved in VOC's colours, or SBD's .mat file.

    Raises:
        PictureError: Missing, damaged, or with other values.
    """
    if path.suffix != ".mat":
        return COLORED_TRUTH(path, labels, orientation=orientation)
    truth = mat_variable(path, "GTcls")
    record = truth.flat[0] if isinstance(truth, np.ndarray) and truth.size == 1 else None
    return mat_map(path, record.get("Segmentation") if isinstance(record, dict) else None, labels)


def recognise_voc2012(root: Path) -> str | None:
    """What in a folder speaks for PASCAL VOC 2012."""
    for base in (root, root / "VOC2012", root / "VOCdevkit" / "VOC2012"):
        if all((base / f).is_dir() for f in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation")):
            return None if (base / "labelmap.txt").is_file() else "JPEGImages/ and SegmentationClass/"
    return None


KIND = DatasetKind(
    open=by_root(open_voc2012),
    entry=Entry(
        title="PASCAL VOC 2012, with SBD",
        contents="1,464 + 1,449 pictures, 10,582 for training with SBD; 21 classes; train, train_aug, val, trainval",
        licence="pictures of Flickr under its users' terms, for research",
        page="http://host.robots.ox.ac.uk/pascal/VOC/voc2012/",
        size="3.4 GB",
        tree=(
            "DIR/VOCdevkit/VOC2012/JPEGImages/2007_000032.jpg",
            "DIR/VOCdevkit/VOC2012/SegmentationClass/2007_000032.png",
            "DIR/VOCdevkit/VOC2012/ImageSets/Segmentation/{train,val,trainval}.txt",
            "DIR/benchmark_RELEASE/dataset/{cls/2008_000002.mat,train.txt,val.txt}  (for train_aug)",
        ),
        downloads=(
            Download(
                "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
                "md5:6cd6e144f989b92b3379bac3b3de84fd",
            ),
            Download(
                "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/semantic_contours/benchmark.tgz",
                "md5:82b4d87ceb2ed10f6038a1cba92111cb",
            ),
        ),
        test="mean IoU on val; test on the owner's server only (predict --as voc2012)",
    ),
    card="PASCAL VOC 2012 (Everingham et al., 2015); its split train_aug is labelled by SBD (Hariharan et "
    "al., 2011) too.",
    fixed_labels=lambda: VOC,
    uses=("orientation",),
    splits=SPLITS,
    reported="val",
    recognise=recognise_voc2012,
    submission=SubmissionForm(
        "voc2012",
        # The devkit's tree of competition 6: any data but the test set's may have been trained on.
        "results/VOC2012/Segmentation/comp6_test_cls",
        VOC,
        lambda stem: stem,
        palette=True,
    ),
)
