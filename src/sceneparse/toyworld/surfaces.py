"""Surfaces: the materials of walls, roofs, grounds and fabrics, and how they look.

A surface gives colours from surface coordinates in metres and names its material and its visible texture.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from sceneparse.toyworld import textures
from sceneparse.toyworld.canvas import Floats, mix, rgb


class Surface(NamedTuple):
    """A material with a visible texture.

    Args:
        material: Name in `MATERIALS`.
        texture: Name in `TEXTURES`.
        colors: From u, v (metres; shapes that broadcast to (h, w)) and a base colour (3, 1, 1) to (3, h, w) colours.
    """

    material: str
    texture: str
    colors: Callable[[Floats, Floats, Floats], Floats]


def _brick(u: Floats, v: Floats, color: Floats) -> Floats:
    tone, joint = textures.bricks(u / 0.45, v / 0.42)
    return mix(color * (1 + 0.11 * tone), rgb(0.74, 0.71, 0.66), 0.75 * joint)


def _concrete(u: Floats, v: Floats, color: Floats) -> Floats:
    return color * (1 + 0.05 * textures.rough(u * 12, v * 12))


def _plaster(u: Floats, v: Floats, color: Floats) -> Floats:
    return color * (1 + 0.02 * textures.clouds(u * 16, v * 16))


def _siding(u: Floats, v: Floats, color: Floats) -> Floats:
    return color * (1.04 - 0.30 * textures.fraction(v / 0.5) ** 3 + 0.04 * textures.grain(u, v))


def _stone(u: Floats, v: Floats, color: Floats) -> Floats:
    tone, joint = textures.bricks(u / 0.6 + 0.1 * textures.rough(u * 30, v * 30), v / 0.8)
    return color * (1 + 0.10 * tone - 0.30 * joint)


def _shingles(u: Floats, v: Floats, color: Floats) -> Floats:
    return color * (1 + 0.17 * textures.shingles(u / 0.7, v / 0.6))


def _metal(u: Floats, v: Floats, color: Floats) -> Floats:
    return color * (1 + 0.06 * textures.stripes(v * 0.5, u))


def _wood(u: Floats, v: Floats, color: Floats) -> Floats:
    return color * (1 + 0.10 * textures.grain(u, v))


def _plain_fabric(u: Floats, v: Floats, color: Floats) -> Floats:
    return color * (1 + 0.03 * textures.clouds(u * 60, v * 60))


def _patterned(pattern: Callable[[ArrayLike, ArrayLike], Floats], repeat: float) -> Callable[..., Floats]:
    """Return the look of a fabric in two shades of its colour: light and deep."""

    def colors(u: Floats, v: Floats, color: Floats) -> Floats:
        pale = mix(color, rgb(1.0, 0.98, 0.94), 0.72)
        return mix(pale, color, pattern(u / repeat, v / repeat))

    return colors


def _woven(u: Floats, v: Floats, color: Floats) -> Floats:
    return color * (1 + 0.16 * textures.weave(u / 0.07, v / 0.07))


BRICK = Surface("brick", "bricked", _brick)
CONCRETE = Surface("concrete", "speckled", _concrete)
PLASTER = Surface("plaster", "plain", _plaster)
SIDING = Surface("wood", "striped", _siding)
MASONRY = Surface("stone", "bricked", _stone)
SHINGLES = Surface("roof tile", "shingled", _shingles)
METAL = Surface("metal", "plain", _metal)
WOOD = Surface("wood", "grained", _wood)

FABRICS = (
    Surface("fabric", "plain", _plain_fabric),
    Surface("fabric", "striped", _patterned(textures.stripes, 0.34)),
    Surface("fabric", "dotted", _patterned(textures.dots, 0.30)),
    Surface("fabric", "checkered", _patterned(textures.checks, 0.36)),
    Surface("fabric", "woven", _woven),
)

WALL_COLORS = {
    "brick": ((0.62, 0.33, 0.25), (0.55, 0.30, 0.26), (0.70, 0.44, 0.32), (0.50, 0.36, 0.33)),
    "concrete": ((0.66, 0.66, 0.65), (0.58, 0.59, 0.61), (0.72, 0.69, 0.64)),
    "plaster": ((0.90, 0.84, 0.70), (0.86, 0.72, 0.56), (0.78, 0.82, 0.78), (0.88, 0.86, 0.84), (0.82, 0.64, 0.56)),
    "wood": ((0.62, 0.68, 0.72), (0.80, 0.76, 0.66), (0.56, 0.32, 0.26), (0.64, 0.52, 0.38)),
    "stone": ((0.66, 0.62, 0.55), (0.58, 0.57, 0.55)),
}
"""Base colours of walls, by material."""

FABRIC_COLORS = (
    (0.75, 0.25, 0.25),
    (0.25, 0.42, 0.66),
    (0.28, 0.52, 0.42),
    (0.80, 0.58, 0.24),
    (0.52, 0.36, 0.58),
    (0.62, 0.60, 0.58),
    (0.24, 0.56, 0.62),
)
"""Base colours of clothes, covers, shades and sunshades."""


def pick(rng: np.random.Generator, choices: tuple[tuple[float, float, float], ...]) -> Floats:
    """Pick one of the colours at random and vary it slightly."""
    change = rng.standard_normal(4)
    color = np.array(choices[rng.integers(len(choices))]) * (1 + 0.06 * change[0]) + 0.015 * change[1:]
    return color.clip(0.04, 0.97).astype(np.float32).reshape(3, 1, 1)
