"""OpenVINO's memory does not grow with the shapes that it has seen."""

import os
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from sceneparse.inference.openvino_caches import OWN
from sceneparse.inference.openvino_engine import core, installed

pytest.importorskip("openvino", reason="OpenVINO is not installed")

STATUS = Path("/proc/self/status")
CHANNELS = (3, 16, 24, 32, 40, 48, 56, 64, 72, 80)
"""No two layers are alike: those would share their code."""


def resident_mib() -> float:
    return int(re.findall(r"VmRSS:\s+(\d+)", STATUS.read_text())[0]) / 1024


@pytest.mark.skipif(not STATUS.exists(), reason="this system does not tell a process's memory as Linux does")
def test_memory_does_not_grow_with_the_number_of_shapes() -> None:
    ops = installed().opset13
    image = out = ops.parameter([-1, 3, -1, -1], np.float32)
    for before, after in pairwise(CHANNELS):
        kernel = ops.constant(np.full((after, before, 3, 3), 0.01, np.float32))
        out = ops.relu(ops.convolution(out, kernel, [1, 1], [1, 1], [1, 1], [1, 1]))
    settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32", **OWN}
    request = core().compile_model(installed().Model([out], [image], "stack"), "CPU", settings).create_infer_request()

    def after_heights(heights: range) -> float:
        for height in heights:
            request.infer([np.zeros((1, 3, height, 16), np.float32)])
        return resident_mib()

    start = after_heights(range(64, 70))
    grown = after_heights(range(16, 64)) - start
    assert grown < 6, f"{grown:.1f} MiB more after 48 smaller shapes"


def test_the_environment_is_left_as_it_was() -> None:
    core()
    assert "ONEDNN_PRIMITIVE_CACHE_CAPACITY" not in os.environ
