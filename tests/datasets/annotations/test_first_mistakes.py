"""What is said of a first COCO export: its file for its folder, damaged files, renamed classes, pictures elsewhere."""

import json
import shutil
from pathlib import Path

import pytest

from sceneparse.cli import main
from sceneparse.datasets.file_as_root import folder_around
from sceneparse.datasets.kinds import KINDS
from sceneparse.datasets.opening import open_dataset
from sceneparse.datasets.recognising import recognise
from sceneparse.datasets.testing import open_for_testing
from sceneparse.datasets.writing import export_dataset
from sceneparse.doctor import check
from sceneparse.errors import UserError
from sceneparse.settings import DataSettings
from tests.datasets.annotations.test_ways_to_files import coco, picture, settings
from tests.support.one_piece import one_piece


def splits(root: Path) -> DataSettings:
    """An export of two splits, each with its own file and pictures."""
    for split in ("train", "val"):
        coco(root / split / "annotations.json", [f"{split}-{number}.png" for number in range(3)])
        for number in range(3):
            picture(root / split / f"{split}-{number}.png")
    return settings("coco", root)


def codes(data: DataSettings) -> list[tuple[str, str]]:
    found = check(data, progress=False, workers=1).findings
    return [(one.severity, one.code) for one in found if one.severity != "note" or one.code == "no-split"]


