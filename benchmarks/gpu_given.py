"""What the sections of `gpu.py` measure with."""

import statistics
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch

from command_line import note
from peer_networks import CASES, Case
from sceneparse.benching.matrix_peak import matrix_peak
from sceneparse.benching.timing import take_turns

NOT_COMPILED = "the quick form compiles nothing"


class Given(NamedTuple):
    """What is measured with.

    Args:
        device: Where.
        quick: Whether networks are small and nothing is compiled.
        repeats: Rounds.
        data: CamVid's folder, or None.
        settings: Of the recipe, as they were given.
        until: When all of the section has to be done, by `time.monotonic()`.
    """

    device: torch.device
    quick: bool
    repeats: int
    data: Path | None
    settings: list[str]
    until: float

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.until - time.monotonic()

    @property
    def on_gpu(self) -> bool:
        """Whether memory of the device can be measured."""
        return self.device.type == "cuda"

    def case(self, name: str) -> Case:
        """A network, a small one in the quick form."""
        return CASES[name].quick()._replace(backbone="resnet10t", channels=16) if self.quick else CASES[name]

    def turns(self, forms: dict[str, Callable[[], object]]) -> dict[str, float]:
        """Median milliseconds of forms."""
        times = take_turns(forms, self.device, self.repeats, 1 if self.quick else 3, lambda _: None)
        medians = {name: statistics.median(one) for name, one in times.items()}
        for name, value in medians.items():
            note(f"  {name}: {value:.3f} ms")
        return medians

    def peak(self, run: Callable[[], object]) -> float:
        """Bytes that a function takes on the device at most, beyond what is there."""
        if not self.on_gpu:
            return 0.0
        torch.cuda.synchronize(self.device)
        torch.cuda.reset_peak_memory_stats(self.device)
        before = torch.cuda.memory_allocated(self.device)
        run()
        torch.cuda.synchronize(self.device)
        return float(torch.cuda.max_memory_allocated(self.device) - before)


@cache
def card_peak(device: torch.device) -> float:
    """Multiply-adds a second of large products in bfloat16, measured; on a CPU, for the quick form, in float32."""
    if device.type == "cpu":
        return matrix_peak(device, "float32", 1)
    return matrix_peak(device, "bfloat16")


def reason_of(error: Exception) -> str:
    """What an error says, in a line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0][:150]
