"""How long pictures take, model by model, so that nobody waits for an answer that cannot come in time."""

import math
import time
from collections.abc import Mapping

import torch

from sceneparse.parsing import Parser
from sceneparse.serving.problems import Problem
from sceneparse.serving.settings import ServeSettings

_MEASURED = (192, 256)
"""Height and width of the picture that a model is timed on."""

_LEAST = 192 * 256
"""Fewer pixels say little: what is the same for every picture takes most of their time."""

SLACK = 1.25
"""A picture is refused if it would take so many times what is allowed: times are not that regular."""


class Paces:
    """Seconds that each model takes for a pixel that its network sees, as they were seen last.

    Args:
        parsers: The models by name.
        settings: The service's limits.
    """

    def __init__(self, parsers: Mapping[str, Parser], settings: ServeSettings) -> None:
        self._parsers, self._settings = parsers, settings
        self._seconds: dict[str, float] = {}

    def measure(self) -> None:
        """Time every model on a grey picture; it has parsed one before."""
        for name, parser in self._parsers.items():
            image = torch.full((parser.config.backbone.in_channels, *_MEASURED), 128, dtype=torch.uint8)
            began = time.monotonic()
            parser.parse(image)
            self.took(name, _MEASURED, time.monotonic() - began)

    def took(self, model: str, size: tuple[int, int], seconds: float) -> None:
        """Take note of a parse.

        Args:
            model: The model's name.
            size: The picture's height and width.
            seconds: How long it took.
        """
        _, pixels = self._parsers[model].protocol.seen_pixels(size)
        if pixels >= _LEAST:
            before = self._seconds.get(model, seconds / pixels)
            self._seconds[model] = 0.7 * before + 0.3 * seconds / pixels

    def foreseen(self, model: str, size: tuple[int, int]) -> float:
        """Return how many seconds a picture would take by what others took; 0 while nothing is known.

        Args:
            model: The model's name.
            size: The picture's height and width.
        """
        _, pixels = self._parsers[model].protocol.seen_pixels(size)
        return self._seconds.get(model, 0.0) * pixels

    def refuse(self, model: str, size: tuple[int, int]) -> None:
        """Refuse a picture that is too large for the model to parse here, before it is decoded.

        Args:
            model: The model's name.
            size: The picture's height and width.

        Raises:
            Problem: 413, it needs too much memory or time.
        """
        at_once, _ = self._parsers[model].protocol.seen_pixels(size)
        shown = f"This model parses the picture at {size[1]:,} × {size[0]:,} pixels, its own size,"
        if self._parsers[model].protocol.tested_size(size) != size:
            tested = self._parsers[model].protocol.tested_size(size)
            shown = f"This model parses the picture at {tested[1]:,} × {tested[0]:,} pixels,"
        smaller = f"Send one of at most {self.most(model):,} pixels."
        if at_once > self._tested:
            raise Problem(
                413, "too-many-pixels", f"{shown} and this service allows {self._tested:,} for a network. {smaller}"
            )
        seconds = self.foreseen(model, size)
        if seconds > SLACK * self._settings.time_limit:
            raise Problem(
                413,
                "too-many-pixels",
                f"{shown} which takes about {seconds:.0f} s here, and this service allows "
                f"{self._settings.time_limit:g} s. {smaller}",
            )

    def most(self, model: str) -> int:
        """Return how many pixels a picture of 4:3 may have for a model to parse it here."""
        low, high = 1, self._settings.max_pixels
        if self._fits(model, high):  # as of a model that brings large pictures to the size that it learnt from
            return high
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self._fits(model, middle) else (low, middle - 1)
        return math.prod(_four_to_three(low))

    def _fits(self, model: str, pixels: int) -> bool:
        at_once, seen = self._parsers[model].protocol.seen_pixels(_four_to_three(pixels))
        return at_once <= self._tested and self._seconds.get(model, 0.0) * seen <= self._settings.time_limit

    @property
    def _tested(self) -> int:
        return min(self._settings.max_tested, self._settings.max_pixels)


def _four_to_three(pixels: int) -> tuple[int, int]:
    """Return the height and width of a picture of about so many pixels, and no more."""
    height = max(1, math.isqrt(pixels * 3 // 4))
    return height, max(1, pixels // height)
