"""Sums of upsampled scores' probabilities by class, without holding the upsampled scores: a band at a time (`bands`).

Losses of overlap, such as Dice, are functions of these sums. Their gradient for a pixel depends on the sums of all
pixels; so there is one sweep over the bands forward and one backward, and nothing but the small map is kept between.
Cross-entropy, which is often minimised together with them, takes the same exponentials: it goes along in both sweeps.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from sceneparse.devices.sums import widest
from sceneparse.networks.exact.banded import index_of, refuse_second_derivative
from sceneparse.networks.exact.bands import exponentials, normalised, pieces


def upsampled_class_sums(
    logits: Tensor, target: Tensor, weights: Tensor, align_corners: bool, squared: bool = False
) -> Tensor:
    """Sum up the probabilities that the upsampled logits give to each class, over each picture; differentiable once.

    Probabilities are computed in float32, or float64 for such logits; pieces of the picture are added up in the
    device's `widest` type. On the CPU the same input gives the same bits each time.

    Args:
        logits: (N, C, h, w), floating point.
        target: (N, H, W) class indices 0..C-1 of an integer type; they also say to which size logits are resized.
        weights: (N, H, W), 0 or more: what each pixel counts; the target must be a class where it is 0, too.
        align_corners: As in `resize`.
        squared: Whether probabilities are squared where they are summed over all pixels.

    Returns:
        (2, N, C) of that type, float64 on all but Apple's GPUs: the sums over the pixels whose target is the class, and
        those over all pixels.

    Raises:
        RuntimeError: A target that is no class; a backward pass that asks for a second derivative.
    """
    result: Tensor = _ClassSums.apply(logits, target, weights, None, align_corners, squared)[0]
    return result


class SumsAndEntropy(NamedTuple):
    """What a sweep found.

    Args:
        sums: (2, N, C), see `upsampled_class_sums`.
        entropy: The weighted sum of the pixels' cross-entropies, a scalar of the same type.
    """

    sums: Tensor
    entropy: Tensor


def upsampled_class_sums_and_entropy(
    logits: Tensor, target: Tensor, weights: Tensor, entropy_weights: Tensor, align_corners: bool, squared: bool = False
) -> SumsAndEntropy:
    """Sum up the probabilities of each class, and the cross-entropy of the pixels with them; differentiable once.

    A step of a training takes two sweeps over the upsampled scores, where the two losses by themselves take three.

    Args:
        logits: For this and what is not named, see `upsampled_class_sums`.
        target: See there.
        weights: See there.
        entropy_weights: (N, H, W), 0 or more: what a pixel's cross-entropy counts, times its `weights`.
        align_corners: As in `resize`.
        squared: See there.
    """
    return SumsAndEntropy(*_ClassSums.apply(logits, target, weights, entropy_weights, align_corners, squared))


class _ClassSums(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        target: Tensor,
        weights: Tensor,
        entropy_weights: Tensor | None,
        align_corners: bool,
        squared: bool,
    ) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(logits, target, weights, entropy_weights)
        ctx.form = (align_corners, squared)
        batch, classes = logits.shape[:2]
        wide = widest(logits.device)
        sums = torch.zeros(2, batch * classes, dtype=wide, device=logits.device)
        entropy = torch.zeros((), dtype=wide, device=logits.device)
        offset = torch.arange(batch, device=logits.device)[:, None, None] * classes
        with torch.autocast(logits.device.type, enabled=False):
            scores = normalised(logits)
            for piece in pieces(scores, (target.shape[-2], target.shape[-1]), align_corners):
                labels = target[piece.here]
                large, total, own, _ = exponentials(scores[piece.there], index_of(labels), piece)
                assert own is not None
                counted = weights[piece.here].to(scores.dtype).reshape(own.shape)
                if entropy_weights is not None:
                    losses = (total.log() - own) * counted
                    entropy += (losses * entropy_weights[piece.here].to(losses.dtype).reshape(own.shape)).sum().to(wide)
                share = counted / total
                sums[0].index_add_(0, (labels + offset).flatten(), (own.exp() * share).to(wide).flatten())
                if squared:
                    large, share = large.square_(), share / total
                sums[1] += torch.bmm(share.view(batch, 1, -1), large.view(batch, -1, classes)).to(wide).flatten()
        return sums.view(2, batch, classes), entropy

    @staticmethod
    def backward(ctx: Any, of_sums: Tensor, of_entropy: Tensor) -> tuple[Tensor, None, None, None, None, None]:
        refuse_second_derivative()
        logits, target, weights, entropy_weights = ctx.saved_tensors
        align_corners, squared = ctx.form
        with torch.autocast(logits.device.type, enabled=False):
            scores = normalised(logits)
            gradient = torch.zeros_like(scores)
            of_own, of_all = of_sums.to(scores.dtype)
            of_entropy = of_entropy.to(scores.dtype)
            for piece in pieces(scores, (target.shape[-2], target.shape[-1]), align_corners):
                index = index_of(target[piece.here])
                large, total, own, _ = exponentials(scores[piece.there], index, piece)
                assert own is not None
                tall = len(piece.down)
                # By class and row; then of each pixel's own class alone.
                every = of_all.repeat_interleave(tall, dim=0)[:, None]
                single = of_own.repeat_interleave(tall, dim=0)[:, None].expand_as(large).gather(2, index)
                single = single * own.exp() / total
                slope = 2 * every * large / total if squared else every
                # A softmax turns the gradient d of its probabilities p into p · (d - sum of p · d).
                product = (large * slope).sum(dim=2, keepdim=True) if squared else torch.bmm(large, every.mT)
                mean = product / total + single
                if entropy_weights is not None:
                    # What is left of cross-entropy's gradient, p less 1 for the own class, has the same form.
                    pulled = entropy_weights[piece.here].to(scores.dtype).reshape(own.shape) * of_entropy
                    mean, single = mean - pulled, single - pulled
                large.mul_(slope - mean).scatter_add_(2, index, single * total)
                factor = weights[piece.here].to(scores.dtype).reshape(len(total), 1, -1) / total.view(len(total), 1, -1)
                gradient[piece.there] += piece.pull(large, factor)
        return gradient.permute(0, 3, 1, 2).to(logits.dtype), None, None, None, None, None
