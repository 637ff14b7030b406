"""Tensors on their way into main memory."""

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from sceneparse.devices.memory import BESIDE
from sceneparse.networks.exact.reading import Arriving


class Values:
    """A tensor of a device that isn't there."""

    def __init__(self, device: str) -> None:
        self.device, self.is_cuda, self.waits = SimpleNamespace(type=device), False, True

    def detach(self) -> "Values":
        return self

    def to(self, _: str, *, non_blocking: bool) -> "Values":
        self.waits = not non_blocking
        return self


@pytest.mark.parametrize(("device", "waits"), [("cpu", False), ("mps", True), ("xpu", True)])
def test_a_copy_that_may_be_read_too_early_is_waited_for(device: str, waits: bool) -> None:
    values: Any = Values(device)
    Arriving(values)
    assert values.waits is waits


class OnCuda(Values):
    """A tensor of a CUDA device that isn't there, which notes what is asked of it."""

    def __init__(self, done: list[str], nbytes: int) -> None:
        super().__init__("cuda")
        self.is_cuda, self.nbytes, self._done = True, nbytes, done

    def to(self, _: str, *, non_blocking: bool) -> "OnCuda":
        self._done.append(f"copy{'' if non_blocking else ', waited for'}")
        return self

    def record_stream(self, stream: "Stream") -> None:
        self._done.append(f"kept for {stream.name}")


class Stream:
    def __init__(self, name: str, done: list[str]) -> None:
        self.name, self._done = name, done

    def wait_stream(self, other: "Stream") -> None:
        self._done.append(f"{self.name} waits for {other.name}")


@pytest.mark.parametrize(
    ("beside", "nbytes", "on"),
    [(False, BESIDE, "computing"), (True, BESIDE - 1, "computing"), (True, BESIDE, "downloads")],
)
def test_large_results_that_stay_as_they_are_travel_beside_what_is_computed(
    beside: bool, nbytes: int, on: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    computing, downloads = Stream("computing", done), Stream("downloads", done)

    @contextlib.contextmanager
    def stream(one: Stream) -> Iterator[None]:
        done.append(f"on {one.name}")
        yield

    class Event:
        def record(self, one: Stream) -> None:
            done.append(f"record on {one.name}")

        def synchronize(self) -> None:
            done.append("wait")

    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: computing)
    monkeypatch.setattr(torch.cuda, "stream", stream)
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr("sceneparse.networks.exact.reading.downloads", lambda _: downloads)
    values: Any = OnCuda(done, nbytes)
    assert Arriving(values, beside=beside).values() is values
    copied = [f"on {on}", "copy"]
    if on == "downloads":
        copied = ["downloads waits for computing", *copied, "kept for downloads"]
    assert done == [*copied, f"record on {on}", "wait"]
