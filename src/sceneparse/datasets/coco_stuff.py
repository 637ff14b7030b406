"""COCO-Stuff (Caesar, Uijlings, Ferrari, CVPR 2018): 80 things and 91 kinds of stuff on COCO's pictures.

Of its 182 numbers 11 are things that nobody labelled (hat, street sign, …), so papers report 171 classes. The release
of 164,000 pictures has maps with a class's number less one, 255 where nothing is labelled; that of 10,000 pictures has
.mat files with the numbers themselves, 0 where nothing is labelled.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sceneparse.datasets.getting.entry import Download, Entry
from sceneparse.datasets.kind import DatasetKind, by_root
from sceneparse.datasets.matching import SplitFolders
from sceneparse.datasets.pairs import ListedPictures, PairedPictures
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

_PUBLISHED = standard_labels("coco-stuff-171")

COCO_STUFF = replace(_PUBLISHED, ignore=(*(v for v in range(182) if v not in _PUBLISHED.ids), 255))
"""The 171 classes by the values of the maps; the 11 things that nobody labelled are ignored."""

SPLITS = {"train": "train2017", "val": "val2017"}

LAYOUT = (
    "images/{train2017,val2017}/NAME.jpg and annotations/{train2017,val2017}/NAME.png (stuffthingmaps), or of 10k "
    "images/NAME.jpg, annotations/NAME.mat and imageLists/{train,test}.txt"
)
"""The expected trees, in one line."""


def open_coco_stuff(root: Path, split: str, channels: int = 3) -> ListedPictures:
    """Open a split of COCO-Stuff, of either release; the folders tell which it is.

    Args:
        root: The folder of images and annotations (or stuffthingmaps).
        split: train or val; of the 10k release train or test.
        channels: Channels of the pictures.

    Raises:
        UserError: Another layout, no such split, or pictures and maps that don't match.
    """
    base = located(
        root, ("coco_stuff164k", "dataset"), lambda folder: bool(_splits(folder)) or _is_small(folder), LAYOUT
    )
    if _is_small(base):
        if split not in ("train", "test"):
            raise no_split(root, split, ("train", "test"))
        names = read_names(base / "imageLists" / f"{split}.txt")
        pairs = listed_pairs(split, names, base / "images", lambda name: base / "annotations" / f"{name}.mat")
        return ListedPictures(pairs, COCO_STUFF, channels, read_mat_map)
    splits = _splits(base)
    if split not in splits:
        raise no_split(root, split, list(splits))
    return PairedPictures(splits[split], COCO_STUFF, channels, read_published_mask)


def _is_small(folder: Path) -> bool:
    return (folder / "imageLists").is_dir()


def _splits(folder: Path) -> dict[str, SplitFolders]:
    """Both splits that there are; COCO's own folders have no `images` around them."""
    splits = {}
    for name, subfolder in SPLITS.items():
        images = next((one for one in (folder / "images" / subfolder, folder / subfolder) if one.is_dir()), None)
        # Beside stuffthingmaps lies COCO's own folder `annotations`, which holds JSON.
        maps = (folder / name / subfolder for name in ("annotations", "stuffthingmaps"))
        found = next((one for one in maps if one.is_dir()), None)
        if images is not None and found is not None:
            splits[name] = SplitFolders(name, images, found)
    return splits


def read_mat_map(path: Path, labels: LabelSpace, *, orientation: Orientation = "apply") -> Tensor:  # noqa: ARG001 - .mat files have none
    """The classes of a .mat file of the 10k release.

    Raises:
        PictureError: Missing, damaged, or with numbers that no class has.
    """
    values = mat_variable(path, "S")
    if isinstance(values, np.ndarray) and values.dtype.kind in "iuf":
        values = np.where(values == 0, 255, values.astype(np.int64) - 1)  # as the maps of the large release have them
    return mat_map(path, values, labels)


def recognise_coco_stuff(root: Path) -> str | None:
    """What in a folder speaks for COCO-Stuff: maps of pixels, which COCO's own annotation has none of."""
    for base in (root, root / "coco_stuff164k", root / "dataset"):
        split = next(iter(_splits(base).values()), None)
        if split is not None:
            return f"{split.images.relative_to(base).as_posix()}/ and {split.masks.relative_to(base).as_posix()}/"
        if _is_small(base) and next((base / "annotations").glob("*.mat"), None) is not None:
            return "imageLists/ and annotations/NAME.mat"
    return None


KIND = DatasetKind(
    open=by_root(open_coco_stuff),
    entry=Entry(
        title="COCO-Stuff 164k",
        contents="118,287 + 5,000 pictures; 171 classes; train, val (the 10k release is read too: train, test)",
        licence="annotation CC BY 4.0, pictures of Flickr under its users' terms",
        page="https://github.com/nightrome/cocostuff",
        size="20 GB",
        tree=(
            "DIR/images/{train2017,val2017}/000000000009.jpg",
            "DIR/annotations/{train2017,val2017}/000000000009.png",
        ),
        downloads=(
            Download(
                "http://images.cocodataset.org/zips/val2017.zip", "md5:442b8da7639aecaf257c1dceb8ba8c80", "images"
            ),
            Download(
                "http://calvin.inf.ed.ac.uk/wp-content/uploads/data/cocostuffdataset/stuffthingmaps_trainval2017.zip",
                into="annotations",
            ),
            Download(
                "http://images.cocodataset.org/zips/train2017.zip", "md5:cced6f7f71b7629ddf16f17bbcfab6b2", "images"
            ),
        ),
        test="mean IoU on val",
    ),
    card="COCO-Stuff with 171 classes (Caesar et al., 2018).",
    fixed_labels=lambda: COCO_STUFF,
    uses=("orientation",),
    reported="val",
    recognise=recognise_coco_stuff,
)
