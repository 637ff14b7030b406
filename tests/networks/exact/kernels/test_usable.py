from collections.abc import Callable, Iterator

import pytest
import torch

from sceneparse.networks.exact.kernels import usable
from sceneparse.networks.exact.kernels.usable import installed, runs_on


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What was found out about this machine is found out anew, before and after."""
    for known in (installed, runs_on):
        known.cache_clear()
    yield
    for known in (installed, runs_on):
        known.cache_clear()


def test_on_a_cpu_nothing_asks_for_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(usable, "installed", lambda: pytest.fail("asked for it"))
    assert not usable.usable(torch.zeros(3, 4, 5), (8, 10))


def test_without_triton_the_kernels_are_not_used(
    monkeypatch: pytest.MonkeyPatch, without: Callable[[str], None]
) -> None:
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    without("triton")
    assert not usable.usable(torch.zeros(3, 4, 5), (8, 10))


def test_logits_that_the_kernels_cannot_take_are_left_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    monkeypatch.setattr(usable, "installed", lambda: True)
    assert usable.usable(torch.zeros(3, 4, 5), (8, 10))
    assert not usable.usable(torch.zeros(3, 4, 5).double(), (8, 10))
    assert not usable.usable(torch.zeros(3, 0, 5), (8, 10))
    assert not usable.usable(torch.zeros(3, 4, 5), (8, 0))
    assert not usable.usable(torch.zeros(1, 1, 30000), (1, 30000))
    assert not usable.usable(torch.zeros(3, 4, 5, device="meta"), (8, 10))


def test_where_a_kernel_cannot_be_launched_the_reason_is_said_once() -> None:
    pytest.importorskip("triton", reason="Triton is not installed (Linux on x86-64 has it)")
    with pytest.warns(UserWarning, match="Triton does not work on cpu .*PyTorch's slower path"):
        assert not runs_on(torch.device("cpu"))
    assert not runs_on(torch.device("cpu"))
