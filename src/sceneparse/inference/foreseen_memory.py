"""How much memory a picture is going to take, found out on a piece of it and said before it is computed."""

import math
from collections.abc import Callable, Hashable

import torch
from torch import Tensor

from sceneparse.arguments import argument, warn
from sceneparse.devices import memory, wait
from sceneparse.files import sized
from sceneparse.processes import leads
from sceneparse.processes.machine import PeakMemory, available_memory

LARGE = 4_000_000
"""Pixels of a picture from which on its memory is asked for: finding it out takes a tenth of its time at most."""

PIECE = 672 * 672
"""Pixels of the piece. Of fewer, what is the same for every picture is too large a share."""

MUCH = 4 << 30
"""Bytes of main memory that are said even where more are free: other programs want some too."""

LESS = "make do with less"
"""What is said of the settings with which a picture takes less memory."""

ALL = "all"
"""What is asked of an engine where it is everything: no other question takes more memory."""

_MORE = 1.25
"""What takes so many times as much as what was said last is said anew."""


class ForeseenMemory:
    """Foresees how much memory an engine takes for a picture: in proportion to what it takes for a piece.

    That is roughly so: of pictures of 3 megapixels it was 0.65 to 1.25 times as much.

    Args:
        device: Where the engine computes.
        release: Lets the engine give back what it keeps of pictures before, in which the piece would find its room;
            returns whether it did, which it cannot while another thread computes with it.
    """

    def __init__(self, device: torch.device, release: Callable[[], bool] | None = None) -> None:
        self._device, self._release = device, release
        self._rates: dict[Hashable, float | None] = {}
        self._said = 0.0

    def announce(self, images: Tensor, what: Hashable, compute: Callable[[Tensor], object]) -> None:
        """Say how much memory a picture is going to take, if that is more than is free, or much.

        Of several pictures at once nothing is said: where these take too much, it is tried with fewer.

        Args:
            images: (N, C, H, W) as an engine takes them.
            what: What is asked of the engine: its memory is found out once of each.
            compute: Computes that of a picture.
        """
        count, _, height, width = images.shape
        if count > 1 or height * width < LARGE or not leads():
            return
        rows = min(height, max(math.isqrt(PIECE), PIECE // width))
        if text := self._warning(height * width, images[:, :, :rows, : PIECE // rows], what, compute):
            warn(f"{width:,}×{height:,} pixels that go through the network at once {text}: {way_to_less()}")

    def warning(self, pixels: int, channels: int, compute: Callable[[Tensor], object]) -> str | None:
        """Return what is to be said of pictures that may come, as the end of a sentence; None where they take little.

        Args:
            pixels: So many go through the network at once.
            channels: The picture's.
            compute: Computes everything that may be asked of the engine, of a picture.
        """
        if pixels < LARGE:
            return None
        side = math.isqrt(PIECE)
        return self._warning(pixels, torch.zeros(1, channels, side, side, dtype=torch.uint8), ALL, compute)

    def _warning(self, pixels: int, piece: Tensor, what: Hashable, compute: Callable[[Tensor], object]) -> str | None:
        if what not in self._rates and ALL not in self._rates:
            if self._release is not None and not self._release():
                return None
            taken = _taken(piece, self._device, compute)
            if taken != 0:  # else the machine took memory away meanwhile: it is asked again
                self._rates[what] = None if taken is None else taken / (piece.shape[-2] * piece.shape[-1])
        rate, free = self._rates.get(what, self._rates.get(ALL)), _free(self._device)
        if rate is None or free is None:
            return None
        needed = rate * pixels
        on_cpu = self._device.type == "cpu"
        if needed < _MORE * self._said or needed < (min(free, MUCH) if on_cpu else free):
            return None
        self._said = needed
        whose = "memory" if on_cpu else f"the memory of {self._device}"
        return f"take about {sized(round(needed))} of {whose}, of which {sized(free)} are free"


def way_to_less() -> str:
    """How a message says with which settings a picture takes less memory."""
    size, window = (argument(f"protocol.{name}", option=f"--{name}") for name in ("size", "window"))
    return f"{size} or {window} {LESS}"


def memory_of(engine: object) -> ForeseenMemory | None:
    """Return what foresees the memory of an engine's pictures; None of one that has none."""
    found: ForeseenMemory | None = getattr(engine, "memory", None)
    return found


def _free(device: torch.device) -> int | None:
    """The bytes that are free; None where nobody says."""
    if device.type == "cpu":
        return available_memory()
    try:
        return memory.available(device) if memory.tells_memory(device) else None
    except RuntimeError:
        return None


def _taken(piece: Tensor, device: torch.device, compute: Callable[[Tensor], object]) -> int | None:
    """The bytes that computing a piece takes at most; None where the machine does not say, or they are not enough."""
    try:
        if device.type == "cpu":
            if not PeakMemory.begin():
                return None
            before = PeakMemory.now()
            compute(piece)
            return max(0, PeakMemory.bytes() - before)
        if not memory.tells_memory(device):
            return None
        memory.forget_peak(device)
        before = memory.allocated(device)
        compute(piece)
        wait(device)
        return max(0, memory.peak_allocated(device) - before)
    except (RuntimeError, MemoryError) as error:
        if memory.ran_out(error):  # of the picture itself it is said
            return None
        raise
