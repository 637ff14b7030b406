"""Upsampled scores as losses on a GPU use them, by the kernels beside this."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from sceneparse.networks.exact.kernels.entropies import entropies
from sceneparse.networks.exact.kernels.normalising import normalised
from sceneparse.networks.exact.kernels.pulling import pulled
from sceneparse.networks.exact.kernels.sides import side


class Upsampled:
    """Upsampled logits that are never held: each pixel's cross-entropy, and the way back to the small map.

    Args:
        logits: (N, C, h, w) that are `usable.usable`. What a value that isn't finite has a share in is NaN.
        target: (N, H, W) class indices of an integer type; the entropy is NaN where it is no class.
        align_corners: As in `resize`.
        shares: (C,) float32 for `spread`, or None.

    Attributes:
        entropy: (N, H, W) float32, the cross-entropy.
        normaliser: (N, H, W) float32, the logarithm of the sum of the exponentials of a pixel's scores (which are
            log-probabilities, interpolated).
        spread: (N, H, W) float32, the sum of shares times scores; None without shares.
    """

    def __init__(self, logits: Tensor, target: Tensor, align_corners: bool, shares: Tensor | None = None) -> None:
        self._classes = logits.shape[1]
        self._target = target
        self._row, self._column = (
            side(small, large, align_corners) for small, large in zip(logits.shape[2:], target.shape[1:], strict=True)
        )
        self._scores = normalised(logits)
        if shares is not None:
            shares = F.pad(shares.to(torch.float32), (0, self._scores.shape[3] - self._classes))
        found = entropies(self._scores, target, self._classes, self._row, self._column, shares)
        self._normaliser = found.normaliser
        self.entropy = found.entropy
        self.spread = None if found.spread is None else found.spread * math.log(2)

    @property
    def normaliser(self) -> Tensor:
        """See above."""
        return self._normaliser * math.log(2)

    def gradient(
        self, weights: Tensor, factors: Tensor | None = None, truth: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:
        """Pull the gradient factor · softmax - weight · truth of each pixel back to the small map.

        Args:
            weights: (N, H, W), 0 or more.
            factors: (N, H, W), 0 or more; None for the weights.
            truth: (C,) each: the truth of a class at pixels of it, and at others; None for 1 and 0.

        Returns:
            (N, C, h, w) float32, channels-last.
        """
        weights = weights.to(torch.float32)
        factors = weights if factors is None else factors.to(torch.float32)
        shifts = factors.log2().neg_().add_(self._normaliser)
        scores, sides = self._scores, (self._row, self._column)
        return pulled(scores, self._target, weights, shifts, self._classes, *sides, truth).permute(0, 3, 1, 2)
