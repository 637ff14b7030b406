"""What int8 reads: pictures as the model reads its own, and labelled pictures that fit the model."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sceneparse.data.sample import Sample
from sceneparse.datasets.opening import open_dataset
from sceneparse.datasets.testing import DataToTest
from sceneparse.errors import UserError
from sceneparse.exporting import accuracy, calibration, command, export, quantizing
from sceneparse.exporting.accuracy import LabelledPictures, measure_accuracy, open_labelled
from sceneparse.exporting.calibration import CalibrationPictures
from sceneparse.inference import TestProtocol, TorchEngine
from sceneparse.settings import BackboneSettings, DataSettings, LearntSizes
from sceneparse.weights.config import ModelConfig
from sceneparse.weights.model import Model, load_model
from tests.support.small import write_data_set
from tests.support.unified import OBJECTS, TASKS, unified_model


@pytest.fixture
def fields(tmp_path: Path) -> Path:
    """Rasters of 16 bits, four bands, up to 10000."""
    pytest.importorskip("rasterio", reason="rasterio is not installed (extra geo)")
    from tests.support.rasters import values, write_raster

    folder = tmp_path / "fields"
    for split in ("train", "test"):
        pixels = values(4, (40, 50), "uint16") // 7
        write_raster(folder / split / "images" / "0.tif", pixels.astype(np.uint16))
        write_raster(folder / split / "masks" / "0.tif", (pixels[1:2] > 4680).astype(np.uint8))
    (folder / "classes.json").write_text(json.dumps({"names": ["bare", "crop"]}))
    return folder


def raster_model(model: Model) -> Model:
    """A model as one that was trained on bands of rasters, and on pictures of a known scale."""
    data = DataSettings(kind="geotiff", options={"bands": [3, 1, 2], "ranges": [[0, 10000]]})
    config = replace(model.config, data=data, sizes=LearntSizes(short=32, largest=64, seen=(32, 32)))
    return replace(model, config=config)


@pytest.fixture(scope="module")
def tiny(tiny_run: Path) -> Model:
    return load_model(tiny_run / "model")


def test_a_model_of_rasters_calibrates_on_its_own_bands_and_ranges(fields: Path, tiny: Model) -> None:
    config = raster_model(tiny).config
    (picture,) = CalibrationPictures([fields / "train" / "images"], config)
    own = open_dataset(replace(config.data, root=str(fields)), "train")[0].image
    assert torch.equal(picture, own) and int(picture.max()) > 200


def test_rasters_are_tested_at_their_own_size(fields: Path, tiny: Model) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accuracy, "refuse_other_classes", lambda *_: None)
        labelled = open_labelled("m", raster_model(tiny), str(fields), None, None, None)
    assert labelled is not None and labelled.protocol.resize == "none"
    assert len(labelled.dataset) == 1


def test_calibration_pictures_are_read_when_they_are_asked_for(
    tmp_path: Path, tiny: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_data_set(tmp_path)
    monkeypatch.setattr(calibration, "CALIBRATED", 2)
    pictures = CalibrationPictures([tmp_path / "train" / "images"], tiny.config)
    assert [path.name for path in pictures.paths] == ["000.png", "002.png"] and len(pictures) == 2
    (tmp_path / "train" / "images" / "002.png").unlink()
    engine = TorchEngine(tiny.network, tiny.config.preprocessing, device="cpu", precision="float32")
    assert len(quantizing.calibration_inputs(engine, pictures, TestProtocol(), limit=1)) == 1
    with pytest.raises(UserError, match=r"002\.png"):
        pictures[1]


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that a refusal should come before, and no package that it doesn't need."""
    monkeypatch.setattr(command, "_quantize", None)
    monkeypatch.setattr(command, "refuse_missing_packages", lambda *_: None)


