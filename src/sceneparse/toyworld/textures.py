"""Procedural textures: noise tiles, made once per process, and patterns computed from surface coordinates.

Every pattern takes surface coordinates `u` (along) and `v` (across, or upwards), any two arrays that broadcast to
(h, w), in units of its own repeat, and gives float32 of that shape.
"""

from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from sceneparse.toyworld.canvas import Floats

_SIDE = 256
_FAR = 1 << 16  # a multiple of the tile's side that keeps coordinates positive


@cache
def _tile(power: float, key: int) -> Floats:
    """Make a flattened periodic tile of noise with spectrum 1/f^power, mean 0, standard deviation 1, cut at 2.5."""
    rng = np.random.Generator(np.random.Philox(key=key))
    white = rng.standard_normal((_SIDE, _SIDE))
    frequency = np.hypot(np.fft.fftfreq(_SIDE)[:, None], np.fft.rfftfreq(_SIDE)[None]) * _SIDE
    frequency[0, 0] = np.inf
    tile = np.fft.irfft2(np.fft.rfft2(white) / np.maximum(frequency, 2.0) ** power, s=(_SIDE, _SIDE))
    return np.clip(tile / tile.std(), -2.5, 2.5).astype(np.float32).ravel()


@cache
def _relief_tile() -> Floats:
    """Make noise that is seen as a height field lit from the left: for rock faces."""
    tile = _tile(1.6, 4).reshape(_SIDE, _SIDE)
    slope = tile - np.roll(tile, 3, axis=1) + 0.35 * (tile - np.roll(tile, -3, axis=0))
    return np.clip(slope / slope.std(), -2.5, 2.5).ravel()


def _lookup(tile: Floats, u: ArrayLike, v: ArrayLike) -> Floats:
    column = (np.asarray(u, dtype=np.float32) + _FAR).astype(np.int32) & (_SIDE - 1)
    row = (np.asarray(v, dtype=np.float32) + _FAR).astype(np.int32) & (_SIDE - 1)
    return tile.take(row * _SIDE + column)


def clouds(u: ArrayLike, v: ArrayLike) -> Floats:
    """Return soft large noise of standard deviation 1; coordinates in tile pixels (period 256)."""
    return _lookup(_tile(1.9, 1), u, v)


def rough(u: ArrayLike, v: ArrayLike) -> Floats:
    """Return noise of all sizes, standard deviation 1; coordinates in tile pixels (period 256)."""
    return _lookup(_tile(1.0, 2), u, v)


def speckle(u: ArrayLike, v: ArrayLike) -> Floats:
    """Return independent noise per cell, standard deviation 1: grain, and the hash that gives each brick its tone."""
    return _lookup(_tile(0.0, 3), u, v)


def relief(u: ArrayLike, v: ArrayLike) -> Floats:
    """Return a rugged surface lit from the left, standard deviation 1; coordinates in tile pixels (period 256)."""
    return _lookup(_relief_tile(), u, v)


def fraction(value: ArrayLike) -> Floats:
    """Return the fractional part, 0..1, also of negative numbers."""
    array = np.asarray(value, dtype=np.float32)
    return array - np.floor(array)


def line(value: ArrayLike, width: float) -> Floats:
    """Return 1 on lines of `width` (a share of the repeat) at whole numbers, 0 elsewhere, with a soft edge."""
    distance = 0.5 - np.abs(fraction(value) - 0.5)
    return np.clip(1.5 - distance * (2 / width), 0, 1)


def bricks(u: ArrayLike, v: ArrayLike) -> tuple[Floats, Floats]:
    """Return courses of bricks two units long and one high: each one's tone (deviation 1) and the joints (0..1)."""
    row = np.floor(np.asarray(v, dtype=np.float32))
    along = np.asarray(u, dtype=np.float32) * 0.5 + 0.5 * (row % 2)
    return speckle(along, row), np.maximum(line(along, 0.10), line(v, 0.20))


def slabs(u: ArrayLike, v: ArrayLike) -> tuple[Floats, Floats]:
    """Return unit squares: the tone of each (standard deviation 1) and the joints between them (0..1)."""
    return speckle(u, v), np.maximum(line(u, 0.08), line(v, 0.08))


def shingles(u: ArrayLike, v: ArrayLike) -> Floats:
    """Return overlapping tiles, about -1..1, each dark at its upper edge."""
    row = np.floor(np.asarray(v, dtype=np.float32))
    along = np.asarray(u, dtype=np.float32) + 0.5 * (row % 2)
    return 0.4 * speckle(along, row) + 0.9 - 1.8 * fraction(v) - 0.5 * line(along, 0.2)


def stripes(u: ArrayLike, v: ArrayLike) -> Floats:
    """Return bands along v, as wide as the gaps between them: 0..1."""
    soft = np.clip(2.5 - 10 * np.abs(fraction(u) - 0.5), 0, 1)
    return soft + np.zeros_like(v, dtype=np.float32)


def dots(u: ArrayLike, v: ArrayLike) -> Floats:
    """Return round dots on a staggered grid: 0..1."""
    row = np.floor(np.asarray(v, dtype=np.float32))
    across = fraction(np.asarray(u, dtype=np.float32) + 0.5 * (row % 2)) - 0.5
    return np.clip(2.6 - 8 * np.hypot(across, fraction(v) - 0.5), 0, 1)


def checks(u: ArrayLike, v: ArrayLike) -> Floats:
    """Return a gingham check, half shades where bands cross gaps: 0, 0.5 or 1."""
    return 0.5 * (stripes(u, 0.0) + stripes(v, 0.0))


def weave(u: ArrayLike, v: ArrayLike) -> Floats:
    """Return threads that go over and under in turn: -1..1."""
    over = (np.floor(np.asarray(u, dtype=np.float32)) + np.floor(np.asarray(v, dtype=np.float32))) % 2
    bend = 2 * np.abs(np.where(over > 0, fraction(u), fraction(v)) - 0.5)
    return 1 - 2 * bend * bend


def grain(u: ArrayLike, v: ArrayLike) -> Floats:
    """Return wood grain along u, about -2..2."""
    return rough(np.asarray(u, dtype=np.float32) * 3, np.asarray(v, dtype=np.float32) * 24)
