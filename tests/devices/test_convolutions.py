"""PyTorch's setting of how cuDNN's kernels are chosen is there without a GPU."""

import threading
from collections.abc import Iterator

import pytest
import torch
from torch.backends import cudnn

from sceneparse.devices.convolutions import measured_convolutions


@pytest.fixture(autouse=True)
def _kept() -> Iterator[None]:
    before = cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32
    yield
    cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32 = before


@pytest.mark.parametrize("before", [False, True])
def test_kernels_are_measured_while_it_lasts_and_nothing_else_changes(before: bool) -> None:
    cudnn.benchmark = before
    tf32 = cudnn.allow_tf32
    with pytest.raises(KeyError), measured_convolutions():
        assert cudnn.benchmark and cudnn.allow_tf32 == tf32
        raise KeyError
    assert cudnn.benchmark is before


def test_the_last_thread_that_leaves_puts_back_what_was_set() -> None:
    cudnn.benchmark = False
    entered, leave = threading.Event(), threading.Event()

    def other() -> None:
        with measured_convolutions():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with measured_convolutions():
        thread.start()
        assert entered.wait(10)
    assert cudnn.benchmark
    leave.set()
    thread.join()
    assert not cudnn.benchmark


def test_what_is_to_be_deterministic_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    cudnn.benchmark = False
    cudnn.deterministic = True
    with measured_convolutions():
        assert not cudnn.benchmark
    cudnn.deterministic = False
    monkeypatch.setattr(torch, "are_deterministic_algorithms_enabled", lambda: True)
    with measured_convolutions():
        assert not cudnn.benchmark
