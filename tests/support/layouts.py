"""Published data sets in their exact layouts, with a few tiny pictures each."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sceneparse.settings import ClassSettings, DataSettings, NiftiSettings

SIZE = (40, 56)
"""Height and width of all pictures."""


@dataclass(frozen=True)
class Layout:
    """A data set on disk.

    Args:
        settings: What opens it.
        counts: Pictures of each split.
        truth: (H, W) class indices of every picture.
        first: Name of the first picture of the split that is trained on.
    """

    settings: DataSettings
    counts: dict[str, int]
    truth: NDArray[np.int64]
    first: str
    channels: int = field(default=3)


def stripes(values: Sequence[int]) -> NDArray[np.int64]:
    """A map of vertical stripes, one for each value."""
    columns = np.arange(SIZE[1]) * len(values) // SIZE[1]
    return np.tile(np.array(values)[columns], (SIZE[0], 1))


def picture(path: Path) -> None:
    """A picture that differs from all others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(list(path.name.encode())).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)


def mask(path: Path, values: Sequence[int]) -> None:
    """A grey mask of stripes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(stripes(values).astype(np.uint8)).save(path)


def palette_mask(path: Path, values: Sequence[int]) -> None:
    """A mask whose values stand for colours of a palette, as VOC's do."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(stripes(values).astype(np.uint8))
    image.putpalette(np.random.default_rng(0).integers(0, 256, 768, dtype=np.uint8).tobytes())
    image.save(path)


def mat(path: Path, **variables: Any) -> None:
    """A MATLAB file, compressed as the published ones are."""
    from scipy.io import savemat

    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, variables, do_compression=True)


def lines(path: Path, names: Sequence[str]) -> None:
    """A list of pictures."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{name}\n" for name in names))


def ade20k(root: Path) -> Layout:
    """As ADEChallengeData2016.zip is unpacked."""
    for folder, part, count in (("training", "train", 3), ("validation", "val", 2)):
        for number in range(1, count + 1):
            name = f"ADE_{part}_{number:08}"
            picture(root / "ADEChallengeData2016" / "images" / folder / f"{name}.jpg")
            mask(root / "ADEChallengeData2016" / "annotations" / folder / f"{name}.png", [0, 1, 2, 150])
    (root / "ADEChallengeData2016" / "sceneCategories.txt").write_text("ADE_train_00000001 airport_terminal\n")
    settings = DataSettings(kind="ade20k", root=str(root), test="val")
    return Layout(settings, {"train": 3, "val": 2}, stripes([-1, 0, 1, 149]), "ADE_train_00000001")


def sbd_mat(path: Path, values: Sequence[int]) -> None:
    """An annotation of SBD, whose boundaries are sparse matrices."""
    from scipy.sparse import csc_matrix

    boundaries = np.empty((20, 1), dtype=object)
    for index in range(20):
        boundaries[index, 0] = csc_matrix(np.eye(*SIZE) * (index == 3))
    truth = {
        "Boundaries": boundaries,
        "Segmentation": stripes(values).astype(np.uint8),
        "CategoriesPresent": np.array([[1.0], [20.0]]),
    }
    mat(path, GTcls=truth)


def voc2012(root: Path) -> Layout:
    """VOC's archive and SBD's, unpacked beside each other."""
    voc = root / "VOCdevkit" / "VOC2012"
    names = {"train": ["2007_000032", "2007_000039"], "val": ["2007_000033", "2007_000042"]}
    for split, listed in names.items():
        lines(voc / "ImageSets" / "Segmentation" / f"{split}.txt", listed)
        for name in listed:
            picture(voc / "JPEGImages" / f"{name}.jpg")
            palette_mask(voc / "SegmentationClass" / f"{name}.png", [0, 1, 20, 255])
    lines(voc / "ImageSets" / "Segmentation" / "trainval.txt", sorted(names["train"] + names["val"]))
    # SBD labels some of VOC's pictures too, in both splits, and others.
    sbd = root / "benchmark_RELEASE" / "dataset"
    lines(sbd / "train.txt", ["2007_000032", "2008_000002", "2007_000033"])
    lines(sbd / "val.txt", ["2008_000003"])
    for name in ("2007_000032", "2008_000002", "2007_000033", "2008_000003"):
        picture(voc / "JPEGImages" / f"{name}.jpg")
        sbd_mat(sbd / "cls" / f"{name}.mat", [0, 1, 20, 20])
    settings = DataSettings(kind="voc2012", root=str(root), test="val")
    counts = {"train": 2, "val": 2, "trainval": 4, "train_aug": 4}
    return Layout(settings, counts, stripes([0, 1, 20, -1]), "2007_000032")


def pascal_context(root: Path) -> Layout:
    """VOC 2010's archive and Pascal-Context's, unpacked beside each other; accordions (1) are none of the 59."""
    voc = root / "VOCdevkit" / "VOC2010"
    # The last one of train is annotated for VOC only.
    names = {"train": ["2008_000002", "2008_000003", "2008_009999"], "val": ["2008_000007"]}
    for split, listed in names.items():
        lines(voc / "ImageSets" / "Main" / f"{split}.txt", listed)
        for name in listed:
            picture(voc / "JPEGImages" / f"{name}.jpg")
            if name != "2008_009999":
                mat(root / "trainval" / f"{name}.mat", LabelMap=stripes([0, 2, 458, 1]).astype(np.uint16))
    settings = DataSettings(kind="pascal_context", root=str(root), test="val")
    return Layout(settings, {"train": 2, "val": 1}, stripes([-1, 0, 58, -1]), "2008_000002")


def cityscapes(root: Path) -> Layout:
    """leftImg8bit, gtFine and gtCoarse as their archives are unpacked, with the files that nobody needs."""
    frames = {
        ("train", "gtFine"): ["aachen_000000_000019", "aachen_000001_000019", "bochum_000000_000313"],
        ("val", "gtFine"): ["frankfurt_000000_000294"],
        ("test", "gtFine"): ["berlin_000000_000019"],
        ("train_extra", "gtCoarse"): ["augsburg_000000_000000"],
    }
    for (split, form), listed in frames.items():
        for frame in listed:
            city = frame.split("_")[0]
            picture(root / "leftImg8bit" / split / city / f"{frame}_leftImg8bit.png")
            stem = root / form / split / city / f"{frame}_{form}"
            mask(Path(f"{stem}_labelIds.png"), [0, 3, 0, 3] if split == "test" else [7, 11, 33, 29])
            mask(Path(f"{stem}_instanceIds.png"), [7, 11, 33, 29])
            mask(Path(f"{stem}_color.png"), [1, 2, 3, 4])
            Path(f"{stem}_polygons.json").write_text("{}")
    settings = DataSettings(kind="cityscapes", root=str(root), test="val")
    counts = {"train": 3, "val": 1, "train_extra": 1}
    return Layout(settings, counts, stripes([0, 2, 18, -1]), "aachen/aachen_000000_000019")


def coco_stuff(root: Path) -> Layout:
    """COCO's pictures and the stuffthingmaps as COCO-Stuff's page has them unpacked; 11 (street sign) is never used."""
    for part, names in (("train2017", ["000000000009", "000000000025"]), ("val2017", ["000000000139"])):
        for name in names:
            picture(root / "images" / part / f"{name}.jpg")
            mask(root / "annotations" / part / f"{name}.png", [0, 12, 181, 255])
    settings = DataSettings(kind="coco_stuff", root=str(root), test="val")
    return Layout(settings, {"train": 2, "val": 1}, stripes([0, 11, 170, -1]), "000000000009")


def huggingface(root: Path) -> Layout:
    """A dataset that `save_to_disk` wrote, with the masks' names in a classes.json."""
    datasets = pytest.importorskip("datasets")

    features = datasets.Features(
        {"image": datasets.Image(), "annotation": datasets.Image(), "id": datasets.Value("string")}
    )
    splits = {}
    for split, count in (("train", 3), ("validation", 2)):
        rows: dict[str, list[str]] = {"image": [], "annotation": [], "id": []}
        for number in range(count):
            image, truth = root / "files" / f"{split}{number}.jpg", root / "files" / f"{split}{number}.png"
            picture(image)
            mask(truth, [1, 2, 0])
            rows["image"].append(str(image))
            rows["annotation"].append(str(truth))
            rows["id"].append(f"{split} {number}")
        splits[split] = datasets.Dataset.from_dict(rows, features=features)
    datasets.DatasetDict(splits).save_to_disk(root / "saved")
    classes = {"names": ["road", "car"], "ids": [1, 2], "ignore": 0}
    (root / "classes.json").write_text(json.dumps(classes))
    settings = DataSettings(
        kind="huggingface",
        root=str(root / "saved"),
        classes=ClassSettings(file=str(root / "classes.json")),
        val="validation",
        test="validation",
    )
    return Layout(settings, {"train": 3, "validation": 2}, stripes([0, 1, -1]), "000000")


