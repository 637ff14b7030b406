"""The snippets of docs/engines.md."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from sceneparse.inference import export_model
from sceneparse.labels import LabelSpace
from sceneparse.settings import BackboneSettings, LearntSizes, NetworkSettings
from sceneparse.weights.build import build
from sceneparse.weights.model import Model
from tests.support.brightest import brightest_parser

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "engines.md").read_text(encoding="utf-8")


def test_an_onnx_file_runs_without_sceneparse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    (snippet,) = (code for code in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL) if "import onnxruntime" in code)
    assert "sceneparse" not in "".join(re.findall(r"^(?:import|from).*", snippet, re.MULTILINE))
    labels = LabelSpace(("sky", "road", "tree"))
    known = LearntSizes(short=64, largest=64, seen=(32, 128))
    config = replace(brightest_parser(labels=labels, sizes=known).config, backbone=BackboneSettings("resnet10t"))
    config = replace(config, network=NetworkSettings(channels=16, aux=False))
    network = build(config.backbone, config.network, len(labels)).eval()
    export_model(Model(network, config, labels), tmp_path / "model.onnx", "onnx")
    pixels = torch.randint(0, 256, (120, 160, 3), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    Image.fromarray(pixels.numpy()).save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    scope: dict[str, object] = {}
    exec(snippet, scope)
    assert scope["labels"].shape == (1, 64, 85)  # type: ignore[attr-defined]
    assert any(name in capsys.readouterr().out for name in labels.names)
