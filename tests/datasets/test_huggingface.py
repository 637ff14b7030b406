"""Datasets of the Hugging Face library, in the forms in which they lie about, and what is said where one is unfit."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sceneparse.datasets.opening import open_dataset
from sceneparse.errors import UserError
from sceneparse.settings import DataSettings, HuggingFaceSettings

datasets = pytest.importorskip("datasets")

MASK = np.array([[0, 1, 2], [2, 1, 0]], dtype=np.uint8)


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """A picture and its mask."""
    Image.new("RGB", (3, 2), (10, 20, 30)).save(tmp_path / "a.png")
    Image.fromarray(MASK).save(tmp_path / "a_mask.png")
    return str(tmp_path / "a.png"), str(tmp_path / "a_mask.png")


def pictures(files: tuple[str, str], columns: tuple[str, str] = ("image", "annotation")) -> Any:
    features = datasets.Features(dict.fromkeys(columns, datasets.Image()))
    return datasets.Dataset.from_dict({columns[0]: [files[0]], columns[1]: [files[1]]}, features=features)


def settings(root: Path, **more: Any) -> DataSettings:
    return DataSettings(kind="huggingface", root=str(root), **more)


def test_parquet_files_are_read_by_the_columns_that_are_named(files: tuple[str, str], tmp_path: Path) -> None:
    root = tmp_path / "set"
    root.mkdir()
    rows = pictures(files, ("pixel_values", "label"))
    for split in ("train", "validation"):
        rows.to_parquet(root / f"{split}.parquet")
    (root / "classes.json").write_text(json.dumps({"names": ["b", "c"], "ids": [1, 2], "ignore": 0}))
    dataset = open_dataset(settings(root, huggingface=HuggingFaceSettings(("pixel_values", "label"))), "validation")
    sample = dataset[0]
    assert len(dataset) == 1 and sample.name == "000000" and sample.image[:, 0, 0].tolist() == [10, 20, 30]
    assert sample.objects is not None and sample.objects.tolist() == [[-1, 0, 1], [1, 0, -1]]
    with pytest.raises(UserError, match="no column 'image'; there are: pixel_values, label; name those of the picture"):
        open_dataset(settings(root), "train")
    named = settings(root, huggingface=HuggingFaceSettings(("pixel_values", "label")))
    assert len(open_dataset(named, "val")) == 1
    with pytest.raises(UserError, match="no split 'test'; there are: train, validation"):
        open_dataset(named, "test")


def test_a_column_of_class_numbers_brings_its_names(files: tuple[str, str], tmp_path: Path) -> None:
    numbers = datasets.List(datasets.List(datasets.ClassLabel(names=["sky", "road", "car"])))
    features = datasets.Features({"image": datasets.Image(), "annotation": numbers})
    rows = {"image": [files[0]], "annotation": [[[0, 1, 2], [2, -1, 0]]]}
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(tmp_path / "set")
    dataset = open_dataset(settings(tmp_path / "set"), "train")
    assert dataset.labels.names == ("sky", "road", "car")
    objects = dataset[0].objects
    assert objects is not None and objects.tolist() == [[0, 1, 2], [2, -1, 0]]


def test_masks_whose_values_nobody_explains_are_refused(files: tuple[str, str], tmp_path: Path) -> None:
    pictures(files).save_to_disk(tmp_path / "set")
    with pytest.raises(UserError, match=r"column 'annotation' names no classes: .*data={'classes': 'FILE'}"):
        open_dataset(settings(tmp_path / "set"), "train")
    (tmp_path / "classes.json").write_text('{"names": ["a", "b"]}')
    dataset = open_dataset(settings(tmp_path / "set", classes=str(tmp_path / "classes.json")), "train")
    with pytest.raises(UserError, match=r"set train, row 0, column 'annotation': .*value 2 at 2 pixels"):
        dataset[0]


def test_a_mask_of_another_size_is_named_by_its_row(files: tuple[str, str], tmp_path: Path) -> None:
    Image.fromarray(MASK[:1]).save(files[1])
    pictures(files).save_to_disk(tmp_path / "set")
    (tmp_path / "set" / "classes.json").write_text('{"names": ["a", "b", "c"]}')
    with pytest.raises(UserError, match="set train, row 0: its mask has 3×1 pixels, but its picture 3×2"):
        open_dataset(settings(tmp_path / "set"), "train")[0]


def test_what_is_no_dataset_is_answered_with_what_can_be() -> None:
    with pytest.raises(UserError, match=r"nowhere/at/all: no such folder; expected: a name of the hub"):
        open_dataset(settings(Path("nowhere/at/all")), "train")


def test_without_the_library_the_extra_is_named(tmp_path: Path, without: Any) -> None:
    without("datasets")
    with pytest.raises(UserError, match=r"pip install 'sceneparse\[huggingface\]'"):
        open_dataset(settings(tmp_path), "train")


def test_columns_and_splits_that_would_do_are_named(files: tuple[str, str], tmp_path: Path) -> None:
    rows = datasets.concatenate_datasets([pictures(files, ("image", "label"))] * 6)
    datasets.DatasetDict({"train": rows}).save_to_disk(tmp_path / "set")
    (tmp_path / "set/classes.json").write_text(json.dumps({"names": ["a", "b", "c"]}))
    with pytest.raises(UserError, match=r"such as data=\{'huggingface': \{'columns': \['image', 'label'\]\}\}"):
        open_dataset(settings(tmp_path / "set"), "train")
    named = settings(tmp_path / "set", huggingface=HuggingFaceSettings(("image", "label")))
    with pytest.raises(UserError, match=r"part it: data=\{'train': 'train\[1:\]', 'val': 'train\[:1\]'\}"):
        open_dataset(named, "val")
    assert (len(open_dataset(named, "train[1:]")), len(open_dataset(named, "train[:1]"))) == (5, 1)


def test_a_mask_drawn_on_the_unturned_picture_says_so(files: tuple[str, str], tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (3, 2)).save(files[0], exif=exif)
    pictures(files).save_to_disk(tmp_path / "set")
    (tmp_path / "set/classes.json").write_text(json.dumps({"names": ["a", "b", "c"]}))
    with pytest.raises(UserError, match=r"drawn on the unturned pixels: set data.orientation to ignore"):
        open_dataset(settings(tmp_path / "set"), "train")[0]
    sample = open_dataset(settings(tmp_path / "set", orientation="ignore"), "train")[0]
    assert sample.objects is not None and sample.objects.tolist() == MASK.tolist()
