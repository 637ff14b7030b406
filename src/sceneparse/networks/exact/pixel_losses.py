"""Label smoothing and focal losses of upsampled scores' pixels, computed a band at a time (`banded.upsampled_sum`)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from sceneparse.networks.exact.banded import Found, index_of
from sceneparse.networks.exact.bands import Piece, exponentials, mixed


@dataclass(frozen=True, eq=False)
class SmoothedCrossEntropy:
    """Cross-entropy with label smoothing, the same as `F.cross_entropy` with `label_smoothing` and without reduction.

    The part of the truth that is spread over all classes is linear in the scores, but for the logarithm of the
    softmax's sum. So it costs one value a pixel, not one for each class.

    Args:
        smoothing: The share of the truth that is spread evenly over all classes.
        class_weights: (C,) weights of the classes, or None for 1 each.
    """

    smoothing: float
    class_weights: Tensor | None = None

    def __call__(
        self, scores: Tensor, target: Tensor, weights: Tensor | None, piece: Piece
    ) -> tuple[Tensor, Tensor | None]:
        """Return a piece's losses and the gradient of their weighted sum (see `banded.PixelLoss`)."""
        index, each = index_of(target), self.smoothing / scores.shape[-1]
        large, total, own, shift = exponentials(scores, index, piece)
        assert own is not None
        by_class = _by_class(self.class_weights, scores)
        hard = (1 - self.smoothing) * by_class[index]
        soft = each * by_class.sum()
        normaliser = total.log()
        spread = piece.enlarge(scores @ by_class).view(own.shape)
        losses = hard * (normaliser - own) - each * spread
        losses += soft * (normaliser if shift is None else normaliser + shift)
        if weights is None:
            return losses.view(target.shape), None
        # (hard + soft) · softmax - hard · one-hot - each · class weights: the last is the same at all pixels.
        factor = hard + soft
        large.scatter_(2, index, own.exp() - total * (hard / factor))
        factor = (factor / total).view(len(total), 1, -1) * weights.reshape(len(total), 1, -1)
        pulled = piece.pull(large, factor) - each * piece.reduce(weights)[..., None] * by_class
        return losses.view(target.shape), pulled

    def fused(self, logits: Tensor, target: Tensor, weights: Tensor | None, align_corners: bool) -> Found:
        """Return all pixels' losses by the kernels for GPUs (see `banded.PixelLoss`)."""
        from sceneparse.networks.exact.kernels.upsampled import Upsampled

        by_class = _by_class(self.class_weights, logits.new_empty(logits.shape[1], dtype=torch.float32))
        spread = self.smoothing / logits.shape[1] * by_class
        pixels = Upsampled(logits, target, align_corners, spread)
        assert pixels.spread is not None
        own, all_classes = (1 - self.smoothing) * by_class, spread.sum()
        hard = own[target.long()]
        losses = hard * pixels.entropy + all_classes * pixels.normaliser - pixels.spread
        if weights is None:
            return losses, None
        return losses, pixels.gradient(weights, weights * (hard + all_classes), (own + spread, spread))


@dataclass(frozen=True, eq=False)
class Focal:
    """The focal loss (Lin et al., ICCV 2017, section 3.2): (1 - p)^gamma · -log p of the true class's probability p.

    With smoothing it is the sum over all classes of what the smoothed truth holds of them times each one's focal loss;
    without gamma it is then cross-entropy with label smoothing.

    Args:
        gamma: 0 or more; 0 is cross-entropy.
        smoothing: The share of the truth that is spread evenly over all classes.
        class_weights: (C,) weights of the classes, or None for 1 each.
    """

    gamma: float
    smoothing: float = 0.0
    class_weights: Tensor | None = None

    def __call__(
        self, scores: Tensor, target: Tensor, weights: Tensor | None, piece: Piece
    ) -> tuple[Tensor, Tensor | None]:
        """Return a piece's losses and the gradient of their weighted sum (see `banded.PixelLoss`)."""
        return (self._smoothed if self.smoothing else self._plain)(scores, target, weights, piece)

    def fused(self, logits: Tensor, target: Tensor, weights: Tensor | None, align_corners: bool) -> Found | None:
        """Return all pixels' losses by the kernels for GPUs; there are none with smoothing (see `banded.PixelLoss`)."""
        from sceneparse.networks.exact.kernels.upsampled import Upsampled

        if self.smoothing:
            return None
        pixels = Upsampled(logits, target, align_corners)
        losses, slope = self._focus(-pixels.entropy)
        if self.class_weights is not None:
            share = self.class_weights.to(losses)[target.long()]
            losses, slope = losses * share, slope * share
        return losses, None if weights is None else pixels.gradient(weights * slope)

    def _plain(
        self, scores: Tensor, target: Tensor, weights: Tensor | None, piece: Piece
    ) -> tuple[Tensor, Tensor | None]:
        index = index_of(target)
        large, total, own, _ = exponentials(scores, index, piece)
        assert own is not None
        share = _by_class(self.class_weights, scores)[index]
        losses, slope = self._focus(own - total.log())
        losses = (losses * share).view(target.shape)
        if weights is None:
            return losses, None
        # That of cross-entropy, softmax - one-hot, times the slope.
        large.scatter_(2, index, own.exp() - total)
        factor = (slope * share / total).view(len(total), 1, -1) * weights.reshape(len(total), 1, -1)
        return losses, piece.pull(large, factor)

    def _smoothed(
        self, scores: Tensor, target: Tensor, weights: Tensor | None, piece: Piece
    ) -> tuple[Tensor, Tensor | None]:
        index, each = index_of(target), self.smoothing / scores.shape[-1]
        by_class = _by_class(self.class_weights, scores)
        large = torch.bmm(*mixed(scores, piece)).log_softmax(dim=2)
        losses, slope = self._focus(large)
        hard = (1 - self.smoothing) * by_class[index]
        found = (losses @ (each * by_class))[..., None] + losses.gather(2, index) * hard
        if weights is None:
            return found.view(target.shape), None
        own = slope.gather(2, index) * hard
        slope *= each * by_class
        slope.scatter_add_(2, index, own)
        large.exp_().mul_(slope.sum(dim=2, keepdim=True)).sub_(slope)
        return found.view(target.shape), piece.pull(large, weights.reshape(len(large), 1, -1))

    def _focus(self, log_probability: Tensor) -> tuple[Tensor, Tensor]:
        """Return the focal loss of a probability, and how fast it falls with the probability's logarithm."""
        entropy = -log_probability.clamp(max=0)
        rest = -torch.expm1(-entropy)
        focus = rest**self.gamma
        # entropy / (1 - probability) tends to 1 where both vanish.
        ratio = (entropy / rest).masked_fill_(rest == 0, 1.0)
        return focus * entropy, focus * (1 + self.gamma * torch.exp(-entropy) * ratio)


def _by_class(class_weights: Tensor | None, scores: Tensor) -> Tensor:
    return scores.new_ones(scores.shape[-1]) if class_weights is None else class_weights.to(scores)
