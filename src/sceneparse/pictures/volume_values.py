"""Spread the values of volumes over bytes, by statistics over the whole volume or by a window."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sceneparse.files import cache_folder, write_json
from sceneparse.pictures.grids import Resampled
from sceneparse.pictures.volumes import Volume
from sceneparse.progress import progress_bar

PERCENTILES = (0.5, 99.5)
"""What lies between them is spread over a byte."""

FORM = 2
"""Counts the forms of what is remembered of volumes."""


@dataclass(frozen=True)
class VolumeSummary:
    """Statistics over all voxels of a volume that are numbers.

    Where no value is below zero, as in magnetic resonance, zero is what lies outside of the body: it has a byte of its
    own and does not count for the percentiles. Where values go below zero, as in computed tomography, it is a value
    like any other.

    Args:
        low: The lower of `PERCENTILES`; 0 where no voxel counts.
        high: The upper one.
        filled: The slices in which there is something: a voxel above zero or, where values go below zero, more than one
            value.
        reserved: Whether 0 stays 0.
    """

    low: float
    high: float
    filled: tuple[int, ...]
    reserved: bool = True

    def bytes_of(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Map values to bytes: what lies between `low` and `high` becomes 1 to 255 where 0 stays 0, else 0 to 255.

        What is not a finite number becomes 0.
        """
        span = max(self.high - self.low, 1e-30)  # of a volume of one value, which becomes 1
        finite = np.isfinite(values)
        share = ((np.where(finite, values, self.low).astype(np.float32) - self.low) / span).clip(0, 1)
        if not self.reserved:
            return np.where(finite, np.rint(255 * share), 0).astype(np.uint8)
        return np.where(finite & (values != 0), 1 + np.rint(254 * share), 0).astype(np.uint8)

    def within(self, window: tuple[float, float] | None) -> Self:
        """Return the same for a window, whose ends become 0 and 255; None leaves the percentiles."""
        return self if window is None else replace(self, low=window[0], high=window[1], reserved=False)


def summarize(volume: Volume) -> VolumeSummary:
    """Read all slices of a volume and return its statistics."""
    slices = [one[np.isfinite(one)] for one in map(volume.slice, range(volume.shape[0]))]
    signed = any(one.size and one.min() < 0 for one in slices)
    count = np.concatenate([(one if signed else one[one != 0]).astype(np.float32) for one in slices])
    low, high = np.percentile(count, PERCENTILES).tolist() if count.size else (0.0, 0.0)
    filled = (one.size > 0 and bool(one.min() < one.max() if signed else one.max() > 0) for one in slices)
    return VolumeSummary(low, high, tuple(number for number, there in enumerate(filled) if there), not signed)


def summaries(root: Path, volumes: Sequence[Volume]) -> dict[Volume, VolumeSummary]:
    """Return the statistics of a data set's volumes; each is read once, then remembered in the cache folder.

    Args:
        root: The data set's folder.
        volumes: Its volumes.

    Raises:
        PictureError: A volume is damaged.
    """
    kept = cache_folder() / "volumes" / f"{hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]}.json"
    try:
        known: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    marks = {volume: _mark(volume) for volume in volumes}
    fresh = [volume for volume in marks if marks[volume] not in known]
    with progress_bar(bool(fresh), len(fresh), "reading volumes") as advance:
        for volume in fresh:
            known[marks[volume]] = asdict(summarize(volume))
            advance()
    if fresh:
        with suppress(OSError):  # a cache that cannot be written costs time, and nothing else
            write_json(kept, known)
    return {volume: _remembered(known[mark]) for volume, mark in marks.items()}


def _remembered(known: dict[str, Any]) -> VolumeSummary:
    return VolumeSummary(**{**known, "filled": tuple(known["filled"])})


def _mark(volume: Volume) -> str:
    """Return a key that changes with the name, size and modification time of the files, and with `FORM`."""
    files = [volume.path, *([volume.onto.path] if isinstance(volume, Resampled) and volume.onto else [])]
    statuses = [(path, path.stat()) for path in files]
    return " onto ".join(
        f"{path.parent.name}/{path.name} {status.st_size} {status.st_mtime_ns} {FORM}" for path, status in statuses
    )
