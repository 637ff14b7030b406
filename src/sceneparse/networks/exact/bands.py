"""Upsampled scores a piece at a time: interpolate, take the exponentials, and pull a gradient back to the small map.

Scores of 150 classes at 473 x 473 pixels are 134 MB a picture in float32, and the plain form of a loss (interpolate,
softmax and their backward passes) holds several tensors of this size and goes through memory for each. Here a band that
fits in the processor's cache is interpolated, what is wanted of it is taken, and its gradient is pulled back at once.

Softmax is blind to what is added to all scores of a pixel, and interpolation is linear. So the small map is normalised
first: interpolated log-probabilities are never above 0, their exponentials never overflow, and the search for each
pixel's maximum is left out. Where corners disagree so strongly that all exponentials vanish, it is made up for.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from sceneparse.networks.exact.bilinear import strips
from sceneparse.networks.exact.reading import reads_are_free

COLUMNS = 32
"""Width of a band's pieces: narrow ones need few columns of the small map, so their matrices are small."""


def precision(logits: Tensor) -> torch.dtype:
    """Return the type that a loss of logits is computed in: float64 for such logits, float32 for all others."""
    return torch.float64 if logits.dtype == torch.float64 else torch.float32


def normalised(logits: Tensor) -> Tensor:
    """Return the log-probabilities (N, h, w, C) of logits (N, C, h, w).

    Classes come last: the matrices work on runs of classes, and each pixel's softmax lies together.
    """
    return logits.permute(0, 2, 3, 1).to(precision(logits)).contiguous().log_softmax(dim=-1)


class Piece(NamedTuple):
    """A piece of the target, and how it is interpolated.

    Args:
        here: Which pixels of the target (N, H, W): b rows, B columns.
        there: The cells of the small map (N, h, w, …) that they are made of: a rows, A columns.
        down: (b, a), the interpolation along the height.
        across: (B, A), along the width.
    """

    here: tuple[slice, slice, slice]
    there: tuple[slice, slice, slice]
    down: Tensor
    across: Tensor

    def enlarge(self, cells: Tensor) -> Tensor:
        """Interpolate one value a cell, (N, a, A), to one a pixel, (N, b, B)."""
        return self.down @ cells @ self.across.T

    def reduce(self, pixels: Tensor) -> Tensor:
        """Pull the gradient of one value a pixel, (N, b, B), back to one a cell, (N, a, A)."""
        return self.down.T @ pixels @ self.across

    def pull(self, pixels: Tensor, factor: Tensor) -> Tensor:
        """Pull a gradient of all classes' scores back to the cells.

        Args:
            pixels: (N·b, B, C).
            factor: (N·b, 1, B): what each pixel's gradient is multiplied by. It goes into the matrix, which is smaller
                than the scores.

        Returns:
            (N, a, A, C).
        """
        tall, high, wide, classes = *self.down.shape, self.across.shape[1], pixels.shape[2]
        batch = len(pixels) // tall
        narrow = torch.bmm(self.across.T * factor, pixels).view(batch, tall, wide * classes)
        return torch.bmm(self.down.T.expand(batch, -1, -1), narrow).view(batch, high, wide, classes)


def pieces(scores: Tensor, size: tuple[int, int], align_corners: bool) -> Iterator[Piece]:
    """Cut a target of a size into pieces: bands of rows, and each of them across.

    Args:
        scores: (N, h, w, C).
        size: The target's height and width.
        align_corners: As in `resize`.
    """
    batch, height, width, classes = scores.shape
    tall = band_rows(batch * COLUMNS * classes, scores.device.type)
    every = slice(None)
    for band in strips(height, size[0], align_corners, tall, scores.dtype, scores.device):
        for strip in strips(width, size[1], align_corners, COLUMNS, scores.dtype, scores.device):
            here, there = (every, band.target, strip.target), (every, band.source, strip.source)
            yield Piece(here, there, band.matrix, strip.matrix)


def band_rows(values: int, device: str) -> int:
    """Return how many rows of so many values to work on at a time: for a cache, or for a worthwhile call to a GPU."""
    return max(1, (1 << 19 if device == "cpu" else 1 << 24) // values)


class Exponentials(NamedTuple):
    """What a piece's softmax is made of: probabilities are values / total.

    Args:
        values: (N·b, B, C), the exponentials of the interpolated log-probabilities, less the shift.
        total: (N·b, B, 1), their sums.
        own: (N·b, B, 1), the score of each pixel's class, less the shift; None without classes.
        shift: (N·b, B, 1), what was taken off the scores; None for nothing.
    """

    values: Tensor
    total: Tensor
    own: Tensor | None
    shift: Tensor | None


def mixed(scores: Tensor, piece: Piece) -> tuple[Tensor, Tensor]:
    """Return the two factors whose `torch.bmm` is a piece's upsampled scores (N·b, B, C).

    Args:
        scores: (N, a, A, C), those of the cells that it is made of.
        piece: The piece.
    """
    batch, high, wide, classes = scores.shape
    tall = len(piece.down)
    found = torch.bmm(piece.down.expand(batch, -1, -1), scores.reshape(batch, high, wide * classes))
    return piece.across.expand(batch * tall, -1, -1), found.view(batch * tall, wide, classes)


def exponentials(scores: Tensor, index: Tensor | None, piece: Piece) -> Exponentials:
    """Return the exponentials of a piece's upsampled scores.

    Args:
        scores: (N, a, A, C) log-probabilities of the cells that it is made of.
        index: (N·b, B, 1) int64 classes whose scores are wanted, or None.
        piece: The piece.
    """
    stretch, rows = mixed(scores, piece)
    large = torch.bmm(stretch, rows)
    own = None if index is None else large.gather(2, index)
    if not reads_are_free(large.device):
        # Whether all exponentials vanish somewhere is not asked: the largest score is taken off in any case.
        return _shifted(large, own)
    total = large.exp_().sum(dim=2, keepdim=True)
    if float(total.min()) >= torch.finfo(total.dtype).tiny ** 0.5:
        return Exponentials(large, total, own, None)
    torch.bmm(stretch, rows, out=large)
    return _shifted(large, own)


def _shifted(large: Tensor, own: Tensor | None) -> Exponentials:
    """The exponentials of scores less each pixel's largest; the scores' memory is used for them."""
    peak = large.amax(dim=2, keepdim=True)
    own = None if own is None else own - peak
    total = large.sub_(peak).exp_().sum(dim=2, keepdim=True)
    return Exponentials(large, total, own, peak)
