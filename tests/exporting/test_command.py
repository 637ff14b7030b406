import json
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch

from sceneparse.errors import UserError
from sceneparse.exporting import command, export
from sceneparse.exporting.checking import check_export
from sceneparse.exporting.record import record_of
from sceneparse.inference import TestProtocol, predict_tasks, resolve
from sceneparse.inference.open_model import open_model
from sceneparse.settings import NetworkSettings, ProtocolSettings
from sceneparse.settings.engine import EXPORTED_SUFFIXES
from sceneparse.weights.model import Model, load_model, save_model
from tests.support.slow import slow
from tests.support.small import write_data_set
from tests.support.unified import NETWORK, OBJECTS, RELEASE, TASKS, unified_model


def test_a_file_is_compared_with_pytorch_and_the_figures_are_kept(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    result = export(tiny_run / "model", format="onnx", out=tmp_path / "tiny.onnx")
    assert len(result.checks) == 5
    assert all(check.error <= 1e-4 and check.equal >= 0.9999 for check in result.checks)
    record = json.loads((tmp_path / "tiny.onnx.json").read_text())
    assert record["file"] == "tiny.onnx" and len(record["checks"]) == 5 and record["accuracy"] is None
    printed = capsys.readouterr().out
    assert "97×161" in printed and "exported: " in printed and "tiny.onnx" in printed


@pytest.mark.parametrize(
    ("kind", "network"),
    [pytest.param("openvino", NETWORK, id="paper"), pytest.param("torch", RELEASE, id="release", marks=slow)],
)
def test_every_task_of_a_unified_model_is_compared(kind: str, network: NetworkSettings, tmp_path: Path) -> None:
    if kind != "torch":
        pytest.importorskip(kind)
    folder = tmp_path / "unified"
    model = unified_model(network)
    save_model(folder, model, "a card")
    result = export(folder, format=kind)  # type: ignore[arg-type]
    assert all(check.error <= 1e-4 and check.equal >= 0.9999 for check in result.checks)
    whole: Any = model.network
    whole.texture_head.classifier.weight.data.mul_(1.5)
    (wrong, *_) = check_export(model, result.path, kind)  # type: ignore[arg-type]
    assert wrong.error > 0.1


def test_int8_tells_what_it_costs_in_every_task(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("nncf")
    folder, data = tmp_path / "unified", write_data_set(tmp_path / "data")
    (data / "classes.json").write_text(json.dumps({"names": OBJECTS.names, "ignore": 255}))
    save_model(folder, unified_model(), "a card")
    calibration = [data / "train" / "images"]
    result = export(folder, format="openvino", int8=True, calibration=calibration, data=str(data), kind="folder")
    cost = result.accuracy
    assert cost is not None and cost.calibrated_on == 4 and set(cost.tasks) == {"part", "material", "texture", "scene"}
    assert all(0.5 < equal <= 1 for equal in (cost.equal, *cost.tasks.values())) and cost.equal < 1
    assert cost.mean_iou is not None and 0 <= cost.mean_iou[1] <= 1
    assert "calibrated on 4 inputs" in capsys.readouterr().out
    assert json.loads(record_of(result.path).read_text())["accuracy"]["compared_on"] == 4
    assert b"FakeQuantize" in result.path.read_bytes()
    opened = open_model(result.path)
    assert opened.tasks == TASKS and opened.engine.precision == "int8" and "int8" in opened.engine.describe()
    image = torch.randint(0, 256, (3, 70, 90), dtype=torch.uint8)
    found = predict_tasks(opened.engine, image, TestProtocol(), TASKS)
    assert found.scene is not None and found.textures is not None and found.textures.labels.shape == (70, 90)


def test_how_long_it_takes_is_told_of_the_conversion_that_is_known(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class ToldError(Exception):
        pass

    def working(text: str, *, shown: bool) -> NoReturn:
        assert shown
        raise ToldError(text)

    monkeypatch.setattr(command, "working", working)
    for format, package, told in (  # noqa: A001 - the command's word
        ("openvino", "openvino", r"model\.xml, (a few|(about|up to) \d+|\d+( \w+)? to \d+) (seconds|minutes?)$"),
        ("onnx", "onnxruntime", r"model\.onnx$"),
    ):
        pytest.importorskip(package, reason=f"{package} is not installed (extra {format})")
        with pytest.raises(ToldError, match=told):
            export(tiny_run, format=format, out=tmp_path / f"model{EXPORTED_SUFFIXES[format]}")  # type: ignore[arg-type]


def test_a_network_that_cannot_be_exported_is_refused_in_words_of_this_command(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_model(tiny_run / "model")
    model.network.backbone.unexportable = "attention in windows cannot be exported"
    monkeypatch.setattr(command, "load_model", lambda _: model)
    with pytest.raises(UserError, match=r"model: attention in windows cannot be exported; without an export") as caught:
        export(tiny_run / "model", format="torch", out=tmp_path / "tiny.pt2", progress=False)
    assert "engine" not in str(caught.value) and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "own",
    [
        ProtocolSettings("mmseg"),
        ProtocolSettings(resize="short", size=64, max_long=200, antialias=True, upsampling="twice"),
        ProtocolSettings(resize="square", size=64),
        ProtocolSettings(resize="fixed", size=(48, 64), antialias=True),
    ],
    ids=lambda own: own.resize or own.name,
)
def test_a_size_holds_for_models_that_say_how_pictures_are_resized(
    own: ProtocolSettings, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, written = load_model(tiny_run / "model"), []
    named = replace(model, config=replace(model.config, protocol=own))
    monkeypatch.setattr(command, "load_model", lambda _: named)

    def write(model: Model, *_: object) -> None:
        written.append(resolve(model.config.protocol, model.config.sizes))
        raise UserError("that is enough")

    monkeypatch.setattr(command, "export_model", write)
    for size in ("own", 32):
        with pytest.raises(UserError, match="that is enough"):
            export(tiny_run, format="torch", out=tmp_path / "m.pt2", size=size, progress=False)
    assert written[0].resize == "none"
    assert (written[1].resize, written[1].size) == ("square" if own.resize == "square" else "short", 32)


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"format": "onnx", "int8": True}, "int8 is for format='openvino'"),
        ({"format": "openvino", "int8": True}, "name some in calibration"),
        ({"format": "onnx", "calibration": ["pictures"]}, "are for int8=True"),
        ({"format": "onnx", "out": "model.xml"}, r"must end in \.onnx"),
        ({"format": "openvino", "int8": True, "calibration": ["a"], "out": "model.onnx"}, r"must end in \.xml"),
        ({"format": "torch", "split": "val"}, "split is for the labelled pictures of int8=True; leave it out"),
        (
            {"format": "torch", "kind": "folder", "count": 3},
            "kind and count are for the labelled pictures of int8=True",
        ),
    ],
)
def test_wishes_that_do_not_fit_are_refused_before_any_work(
    monkeypatch: pytest.MonkeyPatch, wish: dict[str, object], message: str
) -> None:
    monkeypatch.setattr(command, "find_model", None)
    with pytest.raises(UserError, match=message):
        export("anything", progress=False, **wish)  # type: ignore[arg-type]


def test_a_file_goes_beside_the_folder_and_of_a_model_that_is_named_into_this_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    assert command.default_path("runs/mine", "recipe", ".onnx") == tmp_path / "runs" / "mine.onnx"
    named = command.default_path("upernet-convnext-tiny-ade20k", "upernet-convnext-tiny-ade20k", "-int8.xml")
    assert named == tmp_path / "upernet-convnext-tiny-ade20k-int8.xml"
