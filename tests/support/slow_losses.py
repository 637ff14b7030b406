"""Losses as their papers write them, in float64 over whole upsampled scores: what ours are compared with.

Each takes logits (N, C, h, w), a target (N, H, W) and class weights or None, and is differentiated by PyTorch.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sceneparse.labels import IGNORE
from sceneparse.networks import resize


@dataclass(frozen=True)
class Case:
    """A random batch: sizes, ratios, labels that are missing and classes that are absent."""

    logits: Tensor
    target: Tensor
    align_corners: bool
    weights: Tensor | None

    @classmethod
    def of(cls, seed: int, *, batch: int | None = None) -> "Case":
        """Draw a batch: as its seed says with class weights or without, its corners aligned or not."""
        draw, generator = random.Random(seed), torch.Generator().manual_seed(seed)
        classes, number = draw.randint(2, 7), batch or draw.randint(1, 4)
        size, target_size = ([draw.randint(1, high) for _ in "hw"] for high in (12, 45))
        logits = 3 * torch.randn(number, classes, *size, generator=generator, dtype=torch.float64)
        # The last class is in no target, and the last but one in the first picture alone.
        target = torch.randint(0, max(1, classes - 1), (number, *target_size), generator=generator)
        target[1:][target[1:] == classes - 2] = 0
        target[torch.rand(target.shape, generator=generator) < 0.3] = IGNORE
        weights = 0.1 + torch.rand(classes, generator=generator, dtype=torch.float64) if seed % 2 else None
        return cls(logits.requires_grad_(), target.to(torch.int16), bool(seed // 2 % 2), weights)

    @property
    def log_probabilities(self) -> Tensor:
        """Of all classes at all pixels, (N, C, H, W)."""
        height, width = self.target.shape[-2:]
        return resize(self.logits, (height, width), self.align_corners).log_softmax(dim=1)

    @property
    def known(self) -> Tensor:
        """(N, H, W): which pixels are labelled."""
        return self.target != IGNORE

    @property
    def by_class(self) -> Tensor:
        """(C,) class weights."""
        return self.logits.new_ones(self.logits.shape[1]) if self.weights is None else self.weights

    @property
    def by_pixel(self) -> Tensor:
        """(N, H, W): the weights of the pixels' classes, 0 without a label."""
        return self.by_class[self.target.clamp(min=0).long()] * self.known

    @property
    def one_hot(self) -> Tensor:
        """(N, C, H, W): 1 at a labelled pixel's class."""
        truth = F.one_hot(self.target.clamp(min=0).long(), self.logits.shape[1]).permute(0, 3, 1, 2)
        return truth.double() * self.known[:, None]


def focal(case: Case, gamma: float, smoothing: float = 0.0) -> Tensor:
    """Lin et al., equation 5, of every class as much as the smoothed truth holds of it."""
    found = case.log_probabilities
    truth = (1 - smoothing) * case.one_hot + smoothing / found.shape[1] * case.known[:, None].double()
    each = -truth * case.by_class[:, None, None] * (1 - found.exp()) ** gamma * found
    return each.sum() / case.by_pixel.sum()


def boundary(case: Case, weight: float, distance: float) -> Tensor:
    """U-Net's equation 2, with the distance to each pixel of another class measured."""
    losses = F.nll_loss(case.log_probabilities, case.target.long(), ignore_index=IGNORE, reduction="none")
    squares = squared_distances(case.target)
    return (losses * case.by_pixel * (1 + weight * torch.exp(-squares / (2 * distance**2)))).sum() / case.by_pixel.sum()


def squared_distances(target: Tensor) -> Tensor:
    """(N, H, W) float64: of each labelled pixel to the nearest of another class; infinite where there is none."""
    found = torch.full(target.shape, torch.inf, dtype=torch.float64)
    rows, columns = (axis.flatten() for axis in torch.meshgrid(*map(torch.arange, target.shape[1:]), indexing="ij"))
    squares = ((rows[:, None] - rows) ** 2 + (columns[:, None] - columns) ** 2).double()
    for picture, classes in zip(found, target.flatten(1), strict=True):
        others = (classes[:, None] != classes) & (classes != IGNORE)
        picture.copy_(squares.masked_fill(~others, torch.inf).min(dim=1).values.view(picture.shape))
    return found


def overlap(
    case: Case,
    index: Callable[[Tensor, Tensor, Tensor], Tensor],
    *,
    squared: bool = False,
    every: bool = False,
    by_picture: bool = False,
) -> Tensor:
    """The mean over classes of 1 - index(overlap, found, truth), class by class."""
    if by_picture:
        count = len(case.target)
        pictures = [
            Case(case.logits[n : n + 1], case.target[n : n + 1], case.align_corners, case.weights) for n in range(count)
        ]
        losses = [overlap(one, index, squared=squared, every=every) * one.by_pixel.sum() for one in pictures]
        return torch.stack(losses).sum() / case.by_pixel.sum()
    probability, losses, weights = case.log_probabilities.exp(), [], []
    for label in range(probability.shape[1]):
        found, truth = probability[:, label][case.known], (case.target == label)[case.known].double()
        if every or truth.any():
            whole = (found**2 if squared else found).sum()
            losses.append(case.by_class[label] * (1 - index((found * truth).sum(), whole, truth.sum())))
            weights.append(case.by_class[label])
    return torch.stack(losses).sum() / torch.stack(weights).sum() if losses else 0 * probability.sum()


def lovasz(case: Case, *, by_picture: bool) -> Tensor:
    """Berman et al., algorithm 1 and equation 11, as the authors' `lovasz_softmax_flat` computes them."""
    if by_picture:
        count = len(case.target)
        pictures = [
            Case(case.logits[n : n + 1], case.target[n : n + 1], case.align_corners, case.weights) for n in range(count)
        ]
        losses = [lovasz(one, by_picture=False) * one.by_pixel.sum() for one in pictures]
        return torch.stack(losses).sum() / case.by_pixel.sum()
    probability, losses, weights = case.log_probabilities.exp(), [], []
    for label in range(probability.shape[1]):
        found, truth = probability[:, label][case.known], (case.target == label)[case.known].double()
        if truth.any():
            errors, order = (truth - found).abs().sort(descending=True)
            ordered = truth[order]
            intersection = ordered.sum() - ordered.cumsum(0)
            union = ordered.sum() + (1 - ordered).cumsum(0)
            jaccard = 1 - intersection / union
            gradient = torch.cat([jaccard[:1], jaccard[1:] - jaccard[:-1]])
            losses.append(case.by_class[label] * (errors @ gradient))
            weights.append(case.by_class[label])
    return torch.stack(losses).sum() / torch.stack(weights).sum() if losses else 0 * probability.sum()
