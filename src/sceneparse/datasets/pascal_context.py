"""PASCAL-Context (Mottaghi et al., CVPR 2014): whole scenes of VOC 2010, 4,998 for training and 5,105 for validation.

Of its 459 classes papers use the 59 most frequent ones, with all others ignored or as a 60th class, the background. The
annotation is read as published (one .mat file a picture, whose `LabelMap` holds the numbers of the 459 classes) or as
MMSegmentation converts it (one PNG a picture: 0 the background, then the 59 classes by their numbers' order).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sceneparse.datasets.getting.entry import Download, Entry
from sceneparse.datasets.kind import DatasetKind, by_root
from sceneparse.datasets.pairs import ListedPictures
from sceneparse.datasets.published import (
    listed_pairs,
    located,
    mat_map,
    mat_variable,
    no_split,
    read_names,
    read_published_mask,
)
from sceneparse.labels import LabelSpace
from sceneparse.pictures.turning import Orientation
from sceneparse.standard import standard_labels

if TYPE_CHECKING:
    from torch import Tensor

_NUMBERED = standard_labels("pascal-context-59")
_NUMBERS = replace(_NUMBERED, ignore=tuple(number for number in range(460) if number not in _NUMBERED.ids))
"""The 59 classes by their numbers among the 459; 0 is what nobody labelled."""

PASCAL_CONTEXT = replace(_NUMBERED, ids=tuple(range(1, 60)), ignore=(0,))
"""The 59 classes by the values of the PNGs."""

PASCAL_CONTEXT_60 = LabelSpace(("background", *_NUMBERED.names), ((0, 0, 0), *_NUMBERED.colors))
"""The 59 classes and the background."""

SPLITS = ("train", "val")

LAYOUT = (
    "VOCdevkit/VOC2010/{JPEGImages/NAME.jpg,ImageSets/Main/{train,val}.txt} with trainval/NAME.mat beside it, or "
    "VOC2010/SegmentationClassContext/NAME.png with ImageSets/SegmentationContext/{train,val}.txt"
)
"""The expected trees, in one line."""

MAT_FOLDERS = ("trainval", "context/trainval", "PASCAL-Context/trainval")
"""Where the .mat files lie, in VOC2010 or in one of the two folders above it."""


def open_pascal_context(root: Path, split: str, channels: int = 3) -> ListedPictures:
    """Open a split with 59 classes; all else is ignored.

    Args:
        root: VOC2010, VOCdevkit, or the folder in which that lies.
        split: train or val: the lists of ImageSets/SegmentationContext, or else what ImageSets/Main lists and the
            annotation has.
        channels: Channels of the pictures.

    Raises:
        UserError: Another layout, no such split, or files that a list names and that aren't there.
    """
    return _open(root, split, channels, PASCAL_CONTEXT)


def open_pascal_context_60(root: Path, split: str, channels: int = 3) -> ListedPictures:
    """Open a split with 60 classes, the first of which is the background. See `open_pascal_context`."""
    return _open(root, split, channels, PASCAL_CONTEXT_60)


def _open(root: Path, split: str, channels: int, labels: LabelSpace) -> ListedPictures:
    if split not in SPLITS:
        raise no_split(root, split, SPLITS)
    found: list[Path] = []

    def there(folder: Path) -> bool:
        above = (folder, *folder.absolute().parents[:2])
        candidates = [folder / "SegmentationClassContext", *(f / below for f in above for below in MAT_FOLDERS)]
        found[:] = [base for base in candidates if base.is_dir()]
        return (folder / "JPEGImages").is_dir() and bool(found)

    base = located(root, ("VOC2010", "VOCdevkit/VOC2010"), there, LAYOUT)
    annotation = found[0]
    suffix = ".png" if annotation.name == "SegmentationClassContext" else ".mat"
    listed = base / "ImageSets" / "SegmentationContext" / f"{split}.txt"
    if listed.is_file():
        names = read_names(listed)
    else:
        annotated = {file.stem for file in annotation.glob(f"*{suffix}")}
        names = [name for name in read_names(base / "ImageSets" / "Main" / f"{split}.txt") if name in annotated]
    pairs = listed_pairs(split, names, base / "JPEGImages", lambda name: annotation / f"{name}{suffix}")
    return ListedPictures(pairs, labels, channels, read_published_mask if suffix == ".png" else read_numbers)


def read_numbers(path: Path, labels: LabelSpace, *, orientation: Orientation = "apply") -> Tensor:  # noqa: ARG001 - .mat files have none
    """The classes of a .mat file.

    Args:
        path: The file.
        labels: `PASCAL_CONTEXT` or `PASCAL_CONTEXT_60`.
        orientation: Not looked at.

    Raises:
        PictureError: Missing, damaged, or with numbers that no class has.
    """
    indices = mat_map(path, mat_variable(path, "LabelMap"), _NUMBERS)
    # With a background every class moves up by one, and what is ignored (-1) becomes it.
    return indices + (len(labels) - len(_NUMBERED))


def recognise_pascal_context(root: Path) -> str | None:
    """What in a folder speaks for PASCAL-Context."""
    for base in (root, root / "VOC2010", root / "VOCdevkit" / "VOC2010"):
        if not (base / "JPEGImages").is_dir():
            continue
        if (base / "SegmentationClassContext").is_dir():
            return "JPEGImages/ and SegmentationClassContext/"
        above = (base, *base.absolute().parents[:2])
        found = next((f / b for f in above for b in MAT_FOLDERS if next((f / b).glob("*.mat"), None)), None)
        if found is not None:
            return f"JPEGImages/ and {found.name}/NAME.mat"
    return None


_ENTRY = Entry(
    title="PASCAL-Context",
    contents="4,998 + 5,105 pictures; 59 classes, or 60 with the background; train, val",
    licence="pictures of Flickr under its users' terms, for research",
    page="https://cs.stanford.edu/~roozbeh/pascal-context/",
    size="1.4 GB",
    tree=(
        "DIR/VOCdevkit/VOC2010/JPEGImages/2008_000002.jpg",
        "DIR/VOCdevkit/VOC2010/ImageSets/Main/{train,val}.txt",
        "DIR/trainval/2008_000002.mat",
    ),
    downloads=(
        Download(
            "http://host.robots.ox.ac.uk/pascal/VOC/voc2010/VOCtrainval_03-May-2010.tar",
            "md5:da459979d0c395079b5c75ee67908abb",
        ),
        Download("https://cs.stanford.edu/~roozbeh/pascal-context/trainval.tar.gz"),
    ),
    test="mean IoU on val, of 59 classes (pascal_context) or with the background (pascal_context_60): say which",
)

KIND = DatasetKind(
    open=by_root(open_pascal_context),
    entry=_ENTRY,
    card="PASCAL-Context with 59 classes (Mottaghi et al., 2014).",
    fixed_labels=lambda: PASCAL_CONTEXT,
    uses=("orientation",),
    splits=SPLITS,
    reported="val",
    recognise=recognise_pascal_context,
)

KIND_60 = DatasetKind(
    open=by_root(open_pascal_context_60),
    entry=_ENTRY,
    card="PASCAL-Context with 59 classes and the background (Mottaghi et al., 2014).",
    fixed_labels=lambda: PASCAL_CONTEXT_60,
    uses=("orientation",),
    splits=SPLITS,
    reported="val",
    recognise=recognise_pascal_context,
)
