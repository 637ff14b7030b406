"""Helpers that compose scenes: things drawn from far to near, and winding paths."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sceneparse.toyworld.canvas import Point, Region
from sceneparse.toyworld.view import Stage


class Cast:
    """Things that stand on the ground, drawn from the farthest to the nearest."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._things: list[tuple[float, int, Callable[[], None]]] = []

    def add(self, base: float, draw: Callable[..., None], *numbers: float) -> None:
        """Add a thing that stands at height `base` of the picture; `draw(stage, *numbers)` draws it."""
        plain = [float(number) for number in numbers]
        self._things.append((float(base), len(self._things), lambda: draw(self._stage, *plain)))

    def enter(self) -> None:
        """Draw all things, the farthest first."""
        for _, _, draw in sorted(self._things, key=lambda thing: thing[:2]):
            draw()


def corners(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[Point]:
    """Return a line's points as (x, y) pairs."""
    return list(zip(x.tolist(), y.tolist(), strict=True))


def winding_way(stage: Stage, start: float, drift: float, width: float) -> Region:
    """Return the region of a path that winds from the horizon to the viewer.

    Args:
        stage: The scene.
        start: Where it meets the horizon, across the picture.
        drift: How far to the right it comes on its way, in picture sides.
        width: Its half width at the picture's lower edge.
    """
    horizon, rng = stage.camera.horizon, stage.rng
    t = np.linspace(0, 1, 20)
    y = horizon + (1.02 - horizon) * t**1.7
    x = start + drift * t + 0.065 * np.sin(t * rng.uniform(3, 6) + rng.uniform(0, 6))
    half = 0.007 + width * t**1.7
    return stage.canvas.polygons(corners(x - half, y) + corners((x + half)[::-1], y[::-1]))
