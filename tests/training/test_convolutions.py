"""When a step measures which of a GPU's convolutions are the fastest."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.backends import cudnn

from sceneparse.training import step


@pytest.mark.parametrize(
    ("device", "crop", "measured"), [("cuda", (64, 64), True), ("cuda", None, False), ("cpu", (64, 64), False)]
)
def test_a_gpu_measures_where_all_pictures_have_one_size(
    monkeypatch: pytest.MonkeyPatch, device: str, crop: tuple[int, int] | None, measured: bool
) -> None:
    compute = SimpleNamespace(precision="bfloat16", fabric=SimpleNamespace(device=torch.device(device)))
    prepared: Any = SimpleNamespace(compute=compute, recipe=SimpleNamespace(augmentation=SimpleNamespace(crop=crop)))
    monkeypatch.setattr(step, "_computed", lambda *_: cudnn.benchmark)  # forward and backward
    unused: Any = None
    seen: Any = step.compute_gradients(prepared, unused, unused, 0)
    assert (seen, cudnn.benchmark) == (measured, False)
