"""Data sets in folders, their splits, and what is said when they are not as expected."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sceneparse.datasets.opening import open_dataset
from sceneparse.errors import UserError
from sceneparse.labels import IGNORE
from sceneparse.settings import DataSettings, ToyWorldSettings

SIZE = (6, 9)


def settings(root: Path) -> DataSettings:
    return DataSettings(kind="folder", root=str(root))


def add(images: Path, masks: Path, name: str, value: int) -> None:
    """A grey picture of that value and a mask of class value % 2, with one ignored pixel."""
    for folder in (images, masks):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", SIZE[::-1], (value,) * 3).save(images / f"{name}.jpg", quality=100)
    mask = np.full(SIZE, value % 2, dtype=np.uint8)
    mask[0, 0] = 255
    Image.fromarray(mask).save(masks / f"{name}.png")


@pytest.fixture(params=["train/images", "images/train"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Three training pictures and one for validation, in either layout."""
    (tmp_path / "classes.json").write_text(json.dumps({"names": ["even", "odd"], "ignore": 255}))
    for split, names in (("train", ("b", "a", "street/c")), ("val", ("z",))):
        folders = (
            [tmp_path / split / kind for kind in ("images", "masks")]
            if request.param == "train/images"
            else [tmp_path / kind / split for kind in ("images", "masks")]
        )
        for value, name in enumerate(names):
            add(folders[0], folders[1], name, 100 + value)
    return tmp_path


def test_both_layouts_give_pictures_with_their_masks(root: Path) -> None:
    dataset = open_dataset(settings(root), "train")
    assert len(dataset) == 3
    assert [dataset.name(index) for index in range(3)] == ["a", "b", "street/c"]
    assert dataset.labels.names == ("even", "odd")
    sample = dataset[0]
    assert sample.name == "a" and Path(sample.path).name == "a.jpg"
    assert sample.image.shape == (3, *SIZE) and sample.image.dtype == torch.uint8
    assert sample.objects is not None and sample.objects.dtype == torch.int16
    assert sample.objects.unique().tolist() == [IGNORE, 1]
    assert abs(int(sample.image[0, 3, 3]) - 101) <= 1


def test_joined_splits_follow_each_other_under_names_of_their_own(root: Path) -> None:
    dataset = open_dataset(settings(root), "train+val")
    assert [dataset.name(index) for index in range(len(dataset))] == ["train/a", "train/b", "train/street/c", "val/z"]
    assert [dataset[index].name for index in (2, 3)] == ["train/street/c", "val/z"]
    with pytest.raises(IndexError):
        dataset[4]
    with pytest.raises(UserError, match="names a split twice"):
        open_dataset(settings(root), "train+train")


@pytest.mark.parametrize("split", ["test", "train+test"])
def test_an_unknown_split_is_answered_with_those_that_there_are(root: Path, split: str) -> None:
    with pytest.raises(UserError, match=r"no split 'test'; there are: train, val$"):
        open_dataset(settings(root), split)


def test_pictures_of_another_number_of_channels_are_read_as_asked(root: Path) -> None:
    assert open_dataset(settings(root), "train", channels=1)[0].image.shape[0] == 1


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    (tmp_path / "classes.json").write_text(json.dumps({"names": ["even", "odd"], "ignore": 255}))
    for index, name in enumerate("abcd"):
        add(tmp_path / "train" / "images", tmp_path / "train" / "masks", name, index)
    return tmp_path


def test_missing_masks_are_counted_and_the_first_is_named(plain: Path) -> None:
    for name in "bc":
        (plain / "train" / "masks" / f"{name}.png").unlink()
    with pytest.raises(UserError, match=r"no mask in .*masks for .*b\.jpg \(and for 1 more\).*sceneparse data check"):
        open_dataset(settings(plain), "train")


def test_missing_pictures_are_named(plain: Path) -> None:
    (plain / "train" / "images" / "d.jpg").unlink()
    with pytest.raises(UserError, match=r"no picture in .*images for .*d\.png; pictures and masks are matched"):
        open_dataset(settings(plain), "train")


def test_two_pictures_of_one_name_are_refused(plain: Path) -> None:
    Image.new("RGB", (3, 3)).save(plain / "train" / "images" / "a.png")
    with pytest.raises(UserError, match="differs from another file only in its suffix"):
        open_dataset(settings(plain), "train")


def test_an_empty_split_is_refused(plain: Path) -> None:
    for kind in ("images", "masks"):
        (plain / "val" / kind).mkdir(parents=True)
    with pytest.raises(UserError, match="split 'val': no pictures in"):
        open_dataset(settings(plain), "val")


def test_a_split_without_masks_folder_is_refused(plain: Path) -> None:
    (plain / "val" / "images").mkdir(parents=True)
    with pytest.raises(UserError, match=r"val/masks: no such folder; split 'val' needs it"):
        open_dataset(settings(plain), "val")


def test_another_layout_is_answered_with_the_expected_tree(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "readme.md").touch()
    with pytest.raises(UserError) as caught:
        open_dataset(settings(tmp_path), "train")
    message = str(caught.value)
    assert "{train,val,test}/images/NAME.jpg" in message and message.endswith("found pictures/, readme.md")
    assert "\n" not in message
    with pytest.raises(UserError, match=r"no such folder; data\.root must name"):
        open_dataset(settings(tmp_path / "absent"), "train")
    with pytest.raises(UserError, match=r"data\.root is not set"):
        open_dataset(DataSettings(kind="folder"), "train")


def test_a_missing_classes_json_is_named(plain: Path) -> None:
    (plain / "classes.json").unlink()
    with pytest.raises(UserError, match=r"classes\.json: no such file; it must name the classes"):
        open_dataset(settings(plain), "train")


def test_a_mask_of_another_size_is_refused_with_both_sizes(plain: Path) -> None:
    Image.new("L", (4, 4)).save(plain / "train" / "masks" / "b.png")
    dataset = open_dataset(settings(plain), "train")
    with pytest.raises(UserError, match=r"b\.png: 4×4 pixels, but its picture .*b\.jpg has 9×6; make the mask"):
        dataset[1]


def test_a_mask_drawn_on_an_unturned_photo_is_explained(plain: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", SIZE[::-1]).save(plain / "train" / "images" / "b.jpg", exif=exif)
    with pytest.raises(UserError, match="EXIF turns it upright, but the mask was drawn on the unturned pixels"):
        open_dataset(settings(plain), "train")[1]


def test_the_toy_world_is_opened_by_kind() -> None:
    toy = DataSettings(kind="toyworld", toyworld=ToyWorldSettings(48, 5, 3))
    assert [len(open_dataset(toy, split)) for split in ("train", "val", "train+val")] == [5, 3, 8]
    assert open_dataset(toy, "train")[0].image.shape == (3, 48, 48)
    with pytest.raises(UserError, match="no split 'dev'"):
        open_dataset(toy, "dev")
    with pytest.raises(UserError, match="3 channels, but 4 are wanted"):
        open_dataset(toy, "train", channels=4)


def test_a_missing_mask_is_said_by_the_rule_that_matches_and_the_command_to_check(tmp_path: Path) -> None:
    (tmp_path / "classes.json").write_text('{"names": ["a", "b"]}')
    for name in ("a.jpg", "b.jpg", "c.jpg", "a_mask.png", "b_mask.png"):
        Image.new("L", (4, 4)).save(tmp_path / name)
    with pytest.raises(UserError, match=f"without suffix and '_mask'; `sceneparse data check {tmp_path}` lists them"):
        open_dataset(DataSettings(root=str(tmp_path)), "all")
