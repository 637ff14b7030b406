"""Which sizes of pictures a network is compiled for, with a compiler that notes what it is asked for."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sceneparse.inference.compiled_sizes import FIXED, CompiledSizes


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bool, int]]:
    """Calls of what was compiled: whether its sizes are symbols, and the pictures' width."""
    calls: list[tuple[bool, int]] = []

    def compile_(function: Callable[..., Any], *, dynamic: bool) -> Callable[..., Any]:
        def compiled(pixels: Tensor, *asked: Any) -> Any:
            calls.append((dynamic, pixels.shape[-1]))
            return function(pixels, *asked)

        return compiled

    monkeypatch.setattr(torch, "compile", compile_)
    return calls


class Doubling(nn.Module):
    def forward(self, pixels: Tensor, task: str) -> tuple[Tensor, str]:
        return 2 * pixels, task


def test_the_first_sizes_are_compiled_for_themselves_and_all_others_once(calls: list[tuple[bool, int]]) -> None:
    network = CompiledSizes(Doubling())
    widths = [*range(1, FIXED + 3), 1, FIXED + 1]
    for width in widths:
        found, task = network(torch.ones(1, 3, 2, width), "part")
        assert task == "part" and torch.equal(found, torch.full((1, 3, 2, width), 2.0))
    assert calls == [(width > FIXED, width) for width in widths]