def nifti(root: Path) -> Layout:
    """Cases as BraTS 2020 has them, with lists; slices 0 and 3 show nothing."""
    nibabel = pytest.importorskip("nibabel")

    names = {"train": ["BraTS20_Training_001", "BraTS20_Training_002"], "val": ["BraTS20_Training_003"]}
    truth = np.zeros((4, *SIZE), dtype=np.uint8)
    truth[1:3] = stripes([0, 1, 2, 4])
    noise = np.random.default_rng(1)
    # BraTS stores voxels from right to left, from front to back, from feet to head.
    affine = np.diag([-1.0, -1.0, 1.0, 1.0])
    for split, listed in names.items():
        lines(root / f"{split}.txt", listed)
        for name in listed:
            (root / name).mkdir(parents=True)
            for what in ("t1", "t1ce", "t2", "flair", "seg"):
                values = (
                    truth
                    if what == "seg"
                    else (noise.integers(1, 900, truth.shape) * truth.any(axis=(1, 2), keepdims=True))
                )
                stored = np.transpose(values, (2, 1, 0))[::-1]
                image = nibabel.Nifti1Image(stored.astype(np.int16), affine)
                nibabel.save(image, root / name / f"{name}_{what}.nii.gz")
    settings = DataSettings(kind="nifti", root=str(root), test="val", nifti=NiftiSettings(empty_slices=False))
    return Layout(settings, {"train": 4, "val": 2}, stripes([0, 1, 2, 3]), "BraTS20_Training_001/001", channels=4)


LAYOUTS: dict[str, Callable[[Path], Layout]] = {
    "ade20k": ade20k,
    "voc2012": voc2012,
    "pascal_context": pascal_context,
    "cityscapes": cityscapes,
    "coco_stuff": coco_stuff,
    "huggingface": huggingface,
    "nifti": nifti,
}
"""What writes each data set."""
