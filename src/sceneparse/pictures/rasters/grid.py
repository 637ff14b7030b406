"""Where a raster's pixels lie on the ground, and whether another one's lie there too."""

from __future__ import annotations

from typing import Any, NamedTuple

NEAR = 0.25
"""So many pixels apart two grids are still one: programs round what they write."""


class Grid(NamedTuple):
    """A raster's size, and where it lies.

    Args:
        size: Height and width in pixels.
        transform: From columns and rows to its projection (rasterio's `Affine`); None where the file doesn't say.
        projection: rasterio's CRS; None where the file doesn't say.
    """

    size: tuple[int, int]
    transform: Any
    projection: Any

    def apart(self, other: Grid) -> str:
        """Say in which way another raster of this size lies elsewhere; empty where it doesn't, or one is silent.

        Args:
            other: The other one, of which the sentence speaks; this one's name is to follow.
        """
        same = self.transform is None or other.transform is None or self.transform == other.transform
        if self.projection is not None and other.projection is not None and self.projection != other.projection:
            codes = [one.to_epsg() for one in (self.projection, other.projection)]
            # Programs write one projection in several ways; without a code in one, equal coordinates say that it is.
            if (None in codes and not same) or (None not in codes and codes[0] != codes[1]):
                ours, theirs = (_shown(one) for one in (self.projection, other.projection))
                return f"is in the projection {theirs}, not in {ours}, as is"
        if same:
            return ""
        height, width = self.size
        back = ~self.transform
        corners = [(0, 0), (width, 0), (0, height), (width, height)]
        moved = [(_through(back, _through(other.transform, corner)), corner) for corner in corners]
        distance = max(max(abs(x - column), abs(y - row)) for (x, y), (column, row) in moved)
        shown = f"{distance:,.4g}"
        return f"lies {shown} {'pixel' if shown == '1' else 'pixels'} apart from" if distance > NEAR else ""


def _through(transform: Any, point: tuple[float, float]) -> tuple[float, float]:
    """A point's image; by hand, since affine's releases differ in the operator."""
    x, y = point
    return transform.a * x + transform.b * y + transform.c, transform.d * x + transform.e * y + transform.f


def _shown(projection: Any) -> str:
    code = projection.to_epsg()
    return f"EPSG:{code}" if code is not None else str(projection.to_string())[:60]


def grid_of(dataset: Any) -> Grid:
    """Return where an open dataset of rasterio's lies."""
    transform = dataset.transform
    known = transform is not None and not transform.is_identity
    size = (int(dataset.height), int(dataset.width))
    return Grid(size, transform if known else None, dataset.crs or None)
