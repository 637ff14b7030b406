"""Volumes that belong together on one grid: whether they lie at the same positions, and resampled if they don't."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneparse.arguments import argument
from sceneparse.errors import UserError
from sceneparse.pictures.volumes import Volume
from sceneparse.settings.data import Grids

TOLERANCE = 0.1
"""Distance in voxels up to which positions count as equal: headers are rounded."""


@dataclass(frozen=True)
class Resampled(Volume):
    """A volume as it is on another volume's grid; outside of its own it is NaN.

    Args:
        onto: The volume with the grid.
        labels: Whether its values are labels, taken from the nearest voxel; else they are interpolated linearly.
    """

    onto: Volume | None = None
    labels: bool = False

    def slice(self, number: int) -> NDArray[Any]:
        """Return one axial slice of the other grid as (rows, columns) float64."""
        ndimage = _ndimage(self)
        assert self.onto is not None
        _, height, width = self.onto.shape
        rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
        there = np.stack([np.full(rows.shape, number), rows, columns, np.ones(rows.shape)]).reshape(4, -1)
        # Rounded, as a voxel at the border would else lie beyond it by the last bit.
        where = (_between(self.onto, Volume(self.path, self.shape, self.axes, self.flips)) @ there)[:3].round(6)
        if self.labels:
            where = np.rint(where)
        voxels = self.voxels()
        source = voxels.stored.reshape(*voxels.stored.shape[:3], -1)[..., self.position]
        # Only what this slice needs becomes float64.
        low = np.floor(where.min(axis=1)).astype(int).clip(0, source.shape)
        high = (np.ceil(where.max(axis=1)).astype(int) + 1).clip(0, source.shape)
        if (low >= high).any():
            return np.full((height, width), np.nan)
        cut = source[tuple(slice(start, stop) for start, stop in zip(low, high, strict=True))]
        needed = voxels.values(cut).astype(np.float64)
        order = 0 if self.labels else 1
        return np.asarray(ndimage.map_coordinates(needed, where - low[:, None], order=order, cval=np.nan)).reshape(
            height, width
        )


def on_one_grid(volumes: Sequence[Volume], grids: Grids, *, labels: bool = False) -> tuple[Volume, ...]:
    """Return volumes on the first one's grid.

    Args:
        volumes: Those of a case.
        grids: What to do with those that lie at other positions than the first.
        labels: Whether the others are labels.

    Raises:
        UserError: Other shapes or positions, unless they are to be resampled (or, positions, ignored).
    """
    first, *others = volumes
    return (first, *(_on_grid(other, first, grids, labels) for other in others))


def _on_grid(volume: Volume, first: Volume, grids: Grids, labels: bool) -> Volume:
    far = distance(first, volume)
    if grids == "resample" and (volume.shape != first.shape or far > TOLERANCE):
        _ndimage(volume)  # that a package is missing is said before hours of training
        return Resampled(volume.path, first.shape, volume.axes, volume.flips, volume.position, first, labels)
    if volume.shape != first.shape:
        here, there = ("×".join(map(str, one.shape)) for one in (volume, first))
        raise UserError(
            f"{volume.path}: {here} voxels, but {first.path.name} has {there}; {_how()} resample brings them "
            "together by position"
        )
    if grids == "equal" and far > TOLERANCE:
        raise UserError(
            f"{volume.path}: its affine puts voxels up to {far:,.1f} voxels from where {first.path.name} has them: "
            f"{_how()} resample brings them together by position, ignore takes them voxel by voxel where an affine is "
            "wrong"
        )
    return volume


def distance(first: Volume, second: Volume) -> float:
    """Return how far a voxel of the second volume lies at most from the first one's of the same indices, in voxels."""
    ends = [(0, size - 1) for size in second.shape]
    corners = np.array([(*corner, 1) for corner in product(*ends)], dtype=np.float64).T
    there = np.linalg.inv(first.positions) @ second.positions @ corners
    return float(np.abs(there - corners).max())


@lru_cache(maxsize=1024)
def _between(grid: Volume, volume: Volume) -> NDArray[np.float64]:
    """Return the matrix from (slice, row, column, 1) of one volume to the axes of another one's file, as stored."""
    shape = volume.voxels().stored.shape
    stored = Volume(volume.path, (int(shape[0]), int(shape[1]), int(shape[2])), (0, 1, 2), (False, False, False))
    return np.asarray(np.linalg.inv(stored.positions) @ grid.positions)


def _ndimage(volume: Volume) -> Any:
    try:
        from scipy import ndimage
    except ImportError:
        raise UserError(f"{volume.path}: resampling needs SciPy: pip install 'sceneparse[medical]'") from None
    return ndimage


def _how() -> str:
    """The setting and the argument that say what becomes of different grids."""
    return f"{argument('data.nifti.grids')} (of predict: {argument('grids')})"
