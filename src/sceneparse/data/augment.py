"""Random changes to a training sample: scale, mirror, rotation, blur, colour, crop (PSPNet paper, section 5.1).

The crop's window is chosen first and only what it shows is resized, coloured and rotated, so the work does not grow
with the picture. Pictures are interpolated with antialiasing; label maps never are: each of their pixels is a copy of
one pixel of the original, or `IGNORE`. In a mirror image left classes become right ones, where the data set lists them.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from sceneparse.data.mirroring import Mirror
from sceneparse.data.photometric import Photometric
from sceneparse.data.sample import Sample
from sceneparse.data.windows import TRIES, Frame, Span, nearest, pixel_of
from sceneparse.labels import IGNORE, TaskLabels
from sceneparse.settings import AugmentationSettings

ALL_STAY = Mirror(TaskLabels())
"""Mirrors samples whose classes are the same in a mirror image."""

BLUR_SIGMA = (0.2, 1.5)
"""Range of the blur's standard deviation in pixels; five taps, as the original PSPNet release has."""

GREY = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in a pixel's brightness (ITU-R BT.601)."""


def augment(
    sample: Sample,
    settings: AugmentationSettings,
    mean: Sequence[float],
    rng: np.random.Generator,
    over: int | None = None,
    mirror: Mirror = ALL_STAY,
) -> Sample:
    """Change a sample at random, its picture and all its label maps alike.

    Without a crop the whole picture is kept: at the size that `settings.short` gives it, or else at its own, so that
    `settings.scale` has no effect. Colour changes apply to pictures of three channels.

    Args:
        sample: Picture (C, H, W) uint8 and label maps (H, W) int16.
        settings: What may happen, how often and how strongly.
        mean: Colour (0..1, one value a channel or one for all) of what the picture does not cover; label maps are
            `IGNORE` there.
        rng: The only source of chance. It is advanced equally whatever happens.
        over: The class of the objects of which the crop is to hold a pixel, where the sample has one; None: any crop.
        mirror: Makes mirror images of the data set's samples.
    """
    rows, columns, crop, draw = planned(sample, settings, rng, over)
    image = sample.image[:, rows.start : rows.stop, columns.start : columns.stop]
    if image.shape[-2:] != (rows.size, columns.size):
        image = transforms.resize(image, [rows.size, columns.size], antialias=True)
    masks = {name: nearest(mask, rows, columns) for name, mask in sample.masks().items()}

    if image.shape[0] == 3:
        if settings.color:
            image = _recolor(image.float(), *draw.color)
        if settings.photometric:
            image = draw.photometric(image.float())
    fill = _fill(mean, sample.image)
    if draw.angle:
        grid = _rotation_grid(crop, rows, columns, draw.angle)
        image = _rotate(image.float(), fill, grid)
        masks = {name: _rotate_mask(mask, grid) for name, mask in masks.items()}
    else:
        image = _pad(image, crop, rows.offset, columns.offset, fill)
        masks = {name: _pad_mask(mask, crop, rows.offset, columns.offset) for name, mask in masks.items()}
    if draw.blur:
        image = _blur(image, draw.blur)
    if image.dtype != torch.uint8:
        image = (image + 0.5).clamp_(0, 255).to(torch.uint8)
    changed = sample.with_images(image, masks)
    if draw.mirror:
        changed = mirror(changed)
    contiguous = {name: mask.contiguous() for name, mask in changed.masks().items()}
    return changed.with_images(changed.image.contiguous(), contiguous)


class Plan(NamedTuple):
    """What is going to become of a sample.

    Args:
        rows: The rows of the picture that its crop shows.
        columns: Its columns.
        crop: Height and width of the crop.
        draw: What chance decided.
    """

    rows: Span
    columns: Span
    crop: tuple[int, int]
    draw: "Draw"


def planned(sample: Sample, settings: AugmentationSettings, rng: np.random.Generator, over: int | None = None) -> Plan:
    """Decide what becomes of a sample; for arguments see `augment`."""
    draw = Draw.from_rng(settings, rng)
    height, width = sample.size
    scale = draw.factor(settings, sample.size)
    crop = settings.crop or (_scaled(height, scale), _scaled(width, scale))
    frame = Frame(sample.size, (_scaled(height, scale), _scaled(width, scale)), crop, draw.angle)
    rows, columns = frame.spans(_first(frame, sample.objects, settings, draw, over))
    return Plan(rows, columns, crop, draw)


