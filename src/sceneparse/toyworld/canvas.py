"""The canvas: one stroke writes the picture and its four label maps at once.

Coordinates are fractions of the picture's side, x to the right and y downwards, so a scene's layout does not depend on
its resolution. Edges are blended by coverage in the picture; in the label maps a pixel belongs to the stroke that
covers at least half of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

from sceneparse.labels import IGNORE
from sceneparse.toyworld.spaces import Tag

Floats = NDArray[np.float32]
Point = tuple[float, float]
Box = tuple[float, float, float, float]


def rgb(red: float, green: float, blue: float) -> Floats:
    """Return a colour, each channel about 0..1, as (3, 1, 1), which broadcasts against a rectangle's (h, w)."""
    return np.array((red, green, blue), dtype=np.float32).reshape(3, 1, 1)


def mix(first: Floats, second: Floats, share: Floats | float) -> Floats:
    """Blend two values: `first` where `share` is 0, `second` where it is 1."""
    return first + (second - first) * share


def smooth(value: Floats, low: Floats | float, high: Floats | float) -> Floats:
    """Return a linear ramp: 0 below `low`, 1 above `high` (falling if `low` > `high`)."""
    return np.clip((value - low) * (1 / (high - low)), 0, 1)


def where(condition: NDArray[np.bool_]) -> Floats:
    """Return 1 where the condition holds, 0 elsewhere."""
    return condition.astype(np.float32)


@dataclass(frozen=True)
class Region:
    """A rectangle of the canvas and how much of each of its pixels a stroke covers.

    Args:
        rows: The rectangle's rows.
        columns: The rectangle's columns.
        cover: (h, w) coverage 0..1.
        x: (1, w) pixel centres.
        y: (h, 1) pixel centres.
    """

    rows: slice
    columns: slice
    cover: Floats
    x: Floats
    y: Floats

    def within(self, cover: Floats) -> "Region":
        """Return the region restricted to `cover`: the product of both coverages."""
        return Region(self.rows, self.columns, (self.cover * cover).astype(np.float32, copy=False), self.x, self.y)

    def local(self, box: Box) -> tuple[Floats, Floats]:
        """Return coordinates that run from 0 to 1 over `box` (left, top, right, bottom): (1, w) and (h, 1)."""
        left, top, right, bottom = box
        return (self.x - left) / max(right - left, 1e-6), (self.y - top) / max(bottom - top, 1e-6)


