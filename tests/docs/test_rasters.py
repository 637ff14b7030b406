"""What docs/rasters.md says of commands and Python, done on small rasters."""

import re
import shlex
import sqlite3
import sys
from pathlib import Path

import numpy as np
import pytest

from sceneparse import cli
from sceneparse.recipes import from_mapping
from sceneparse.settings import (
    BackboneSettings,
    DataSettings,
    NetworkSettings,
    PreprocessingSettings,
    ProtocolSettings,
    Recipe,
)
from sceneparse.weights.build import build
from sceneparse.weights.config import ModelConfig
from sceneparse.weights.model import Model, save_model
from tests.support.small import write_data_set

pytest.importorskip("rasterio", reason="rasterio is not installed (extra geo)")

from sceneparse.labels import LabelSpace
from tests.support.rasters import read_raster, values, write_raster

PAGE = Path(__file__).resolve().parents[2] / "docs" / "rasters.md"


def commands(verb: str) -> list[list[str]]:
    return [shlex.split(line)[1:] for line in re.findall(rf"^    (sceneparse {verb} .*)$", PAGE.read_text(), re.M)]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A model of two and one of three channels."""
    for channels in (2, 3):
        config = ModelConfig(
            name="small",
            backbone=BackboneSettings("resnet10t", in_channels=channels),
            network=NetworkSettings(channels=8, output_stride=16),
            preprocessing=PreprocessingSettings((0.4,), (0.3,)),
            protocol=ProtocolSettings(),
            data=DataSettings(),
        )
        network = build(config.backbone, config.network, 2).eval()
        save_model(tmp_path / f"model{channels}", Model(network, config, LabelSpace(("a", "b"))), "a card")
    return tmp_path


def test_the_predictions_run_and_write_what_the_table_says(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(models)
    found = commands("predict")
    assert len(found) == 3
    for number, (verb, _, _, *rest) in enumerate(found):
        out = models / f"parsed{number}"
        channels = rest[rest.index("--bands") + 1 :].index("--range") if "--bands" in rest else 3
        pixels = values(4 if "--bands" in rest else 3, (70, 90), "int16" if "-25" in rest else "uint8")
        write_raster(models / "scene.tif", pixels)
        rest[rest.index("--out") + 1] = str(out)
        words = [verb, f"model{channels}", "scene.tif", *rest, "--engine", "torch", "--write", "labels", "polygons"]
        assert cli.main([*words, "geopackage"]) == 0
        table = re.findall(r"^\| `(NAME[^`]*)`", PAGE.read_text(), re.M)
        written = {path.name for path in out.iterdir()}
        assert written == {name.replace("NAME", "scene") for name in table} | {"rasters-summary.json"}
        assert set(np.unique(read_raster(out / "scene_labels.tif"))) <= {0, 1}
        with sqlite3.connect(out / "scene_polygons.gpkg") as database:
            assert database.execute("SELECT count(*) FROM regions").fetchone()[0] > 0


def test_the_options_of_training_are_options() -> None:
    ((*_, options),) = commands("data check")
    ((*words,),) = commands("train")
    assert words[words.index("--data.options") + 1] == options
    import yaml

    data = {"kind": "geotiff", "root": "fields", "options": yaml.safe_load(options)}
    recipe = from_mapping(Recipe, {"data": data}, "x")
    assert recipe.data.options == {"bands": [4, 3, 2, 1], "ranges": [[0, 10000]], "tile": 512}


def test_a_folder_may_hold_rasters_and_pictures(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(models)
    write_data_set(models / "mixed", {"a": 1})
    write_raster(models / "mixed" / "deep" / "scene.tif", values(3, (70, 90)))
    assert cli.main(["predict", "model3", "mixed", "--out", "mixed/out", "--engine", "torch", "--no-overlay"]) == 0
    assert (models / "mixed" / "out" / "deep" / "scene_labels.tif").is_file()
    assert (models / "mixed" / "out" / "a" / "images" / "000.png").is_file()
    assert not (models / "mixed" / "out" / "deep" / "scene.png").exists()
    # What is there is no input of a second run, though labels are rasters too.
    assert cli.main(["predict", "model3", "mixed", "--out", "mixed/out", "--engine", "torch", "--no-overlay"]) == 0
    assert not list((models / "mixed" / "out").rglob("*_labels_labels.tif"))


def test_without_rasterio_the_extra_is_named_before_a_model_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_raster(tmp_path / "scene.tif", values(3, (40, 40)))
    monkeypatch.setitem(sys.modules, "rasterio", None)
    assert cli.main(["predict", "nowhere", str(path), "--out", str(tmp_path / "out")]) == 2
    assert "rasters need rasterio: pip install 'sceneparse[geo]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["photo.png", "--bands", "1"], "--bands is for rasters (GeoTIFF), and there are none among the inputs"),
        (["scene.tif", "--range", "1"], "--range takes two values"),
        (["scene.tif", "--tasks", "scene"], "rasters are parsed for their objects alone, not by 'scene'"),
        (["scene.tif", "--write", "montage"], "--write montage: is written for volumes"),
        (["scene.tif", "--as", "voc2012"], "--as voc2012 is for pictures, and there are rasters"),
    ],
)
def test_what_is_not_for_rasters_is_refused_in_a_line(
    words: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (9, 9)).save("photo.png")
    write_raster(tmp_path / "scene.tif", values(3, (40, 40)))
    assert cli.main(["predict", "nowhere", *words, "--out", "out"]) == 2
    assert says in " ".join(capsys.readouterr().err.split())