def padded(sample: Sample, size: tuple[int, int], mean: Sequence[float]) -> Sample:
    """Return a sample padded on the right and below to a size, with what `augment` pads with."""
    image = _pad(sample.image, size, 0, 0, _fill(mean, sample.image))
    return sample.with_images(image, {name: _pad_mask(mask, size, 0, 0) for name, mask in sample.masks().items()})


class Draw(NamedTuple):
    """What chance decided for one sample."""

    scale: float
    short: int
    """Shorter side in pixels; 0 goes by the scale."""
    angle: float
    """Radians; 0 for no rotation."""
    mirror: bool
    blur: float
    """Standard deviation in pixels; 0 for no blur."""
    color: tuple[float, float, float]
    """Factors of brightness, contrast and saturation."""
    ratio: float
    """Factor of the shorter side and of the bound of the longer one."""
    photometric: Photometric
    pixel: float
    """Which of a class's pixels a crop is laid over, 0..1."""
    positions: Sequence[tuple[float, float]]
    """Of each crop that may be tried: where it lies among the possible ones, down and across, 0..1."""

    @classmethod
    def from_rng(cls, settings: AugmentationSettings, rng: np.random.Generator) -> "Draw":
        """Decide by random numbers; as many are taken whatever the settings."""
        # What was added later stands at the end, so that what stood before has the numbers that it had.
        numbers = rng.random(13 + Photometric.NUMBERS + 2 * TRIES).tolist()
        scale, turn, angle, top, left, mirror, blur, sigma, *color = numbers[:11]
        ratio, pixel = numbers[11:13]
        places = iter([top, left, *numbers[13 + Photometric.NUMBERS :]])
        low, high = settings.scale
        low_ratio, high_ratio = settings.ratio_range
        return cls(
            scale=low + (high - low) * scale,
            short=settings.short[int(scale * len(settings.short))] if settings.short else 0,
            angle=math.radians(settings.rotate) * (2 * angle - 1) if turn < settings.rotate_probability else 0.0,
            mirror=mirror < settings.mirror,
            blur=BLUR_SIGMA[0] + (BLUR_SIGMA[1] - BLUR_SIGMA[0]) * sigma if blur < settings.blur_probability else 0.0,
            color=tuple(1 + settings.color * (2 * value - 1) for value in color),
            ratio=low_ratio + (high_ratio - low_ratio) * ratio,
            photometric=Photometric.drawn(numbers[13 : 13 + Photometric.NUMBERS]),
            pixel=pixel,
            positions=list(zip(places, places, strict=True)),
        )

    def factor(self, settings: AugmentationSettings, size: tuple[int, int]) -> float:
        """The factor by which a picture is resized."""
        if not self.short:
            return self.scale if settings.crop else 1.0
        bound = settings.max_long or math.inf
        return self.ratio * min(self.short / min(size), bound / max(size))


def middle_factor(settings: AugmentationSettings, size: tuple[int, int]) -> float:
    """Return the factor by which a picture is resized where chance takes the middle.

    That is a factor of 1 of its own size or of the median of `settings.short`; where all that may be drawn are larger,
    or smaller, their middle.
    """

    def middle(bounds: tuple[float, float]) -> float:
        low, high = bounds
        return 1.0 if low <= 1 <= high else (low + high) / 2

    if not settings.short:
        return middle(settings.scale) if settings.crop else 1.0
    bound = settings.max_long or math.inf
    return middle(settings.ratio_range) * min(float(np.median(settings.short)) / min(size), bound / max(size))


def _first(
    frame: Frame, objects: Tensor | None, settings: AugmentationSettings, draw: Draw, over: int | None
) -> tuple[int, int]:
    """The first row and column of the crop."""
    point = None if over is None or objects is None else pixel_of(objects, over, draw.pixel)
    firsts = (frame.anywhere(where) if point is None else frame.over(point, where) for where in draw.positions)
    if objects is None or settings.cat_max_ratio == 1:
        return next(firsts)
    return frame.balanced(objects, firsts, settings.cat_max_ratio)