class TestAFileForItsFolder:
    @pytest.mark.parametrize("above", ["", "..", "elsewhere/more"])
    def test_the_folder_is_named_and_of_one_split_of_several_the_one_above(
        self, above: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        home = tmp_path / "home"
        splits(home / above / "set")
        monkeypatch.chdir(home)
        root = Path(above) / "set"
        assert folder_around(root / "train/annotations.json") == root
        shutil.rmtree(root / "val")
        assert folder_around(root / "train/annotations.json") == root / "train"
        assert folder_around(root / "annotations/instances_train2017.json") == root

    def test_from_within_the_split(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        splits(tmp_path)
        monkeypatch.chdir(tmp_path / "train")
        assert folder_around(Path("annotations.json")).resolve() == tmp_path.resolve()

    def test_by_every_kind_and_by_the_recognition(self, tmp_path: Path) -> None:
        splits(tmp_path)
        file = tmp_path / "train/annotations.json"
        said = rf"annotations\.json: is a file; name the data set's folder, {tmp_path}$"
        with pytest.raises(UserError, match=said):
            recognise(file)
        for name, kind in KINDS.usable():
            if kind.root != "none" and not kind.mixes:
                with pytest.raises(UserError, match=said):
                    open_dataset(DataSettings(name, root=str(file)), "train")

    def test_by_a_training(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        splits(tmp_path)
        words = ["train", "pspnet-mobilenetv2", "--data.kind", "coco", "--out", str(tmp_path / "run")]
        assert main([*words, "--data.root", str(tmp_path / "train/annotations.json")]) == 2
        assert f"name the data set's folder, {tmp_path}\n" in capsys.readouterr().err


class TestDamage:
    def test_a_damaged_file_is_no_missing_split_and_is_told_once(self, tmp_path: Path) -> None:
        data = splits(tmp_path)
        file = tmp_path / "train/annotations.json"
        file.write_text(file.read_text()[:-5])
        assert codes(data) == [("error", "unusable-split"), ("note", "no-split")]

    @pytest.mark.parametrize("length", [1, 12, 90, 200])
    def test_a_file_is_not_passed_over_however_little_is_left_of_it(self, length: int, tmp_path: Path) -> None:
        data = splits(tmp_path)
        for name in ("train", "val"):
            (tmp_path / "annotations").mkdir(exist_ok=True)
            shutil.move(tmp_path / name / "annotations.json", tmp_path / f"annotations/instances_{name}.json")
        file = tmp_path / "annotations/instances_train.json"
        whole = file.read_bytes()
        file.write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"instances_train\.json:1:\d+: not valid JSON .*; it is cut off: export"):
            open_dataset(data, "train")
        assert codes(data) == [("error", "unusable-split"), ("note", "no-split")]
        (tmp_path / "annotations/instances_val.json").unlink()
        if length > 1:
            recognised = KINDS["coco"].recognise
            assert recognised is not None and "(COCO JSON)" in str(recognised(tmp_path))
        file.write_bytes(b"")
        with pytest.raises(UserError, match="it is cut off: export it again"):
            open_dataset(data, "train")

    @pytest.mark.parametrize("text", ['{"info": {"description": "my pho', '{"images": [{"id": 1, "file_name": "a"}'])
    def test_by_whatever_name(self, text: str, tmp_path: Path) -> None:
        (tmp_path / "result.json").write_text(text)
        with pytest.raises(UserError, match=r"result\.json:1:\d+: not valid JSON .*; it is cut off: export it"):
            open_dataset(settings("coco", tmp_path), "train")

    def test_so_is_a_missing_picture(self, tmp_path: Path) -> None:
        data = splits(tmp_path)
        (tmp_path / "train/train-1.png").unlink()
        assert codes(data) == [("error", "unusable-split"), ("note", "no-split")]

    def test_of_each_corrupt_picture_path_and_reason_are_told(self, tmp_path: Path) -> None:
        data = splits(tmp_path)
        (tmp_path / "train/train-0.png").write_bytes(b"")
        (tmp_path / "val/val-1.png").write_bytes((tmp_path / "val/val-1.png").read_bytes()[:60])
        (found,) = [one for one in check(data, progress=False).findings if one.code == "unreadable"]
        assert "2 files cannot be read; put whole ones in their place or leave them out. " in found.message
        assert "train/train-0.png: the file is empty; " in found.message
        assert "val/val-1.png: damaged or cut off" in found.message
        assert str(tmp_path) not in found.message
        assert found.examples == ("train/train-0.png", "val/val-1.png")


def rename(file: Path, name: str) -> None:
    whole = json.loads(file.read_text())
    file.write_text(json.dumps({**whole, "categories": [{"id": 1, "name": name}]}))


def test_a_category_of_two_names_is_shown_with_both_once_and_to_who_tests(tmp_path: Path) -> None:
    data = splits(tmp_path)
    rename(tmp_path / "val/annotations.json", "van")
    said = "name different categories, such as 1, which is 'car' in train, 'van' in val: export"
    for split in ("train", "val"):
        with pytest.raises(UserError, match=said):
            open_dataset(data, split)
    with pytest.raises(UserError, match=rf"no split 'test'; there are: train, val; what there .*{said}"):
        open_for_testing(data)
    with pytest.raises(UserError, match=said):
        check(data, progress=False)


class TestPicturesElsewhere:
    def test_their_folder_is_found_from_the_export_or_from_here_on(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        root, here = tmp_path / "a" / "export", tmp_path / "b" / "here"
        coco(root / "result.json", ["1.png"])
        picture(tmp_path / "b" / "photos" / "1.png")
        here.mkdir(parents=True)
        monkeypatch.chdir(here)

        def opened(images: str) -> Path:
            data = DataSettings("coco", root=str(root), options={"images": images})
            return Path(open_dataset(data, "all")[0].path).resolve()

        typed = tmp_path / "b" / "photos" / "1.png"
        assert opened("../photos") == opened(str(typed.parent)) == typed.resolve()
        with pytest.raises(UserError, match=r"absolute, from data\.root on or from here on \(.*gone is not there eit"):
            opened("../gone")
        # What lies below the export, as its settings may have said before, stays the first that is meant.
        picture(tmp_path / "a" / "photos" / "1.png")
        assert opened("../photos") == (tmp_path / "a" / "photos" / "1.png").resolve()


@pytest.mark.parametrize("form", ["coco", "cvat", "labelme", "label_studio"])
def test_why_undrawn_pixels_of_an_own_export_are_ignored_is_said(form: str, tmp_path: Path) -> None:
    export_dataset(one_piece(tmp_path / "source"), tmp_path / "out", form=form, progress=False)
    kind = recognise(tmp_path / "out").kind
    for choice in ("auto", "ignore", "background"):
        data = DataSettings(kind, root=str(tmp_path / "out"), options={"unlabelled": choice})
        said = [one.message for one in check(data, progress=False).findings if "since sceneparse wrote" in one.message]
        assert len(said) == (choice == "auto")


def test_a_package_that_pictures_need_is_no_damage_of_their_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = splits(tmp_path)
    heic = b"\0\0\0\x18ftypheic" + bytes(40)
    for split in ("train", "val"):
        (tmp_path / split / f"{split}-0.png").write_bytes(heic)
    monkeypatch.setitem(__import__("sys").modules, "pi_heif", None)
    (found,) = [one for one in check(data, progress=False).findings if one.severity == "error"]
    assert found.code == "package" and "2 files need a package that is not installed, and may be whole" in found.message
    assert "pip install 'sceneparse[heif]'" in found.message


def test_a_training_says_which_package_its_data_need_before_it_fetches_or_builds_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    splits(tmp_path / "set")
    monkeypatch.setitem(__import__("sys").modules, "pycocotools", None)
    words = ["train", "pspnet-mobilenetv2", "--data.kind", "coco", "--out", str(tmp_path / "run")]
    assert main([*words, "--data.root", str(tmp_path / "set")]) == 2
    assert "pycocotools, which is not installed: pip install 'sceneparse[annotations]'" in capsys.readouterr().err
