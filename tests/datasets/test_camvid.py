"""CamVid in both of its layouts."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sceneparse.datasets.camvid import CAMVID
from sceneparse.datasets.opening import open_dataset
from sceneparse.errors import UserError
from sceneparse.labels import IGNORE
from sceneparse.settings import DataSettings


def write(root: Path, folders: dict[str, tuple[str, str]], suffix: str, void: int) -> Path:
    mask = np.array([[0, 3, 10, void]], dtype=np.uint8)
    for images, masks in folders.values():
        for folder in (images, masks):
            (root / folder).mkdir(parents=True)
        Image.new("RGB", (4, 1), (9, 9, 9)).save(root / images / f"0001TP_006690{suffix}")
        Image.fromarray(mask).save(root / masks / "0001TP_006690.png")
    return root


@pytest.fixture(params=["split folders", "segnet"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    splits = ("test", "train", "val")
    if request.param == "segnet":
        (tmp_path / "train.txt").write_text("/SegNet/CamVid/train/0001TP_006690.png")
        return write(tmp_path, {split: (split, f"{split}annot") for split in splits}, ".png", void=11)
    return write(tmp_path, {split: (f"{split}/images", f"{split}/masks") for split in splits}, ".jpg", void=255)


def test_both_layouts_give_the_same_classes(root: Path) -> None:
    settings = DataSettings(kind="camvid", root=str(root))
    for split in ("train", "val", "test"):
        dataset = open_dataset(settings, split)
        assert dataset.labels == CAMVID
        sample = dataset[0]
        assert sample.name == "0001TP_006690"
        assert sample.objects is not None and sample.objects.tolist() == [[0, 3, 10, IGNORE]]
    assert len(open_dataset(settings, "train+val")) == 2
    with pytest.raises(UserError, match=r"no split 'all'; there are: train, val, test$"):
        open_dataset(settings, "all")


def test_another_layout_is_answered_with_both_trees(tmp_path: Path) -> None:
    (tmp_path / "701_StillsRaw_full").mkdir()
    with pytest.raises(UserError, match=r"trainannot.*found 701_StillsRaw_full/$"):
        open_dataset(DataSettings(kind="camvid", root=str(tmp_path)), "train")


def test_the_real_data_set_has_its_published_statistics(shared: Path) -> None:
    root = shared / "data" / "camvid"
    facts = json.loads((root / "classes.json").read_text())
    assert list(CAMVID.names) == facts["names"]
    assert [list(color) for color in CAMVID.colors] == facts["colors"]
    settings = DataSettings(kind="camvid", root=str(root))
    assert [len(open_dataset(settings, split)) for split in ("train", "val", "test")] == [367, 101, 233]
    dataset = open_dataset(settings, "val")
    pixels = torch.zeros(12, dtype=torch.int64)
    for index in range(len(dataset)):
        objects = dataset[index].objects
        assert objects is not None
        pixels += torch.bincount(objects.flatten().long() + 1, minlength=12)
    assert pixels.tolist() == [facts["pixels"]["val"]["void"], *facts["pixels"]["val"]["per_class"]]
