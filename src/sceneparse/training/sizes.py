"""The sizes of the pictures that a network is going to learn from: their short sides, as augmentation resizes them."""

from collections.abc import Iterator

import numpy as np

from sceneparse.data import DataSet
from sceneparse.data.augment import Draw, middle_factor
from sceneparse.data.sample import stored_of
from sceneparse.datasets.kinds import KINDS
from sceneparse.pictures.reading import picture_size
from sceneparse.settings import AugmentationSettings, DataSettings, LearntSizes

_HEADERS, _DECODED = 512, 32
"""So many pictures are looked at, evenly spaced; fewer where a size is known only when a picture is decoded."""

_DRAWS = 16
"""Random resizes that are drawn for each picture."""


def learnt_sizes(dataset: DataSet, data: DataSettings, augmentation: AugmentationSettings) -> LearntSizes:
    """Return at which sizes a network is going to see the pictures of a training split.

    Equal data and settings give equal sizes. Of rasters and volumes nothing is known: their scale is that of the ground
    or of a body, not of a picture.

    Args:
        dataset: The training split.
        data: Its settings; `data.camera` tells of which pictures it shows pieces.
        augmentation: How its pictures are resized.

    Raises:
        UserError: A picture cannot be read.
    """
    kind = KINDS[data.kind]
    if kind.rasters is not None or kind.volumes or not len(dataset):
        return LearntSizes()
    rng = np.random.default_rng(0)
    middles, drawn = [], []
    for size in _sizes(dataset):
        short = min(data.camera or size)
        middles.append(short * middle_factor(augmentation, size))
        drawn += [short * Draw.from_rng(augmentation, rng).factor(augmentation, size) for _ in range(_DRAWS)]
    low, high = np.quantile(drawn, (0.05, 0.95))
    return LearntSizes(
        short=_pixels(np.median(middles)),
        largest=_pixels(np.quantile(middles, 0.95, method="higher")),
        seen=(_pixels(low), _pixels(high)),
    )


def _sizes(dataset: DataSet) -> Iterator[tuple[int, int]]:
    """The height and width of some pictures."""
    for index in _spread(len(dataset), _HEADERS if _size(dataset, 0) else _DECODED):
        yield _size(dataset, index) or dataset[index].size


def _size(dataset: DataSet, index: int) -> tuple[int, int] | None:
    """A picture's stored height and width, from its header; None where the data set doesn't say which file that is."""
    stored = stored_of(dataset, index)
    return None if stored is None or stored[0] is None else picture_size(stored[0], upright=False)


def _spread(length: int, wanted: int) -> list[int]:
    return np.unique(np.linspace(0, length - 1, min(length, wanted)).round().astype(int)).tolist()


def _pixels(value: float) -> int:
    return max(1, round(float(value)))
