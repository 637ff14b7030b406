"""Batches on their way to a CUDA device, played by something that notes what is asked of it, in order."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from sceneparse.data import feeding
from sceneparse.devices.memory import uploads

CUDA = torch.device("cuda", 1)


@dataclass
class Stream:
    """A stream of a device that isn't there."""

    name: str
    done: list[str]

    def wait_stream(self, other: "Stream") -> None:
        self.done.append(f"{self.name} wait for {other.name}")


@dataclass
class Part:
    """A tensor of a batch."""

    name: str
    done: list[str]

    def to(self, device: torch.device, *, non_blocking: bool) -> "Part":
        self.done.append(f"copy {self.name} to {device}{', not waited for' * non_blocking}")
        return Part(f"{self.name} there", self.done)

    def record_stream(self, stream: Stream) -> None:
        self.done.append(f"{self.name} is used by {stream.name}")


@dataclass
class Parts:
    """A batch."""

    parts: list[Part]

    def mapped(self, change: Callable[[Part], Part]) -> "Parts":
        return Parts([change(part) for part in self.parts])


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What was asked of CUDA."""
    done: list[str] = []

    def new(device: torch.device, priority: int) -> Stream:
        assert priority < 0  # graphs are recorded on those of priority 0
        done.append(f"new stream on {device}")
        return Stream("copies", done)

    @contextlib.contextmanager
    def entered(stream: Stream) -> Iterator[None]:
        done.append(f"on {stream.name}:")
        yield
        done.append("on the usual one:")

    monkeypatch.setattr(torch.cuda, "Stream", new)
    monkeypatch.setattr(torch.cuda, "stream", entered)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device=None: Stream(f"steps on {device}", done))
    uploads.cache_clear()
    yield done
    uploads.cache_clear()


def test_a_batch_travels_beside_the_step_before_it_and_is_not_used_before_it_is_there(done: list[str]) -> None:
    batch: Any = Parts([Part("images", done), Part("objects", done)])
    there: Any = feeding._moved(batch, CUDA)
    assert [part.name for part in there.parts] == ["images there", "objects there"]
    one = [
        "on copies:",
        "copy images to cuda:1, not waited for",
        "copy objects to cuda:1, not waited for",
        "on the usual one:",
        "steps on cuda:1 wait for copies",
        "images there is used by steps on cuda:1",
        "objects there is used by steps on cuda:1",
    ]
    assert done == ["new stream on cuda:1", *one]
    feeding._moved(batch, CUDA)
    assert done == ["new stream on cuda:1", *one, *one], "the same stream for all batches"
    feeding._moved(batch, torch.device("cuda", 0))
    assert done.count("new stream on cuda:0") == 1


def test_elsewhere_no_streams_are_made(done: list[str]) -> None:
    batch: Any = Parts([Part("images", done)])
    assert feeding._moved(batch, torch.device("cpu")) is batch and done == []
    feeding._moved(batch, torch.device("xpu", 0))
    assert done == ["copy images to xpu:0"], "of these a copy that isn't waited for is not known to be safe"
