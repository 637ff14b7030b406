"""Exported files: what they hold, and that they give PyTorch's answers at sizes that nobody traced."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sceneparse.errors import UserError
from sceneparse.inference import TorchEngine, export_model, onnx_engine
from sceneparse.inference import open_model as opening_room
from sceneparse.inference.exported_file import SUFFIXES
from sceneparse.inference.open_model import open_model
from sceneparse.inference.openvino_engine import core
from sceneparse.inference.program import ConversionError, Program, Traits
from sceneparse.inference.tempering import temperatures_of
from sceneparse.labels import LabelSpace
from sceneparse.networks import resize
from sceneparse.settings import (
    BackboneSettings,
    DataSettings,
    NetworkSettings,
    PreprocessingSettings,
    ProtocolSettings,
    Temperatures,
)
from sceneparse.weights import conversions
from sceneparse.weights.at_hand import settings_at_hand
from sceneparse.weights.build import build
from sceneparse.weights.calibrated import keep_temperatures
from sceneparse.weights.config import ModelConfig
from sceneparse.weights.measured import remember
from sceneparse.weights.model import Model, load_model, save_model
from tests.support.slow import slow

SIZES = [(64, 64), (97, 161), (90, 71), (150, 113), (240, 100)]
"""None of them is the traced one."""

LABELS = LabelSpace(tuple(f"class {index}" for index in range(7)), colors=tuple((index, 9, 7) for index in range(7)))


def make(architecture: str, backbone: str, **settings: Any) -> Model:
    torch.manual_seed(0)
    config = ModelConfig(
        "small",
        BackboneSettings(name=backbone, padding="same" if backbone == "test_efficientnet" else "symmetric"),
        NetworkSettings(architecture=architecture, channels=16, aux=False, **settings),
        PreprocessingSettings(),
        ProtocolSettings(flip=True),
        DataSettings(kind="toyworld"),
    )
    network = build(config.backbone, config.network, len(LABELS)).eval()
    for module in network.modules():  # else random weights leave logits all alike
        if isinstance(module, torch.nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return Model(network, config, LABELS)


def upernet() -> Model:
    """A model whose logits want to be resized otherwise than its maps."""
    return make("upernet", "resnet10t", align_logits=True)


def agree(logits: np.ndarray, labels: np.ndarray, model: Model, images: torch.Tensor) -> None:
    expected = TorchEngine(model.network, model.config.preprocessing, precision="float32")(images)
    assert float(np.abs(logits - expected.numpy()).max() / expected.abs().max()) < 1e-4
    size = (images.shape[-2], images.shape[-1])
    winners = resize(expected, size, model.network.align_corners).argmax(1)
    assert labels.shape == winners.shape and (labels == winners.numpy()).mean() >= 0.9999


class TestOtherRuntimesAgree:
    # OpenVINO's PSPNet with padding that depends on the size is among the engines (test_engines.py).
    @pytest.mark.parametrize("architecture", ["fcn", pytest.param("upernet", marks=slow)])
    def test_onnx_runtime(self, architecture: str, tmp_path: Path) -> None:
        runtime = pytest.importorskip("onnxruntime")
        model = make("fcn", "test_efficientnet") if architecture == "fcn" else upernet()
        session = runtime.InferenceSession(export_model(model, tmp_path / "m.onnx", "onnx"))
        assert session.get_inputs()[0].shape == ["batch", 3, "height", "width"]
        assert {one.name: one.shape for one in session.get_outputs()}["labels"] == ["batch", "height", "width"]
        for height, width in SIZES:
            images = torch.randint(0, 256, (1, 3, height, width)).float()
            logits, labels = session.run(["logits", "labels"], {"images": images.numpy()})
            agree(logits, labels, model, images)

    @slow
    def test_openvino(self, tmp_path: Path) -> None:
        pytest.importorskip("openvino")
        model = upernet()
        path = export_model(model, tmp_path / "m.xml", "openvino")
        compiled = core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        for index, (height, width) in enumerate(SIZES):
            images = torch.randint(0, 256, (1 + index % 2, 3, height, width)).float()
            result = compiled(images.numpy())
            agree(result["logits"], result["labels"], model, images)


def test_the_channels_of_pictures_are_known_where_patches_are_cut_without_a_convolution() -> None:
    with torch.device("meta"):
        network = build(BackboneSettings("gemma4_vit_167m", in_channels=4), NetworkSettings("fcn", output_stride=32), 3)
    assert Traits.of(network, PreprocessingSettings(mean=(0.0,), std=(1.0,))).channels == 4


def test_logits_that_are_resized_otherwise_than_the_maps_are_exported_so() -> None:
    assert Traits.of(upernet().network, PreprocessingSettings()).align_corners
    assert not Traits.of(make("upernet", "resnet10t").network, PreprocessingSettings()).align_corners


def test_a_torch_program_agrees_and_says_what_it_is(tmp_path: Path) -> None:
    model = make("fcn", "resnet10t")
    path = export_model(model, tmp_path / "m.pt2", "torch")
    extra = {"sceneparse": ""}
    program = torch.export.load(path, extra_files=extra).module()
    assert json.loads(extra["sceneparse"])["labels"]["names"] == list(LABELS.names)
    for height, width in SIZES:
        images = torch.randint(0, 256, (1, 3, height, width)).float()
        logits, labels = program(images)
        agree(logits.numpy(), labels.numpy(), model, images)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exporting") / "model"
    save_model(folder, make("fcn", "resnet10t", align_corners=True), "a card")
    return folder


@pytest.fixture(scope="module")
def converted(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("openvino")
    return export_model(load_model(folder), tmp_path_factory.mktemp("converted") / "m.xml", "openvino")


@pytest.mark.parametrize(("kind", "package"), [("openvino", "openvino"), ("onnx", "onnxruntime")])
def test_an_exported_file_opens_like_its_model(kind: str, package: str, folder: Path, tmp_path: Path) -> None:
    pytest.importorskip(package)
    model = load_model(folder)
    path = export_model(model, tmp_path / f"street{SUFFIXES[kind]}", kind)  # type: ignore[arg-type]
    opened = open_model(path, precision="float32")
    assert opened.labels == LABELS and opened.config == model.config.portable() and opened.folder is None
    assert settings_at_hand(path) == opened.config, "read without its runtime"
    images = torch.randint(0, 256, (1, 3, 77, 90), dtype=torch.uint8)
    expected = open_model(folder, engine="torch", precision="float32").engine(images)
    torch.testing.assert_close(opened.engine(images), expected, rtol=1e-4, atol=1e-4)
    assert sorted(found.name for found in tmp_path.iterdir()) == sorted(
        {path.name, *([f"{path.stem}.bin"] if kind == "openvino" else [])}
    )
    assert opened.engine.align_corners and model.network.align_corners
    with pytest.raises(UserError, match="is a file for engine"):
        open_model(path, engine="compile")
    with pytest.raises(UserError, match=r"not 20×90; give the model folder instead of the exported file$"):
        opened.engine(images[:, :, :20])
    with pytest.raises(UserError, match=r"^device 'gpu' is unknown: use auto, cpu"):
        open_model(path, device="gpu")
    beside = path.with_suffix(".bin")
    beside.write_bytes((beside.read_bytes() if beside.is_file() else b"") + b"1")
    assert (open_model(path).fingerprint == opened.fingerprint) is (kind == "onnx"), "an .onnx has its weights itself"


class TestRefusals:
    def test_another_suffix(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=r"must end in \.onnx"):
            export_model(make("pspnet", "resnet10t"), tmp_path / "m.xml", "onnx")

    def test_a_network_of_more_than_an_onnx_file_holds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.importorskip("onnxscript", reason="onnxscript is not installed (extra onnx)")
        model = make("fcn", "resnet10t")
        program = Program(model.network, model.config.preprocessing)
        monkeypatch.setattr(onnx_engine, "LARGEST", 10_000_000)
        monkeypatch.setattr(onnx_engine, "exported", None)  # refused before that
        with pytest.raises(
            ConversionError, match=r"holds 9\.5 MiB at most, and this network's weights take \d\d\.\d MiB"
        ):
            onnx_engine.converted(program)

    def test_a_file_that_protobuf_cannot_write(self) -> None:
        class Large:
            def SerializeToString(self) -> bytes:  # noqa: N802 - protobuf's name
                raise ValueError("Failed to serialize proto")

        large: Any = Large()
        with pytest.raises(ConversionError, match=r"an ONNX file holds 2\.0 GiB at most, and this network takes more"):
            onnx_engine.serialized(large)

    def test_no_such_file(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="no such file"):
            open_model(tmp_path / "m.onnx")

    @pytest.mark.parametrize("content", [b"", b"rubbish", b"\x08\x07"])
    def test_a_damaged_onnx_file(self, content: bytes, tmp_path: Path) -> None:
        pytest.importorskip("onnxruntime")
        (tmp_path / "m.onnx").write_bytes(content)
        with pytest.raises(UserError, match=r"m\.onnx: "):
            open_model(tmp_path / "m.onnx")

    def test_a_damaged_openvino_file(self, tmp_path: Path) -> None:
        pytest.importorskip("openvino")
        (tmp_path / "m.xml").write_text("<net")
        with pytest.raises(UserError, match=r"m\.bin, are not beside it"):
            open_model(tmp_path / "m.xml")
        (tmp_path / "m.bin").write_bytes(b"")
        with pytest.raises(UserError, match=r"m\.xml: not a model that OpenVINO reads"):
            open_model(tmp_path / "m.xml")

    def test_somebody_elses_file(self, tmp_path: Path) -> None:
        openvino = pytest.importorskip("openvino")
        relu = openvino.convert_model(torch.nn.ReLU(), example_input=torch.zeros(1, 3, 8, 8))
        openvino.save_model(relu, tmp_path / "m.xml")
        with pytest.raises(UserError, match="does not say what its classes are"):
            open_model(tmp_path / "m.xml")

    @pytest.mark.parametrize(
        ("device", "message"), [("gpu", "device 'gpu' is unknown"), ("cuda", "on the CPU, not on")]
    )
    def test_a_device_that_openvino_has_not_before_a_model_is_looked_for(self, device: str, message: str) -> None:
        with pytest.raises(UserError, match=message):
            open_model("no-such-model", engine="openvino", device=device)

    def test_a_torch_program_is_no_engine(self, tmp_path: Path) -> None:
        (tmp_path / "m.pt2").write_bytes(b"")
        with pytest.raises(UserError, match="not a model; give a model folder"):
            open_model(tmp_path / "m.pt2")


class TestCache:
    @pytest.fixture(autouse=True)
    def cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, converted: Path) -> Path:
        def export(model: Model, path: Path, kind: str) -> Path:  # what it gives, without the seconds that it takes
            assert kind == "openvino" and model.labels == LABELS
            path.parent.mkdir(parents=True)
            for suffix in (".xml", ".bin"):
                shutil.copy(converted.with_suffix(suffix), path.with_suffix(suffix))
            return path

        monkeypatch.setattr(opening_room, "export_model", export)
        monkeypatch.setenv("SCENEPARSE_CACHE", str(tmp_path / "cache"))
        return tmp_path / "cache"

    def test_a_model_is_converted_once(self, folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        first = open_model(folder, precision="float32")
        monkeypatch.setattr(opening_room, "export_model", None)
        second = open_model(folder, precision="float32")
        images = torch.randint(0, 256, (1, 3, 40, 50))
        assert torch.equal(first.engine(images), second.engine(images))
        assert first.fingerprint == second.fingerprint and second.folder == folder
        assert len(list((cache / "openvino").iterdir())) == 1

    def test_a_model_that_is_calibrated_is_not_converted_again(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model = shutil.copytree(folder, tmp_path / "model")
        first = open_model(model, precision="float32")
        monkeypatch.setattr(opening_room, "export_model", None)
        for temperatures in (Temperatures(object=2.0), Temperatures()):
            keep_temperatures(model, temperatures)
            opened = open_model(model, precision="float32")
            assert opened.engine.name == "openvino" and temperatures_of(opened.engine) == temperatures
            assert opened.config.temperatures == temperatures
            assert (opened.fingerprint == first.fingerprint) is not temperatures.known

    def test_a_log_does_not_hold_twice_what_a_command_has_announced(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        said: list[str] = []

        def working(text: str, *, shown: bool) -> AbstractContextManager[None]:
            said.extend([text] if shown else [])
            return nullcontext()

        monkeypatch.setattr(opening_room, "working", working)
        monkeypatch.setattr(conversions, "ANNOUNCED", announced := set[str]())
        monkeypatch.setattr(opening_room, "ANNOUNCED", announced)
        announced.add(conversions.untempered_fingerprint(folder))
        open_model(folder, engine="openvino", precision="float32")
        assert said == []
        announced.clear()
        open_model(folder, engine="torch")
        assert said == [f"loading {folder}"], "in a log, too, where it takes long"

    def test_a_damaged_one_is_made_again(self, folder: Path, cache: Path) -> None:
        open_model(folder)
        (kept,) = cache.rglob("*.xml")
        kept.write_text("<net")
        assert open_model(folder).engine.name == "openvino"
        assert kept.read_text() != "<net"

    def test_a_network_that_openvino_refuses_is_tried_once(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        tries = []

        def refuse(*_: object) -> None:
            tries.append(1)
            raise ConversionError("OpenVINO cannot export this network (no rule)")

        monkeypatch.setattr(opening_room, "export_model", refuse)
        opened = [open_model(folder, device="cpu") for _ in range(2)]
        why = "OpenVINO cannot export this network (no rule)"
        assert [(one.engine.name, one.why) for one in opened] == [("torch", why)] * 2
        with pytest.raises(ConversionError, match=r"cannot export this network \(no rule\); use engine='torch'"):
            open_model(folder, engine="openvino")
        assert len(tries) == 1

    def test_a_conversion_for_which_the_machine_had_no_room_is_tried_again(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tries = []

        def refuse(*_: object) -> None:
            tries.append(1)
            raise ConversionError("PyTorch cannot export this network (MemoryError)") from MemoryError()

        monkeypatch.setattr(opening_room, "export_model", refuse)
        assert [open_model(folder, device="cpu").engine.name for _ in range(2)] == ["torch"] * 2
        assert len(tries) == 2

    def test_only_the_latest_are_kept(self, folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for index in range(3):
            old = cache / "openvino" / f"old{index}"
            old.mkdir(parents=True)
            os.utime(old, (index, index))
        monkeypatch.setattr(sys.modules["sceneparse.inference.open_model"], "KEPT", 2)
        open_model(folder)
        names = {path.name for path in (cache / "openvino").iterdir()}
        assert len(names) == 2 and "old2" in names

    def test_auto_takes_pytorch_where_it_was_measured_as_faster_and_says_so(
        self, folder: Path, cache: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        fingerprint = conversions.fingerprint_of(folder)
        remember(fingerprint, "float32", {"torch": 10.0, "openvino": 20.0}, (64, 64))
        opened = open_model(folder, device="cpu", precision="float32")
        assert opened.engine.name == "torch" and opened.why.startswith("measured here by bench on ")
        assert capsys.readouterr().err.startswith("engine auto: torch, measured here by bench on ")
        assert not (cache / "openvino").exists()
        assert open_model(folder, engine="openvino", precision="float32").why == "it was asked for"
        opened = open_model(folder, device="cpu", precision="bfloat16")
        assert opened.engine.name == "openvino" and opened.why == "OpenVINO is installed, and takes this network"
        assert "auto" not in capsys.readouterr().err

    def test_other_weights_are_another_model(self, folder: Path, tmp_path: Path) -> None:
        other = make("fcn", "resnet10t", align_corners=True)
        head: Any = other.network.head
        head.classifier.bias.data += 1
        save_model(tmp_path / "other", other, "a card")
        assert open_model(tmp_path / "other").fingerprint != open_model(folder).fingerprint


def test_importing_the_room_loads_no_runtime() -> None:
    code = (
        "import sys, sceneparse.parsing; sys.exit(bool({'openvino', 'onnx', 'onnxruntime', 'nncf'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_missing_package_is_named(tmp_path: Path, without: Callable[[str], None]) -> None:
    without("onnxscript")
    with pytest.raises(UserError, match=r"onnxscript is not installed; do: pip install 'sceneparse\[onnx\]'"):
        export_model(make("pspnet", "resnet10t"), tmp_path / "m.onnx", "onnx")
    assert list(tmp_path.iterdir()) == []
