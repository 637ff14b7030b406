"""Model folders and an exported file of an earlier commit: they load, say the same, and are scored the same."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import sceneparse
from sceneparse.tasks import TASK_NAMES
from tests.compatibility.stored import (
    STORED,
    TIES,
    assert_same_metrics,
    assert_same_parses,
    assert_same_settings,
    read,
    run,
)

ARCHITECTURES = ("deeplabv3", "fcn", "pspnet", "pspnet_multilabel", "upernet", "upernet_concat", "upernet_unified")

DATA = {"upernet_concat": "data", "fcn": "data/parquet", "deeplabv3": "data/volumes", "pspnet_multilabel": "data/left"}
"""Where the data lie on which the models are scored; the others have the toy world."""

PACKAGES = {"fcn": "datasets", "deeplabv3": "nibabel"}
"""What reading the data needs."""


def parser_of(name: str) -> sceneparse.Parser:
    return sceneparse.load(STORED / "models" / name, engine="torch", device="cpu", precision="float32")


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_settings_of_a_model_folder_mean_what_they_meant(name: str) -> None:
    before = read(STORED / "models" / name / "config.json")
    del before["format"]
    before["sizes"] = dict.fromkeys(("short", "largest", "seen"))  # what a model learnt from was not kept
    before["temperatures"] = dict.fromkeys(TASK_NAMES)  # there were none
    if before["data"]["classes"]:  # a folder's own classes are found wherever it lies
        before["data"]["classes"] = str(STORED / "models" / name / before["data"]["classes"])
    assert_same_settings(parser_of(name).config, before)


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if name != "deeplabv3"])
def test_a_model_folder_gives_the_same_label_maps(name: str, tmp_path: Path) -> None:
    parser = parser_of(name)
    for picture in sorted((STORED / "pictures").glob("*.png")):
        # What the JSON says of files is the command's to add.
        parser(picture).save(tmp_path, picture.stem, overlay=False)
    assert_same_parses(tmp_path, STORED / "answers" / name)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_model_folder_is_scored_the_same(name: str, tmp_path: Path) -> None:
    if name in PACKAGES:
        pytest.importorskip(PACKAGES[name])
    sceneparse.evaluate(
        STORED / "models" / name,
        data=str(STORED / DATA[name]) if name in DATA else None,
        split="val" if name == "upernet_concat" else None,
        out=tmp_path,
        engine="torch",
        device="cpu",
        precision="float32",
        progress=False,
    )
    assert_same_metrics(read(tmp_path / "metrics.json"), read(STORED / "answers" / name / "metrics.json"))


def test_a_model_of_volumes_gives_the_same_volume(tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    chosen = ("--engine", "torch", "--precision", "float32", "--device", "cpu", "--no-overlay")
    run("predict", "models/deeplabv3", "data/volumes/val/val0", "--out", tmp_path / "out", *chosen, cache=tmp_path)
    now, before = (
        nibabel.load(folder / "val0.nii.gz") for folder in (tmp_path / "out", STORED / "answers" / "deeplabv3")
    )
    assert now.get_data_dtype() == before.get_data_dtype() and (now.affine == before.affine).all()
    values, known = np.asarray(now.dataobj), np.asarray(before.dataobj)
    assert values.shape == known.shape and set(np.unique(known)) == {0, 3, 7}
    assert int((values != known).sum()) <= TIES


def test_an_exported_file_gives_the_same_label_maps(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    parser = sceneparse.load(STORED / "exported" / "fcn.onnx", precision="float32")
    for picture in sorted((STORED / "pictures").glob("*.png")):
        parser(picture).save(tmp_path, picture.stem, overlay=False)
    assert_same_parses(tmp_path, STORED / "answers" / "fcn.onnx")


def test_pictures_that_were_parsed_before_are_not_parsed_again(tmp_path: Path) -> None:
    out = shutil.copytree(STORED / "answers" / "pspnet", tmp_path / "out")
    pictures = shutil.copytree(STORED / "pictures", tmp_path / "pictures")
    for picture in pictures.iterdir():
        # A checkout gives files the time at which it was made.
        known = json.loads((out / f"{picture.stem}.json").read_text(encoding="utf-8"))["picture"]["modified_ns"]
        os.utime(picture, ns=(known, known))
    summary = sceneparse.predict(parser_of("pspnet"), [pictures], out, overlay=False)
    assert (summary.done, summary.skipped, summary.failed) == (0, 3, 0)
