"""Losses of upsampled scores' pixels without holding the upsampled scores: a band of the picture at a time (`bands`).

What stays is the gradient of the small map, so the backward pass is one multiplication. On GPUs kernels do all of it
where they can be used (`kernels`).
"""

from typing import Any, Protocol

import torch
from torch import Tensor

from sceneparse.devices.sums import wide_sum
from sceneparse.networks.exact.bands import Piece, exponentials, normalised, pieces
from sceneparse.networks.exact.kernels.usable import usable

Found = tuple[Tensor, Tensor | None]
"""The losses of all pixels (N, H, W), and the gradient (N, C, h, w) of their weighted sum if it is wanted."""


class PixelLoss(Protocol):
    """A loss of a pixel's scores and class, and its gradient."""

    def __call__(
        self, scores: Tensor, target: Tensor, weights: Tensor | None, piece: Piece
    ) -> tuple[Tensor, Tensor | None]:
        """Return a piece's losses (N, b, B), and the gradient of their weighted sum for the cells it is made of.

        Args:
            scores: (N, a, A, C) log-probabilities of these cells.
            target: (N, b, B) classes.
            weights: (N, b, B); None for no gradient.
            piece: Which piece it is.
        """
        ...

    def fused(self, logits: Tensor, target: Tensor, weights: Tensor | None, align_corners: bool) -> Found | None:
        """Return all pixels' losses by the kernels for GPUs (`kernels.Upsampled`); None if they can't.

        Args:
            logits: (N, C, h, w) that the kernels can be used on.
            target: (N, H, W) classes.
            weights: (N, H, W); None for no gradient.
            align_corners: As in `resize`.
        """
        ...


class CrossEntropy:
    """Cross-entropy and its gradient: a `PixelLoss`."""

    def __call__(
        self, scores: Tensor, target: Tensor, weights: Tensor | None, piece: Piece
    ) -> tuple[Tensor, Tensor | None]:
        """Return a piece's losses and the gradient of their weighted sum."""
        index = index_of(target)
        large, total, own, _ = exponentials(scores, index, piece)
        assert own is not None
        losses = (total.log() - own).view(target.shape)
        if weights is None:
            return losses, None
        # weight · (softmax - one-hot) is (exponentials - one-hot · total) · weight / total.
        large.scatter_(2, index, own.exp() - total)
        factor = weights.reshape(len(total), 1, -1) / total.view(len(total), 1, -1)
        return losses, piece.pull(large, factor)

    def fused(self, logits: Tensor, target: Tensor, weights: Tensor | None, align_corners: bool) -> Found:
        """Return all pixels' losses by the kernels for GPUs."""
        from sceneparse.networks.exact.kernels.upsampled import Upsampled

        pixels = Upsampled(logits, target, align_corners)
        return pixels.entropy, None if weights is None else pixels.gradient(weights)


def upsampled_cross_entropy(logits: Tensor, target: Tensor, weights: Tensor, align_corners: bool) -> Tensor:
    """Sum each pixel's weight times the cross-entropy of the upsampled logits; differentiable once.

    The same as with `resize` and `F.cross_entropy`, up to rounding; computed in float32, or float64 for such logits.
    The same input gives the same bits each time: on the CPU, and where the kernels for GPUs are used.

    Args:
        logits: (N, C, h, w), floating point. A value that isn't finite makes the result NaN or infinite.
        target: (N, H, W) class indices 0..C-1 of an integer type; they also say to which size logits are resized.
        weights: (N, H, W), 0 or more; the target must be a class where the weight is 0, too.
        align_corners: As in `resize`.

    Raises:
        RuntimeError: A target that is no class; a backward pass that asks for a second derivative. On CUDA a wrong
            target is an assertion of the device, or makes the loss NaN where the kernels are used.
    """
    return upsampled_sum(CrossEntropy(), logits, target, weights, align_corners)


def upsampled_sum(loss: PixelLoss, logits: Tensor, target: Tensor, weights: Tensor, align_corners: bool) -> Tensor:
    """Sum each pixel's weight times its loss of the upsampled logits; differentiable once.

    Args:
        loss: The loss of a pixel.
        logits: For this and what follows, for errors and precision see `upsampled_cross_entropy`.
        target: See there.
        weights: See there.
        align_corners: See there.
    """
    wanted = torch.is_grad_enabled() and logits.requires_grad
    result: Tensor = _UpsampledSum.apply(logits, target, weights, align_corners, loss, wanted)
    return result


@torch.no_grad()
def upsampled_losses(logits: Tensor, target: Tensor, align_corners: bool) -> Tensor:
    """Return the cross-entropy of the upsampled logits at each pixel, (N, H, W), without a gradient.

    For arguments and errors see `upsampled_cross_entropy`.
    """
    return _sweep(CrossEntropy(), logits, target, None, align_corners)[0]


class _UpsampledSum(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        target: Tensor,
        weights: Tensor,
        align_corners: bool,
        loss: PixelLoss,
        wanted: bool,
    ) -> Tensor:
        losses, gradient = _sweep(loss, logits, target, weights if wanted else None, align_corners)
        if gradient is not None:
            ctx.save_for_backward(gradient)
            ctx.dtype = logits.dtype
        return wide_sum(losses * weights).to(losses.dtype)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None, None, None, None, None]:
        refuse_second_derivative()
        (gradient,) = ctx.saved_tensors
        return (gradient * grad_output).to(ctx.dtype), None, None, None, None, None


def refuse_second_derivative() -> None:
    """Refuse a backward pass that is itself to be differentiated: a kept gradient would pass for a constant.

    Raises:
        RuntimeError: It is one.
    """
    if torch.is_grad_enabled():
        raise RuntimeError("losses of upsampled scores have no second derivative: leave out create_graph")


def _sweep(loss: PixelLoss, logits: Tensor, target: Tensor, weights: Tensor | None, align_corners: bool) -> Found:
    size = (target.shape[-2], target.shape[-1])
    with torch.autocast(logits.device.type, enabled=False):
        if usable(logits, size):
            found = loss.fused(logits, target, weights, align_corners)
            if found is not None:
                return found
        scores = normalised(logits)
        losses = torch.empty(target.shape, dtype=scores.dtype, device=scores.device)
        gradient = None if weights is None else torch.zeros_like(scores)
        for piece in pieces(scores, size, align_corners):
            share = None if weights is None else weights[piece.here].to(scores.dtype)
            losses[piece.here], pulled = loss(scores[piece.there], target[piece.here], share, piece)
            if gradient is not None and pulled is not None:
                gradient[piece.there] += pulled
    return losses, None if gradient is None else gradient.permute(0, 3, 1, 2)


def index_of(target: Tensor) -> Tensor:
    """Return a piece's classes (N, b, B) as the index (N·b, B, 1) of `bands.exponentials`."""
    return target.reshape(-1, target.shape[-1], 1).long()
