"""Tensors on their way into main memory."""

from types import SimpleNamespace
from typing import Any

import pytest

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
