"""A picture that is missing is not found in another one's file, nor in another split's folder."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from sceneparse.data.sample import notes_of
from sceneparse.datasets.opening import open_dataset, open_for_training
from sceneparse.errors import UserError
from sceneparse.settings import DataSettings
from tests.datasets.annotations.test_ways_to_files import EXPORTS, coco, label_studio, labelme, picture, settings


def test_a_missing_picture_is_not_found_in_another_ones_file_of_coco(tmp_path: Path) -> None:
    coco(tmp_path / "instances_default.json", ["left/1.png", "right/1.png"])
    picture(tmp_path / "images/left/1.png")
    with pytest.raises(UserError, match=r"'left/1\.png' and 'right/1\.png' are two pictures, but .*left/1\.png is all"):
        open_dataset(settings("coco", tmp_path), "all")
    picture(tmp_path / "images/right/1.png")
    opened = open_dataset(settings("coco", tmp_path), "all")
    assert [Path(sample.path).parent.name for sample in (opened[0], opened[1])] == ["left", "right"]


def test_a_missing_picture_is_not_found_in_another_ones_file_of_labelme(tmp_path: Path) -> None:
    for folder in ("left", "right"):
        labelme(tmp_path / folder / "1.json", beside=folder == "left")
    with pytest.raises(UserError, match="are two pictures, but"):
        open_dataset(settings("labelme", tmp_path), "all")


def test_two_uploads_of_one_name_are_two_pictures(tmp_path: Path) -> None:
    label_studio(tmp_path, ["/data/upload/1/0a1b2c3d-1.png", "/data/upload/1/11112222-1.png"])
    picture(tmp_path / "1.png")
    with pytest.raises(UserError, match="are two pictures, but"):
        open_dataset(settings("label_studio", tmp_path), "all")
    # One picture under one address may be annotated in two tasks.
    label_studio(tmp_path, ["/data/upload/1/0a1b2c3d-1.png"] * 2)
    assert len(open_dataset(settings("label_studio", tmp_path), "all")) == 2


class TestPicturesOfAnotherSplit:
    """Of two splits, the pictures of one are there alone."""

    def refused(self, kind: str, root: Path, split: str, said: str) -> str:
        """What is said of the split, without its beginning."""
        with pytest.raises(UserError, match=said) as raised:
            open_dataset(settings(kind, root), split)
        return str(raised.value)

    def test_of_coco_and_the_advice_works_where_one_folder_holds_all(self, tmp_path: Path) -> None:
        for name in ("train", "val"):
            coco(tmp_path / f"{name}.json", ["0.png", "1.png"])
        for number in (0, 1):
            picture(tmp_path / f"images/train2017/{number}.png")
        message = self.refused("coco", tmp_path, "val", r"2 of 2 pictures of split 'val' .* as images/train2017/0\.png")
        with pytest.raises(UserError, match="in another split's folder alone"):
            open_for_training(settings("coco", tmp_path))
        advice = re.search(r"data={'options': {'images': '(\S+)'}}", message)
        assert advice is not None
        followed = replace(settings("coco", tmp_path), options={"images": advice[1]})
        assert [len(split) for split in open_for_training(followed)] == [2, 2]
        for number in (0, 1):
            picture(tmp_path / f"images/val2017/{number}.png")
        assert [len(split) for split in open_for_training(settings("coco", tmp_path))] == [2, 2]

    def test_of_splits_without_a_role(self, tmp_path: Path) -> None:
        for name in ("north", "south"):
            coco(tmp_path / f"annotations/instances_{name}.json", ["0.png"])
        picture(tmp_path / "north/0.png")
        assert len(open_dataset(settings("coco", tmp_path), "north")) == 1
        self.refused("coco", tmp_path, "south", r"such as '0\.png' as north/0\.png")

    def test_a_folder_that_the_file_names_may_be_another_split_s(self, tmp_path: Path) -> None:
        for name, number in (("train", 0), ("val", 1)):
            coco(tmp_path / f"{name}.json", [f"train/{number}.png"])
            picture(tmp_path / f"images/train/{number}.png")
        assert [len(split) for split in open_for_training(settings("coco", tmp_path))] == [1, 1]

    def test_a_folder_s_name_that_no_split_has_is_no_split_s(self, tmp_path: Path) -> None:
        for name, number in (("train", 0), ("val", 1)):
            coco(tmp_path / f"{name}.json", [f"{number}.png"])
            picture(tmp_path / f"test/train-station/{number}.png")
        assert [len(split) for split in open_for_training(settings("coco", tmp_path))] == [1, 1]

    def test_of_labelme(self, tmp_path: Path) -> None:
        for name in ("train", "val"):
            labelme(tmp_path / "annotations" / name / "0.json", beside=False)
        picture(tmp_path / "images/train/0.png")
        self.refused("labelme", tmp_path, "val", r"such as '0\.png' as train/0\.png")
        picture(tmp_path / "images/val/0.png")
        assert [len(split) for split in open_for_training(settings("labelme", tmp_path))] == [1, 1]

    def test_of_label_studio(self, tmp_path: Path) -> None:
        for name in ("train", "val"):
            label_studio(tmp_path, ["/data/upload/1/0a1b2c3d-1.png"])
            (tmp_path / "project.json").rename(tmp_path / f"{name}.json")
        picture(tmp_path / "images/train/1.png")
        self.refused("label_studio", tmp_path, "val", "pictures of split 'val' were found in another split's folder")
        picture(tmp_path / "images/val/1.png")
        assert [len(split) for split in open_for_training(settings("label_studio", tmp_path))] == [1, 1]

    def test_of_darwin(self, tmp_path: Path) -> None:
        for name in ("train", "val"):
            shutil.copytree(EXPORTS / "darwin" / "releases" / "latest", tmp_path / "annotations" / name)
        shutil.copytree(EXPORTS / "darwin" / "images", tmp_path / "images" / "train")
        self.refused("darwin", tmp_path, "val", "pictures of split 'val' were found in another split's folder")

    def test_of_supervisely(self, tmp_path: Path) -> None:
        shutil.copytree(EXPORTS / "supervisely", tmp_path, dirs_exist_ok=True)
        shutil.move(tmp_path / "first" / "img", tmp_path / "pictures" / "first")
        elsewhere = replace(settings("supervisely", tmp_path), options={"images": "pictures"})
        assert len(open_dataset(elsewhere, "first")) == 2
        with pytest.raises(UserError, match=r"such as 'second/one\.png' as first/one\.png"):
            open_dataset(elsewhere, "second")

    def parted_anew(self, root: Path, folders: tuple[str, str] = ("train2017", "val2017")) -> DataSettings:
        """A set of six and three pictures that lie in their old folders, under files that part them otherwise."""
        for number in range(9):
            picture(root / folders[number > 5] / f"{number}.png")
        coco(root / "annotations/instances_train.json", [f"{number}.png" for number in (0, 1, 2, 3, 6, 7)])
        coco(root / "annotations/instances_val.json", [f"{number}.png" for number in (4, 5, 8)])
        return settings("coco", root)

    @pytest.mark.parametrize("folders", [("train2017", "val2017"), ("images/train", "images/val")])
    def test_sets_that_were_parted_anew_over_their_old_folders_are_taken(
        self, folders: tuple[str, str], tmp_path: Path
    ) -> None:
        export = self.parted_anew(tmp_path, folders)
        for given in ({}, {"images": "."}):
            train, val = open_for_training(replace(export, options=given))
            assert [Path(train[place].path).stem for place in range(len(train))] == ["0", "1", "2", "3", "6", "7"]
            assert [Path(val[place].path).stem for place in range(len(val))] == ["4", "5", "8"]
            notes = [str(note) for split in (train, val) for note in notes_of(split)]
            assert any(
                f"2 of 6 pictures of split 'train' lie in another split's folder, whose own file does not name them: "
                f"'6.png' is {folders[1]}/6.png" in note
                for note in notes
            )
            assert any("2 of 3 pictures of split 'val' lie in another" in note for note in notes)

    def test_a_picture_that_the_other_split_s_file_has_too_may_be_its_own(self, tmp_path: Path) -> None:
        export = self.parted_anew(tmp_path)
        coco(tmp_path / "annotations/instances_train.json", [f"{number}.png" for number in (0, 1, 2, 3, 6, 8)])
        for given in ({}, {"images": "."}):
            with pytest.raises(
                UserError, match=r"1 of 6 .* alone, and that split's file has them too, such as '8\.png'"
            ):
                open_dataset(replace(export, options=given), "train")
        # The way out that the message names.
        names = [f"{number}.png" for number in (0, 1, 2, 3, 6)]
        coco(tmp_path / "annotations/instances_train.json", [*names, "val2017/8.png"])
        assert len(open_dataset(export, "train")) == 6
        # A picture of that name elsewhere is another one.
        coco(tmp_path / "annotations/instances_train.json", [*names, "day/8.png"])
        coco(tmp_path / "annotations/instances_val.json", ["4.png", "5.png", "night/8.png"])
        for folder in ("day", "night"):
            picture(tmp_path / "val2017" / folder / "8.png")
        assert len(open_dataset(export, "train")) == 6

    def test_all_pictures_in_others_folders_are_taken_where_the_owner_names_these(self, tmp_path: Path) -> None:
        export = self.parted_anew(tmp_path)
        (tmp_path / "val2017").rename(tmp_path / "test2017")
        coco(tmp_path / "annotations/instances_val.json", ["4.png", "8.png"])
        coco(tmp_path / "annotations/instances_test.json", ["7.png"])
        message = self.refused("coco", tmp_path, "val", "2 of 2 pictures of split 'val' were found in another split's")
        advice = re.search(r"data={'options': {'images': '(\S+)'}}", message)
        assert advice is not None
        followed = replace(export, options={"images": advice[1]})
        assert len(open_dataset(followed, "val")) == 2

    def test_annotations_of_labelme_that_were_parted_anew(self, tmp_path: Path) -> None:
        for number in range(4):
            labelme(tmp_path / "labels" / ("train" if number < 3 else "val") / f"{number}.json", beside=False)
            picture(tmp_path / "pictures" / ("train" if number < 2 else "val") / f"{number}.png")
        export = replace(settings("labelme", tmp_path), options={"images": "pictures"})
        assert [len(split) for split in open_for_training(export)] == [3, 1]
        labelme(tmp_path / "labels/val/2.json", beside=False)
        with pytest.raises(UserError, match="that split's file has them too"):
            open_dataset(export, "train")


def test_pictures_that_are_found_by_their_name_alone_are_said(tmp_path: Path) -> None:
    coco(tmp_path / "instances.json", ["cam2/0.png", "cam2/1.png", "2.png"])
    for number in range(3):
        picture(tmp_path / f"images/cam1/{number}.png")
    notes = notes_of(open_dataset(settings("coco", tmp_path), "all"))
    assert [str(note) for note in notes if "name alone" in str(note)] == [
        f"{tmp_path / 'instances.json'}: 2 pictures found by the file's name alone, in another folder than it says: "
        "'cam2/0.png' is images/cam1/0.png; if that is another picture, put each one where its path says"
    ]
    # One folder of all pictures, and another machine's path to it, are as they should be.
    (tmp_path / "images/cam1").rename(tmp_path / "cam2")
    coco(tmp_path / "instances.json", ["/home/me/cam2/0.png", "2.png"])
    assert not any("name alone" in str(note) for note in notes_of(open_dataset(settings("coco", tmp_path), "all")))
