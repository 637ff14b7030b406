"""Pictures that are trained on and measured on: found whatever the splits are called and however they are stored."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneparse.datasets.opening import open_dataset
from sceneparse.doctor import Finding, check
from sceneparse.settings import DataSettings, HuggingFaceSettings, NiftiSettings, SourceSettings
from tests.support.one_piece import coco, one_piece
from tests.support.small import write_data_set


def leaks(settings: DataSettings) -> list[Finding]:
    """What the doctor says of pictures that are on two sides."""
    found = check(settings, progress=False, workers=1).findings
    return [one for one in found if one.code in ("overlap", "shared-pictures")]


def said(settings: DataSettings) -> list[tuple[str, str, int]]:
    return [(one.severity, one.message.partition(": ")[0], one.count) for one in leaks(settings)]


def voc(root: Path) -> DataSettings:
    base = root / "VOCdevkit" / "VOC2012"
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (base / folder).mkdir(parents=True)
    names = [f"2007_{number:06}" for number in range(4)]
    for number, name in enumerate(names):
        noise = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(noise).save(base / "JPEGImages" / f"{name}.jpg")
        Image.fromarray(np.array([[0, 1, 15, 255]] * 6, np.uint8).repeat(2, 1)).save(
            base / "SegmentationClass" / f"{name}.png"
        )
    for split, chosen in {"train": names[:2], "val": names[2:], "trainval": names}.items():
        (base / "ImageSets" / "Segmentation" / f"{split}.txt").write_text("\n".join(chosen))
    return DataSettings("voc2012", root=str(root))


def test_a_split_that_holds_the_other_one_is_found(tmp_path: Path) -> None:
    settings = voc(tmp_path)
    assert not leaks(settings)
    assert said(replace(settings, train="trainval")) == [
        ("warning", "2 pictures in data.train 'trainval' and data.val 'val' at once", 2)
    ]


@pytest.mark.parametrize("train", ["all", "all[:]"])
def test_a_set_in_one_piece_of_which_everything_is_trained_on_is_found(train: str, tmp_path: Path) -> None:
    settings = one_piece(tmp_path)
    assert not leaks(settings)
    held = len(open_dataset(settings, "val"))
    (found,) = said(replace(settings, train=train))
    assert found == ("warning", f"{held} pictures in data.train '{train}' and data.val 'val' at once", held)


def test_everything_of_the_full_ade20k_holds_its_val(tmp_path: Path) -> None:
    for split, name in (("training", "ADE_train_1"), ("validation", "ADE_val_1")):
        folder = tmp_path / "images" / split
        folder.mkdir(parents=True)
        noise = np.random.default_rng(len(name)).integers(0, 256, (4, 5, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{name}.jpg")
        Image.new("RGB", (5, 4)).save(folder / f"{name}_seg.png")
    settings = DataSettings("ade20k_full", root=str(tmp_path))
    assert not leaks(settings)
    assert said(replace(settings, train="all"))[0] == (
        "warning",
        "1 picture in data.train 'all' and data.val 'val' at once",
        1,
    )


def test_sources_of_a_mixture_are_compared_too(tmp_path: Path) -> None:
    write_data_set(tmp_path)
    source = SourceSettings("folder", str(tmp_path), test=None)
    settings = DataSettings("mixture", sources=(source,))
    assert not leaks(settings)
    assert said(replace(settings, sources=(replace(source, val="train[:3]"),))) == [
        ("warning", "3 pictures in data.train 'train' and data.val 'val' at once", 3)
    ]


def test_lists_that_both_name_a_picture_are_an_error(tmp_path: Path) -> None:
    settings = one_piece(tmp_path, 4)
    (tmp_path / "train.txt").write_text("000\n001\n002\n")
    (tmp_path / "val.txt").write_text("002\n003\n")
    (found,) = leaks(settings)
    assert (found.severity, found.examples) == ("error", ("images/002.png",))
    assert found.message.endswith("take them out of one of the two splits")
    (tmp_path / "val.txt").write_text("003\n")
    assert not leaks(settings)


def sides(settings: DataSettings) -> tuple[str, str]:
    """The name of a picture that is trained on, and of one that is held out."""
    return open_dataset(settings, "train").name(0), open_dataset(settings, "val").name(0)


def test_copies_on_both_sides_of_a_folder_in_one_piece_are_an_error(tmp_path: Path) -> None:
    settings = one_piece(tmp_path)
    train, val = sides(settings)
    shutil.copy(tmp_path / "images" / f"{train}.png", tmp_path / "images" / f"{val}.png")
    assert said(settings) == [("error", "1 picture in train and val at once", 1)]
    other = open_dataset(settings, "train").name(1)
    shutil.copy(tmp_path / "images" / f"{train}.png", tmp_path / "images" / f"{other}.png")
    Image.new("RGB", (64, 48), (9, 99, 9)).save(tmp_path / "images" / f"{val}.png")
    found = check(settings, progress=False, workers=1).findings
    assert [(one.severity, one.count) for one in found if one.code == "copies"] == [("warning", 1)]
    assert not leaks(settings)


def test_an_export_in_one_piece_is_judged_by_its_two_sides(tmp_path: Path) -> None:
    settings = coco(tmp_path)
    assert not leaks(settings)
    train, val = sides(settings)
    path = tmp_path / "annotations.json"
    value = json.loads(path.read_text())
    for one in value["annotations"]:
        one["category_id"] = 2 if Path(val).stem == str(one["image_id"]) else 1
    path.write_text(json.dumps(value))
    shutil.copy(tmp_path / "images" / f"{Path(train).stem}.png", tmp_path / "images" / f"{Path(val).stem}.png")
    findings = check(settings, progress=False, workers=1).findings
    (unseen,) = [one for one in findings if one.code == "class-unseen"]
    assert unseen.examples == ("bus",) and unseen.message.startswith("val: 1 class that training never sees")
    assert said(settings) == [("error", "1 picture in train and val at once", 1)]


def test_rows_of_a_dataset_with_one_picture_are_found(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed (extra huggingface)")
    write_data_set(tmp_path / "files", {"train": 3})
    images, masks = (sorted((tmp_path / "files" / "train" / kind).iterdir()) for kind in ("images", "masks"))
    features = datasets.Features({"image": datasets.Image(), "annotation": datasets.Image()})
    (tmp_path / "set").mkdir()
    for split, chosen in {"train": [0, 1], "validation": [1, 2]}.items():
        columns = {
            "image": [str(images[index]) for index in chosen],
            "annotation": [str(masks[index]) for index in chosen],
        }
        datasets.Dataset.from_dict(columns, features=features).to_parquet(tmp_path / "set" / f"{split}.parquet")
    shutil.copy(tmp_path / "files" / "classes.json", tmp_path / "set")
    settings = DataSettings(
        "huggingface", root=str(tmp_path / "set"), huggingface=HuggingFaceSettings(("image", "annotation"))
    )
    (found,) = leaks(settings)
    assert (found.severity, found.examples) == ("error", ("train: 000001 = val: 000000",))
    assert said(replace(settings, val="train[:1]")) == [
        ("warning", "1 picture in data.train 'train' and data.val 'train[:1]' at once", 1)
    ]


def test_a_case_that_two_lists_name_is_found(tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel", reason="nibabel is not installed (extra medical)")
    for number in range(3):
        folder = tmp_path / f"case{number}"
        folder.mkdir()
        voxels = np.random.default_rng(number).integers(1, 999, (5, 4, 3)).astype(np.int16)
        nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), folder / f"case{number}_t1.nii.gz")
        nibabel.save(nibabel.Nifti1Image(voxels % 3, np.eye(4)), folder / f"case{number}_seg.nii.gz")
    (tmp_path / "train.txt").write_text("case0\ncase1\n")
    (tmp_path / "val.txt").write_text("case1\ncase2\n")
    settings = DataSettings("nifti", root=str(tmp_path), nifti=NiftiSettings(modalities=("t1",)))
    found = check(settings, progress=False, workers=1, channels=1).findings
    (shared,) = [one for one in found if one.code in ("overlap", "shared-pictures")]
    assert (shared.severity, shared.count, shared.examples[0]) == ("error", 3, "case1/000")
    found = check(replace(settings, train="all"), progress=False, workers=1, channels=1).findings
    assert [one.severity for one in found if one.code == "overlap"] == ["warning"]


@pytest.mark.parametrize("tile", [0, 16])
def test_a_raster_that_lies_in_two_splits_is_found(tile: int, tmp_path: Path) -> None:
    pytest.importorskip("rasterio", reason="rasterio is not installed (extra geo)")
    from tests.support.rasters import values, write_raster

    (tmp_path / "classes.json").write_text(json.dumps({"names": ["bare", "crop"]}))
    for seed, (split, name) in enumerate((("train", "a"), ("train", "b"), ("val", "c"))):
        pixels = values(3, (32, 32), seed=seed)
        write_raster(tmp_path / split / "images" / f"{name}.tif", pixels)
        write_raster(tmp_path / split / "masks" / f"{name}.tif", (pixels[:1] > 99).astype(np.uint8))
    settings = DataSettings("geotiff", root=str(tmp_path), options={"tile": tile})
    assert not leaks(settings)
    shutil.copy(tmp_path / "train" / "images" / "b.tif", tmp_path / "val" / "images" / "c.tif")
    count = 4 if tile else 1
    (found,) = leaks(settings)
    assert (found.severity, found.code, found.count) == ("error", "shared-pictures", count)
