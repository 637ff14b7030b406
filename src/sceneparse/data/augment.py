"""Random changes to a training sample: scale, mirror, rotation, blur, colour, crop (PSPNet paper, section 5.1).

The crop's window is chosen first and only what it shows is resized, coloured and rotated, so the work does not grow
with the picture. Pictures are interpolated with antialiasing; label maps never are: each of their pixels is a copy of
one pixel of the original, or `IGNORE`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from sceneparse.data.sample import Sample
from sceneparse.labels import IGNORE
from sceneparse.settings import AugmentationSettings

BLUR_SIGMA = (0.2, 1.5)
"""Range of the blur's standard deviation in pixels; five taps, as the original PSPNet release has."""

GREY = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in a pixel's brightness (ITU-R BT.601)."""


def augment(sample: Sample, settings: AugmentationSettings, mean: Sequence[float], rng: np.random.Generator) -> Sample:
    """Change a sample at random, its picture and all its label maps alike.

    Without a crop the whole picture is kept: at the size that `settings.short` gives it, or else at its own, so that
    `settings.scale` has no effect. Colour changes apply to pictures of three channels.

    Args:
        sample: Picture (C, H, W) uint8 and label maps (H, W) int16.
        settings: What may happen, how often and how strongly.
        mean: Colour (0..1, one value a channel or one for all) of what the picture does not cover; label maps are
            `IGNORE` there.
        rng: The only source of chance. It is advanced equally whatever happens.
    """
    draw = _Draw.from_rng(settings, rng)
    height, width = sample.size
    if draw.short:
        bound = settings.max_long or math.inf
        scale = min(draw.short / min(height, width), bound / max(height, width))
    else:
        scale = draw.scale if settings.crop else 1.0
    crop = settings.crop or (_scaled(height, scale), _scaled(width, scale))
    rows = _Span.choose(height, crop[0], scale, draw.top, _margin(crop[0], crop[1], draw.angle))
    columns = _Span.choose(width, crop[1], scale, draw.left, _margin(crop[1], crop[0], draw.angle))

    image = sample.image[:, rows.start : rows.stop, columns.start : columns.stop]
    if image.shape[-2:] != (rows.size, columns.size):
        image = transforms.resize(image, [rows.size, columns.size], antialias=True)
    row_of, column_of = rows.sources(), columns.sources()
    masks = {name: mask[row_of[:, None], column_of] for name, mask in sample.masks().items()}

    if settings.color and image.shape[0] == 3:
        image = _recolor(image.float(), *draw.color)
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
    if draw.mirror:
        image = image.flip(-1)
        masks = {name: mask.flip(-1) for name, mask in masks.items()}
    return sample.with_images(image.contiguous(), {name: mask.contiguous() for name, mask in masks.items()})


def padded(sample: Sample, size: tuple[int, int], mean: Sequence[float]) -> Sample:
    """Return a sample padded on the right and below to a size, with what `augment` pads with."""
    image = _pad(sample.image, size, 0, 0, _fill(mean, sample.image))
    return sample.with_images(image, {name: _pad_mask(mask, size, 0, 0) for name, mask in sample.masks().items()})


class _Draw(NamedTuple):
    """What chance decided for one sample."""

    scale: float
    short: int
    """Shorter side in pixels; 0 goes by the scale."""
    angle: float
    """Radians; 0 for no rotation."""
    top: float
    left: float
    """Position of the crop among the possible ones, 0..1."""
    mirror: bool
    blur: float
    """Standard deviation in pixels; 0 for no blur."""
    color: tuple[float, float, float]
    """Factors of brightness, contrast and saturation."""

    @classmethod
    def from_rng(cls, settings: AugmentationSettings, rng: np.random.Generator) -> "_Draw":
        scale, turn, angle, top, left, mirror, blur, sigma, *color = rng.random(11).tolist()
        low, high = settings.scale
        return cls(
            scale=low + (high - low) * scale,
            short=settings.short[int(scale * len(settings.short))] if settings.short else 0,
            angle=math.radians(settings.rotate) * (2 * angle - 1) if turn < settings.rotate_probability else 0.0,
            top=top,
            left=left,
            mirror=mirror < settings.mirror,
            blur=BLUR_SIGMA[0] + (BLUR_SIGMA[1] - BLUR_SIGMA[0]) * sigma if blur < settings.blur_probability else 0.0,
            color=tuple(1 + settings.color * (2 * value - 1) for value in color),
        )


@dataclass(frozen=True)
class _Span:
    """The section of one side of the picture that is worked on.

    Args:
        start: First pixel of the original that is used.
        stop: One past the last.
        size: Pixels that this section has after the resize.
        offset: Where its first pixel falls in the crop; negative where a rotation's margin sticks out.
    """

    start: int
    stop: int
    size: int
    offset: int

    @classmethod
    def choose(cls, length: int, crop: int, scale: float, position: float, margin: int) -> "_Span":
        """Cut a window of `crop` pixels, plus `margin` on both sides, out of a side that is scaled by `scale`."""
        scaled = _scaled(length, scale)
        first = int(position * (scaled - crop + 1)) if scaled > crop else -((crop - scaled) // 2)
        low, high = max(0, first - margin), min(scaled, first + crop + margin)
        start = min(round(low * length / scaled), length - 1)
        stop = max(round(high * length / scaled), start + 1)
        return cls(start, stop, high - low, low - first)

    def sources(self) -> Tensor:
        """For each pixel after the resize, the nearest one of the original."""
        step = (self.stop - self.start) / self.size
        return ((torch.arange(self.size) + 0.5) * step).long().clamp_(max=self.stop - self.start - 1) + self.start


def _scaled(length: int, scale: float) -> int:
    return max(1, round(length * scale))


def _margin(along: int, across: int, angle: float) -> int:
    """How far a crop's corners reach beyond its side of length `along` when it is turned."""
    if not angle:
        return 0
    turned = along * abs(math.cos(angle)) + across * abs(math.sin(angle))
    return max(0, math.ceil((turned - along) / 2)) + 1


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


def _rotation_grid(crop: tuple[int, int], rows: _Span, columns: _Span, angle: float) -> Tensor:
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
    taps = torch.exp(-0.5 * (torch.arange(3) / sigma) ** 2)
    center, near, far = (taps / (taps[0] + 2 * taps[1] + 2 * taps[2])).tolist()
    padded = F.pad(image.float()[None], (2, 2, 2, 2), mode="replicate")[0]
    across = padded[:, :, 2:-2] * center
    across.add_(padded[:, :, 1:-3] + padded[:, :, 3:-1], alpha=near).add_(
        padded[:, :, :-4] + padded[:, :, 4:], alpha=far
    )
    down = across[:, 2:-2] * center
    return down.add_(across[:, 1:-3] + across[:, 3:-1], alpha=near).add_(across[:, :-4] + across[:, 4:], alpha=far)


def _recolor(image: Tensor, brightness: float, contrast: float, saturation: float) -> Tensor:
    """Change a float picture (3, H, W) in place: brightness, then contrast about its mean grey, then saturation."""
    image.mul_(brightness)
    grey = image[0] * GREY[0] + image[1] * GREY[1] + image[2] * GREY[2]
    middle = grey.mean()
    # Both are mixtures (of the picture with its mean grey, then of each pixel with its own grey): one pass does them.
    grey.sub_(middle).mul_(contrast * (1 - saturation)).add_(middle)
    return image.sub_(middle).mul_(contrast * saturation).add_(grey)