def _scaled(length: int, scale: float) -> int:
    return max(1, round(length * scale))


def _fill(mean: Sequence[float], image: Tensor) -> Tensor:
    """The colour of what a picture does not cover, 0..255, a value a channel."""
    return torch.tensor(mean, dtype=torch.float32).mul_(255).expand(image.shape[0])


def _pad(image: Tensor, crop: tuple[int, int], top: int, left: int, fill: Tensor) -> Tensor:
    if image.shape[-2:] == crop:
        return image
    if image.dtype == torch.uint8:
        fill = (fill + 0.5).to(torch.uint8)
    canvas = fill[:, None, None].expand(-1, *crop).contiguous()
    canvas[:, top : top + image.shape[-2], left : left + image.shape[-1]] = image
    return canvas


def _pad_mask(mask: Tensor, crop: tuple[int, int], top: int, left: int) -> Tensor:
    if mask.shape == crop:
        return mask
    canvas = mask.new_full(crop, IGNORE)
    canvas[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
    return canvas


def _rotation_grid(crop: tuple[int, int], rows: Span, columns: Span, angle: float) -> Tensor:
    """For each pixel of the crop, turned about its centre: its (x, y) in the window, as `grid_sample` takes it."""
    cosine, sine = math.cos(angle), math.sin(angle)
    y = (torch.arange(crop[0]) - (crop[0] - 1) / 2)[:, None]
    x = torch.arange(crop[1]) - (crop[1] - 1) / 2
    grid = torch.empty(1, *crop, 2)
    for axis, position, length, span in (
        (0, cosine * x - sine * y, crop[1], columns),
        (1, sine * x + cosine * y, crop[0], rows),
    ):
        grid[0, :, :, axis] = (position + (length / 2 - span.offset)) * (2 / span.size) - 1
    return grid


def _rotate(image: Tensor, fill: Tensor, grid: Tensor) -> Tensor:
    """Turn a float picture; what it does not cover gets the colour `fill`."""
    fill = fill[:, None, None]
    return F.grid_sample((image - fill)[None], grid, mode="bilinear", align_corners=False)[0].add_(fill)


def _rotate_mask(mask: Tensor, grid: Tensor) -> Tensor:
    # float32 holds every int16 exactly; shifted by one, what lies outside (0) is IGNORE.
    shifted = (mask.float() - IGNORE)[None, None]
    turned = F.grid_sample(shifted, grid, mode="nearest", align_corners=False)[0, 0]
    return turned.add_(IGNORE).to(mask.dtype)


def _blur(image: Tensor, sigma: float) -> Tensor:
    """A Gaussian of five taps along both sides. Sums of shifted pictures, which is far quicker here than `conv2d`."""
    center, near, far = blur_taps(sigma)
    padded = F.pad(image.float()[None], (2, 2, 2, 2), mode="replicate")[0]
    across = padded[:, :, 2:-2] * center
    across.add_(padded[:, :, 1:-3] + padded[:, :, 3:-1], alpha=near).add_(
        padded[:, :, :-4] + padded[:, :, 4:], alpha=far
    )
    down = across[:, 2:-2] * center
    return down.add_(across[:, 1:-3] + across[:, 3:-1], alpha=near).add_(across[:, :-4] + across[:, 4:], alpha=far)


def blur_taps(sigma: float) -> tuple[float, float, float]:
    """Return what a blur takes of a pixel, of each neighbour along a side, and of each next to that."""
    taps = torch.exp(-0.5 * (torch.arange(3) / sigma) ** 2)
    center, near, far = (taps / (taps[0] + 2 * taps[1] + 2 * taps[2])).tolist()
    return center, near, far


def _recolor(image: Tensor, brightness: float, contrast: float, saturation: float) -> Tensor:
    """Change a float picture (3, H, W) in place: brightness, then contrast about its mean grey, then saturation."""
    image.mul_(brightness)
    grey = image[0] * GREY[0] + image[1] * GREY[1] + image[2] * GREY[2]
    middle = grey.mean()
    # Both are mixtures (of the picture with its mean grey, then of each pixel with its own grey): one pass does them.
    grey.sub_(middle).mul_(contrast * (1 - saturation)).add_(middle)
    return image.sub_(middle).mul_(contrast * saturation).add_(grey)
