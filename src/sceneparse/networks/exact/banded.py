"""Cross-entropy of upsampled scores without holding the upsampled scores: a band of the picture at a time.

Scores of 150 classes at 473 x 473 pixels are 134 MB a picture in float32, and the plain form (interpolate, log-softmax
and their backward passes) holds several tensors of this size and goes through memory for each. Here a band that fits in
the processor's cache is interpolated, its losses are taken, and its gradient is pulled back to the small map at once.
What stays is the gradient of the small map, so the backward pass is one multiplication.

Softmax is blind to what is added to all scores of a pixel, and interpolation is linear. So the small map is normalised
first: interpolated log-probabilities are never above 0, their exponentials never overflow, and the search for each
pixel's maximum is left out. Where corners disagree so strongly that all exponentials vanish, it is made up for.
"""

from typing import Any

import torch
from torch import Tensor

from sceneparse.networks.exact.bilinear import Strip, strips

COLUMNS = 32
"""Width of a band's pieces: narrow ones need few columns of the small map, so their matrices are small."""


def upsampled_cross_entropy(logits: Tensor, target: Tensor, weights: Tensor, align_corners: bool) -> Tensor:
    """Sum each pixel's weight times the cross-entropy of the upsampled logits; differentiable once.

    The same as with `resize` and `F.cross_entropy`, up to rounding; computed in float32, or float64 for such logits.
    On the CPU the same input gives the same bits each time.

    Args:
        logits: (N, C, h, w), floating point. A value that isn't finite makes the result NaN or infinite.
        target: (N, H, W) class indices 0..C-1 of an integer type; they also say to which size logits are resized.
        weights: (N, H, W), 0 or more; the target must be a class where the weight is 0, too.
        align_corners: As in `resize`.

    Raises:
        RuntimeError: A target that is no class (an assertion of the device on CUDA); a backward pass that asks for a
            second derivative.
    """
    wanted = torch.is_grad_enabled() and logits.requires_grad
    result: Tensor = _UpsampledCrossEntropy.apply(logits, target, weights, align_corners, wanted)
    return result


@torch.no_grad()
def upsampled_losses(logits: Tensor, target: Tensor, align_corners: bool) -> Tensor:
    """Return the cross-entropy of the upsampled logits at each pixel, (N, H, W), without a gradient.

    For arguments and errors see `upsampled_cross_entropy`.
    """
    return _sweep(logits, target, None, align_corners)[0]


class _UpsampledCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, target: Tensor, weights: Tensor, align_corners: bool, wanted: bool) -> Tensor:
        losses, gradient = _sweep(logits, target, weights if wanted else None, align_corners)
        if wanted:
            ctx.save_for_backward(gradient)
            ctx.dtype = logits.dtype
        return (losses * weights).sum(dtype=torch.float64).to(losses.dtype)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None, None, None, None]:
        if torch.is_grad_enabled():  # the kept gradient would pass for a constant
            raise RuntimeError("upsampled_cross_entropy has no second derivative: leave out create_graph")
        (gradient,) = ctx.saved_tensors
        return (gradient * grad_output).to(ctx.dtype), None, None, None, None


def _sweep(logits: Tensor, target: Tensor, weights: Tensor | None, align_corners: bool) -> tuple[Tensor, Tensor]:
    """Return the losses (N, H, W) and the gradient (N, C, h, w) of their weighted sum; zeros without weights."""
    dtype = torch.float64 if logits.dtype == torch.float64 else torch.float32
    with torch.autocast(logits.device.type, enabled=False):
        # Classes last: the matrices work on runs of classes, and each pixel's softmax lies together.
        scores = logits.permute(0, 2, 3, 1).to(dtype).contiguous().log_softmax(dim=-1)
        losses = torch.empty(target.shape, dtype=dtype, device=scores.device)
        gradient = torch.zeros_like(scores)
        for rows, columns in _pieces(scores, target, align_corners):
            here = (slice(None), rows.target, columns.target)
            there = (slice(None), rows.source, columns.source)
            share = None if weights is None else weights[here].to(dtype)
            losses[here], pull = _piece(scores[there], target[here], share, rows.matrix, columns.matrix)
            if pull is not None:
                gradient[there] += pull
    return losses, gradient.permute(0, 3, 1, 2)


def _piece(
    scores: Tensor, target: Tensor, weights: Tensor | None, down: Tensor, across: Tensor
) -> tuple[Tensor, Tensor | None]:
    """Return one piece's losses (N, b, B), and the gradient of their weighted sum for the scores that it is made of.

    Args:
        scores: (N, a, A, C) log-probabilities.
        target: (N, b, B).
        weights: (N, b, B) or None for no gradient.
        down: (b, a), the interpolation along the height.
        across: (B, A), along the width.
    """
    batch, high, wide, classes = scores.shape
    tall, broad = len(down), len(across)
    mixed = torch.bmm(down.expand(batch, -1, -1), scores.reshape(batch, high, wide * classes))
    mixed = mixed.view(batch * tall, wide, classes)
    index = target.reshape(batch * tall, broad, 1).long()
    stretch = across.expand(batch * tall, -1, -1)
    large = torch.bmm(stretch, mixed)
    own = large.gather(2, index)
    total = large.exp_().sum(dim=2, keepdim=True)
    if float(total.min()) < torch.finfo(total.dtype).tiny ** 0.5:
        torch.bmm(stretch, mixed, out=large)
        peak = large.amax(dim=2, keepdim=True)
        own = own - peak
        total = large.sub_(peak).exp_().sum(dim=2, keepdim=True)
    losses = (total.log() - own).view(batch, tall, broad)
    if weights is None:
        return losses, None
    # weight · (softmax - one-hot) is (exponentials - one-hot · total) · weight / total, and the factor of the pixel
    # goes into the matrix, which is smaller than the scores.
    large.scatter_(2, index, own.exp() - total)
    factor = weights.reshape(batch * tall, 1, broad) / total.view(batch * tall, 1, broad)
    narrow = torch.bmm(across.T * factor, large).view(batch, tall, wide * classes)
    return losses, torch.bmm(down.T.expand(batch, -1, -1), narrow).view(scores.shape)


def _pieces(scores: Tensor, target: Tensor, align_corners: bool) -> list[tuple[Strip, Strip]]:
    """Cut the target into pieces: bands of rows, and each of them across."""
    batch, height, width, classes = scores.shape
    rows, columns = target.shape[-2:]
    tall = band_rows(batch * COLUMNS * classes, scores.device.type)
    down = strips(height, rows, align_corners, tall, scores.dtype, scores.device)
    across = strips(width, columns, align_corners, COLUMNS, scores.dtype, scores.device)
    return [(band, piece) for band in down for piece in across]


def band_rows(values: int, device: str) -> int:
    """Return how many rows of so many values to work on at a time: for a cache, or for a worthwhile call to a GPU."""
    return max(1, (1 << 19 if device == "cpu" else 1 << 24) // values)
