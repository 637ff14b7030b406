"""A data set that was written as a folder is the same data set, read as a folder."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from sceneparse.cli import main
from sceneparse.datasets.forms.table import FORMS
from sceneparse.datasets.opening import open_dataset
from sceneparse.datasets.writing import export_dataset
from sceneparse.doctor import check
from sceneparse.errors import UserError
from sceneparse.labels import IGNORE
from sceneparse.settings import ClassSettings, DataSettings, ToyWorldSettings
from tests.support.small import write_data_set

TOYWORLD = DataSettings(kind="toyworld", toyworld=ToyWorldSettings(32, 3, 2))


def test_pictures_masks_names_and_classes_are_those_of_the_source(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert export_dataset(TOYWORLD, out, progress=False) == {"train": 3, "val": 2, "test": 2}
    source, written = open_dataset(TOYWORLD, "val"), open_dataset(DataSettings(root=str(out)), "val")
    assert written.labels.names == source.labels.names and written.labels.colors == source.labels.colors
    assert [written.name(index) for index in range(2)] == ["00000", "00001"]
    for index in range(2):
        assert torch.equal(written[index].image, source[index].image)
        ours, theirs = written[index].objects, source[index].objects
        assert ours is not None and theirs is not None and torch.equal(ours, theirs)
    assert check(DataSettings(root=str(out)), progress=False).ok


def test_unlabelled_pixels_and_ids_stay_what_they_are(tmp_path: Path) -> None:
    data = write_data_set(tmp_path / "data")
    colours = {"names": ["dark", "bright"], "ids": [9, 4], "masks": "rgb", "colors": [[0, 0, 0], [1, 1, 1]]}
    (data / "classes.json").write_text(json.dumps({**colours, "ignore_colors": [[255, 255, 255]]}))
    for mask in data.glob("*/masks/*.png"):
        Image.open(mask).convert("RGB").save(mask)
    out = tmp_path / "out"
    export_dataset(DataSettings(root=str(data)), out, progress=False)
    space = json.loads((out / "classes.json").read_text())
    assert space["masks"] == "index" and space["ids"] == [9, 4] and space["ignore"] == [255]
    source, written = (open_dataset(DataSettings(root=str(root)), "train")[0].objects for root in (data, out))
    assert source is not None and written is not None
    assert torch.equal(written, source) and (written[:2] == IGNORE).all()


def test_a_split_that_is_not_there_is_left_out_and_parts_of_splits_can_be_named(tmp_path: Path) -> None:
    data = write_data_set(tmp_path / "data", {"train": 4, "val": 2})
    settings = DataSettings(root=str(data), train="train[:3]")
    assert export_dataset(settings, tmp_path / "out", progress=False) == {"train": 3, "val": 2}
    record = json.loads((tmp_path / "out" / "exported.json").read_text())
    assert record["splits"] == {"train": "train[:3]", "val": "val"} and record["pictures"]["train"] == 3


def test_damage_is_an_error_and_leaves_no_data_set(tmp_path: Path) -> None:
    data = write_data_set(tmp_path / "data")
    (data / "val" / "masks" / "001.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"masks/001\.png"):
        export_dataset(DataSettings(root=str(data)), tmp_path / "out", progress=False)
    assert not (tmp_path / "out" / "classes.json").exists()


def test_nothing_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["data", "export", "toyworld", "--out", str(tmp_path / "out"), "--data.toyworld.size", "32"]
    words += ["--data.toyworld.train_count", "2", "--data.toyworld.eval_count", "1"]
    assert main(words) == 0
    assert "(train 2, val 1, test 1)" in capsys.readouterr().out
    assert main(words) == 2
    assert "nothing is written over" in capsys.readouterr().err


def test_pictures_of_other_than_three_channels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="4 channels"):
        export_dataset(DataSettings(kind="nifti", root=str(tmp_path)), tmp_path / "out", progress=False)


@pytest.mark.parametrize("form", [name for name in FORMS if name != "folder"])
def test_each_split_has_its_pictures_and_annotations_in_another_form(form: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert export_dataset(TOYWORLD, out, form=form, progress=False) == {"train": 3, "val": 2, "test": 2}
    assert sorted(path.name for path in out.iterdir()) == ["exported.json", "test", "train", "val"]
    assert sorted(path.name for path in (out / "train/images").iterdir()) == ["00000.png", "00001.png", "00002.png"]
    assert len(list((out / "val").iterdir())) > 1
    assert json.loads((out / "exported.json").read_text())["form"] == form


def test_annotations_of_an_export_name_their_pictures_and_shares_are_the_masks(tmp_path: Path) -> None:
    source = open_dataset(TOYWORLD, "val")
    export_dataset(TOYWORLD, tmp_path / "labelme", form="labelme", progress=False)
    said = json.loads((tmp_path / "labelme" / "val" / "00001.json").read_text())
    assert said["imagePath"] == "images/00001.png"
    export_dataset(TOYWORLD, tmp_path / "csv", form="csv", progress=False)
    rows = list(csv.DictReader((tmp_path / "csv" / "val" / "shares.csv").read_text().splitlines()))
    for index, row in enumerate(rows):
        objects = source[index].objects
        assert objects is not None and row["file"] == f"0000{index}.png"
        for number, name in enumerate(source.labels.names):
            assert float(row[name]) == pytest.approx((objects == number).float().mean().item(), abs=1e-6)


def test_pixels_without_a_class_are_no_background_in_labelme(tmp_path: Path) -> None:
    data = write_data_set(tmp_path / "data")
    names = ("background", "bright")
    (data / "classes.json").write_text(json.dumps({"names": names, "ignore": 255}))
    source = open_dataset(DataSettings(root=str(data)), "val")
    export_dataset(DataSettings(root=str(data)), tmp_path / "out", form="labelme", progress=False)
    back = open_dataset(DataSettings("labelme", root=str(tmp_path / "out")), "val")
    one, other = source[0].objects, back[0].objects
    assert one is not None and other is not None
    assert (one[:2] == IGNORE).all()
    found = [IGNORE if index == IGNORE else back.labels.names[index] for index in other.flatten().tolist()]
    assert found == [IGNORE if index == IGNORE else names[index] for index in one.flatten().tolist()]


def test_a_split_whose_writing_failed_is_not_there(tmp_path: Path) -> None:
    data = write_data_set(tmp_path / "data")
    (data / "val" / "masks" / "001.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"masks/001\.png"):
        export_dataset(DataSettings(root=str(data)), tmp_path / "out", form="coco", progress=False)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["train"]
    # Where nothing was written at all, nothing is there, as where the form cannot hold the classes.
    (data / "train" / "masks" / "000.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"masks/000\.png"):
        export_dataset(DataSettings(root=str(data)), tmp_path / "deep" / "out", form="coco", progress=False)
    assert not (tmp_path / "deep").exists()


def test_a_form_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"form is 'cocoa', but must be one of coco, .*did you mean 'coco'"):
        export_dataset(TOYWORLD, tmp_path / "out", form="cocoa", progress=False)


def test_a_folder_keeps_the_mirror_pairs(tmp_path: Path) -> None:
    settings = replace(TOYWORLD, classes=ClassSettings(mirror=(("sky", "road"),)))
    export_dataset(settings, tmp_path / "out", progress=False)
    assert json.loads((tmp_path / "out" / "classes.json").read_text())["mirror"] == [["sky", "road"]]
    assert open_dataset(DataSettings(root=str(tmp_path / "out")), "val").labels.mirror == (("sky", "road"),)
    export_dataset(TOYWORLD, tmp_path / "plain", progress=False)
    assert "mirror" not in json.loads((tmp_path / "plain" / "classes.json").read_text())
