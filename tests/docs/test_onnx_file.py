"""The lines in docs/engines.md that run an ONNX file bring a picture to the size that the model has for it."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sceneparse.inference import resolve
from sceneparse.labels import LabelSpace
from sceneparse.settings import LearntSizes, ProtocolSettings
from sceneparse.weights.config import config_to_json
from tests.support.brightest import brightest_parser

PAGE = Path(__file__).resolve().parents[2] / "docs" / "engines.md"
SPACE = LabelSpace(("a", "b", "c"))
KNOWN = LearntSizes(short=50, largest=60, seen=(40, 70))


@pytest.mark.parametrize("short", [40, 55, 61, 130])
@pytest.mark.parametrize("sizes", [KNOWN, LearntSizes()], ids=["known", "unknown"])
@pytest.mark.parametrize("size", [None, "own", 45])
def test_lines_for_an_onnx_file(
    size: Any, sizes: LearntSizes, short: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = (one for one in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S) if "InferenceSession" in one)
    config = replace(brightest_parser(labels=SPACE, sizes=sizes).config, protocol=ProtocolSettings(size=size))
    about = json.dumps({"config": config_to_json(config), "labels": SPACE.to_json()})
    shapes = []

    class Session:
        def __init__(self, _: str) -> None: ...

        def get_modelmeta(self) -> SimpleNamespace:
            return SimpleNamespace(custom_metadata_map={"sceneparse": about})

        def run(self, _: list[str], given: dict[str, np.ndarray]) -> list[np.ndarray]:
            shapes.append(given["images"].shape)
            return [np.zeros((1, *shapes[0][2:]), np.int32)]

    monkeypatch.setitem(sys.modules, "onnxruntime", SimpleNamespace(InferenceSession=Session))
    monkeypatch.chdir(tmp_path)
    exif = Image.Exif()
    exif[0x0112] = 6  # it lies on its side
    Image.new("RGB", (short * 3 // 2, short)).save("photo.jpg", exif=exif)
    exec(compile(code, PAGE.name, "exec"), {})
    assert shapes == [(1, 3, *resolve(config.protocol, sizes).input_size((short * 3 // 2, short), 1.0))]