@pytest.mark.parametrize(
    ("names", "wish", "message"),
    [
        (["bright", "dark"], {}, r"names 2 classes \(dark, bright\) but the data set 2 \(bright, dark\)"),
        (["dark", "bright"], {"split": "tset"}, "tset"),
        (["dark", "bright"], {"kind": "nothing"}, "nothing"),
        (["dark", "bright"], {"data": "nowhere"}, "nowhere"),
        (
            ["dark", "bright"],
            {"data": None, "split": "val"},
            "name its folder; on what the model was trained on: data='",
        ),
        (["dark", "bright"], {"data": None, "count": 2}, "name its folder; on what the model was trained on: data='"),
        (
            ["dark", "bright"],
            {"data": None, "kind": "folder"},
            "name its folder; on what the model was trained on: data='",
        ),
        (["dark", "bright"], {"out": "m.onnx"}, r"must end in \.xml"),
        (["dark", "bright"], {"calibration": ["none/*.png"]}, "none/"),
    ],
)
@pytest.mark.usefixtures("no_work")
def test_what_does_not_fit_is_refused_before_any_work(
    names: list[str], wish: dict[str, Any], message: str, tiny_run: Path, tmp_path: Path
) -> None:
    data = write_data_set(tmp_path / "data")
    (data / "classes.json").write_text(json.dumps({"names": names, "ignore": 255}))
    given: dict[str, Any] = {"calibration": [data / "test" / "images"], "data": str(data), "out": tmp_path / "m.xml"}
    with pytest.raises(UserError, match=message):
        export(tiny_run / "model", format="openvino", int8=True, progress=False, **{**given, **wish})
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


class SceneFirst:
    """A data set of every task whose first picture has a scene alone."""

    labels, tasks = OBJECTS, TASKS

    def __len__(self) -> int:
        return 2

    def name(self, index: int) -> str:
        return str(index)

    def __getitem__(self, index: int) -> Sample:
        image = torch.full((3, 64, 70), 100 * index, dtype=torch.uint8)
        if index == 0:
            return Sample(image, scene=1)
        return Sample(image, objects=torch.zeros(64, 70, dtype=torch.int16), scene=0)


def test_pictures_that_are_labelled_for_other_tasks_alone_count_as_in_evaluate(tmp_path: Path) -> None:
    model = unified_model()
    write_data_set(tmp_path, {"train": 1})
    pictures = CalibrationPictures([tmp_path / "train" / "images"], model.config)
    engine = TorchEngine(model.network, model.config.preprocessing, device="cpu", precision="float32")
    found = measure_accuracy(
        {"float32": engine, "int8": engine},
        pictures,
        TestProtocol(),
        tasks=model.tasks,
        calibrated_on=1,
        labelled=LabelledPictures(SceneFirst(), TestProtocol(), None),
        progress=False,
    )
    assert found.equal == 1 and set(found.tasks.values()) == {1.0} and found.compared_on == 1
    assert found.mean_iou is not None and found.mean_iou[0] == found.mean_iou[1]
    assert found.protocol == TestProtocol().describe()


def test_other_classes_of_another_task_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    other = SceneFirst()
    other.tasks = replace(TASKS, scenes=replace(TASKS.scenes, names=("field", "street")))  # type: ignore[type-var]
    monkeypatch.setattr(accuracy, "open_to_test", lambda *_, **__: DataToTest(DataSettings(), other))
    with pytest.raises(UserError, match="m and the data set name different scene"):
        open_labelled("m", unified_model(), "data", "folder", None, None)


def test_the_toy_world_needs_no_folder_and_others_are_left_out_unless_named(tiny: Model) -> None:
    assert tiny.config.data.kind == "folder"
    assert open_labelled("m", tiny, None, None, None, None) is None
    config = ModelConfig("m", BackboneSettings("resnet10t"), tiny.config.network, tiny.config.preprocessing,
                         tiny.config.protocol, DataSettings(kind="toyworld"))  # fmt: skip
    with pytest.raises(UserError, match="names 2 classes"):
        open_labelled("m", replace(tiny, config=config), None, None, None, None)
