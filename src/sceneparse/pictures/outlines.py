"""Trace the regions of a label map as polygons along the edges of pixels: exact, with holes, in whole numbers.

A region is what hangs together by the sides of pixels (4-connected); pixels that touch at a corner alone are two
regions. Coordinates are (x, y) in pixels from the upper left corner of the picture, y downwards: the pixel of row r and
column c is the square from (c, r) to (c + 1, r + 1). Filling the polygons gives the label map back, whatever the rule
(even-odd or winding), if a pixel is taken by its centre.

Orientation is RFC 7946's, by the numbers: an exterior has a positive area by the shoelace formula, a hole a negative
one. As y points downwards, an exterior looks clockwise on a screen.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneparse.errors import counted
from sceneparse.labels import IGNORE

Ring = NDArray[np.int32]
"""(N, 2) corners as (x, y); the first is not repeated at the end, and no three of them in a row lie on a line."""

_OUTSIDE = -2


@dataclass(frozen=True, eq=False)
class Region:
    """A region of one class.

    Args:
        index: Its class index.
        exterior: Its outer border.
        holes: The borders of what it surrounds.
        bridges: For each hole, how it is tied to the others: the ring that lies straight above its first corner (0: the
            exterior, n: hole n - 1), that ring's side which is met (the position of the side's first corner), and the
            row.
    """

    index: int
    exterior: Ring
    holes: tuple[Ring, ...]
    bridges: tuple[tuple[int, int, int], ...]

    def __repr__(self) -> str:
        (left, top), (right, bottom) = self.exterior.min(axis=0).tolist(), self.exterior.max(axis=0).tolist()
        holes = f", {counted(len(self.holes), 'hole')}" if self.holes else ""
        return f"Region(class {self.index}, {counted(self.pixels, 'pixel')}, x {left}–{right}, y {top}–{bottom}{holes})"

    @property
    def rings(self) -> tuple[Ring, ...]:
        """The exterior and the holes."""
        return (self.exterior, *self.holes)

    @property
    def pixels(self) -> int:
        """Number of its pixels."""
        return sum(ring_area(ring) for ring in self.rings)

    def keyhole(self) -> list[tuple[int, int]]:
        """Return one closed path around the region, for forms that know no holes; the last corner leads to the first.

        Each hole is reached by a line straight down from what lies above it, and left by the same line. Such a line
        encloses nothing, so that the path's pixels are the region's.
        """
        if not self.holes:
            return [(x, y) for x, y in self.exterior.tolist()]
        tied: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
        for hole, (ring, side, row) in enumerate(self.bridges):
            tied.setdefault((ring, side), []).append((int(self.holes[hole][0, 0]), row, hole + 1))
        path: list[tuple[int, int]] = []
        # A stack of paths in place of calls: holes may hang below each other by the thousand.
        stack = [self._steps(0, tied)]
        while stack:
            step = next(stack[-1], None)
            if step is None:
                stack.pop()
            elif isinstance(step, int):
                stack.append(self._steps(step, tied))
            elif not path or path[-1] != step:
                path.append(step)
        return path

    def _steps(self, ring: int, tied: dict[tuple[int, int], list[tuple[int, int, int]]]) -> Iterator[Any]:
        """The corners of a ring, and the numbers of the rings that are tied to its sides, where their turn comes."""
        corners = self.rings[ring].tolist()
        for side, (x, y) in enumerate(corners):
            yield (x, y)
            # Holes hang below sides along which x grows.
            for column, row, hole in sorted(tied.get((ring, side), ())):
                yield (column, row)
                yield hole
                yield (column, row)
        if ring:
            x, y = corners[0]
            yield (x, y)


def ring_area(ring: Ring) -> int:
    """Return the area that a ring encloses, positive for an exterior, negative for a hole."""
    x, y = ring[:, 0].astype(np.int64), ring[:, 1].astype(np.int64)
    return int((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) // 2


def trace_classes(labels: NDArray[Any]) -> dict[int, list[Region]]:
    """Return the regions of a label map by their class indices; see `trace`."""
    found: dict[int, list[Region]] = {}
    for region in trace(labels):
        found.setdefault(region.index, []).append(region)
    return found


def trace(labels: NDArray[Any]) -> list[Region]:
    """Return the regions of a label map, in the order of their first pixel.

    A picture of 2 million pixels with some thousand regions takes about a second. `sceneparse.labels.regions` has
    regions as masks.

    Args:
        labels: (H, W) class indices; what is -1 (`IGNORE`) has no region.
    """
    height, width = labels.shape
    padded = np.full((height + 2, width + 2), _OUTSIDE, np.int32)
    padded[1:-1, 1:-1] = labels
    stride = width + 2
    flat = padded.ravel()
    # Sides in groups, each in the order in which the pieces of a straight border follow each other: by row, by column.
    rowwise = np.arange(stride * (height + 2)).reshape(height + 2, stride)
    sides = [_sides(flat, order, beyond) for order, beyond in _orders(rowwise, stride)]
    pixel = np.concatenate(sides)
    if not len(pixel):
        return []
    # 0 to 3: top, right, bottom and left, each walked along clockwise on a screen.
    side = np.repeat(np.arange(4), [len(found) for found in sides])
    segments = _segments(flat, pixel, side, stride)
    rings = _rings(segments.following)
    return _regions(flat, stride, segments, rings)


def _orders(rowwise: NDArray[np.int64], stride: int) -> list[tuple[NDArray[np.int64], int]]:
    """By side the order of pixels in which it is walked along, and how far off the pixel beyond it is."""
    columnwise = rowwise.T
    return [
        (rowwise.ravel(), -stride),
        (columnwise.ravel(), 1),
        (rowwise[:, ::-1].ravel(), stride),
        (columnwise[:, ::-1].ravel(), -1),
    ]


def _sides(flat: NDArray[np.int32], order: NDArray[np.int64], beyond: int) -> NDArray[np.int64]:
    """The pixels, in this order, of which the side that lies towards `beyond` is a border of a region."""
    differs = np.zeros(len(flat), bool)
    inner = slice(max(-beyond, 0), len(flat) - max(beyond, 0))
    other = slice(max(beyond, 0), len(flat) - max(-beyond, 0))
    differs[inner] = flat[inner] != flat[other]
    differs &= flat > IGNORE
    return order[differs[order]]


@dataclass(frozen=True, eq=False)
class _Segments:
    """The straight pieces of all borders.

    Args:
        first: The padded picture's pixel whose side it begins with.
        side: Which side of its pixels it runs along.
        following: The segment that goes on at its end.
        top_segments: The segments at the top of pixels, column by column, one for each run of a region's pixels.
        bottoms: The pixels that these runs end with.
        bottom_segments: The segments at their bottom.
    """

    first: NDArray[np.int64]
    side: NDArray[np.int64]
    following: NDArray[np.int64]
    top_segments: NDArray[np.int64]
    bottoms: NDArray[np.int64]
    bottom_segments: NDArray[np.int64]


def _segments(flat: NDArray[np.int32], pixel: NDArray[np.int64], side: NDArray[np.int64], stride: int) -> _Segments:
    """Join sides of pixels to segments, and find the one that follows each.

    At its end a border that keeps its region on the right goes on around the same pixel if the next one is of another
    class; along the next one's same side if the one beyond that is of another class; else along the one beyond.
    """
    ahead = np.array([1, stride, -1, -stride])
    left = np.array([-stride, 1, stride, -1])
    own = flat[pixel]
    towards = pixel + ahead[side]
    same_ahead = flat[towards] == own
    across = towards + left[side]
    # A pixel at the picture's rim has the padding ahead; nothing beyond that is asked for.
    same_across = same_ahead & (flat[across] == own)
    straight = same_ahead & ~same_across
    # Sides that go straight on are followed by their continuation: that is how they are sorted.
    begins = np.ones(len(pixel), bool)
    begins[1:] = ~straight[:-1]
    number = begins.cumsum() - 1
    ends = np.flatnonzero(~straight)
    turned = np.where(same_across[ends], across[ends], pixel[ends])
    turned_side = np.where(same_across[ends], side[ends] + 3, side[ends] + 1) % 4
    following = np.empty(len(ends), np.int64)
    at = np.empty(len(flat), np.int64)
    for one in range(4):
        members = side == one
        at[pixel[members]] = number[members]
        wanted = turned_side == one
        following[wanted] = at[turned[wanted]]
    tops, bottoms = (
        members[np.lexsort((pixel[members], pixel[members] % stride))]
        for members in (np.flatnonzero(side == 0), np.flatnonzero(side == 2))
    )
    firsts = np.flatnonzero(begins)
    return _Segments(pixel[firsts], side[firsts], following, number[tops], pixel[bottoms], number[bottoms])


def _rings(following: NDArray[np.int64]) -> list[list[int]]:
    """The segments of each closed border, in order, the first one the lowest number."""
    goes_on = following.tolist()
    seen = bytearray(len(goes_on))
    rings = []
    for start in range(len(goes_on)):
        if seen[start]:
            continue
        ring, at = [], start
        while not seen[at]:
            seen[at] = 1
            ring.append(at)
            at = goes_on[at]
        rings.append(ring)
    return rings


def _regions(flat: NDArray[np.int32], stride: int, segments: _Segments, rings: list[list[int]]) -> list[Region]:
    """Put exteriors and their holes together; exteriors come in the order of their first pixel, as rings do."""
    lengths = np.array([len(ring) for ring in rings])
    begins = np.concatenate(([0], lengths.cumsum()[:-1]))
    members = np.concatenate([np.array(ring) for ring in rings])
    ring_of, position_of = np.empty(len(members), np.int64), np.empty(len(members), np.int64)
    ring_of[members] = np.repeat(np.arange(len(rings)), lengths)
    position_of[members] = np.arange(len(members)) - np.repeat(begins, lengths)
    corners = _corners(segments, stride)[members]
    after = np.arange(1, len(members) + 1)
    after[begins + lengths - 1] = begins
    x, y = corners.astype(np.int64).T
    areas = np.add.reduceat(x * y[after] - x[after] * y, begins)
    highest = _highest(segments, ring_of)
    holes = np.flatnonzero(areas < 0)
    # What lies above a hole lies higher, so that the chain ends at an exterior.
    owner = np.arange(len(rings))
    owner[holes] = ring_of[highest.above[holes]]
    while (areas[owner] < 0).any():
        owner = owner[owner]
    found = np.split(corners, begins[1:])
    turns = np.zeros(len(rings), np.int64)
    for hole in holes.tolist():
        column, row = highest.pixel[hole] % stride - 1, highest.pixel[hole] // stride
        turns[hole] = np.flatnonzero((found[hole] == (column, row)).all(axis=1))[0]
        found[hole] = np.roll(found[hole], -turns[hole], axis=0)
    held: dict[int, list[int]] = {}
    for hole in holes.tolist():
        held.setdefault(int(owner[hole]), []).append(hole)
    regions = []
    for ring in np.flatnonzero(areas > 0).tolist():
        inside = held.get(ring, [])
        number = {one: index for index, one in enumerate((ring, *inside))}
        bridges = []
        for hole in inside:
            segment = highest.above[hole]
            upper = int(ring_of[segment])
            side = (int(position_of[segment]) - int(turns[upper])) % int(lengths[upper])
            bridges.append((number[upper], side, int(segments.first[segment]) // stride - 1))
        index = int(flat[segments.first[rings[ring][0]]])
        regions.append(Region(index, found[ring], tuple(found[hole] for hole in inside), tuple(bridges)))
    return regions


def _corners(segments: _Segments, stride: int) -> Ring:
    """Where segments begin: at the upper left, upper right, lower right or lower left corner of their first pixel."""
    right, below = np.array([0, 1, 1, 0]), np.array([0, 0, 1, 1])
    x = segments.first % stride - 1 + right[segments.side]
    y = segments.first // stride - 1 + below[segments.side]
    return np.column_stack((x, y)).astype(np.int32)


@dataclass(frozen=True, eq=False)
class _Highest:
    """By ring the highest pixel of its region that lies on top of it, the leftmost of several.

    Args:
        pixel: The padded picture's pixel. Of a hole, what is below it belongs to the hole.
        above: The segment at the top of the region, straight above that pixel.
    """

    pixel: NDArray[np.int64]
    above: NDArray[np.int64]


def _highest(segments: _Segments, ring_of: NDArray[np.int64]) -> _Highest:
    ring = ring_of[segments.bottom_segments]
    order = np.lexsort((segments.bottoms, ring))
    # Each ring has a border at the bottom of a pixel, so that each is found, in order.
    first = order[np.unique(ring[order], return_index=True)[1]]
    # In a column the n-th border at a top and the n-th at a bottom are those of one run of pixels.
    return _Highest(segments.bottoms[first], segments.top_segments[first])
