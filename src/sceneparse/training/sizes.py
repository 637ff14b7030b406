"""The sizes of the pictures that a network is going to learn from: their short sides, as augmentation resizes them."""

from collections.abc import Iterator

import numpy as np

from sceneparse.arguments import together
from sceneparse.data import DataSet
from sceneparse.data.augment import Draw, middle_factor
from sceneparse.data.sample import shares_of, size_of
from sceneparse.datasets.kinds import of_pictures_alone
from sceneparse.settings import AugmentationSettings, DataSettings, LearntSizes

_HEADERS, _DECODED = 512, 32
"""So many pictures are looked at, evenly spaced, of a mixture from each source what its share is; fewer where a size is
known only when a picture is decoded."""

_DRAWS = 16
"""Random resizes that are drawn for each picture."""

_MUCH = 4
"""A picture whose short side is more than so many times a crop's shows the network too little of itself at a time."""

_ADVISED = 1.5
"""The short side that is advised then, in sides of a crop."""


def learnt_sizes(dataset: DataSet, data: DataSettings, augmentation: AugmentationSettings) -> LearntSizes:
    """Return at which sizes a network is going to see the pictures of a training split.

    Equal data and settings give equal sizes. Of rasters and volumes nothing is known: their scale is that of the ground
    or of a body, not of a picture. Of a mixture with such a source nothing is known either.

    Args:
        dataset: The training split.
        data: Its settings; `data.camera` tells of which pictures it shows pieces.
        augmentation: How its pictures are resized.

    Raises:
        UserError: A picture cannot be read.
    """
    if not of_pictures_alone(data) or not len(dataset):
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


def small_crops(sizes: LearntSizes, data: DataSettings, augmentation: AugmentationSettings) -> str | None:
    """Return a word for whoever trains on crops that show but a small piece of a picture, as of a phone's; else None.

    What a network never sees together it cannot tell by its surroundings, which is what pyramid pooling is for.

    Args:
        sizes: What `learnt_sizes` found.
        data: The data set's settings; whoever says of a camera has cut its pictures on purpose.
        augmentation: How they are resized and cropped.
    """
    crop = augmentation.crop
    if crop is None or sizes.short is None or data.camera or sizes.short <= _MUCH * min(crop):
        return None
    changes: dict[str, list[float]] = {"short": [_pixels(_ADVISED * min(crop))]}
    if augmentation.short is None:
        changes["ratio_range"] = list(augmentation.scale)
        usual = AugmentationSettings().scale
        if augmentation.scale not in (usual, (1.0, 1.0)):
            changes["scale"] = list(usual)  # beside `short` only a default is taken
    given = together({f"augmentation.{name}": value for name, value in changes.items()})
    return (
        f"a crop of {crop[0]}×{crop[1]} is a small piece of a picture whose short side is {sizes.short:,} pixels, so "
        f"that the network sees little of a scene at a time; to make the pictures smaller first: {given}"
    )


def _sizes(dataset: DataSet) -> Iterator[tuple[int, int]]:
    """The height and width of some pictures, each source's as often as it is drawn."""
    shares, first = shares_of(dataset), 0
    for count, share in shares:
        wanted = max(1, round(share * _HEADERS))
        looked_at = _spread(count, wanted if size_of(dataset, first) else min(wanted, _DECODED))
        sizes = [size_of(dataset, first + index) or dataset[first + index].size for index in looked_at]
        # Whether many pictures or few were looked at, a source has its share of what is yielded.
        times = len(sizes) if len(shares) == 1 else wanted
        yield from (sizes[number * len(sizes) // times] for number in range(times))
        first += count


def _spread(length: int, wanted: int) -> list[int]:
    return np.unique(np.linspace(0, length - 1, min(length, wanted)).round().astype(int)).tolist()


def _pixels(value: float) -> int:
    return max(1, round(float(value)))
