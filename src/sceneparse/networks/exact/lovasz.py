"""The Lovász extension of the Jaccard loss, of upsampled scores: the scores of one class at a time at picture size.

The loss sorts a class's errors at all pixels, so they must all be there; but other classes' need not. What is kept at
the picture's size are the logarithm of each pixel's softmax sum and one gradient, and for one class of one picture (or
of the batch) its probabilities, their errors and the order of these. A pixel whose error is below that of every pixel
of the class has no influence, and takes no part in the sorting: of a trained network these are nearly all.
"""

from typing import Any

import torch
from torch import Tensor

from sceneparse.devices.sums import wide_sum
from sceneparse.labels import IGNORE
from sceneparse.networks.exact.banded import refuse_second_derivative
from sceneparse.networks.exact.bands import Piece, exponentials, normalised, pieces
from sceneparse.networks.exact.bilinear import strips


def upsampled_lovasz(logits: Tensor, target: Tensor, shares: Tensor, align_corners: bool) -> Tensor:
    """Sum up the Lovász extensions of classes' Jaccard losses of the upsampled logits; differentiable once.

    Computed in float32, or float64 for such logits. Of errors that are equal, the order is arbitrary: the loss does not
    depend on it, but which of the subgradients is taken does.

    Args:
        logits: (N, C, h, w), floating point. A value that isn't finite makes the result NaN or infinite.
        target: (N, H, W) class indices 0..C-1, or `IGNORE`; they also say to which size logits are resized.
        shares: (N, C), what each class's loss of each picture counts: 0 where the picture shows nothing of it. Or
            (1, C): then each class has one loss, over the pixels of all pictures.
        align_corners: As in `resize`.

    Raises:
        RuntimeError: A backward pass that asks for a second derivative.
    """
    wanted = torch.is_grad_enabled() and logits.requires_grad
    result: Tensor = _Lovasz.apply(logits, target, shares, align_corners, wanted)
    return result


def lovasz_gradient(own: Tensor, dtype: torch.dtype) -> Tensor:
    """Return what each error counts in the Lovász extension of the Jaccard loss (Berman et al., 2018, algorithm 1).

    That is by how much the loss grows when this pixel is wrong too, after all of larger errors: one over the union for
    a pixel of the class, intersection / (union · (union + 1)) for another, both before it. So nothing is a difference
    of nearly equal numbers, and float32 loses nothing but its rounding.

    Args:
        own: (n,) bool: which pixels are of the class, in falling order of their errors.
        dtype: The type of the result.

    Returns:
        (n,), never negative.
    """
    hit = own.cumsum(0, dtype=torch.int64)
    number = hit[-1]
    before = hit - own.long()
    # Pixels of other classes that come earlier.
    others = torch.arange(len(own), device=own.device) - before
    union = (number + others).to(dtype)
    rest = (number - before).to(dtype)
    return torch.where(own, 1 / union, rest / (union * (union + 1)))


class _Lovasz(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, target: Tensor, shares: Tensor, align_corners: bool, wanted: bool) -> Tensor:
        size = (target.shape[-2], target.shape[-1])
        with torch.autocast(logits.device.type, enabled=False):
            scores = normalised(logits)
            normaliser = _normaliser(scores, size, align_corners)
            # All of it is one piece to the scores of one class.
            (down,), (across,) = (
                strips(cells, pixels, align_corners, pixels, scores.dtype, scores.device)
                for cells, pixels in zip(scores.shape[1:3], size, strict=True)
            )
            every = slice(None)
            whole = Piece((every, every, every), (every, down.source, across.source), down.matrix, across.matrix)
            # Where scores are not finite, no order of errors is, and the loss must show it.
            loss = 0 * wide_sum(normaliser)
            gradient = torch.zeros_like(scores)
            mean = torch.zeros_like(normaliser)
            groups = [slice(n, n + 1) for n in range(len(target))] if len(shares) == len(target) else [every]
            for group, row in zip(groups, shares, strict=True):
                for label in row.nonzero().flatten().tolist():
                    cells = scores[group][whole.there][..., label]
                    probability = (whole.enlarge(cells) - normaliser[group]).clamp_(max=0).exp_()
                    extension, slope = _of_class(probability, target[group], label)
                    loss += row[label] * extension
                    if wanted:
                        slope = slope.mul_(probability).mul_(row[label].to(slope.dtype))
                        mean[group] += slope
                        gradient[group][whole.there][..., label] += whole.reduce(slope)
            if wanted:
                # A softmax turns the gradient d of its probabilities p into p · d, and p · (sum of p · d) off it.
                _subtract_mean(gradient, scores, mean, align_corners)
                ctx.save_for_backward(gradient.permute(0, 3, 1, 2))
                ctx.dtype = logits.dtype
        return loss.to(scores.dtype)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None, None, None, None]:
        refuse_second_derivative()
        (gradient,) = ctx.saved_tensors
        return (gradient * grad_output).to(ctx.dtype), None, None, None, None


def _normaliser(scores: Tensor, size: tuple[int, int], align_corners: bool) -> Tensor:
    """Return the logarithm of the sum of the upsampled scores' exponentials, (N, H, W)."""
    found = scores.new_empty(len(scores), *size)
    for piece in pieces(scores, size, align_corners):
        _, total, _, shift = exponentials(scores[piece.there], None, piece)
        found[piece.here] = (total.log() if shift is None else total.log() + shift).view(found[piece.here].shape)
    return found


def _subtract_mean(gradient: Tensor, scores: Tensor, mean: Tensor, align_corners: bool) -> None:
    """Take each pixel's probabilities times its mean, pulled back to the cells, off a gradient (N, h, w, C)."""
    for piece in pieces(scores, (mean.shape[-2], mean.shape[-1]), align_corners):
        large, total, _, _ = exponentials(scores[piece.there], None, piece)
        factor = mean[piece.here].reshape(len(total), 1, -1) / total.view(len(total), 1, -1)
        gradient[piece.there] -= piece.pull(large, factor)


def _of_class(probability: Tensor, target: Tensor, label: int) -> tuple[Tensor, Tensor]:
    """Return the Lovász extension of one class's Jaccard loss, and its gradient for the probabilities (n, H, W)."""
    own = (target == label).flatten()
    errors = torch.where(own, 1 - probability.flatten(), probability.flatten())
    # After the last pixel of the class nothing is left to lose.
    used = (errors >= errors[own].min()).logical_and_(target.flatten() != IGNORE).nonzero().flatten()
    errors, order = errors[used].sort(descending=True, stable=True)
    used = used[order]
    own = own[used]
    slope = probability.new_zeros(probability.numel())
    if not len(used):  # no error can be compared: the scores are not finite
        return slope.sum(), slope.view(probability.shape)
    counts = lovasz_gradient(own, errors.dtype)
    slope[used] = torch.where(own, -counts, counts)
    return wide_sum(errors * counts), slope.view(probability.shape)