class Canvas:
    """A square picture in the making, and its label maps.

    Args:
        size: Side in pixels.

    Attributes:
        image: (3, size, size) float32, about 0..1.
        maps: (4, size, size) int16: objects, parts, materials and textures, `IGNORE` where nothing is drawn.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.image = np.zeros((3, size, size), dtype=np.float32)
        self.maps = np.full((4, size, size), IGNORE, dtype=np.int16)
        self._axis = ((np.arange(size) + 0.5) / size).astype(np.float32)

    def box(self, left: float, top: float, right: float, bottom: float) -> Region:
        """Return the whole pixels that an upright rectangle touches, fully covered: grounds, computed outlines."""
        x0, x1 = self._span(left, right)
        y0, y1 = self._span(top, bottom)
        return Region(
            slice(y0, y1),
            slice(x0, x1),
            np.ones((y1 - y0, x1 - x0), dtype=np.float32),
            self._axis[None, x0:x1],
            self._axis[y0:y1, None],
        )

    def rectangle(self, left: float, top: float, right: float, bottom: float) -> Region:
        """Return an upright rectangle with exact coverage at its edges."""
        region = self.box(left, top, right, bottom)
        half = 0.5 / self.size
        across = np.minimum(region.x + half, right) - np.maximum(region.x - half, left)
        down = np.minimum(region.y + half, bottom) - np.maximum(region.y - half, top)
        return region.within(np.clip(across * self.size, 0, 1) * np.clip(down * self.size, 0, 1))

    def polygons(self, *shapes: Sequence[Point]) -> Region:
        """Return the union of polygons."""
        points = np.array([point for shape in shapes for point in shape], dtype=np.float64)

        def draw(pencil: ImageDraw.ImageDraw, to_pixels: Callable[[ArrayLike], list[Point]]) -> None:
            for shape in shapes:
                pencil.polygon(to_pixels(shape), fill=255)

        return self._drawn(points, draw)

    def ellipses(self, *shapes: Box) -> Region:
        """Return the union of upright ellipses, each given as (centre x, centre y, radius x, radius y)."""
        corners = np.array([[(x - a, y - b), (x + a, y + b)] for x, y, a, b in shapes], dtype=np.float64)

        def draw(pencil: ImageDraw.ImageDraw, to_pixels: Callable[[ArrayLike], list[Point]]) -> None:
            for pair in corners:
                (left, top), (right, bottom) = to_pixels(pair)
                pencil.ellipse((left, top, max(left, right), max(top, bottom)), fill=255)

        return self._drawn(corners.reshape(-1, 2), draw)

    def blob(self, x: float, y: float, radius_x: float, radius_y: float) -> Region:
        """Return a soft ellipse, for shadows and glows: coverage 1 in the middle, falling to 0 at the edge."""
        region = self.box(x - radius_x, y - radius_y, x + radius_x, y + radius_y)
        fall = 1 - ((region.x - x) / radius_x) ** 2 - ((region.y - y) / radius_y) ** 2
        return region.within(np.clip(fall, 0, 1))

    def paint(self, region: Region, color: Floats, what: Tag) -> None:
        """Cover a region with a colour, (3, 1, 1) or (3, h, w), and label it."""
        self.tint(region, color)
        self.relabel(region, what)

    def tint(self, region: Region, color: Floats, strength: float = 1) -> None:
        """Blend a colour, (3, 1, 1) or (3, h, w), over a region; labels stay (shadows, reflections, glow)."""
        view = self.image[:, region.rows, region.columns]
        view += (color - view) * (region.cover if strength == 1 else region.cover * strength)

    def shade(self, region: Region, strength: float) -> None:
        """Darken a region by up to `strength` (0..1)."""
        self.image[:, region.rows, region.columns] *= 1 - region.cover * strength

    def relabel(self, region: Region, what: Tag) -> None:
        """Label a region and leave the picture alone."""
        values = np.array(what, dtype=np.int16).reshape(4, 1, 1)
        np.copyto(self.maps[:, region.rows, region.columns], values, where=region.cover >= 0.5)

    def _span(self, low: float, high: float) -> tuple[int, int]:
        first = min(max(int(np.floor(low * self.size)), 0), self.size)
        return first, max(min(int(np.ceil(high * self.size)), self.size), first)

    def _drawn(
        self,
        points: NDArray[np.float64],
        draw: Callable[[ImageDraw.ImageDraw, Callable[[ArrayLike], list[Point]]], None],
    ) -> Region:
        """Return what `draw` covers within the points' bounds, from 4 (large regions: 2) samples a side of a pixel."""
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
        region = self.box(left, top, right, bottom)
        height, width = region.cover.shape
        if not height or not width:
            return region
        fine = 4 if height * width < 4096 else 2
        drawing = Image.new("L", (width * fine, height * fine))
        origin = np.array([region.columns.start, region.rows.start])

        def to_pixels(shape: ArrayLike) -> list[Point]:
            # Pillow's pixel i covers i-0.5..i+0.5.
            pixels = (np.asarray(shape, dtype=np.float64) * self.size - origin) * fine - 0.5
            return [(x, y) for x, y in pixels.tolist()]

        draw(ImageDraw.Draw(drawing), to_pixels)
        cover = np.asarray(drawing.reduce(fine), dtype=np.float32) * np.float32(1 / 255)
        return Region(region.rows, region.columns, cover, region.x, region.y)
