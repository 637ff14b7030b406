"""What is minimised: cross-entropy averaged over the pixels that count, in the one place where it is computed."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sceneparse.data import DataSet
from sceneparse.errors import UserError
from sceneparse.labels import IGNORE
from sceneparse.networks import Output
from sceneparse.networks.exact.banded import upsampled_cross_entropy, upsampled_losses
from sceneparse.processes import ALONE
from sceneparse.training.losses.mining import Total, hard_pixels


class Loss(NamedTuple):
    """A loss and what it is made of, all scalars: total = main + aux_weight · aux."""

    total: Tensor
    main: Tensor
    aux: Tensor | None


def segmentation_loss(
    output: Output,
    target: Tensor,
    *,
    align_corners: bool,
    aux_weight: float,
    class_weights: Tensor | None = None,
    hard_fraction: float = 1.0,
    hard_threshold: float = 0.7,
    total: Total = ALONE.total,
) -> Loss:
    """The loss of the main and the auxiliary head (PSPNet paper, section 3.3), each resized to the target.

    A network that classifies the whole picture instead of having an auxiliary head is taught that by `presence_loss`.
    Each head's loss is the mean cross-entropy of the pixels that count (those that are not `IGNORE`), weighted by the
    weight of their true class: sum(w · ce) / sum(w). Where nothing counts it is 0 with zero gradients.

    Args:
        output: Logits (N, C, h, w) at the network's strides.
        target: (N, H, W) int16 class indices.
        align_corners: How logits are resized.
        aux_weight: Weight of the auxiliary loss.
        class_weights: (C,) weights of the classes, or None for 1 each.
        hard_fraction: Below 1, only this fraction of the pixels that count is kept, those of the highest cross-entropy
            (at least one pixel), each head choosing its own.
        hard_threshold: Then every pixel whose true class has a probability below this is kept as well.
        total: Sums over the processes that share the batch. With it means and mining are over all of its pixels, and
            the processes' losses add up to that of the batch.
    """

    def head(logits: Tensor) -> Tensor:
        return _cross_entropy(logits, target, align_corners, class_weights, hard_fraction, hard_threshold, total)

    main = head(output.logits)
    if output.aux is not None:
        aux = head(output.aux)
    elif output.image is not None:
        aux = presence_loss(output.image, target, class_weights, total)
    else:
        return Loss(main, main, None)
    return Loss(main + aux_weight * aux, main, aux)


def presence_loss(
    logits: Tensor, target: Tensor, class_weights: Tensor | None = None, total: Total = ALONE.total
) -> Tensor:
    """Binary cross-entropy of which classes a picture shows, averaged over the classes and then over the pictures.

    A picture weighs as much as counts in it (see `counted`): one without labels says nothing of what it shows, and
    losses of a batch's parts can be put together like those of its pixels.

    Args:
        logits: (N, C), of `Output.image`.
        target: (N, H, W) int16 class indices.
        class_weights: (C,) weights of the classes, or None for 1 each.
        total: As in `segmentation_loss`.
    """
    num_classes = logits.shape[1]
    places = torch.where(target == IGNORE, num_classes, target).flatten(1).long()
    pixels = torch.zeros(len(logits), num_classes + 1, device=logits.device, dtype=torch.float64)
    pixels = pixels.scatter_add_(1, places, torch.ones_like(places, dtype=torch.float64))[:, :num_classes]
    losses = F.binary_cross_entropy_with_logits(logits.float(), (pixels > 0).float(), reduction="none").mean(dim=1)
    weights = (pixels if class_weights is None else pixels * class_weights.double()).sum(dim=1)
    amount = total(weights.sum())
    return (losses * weights.to(losses.dtype)).sum() / torch.where(amount > 0, amount, 1.0).to(losses.dtype)


def counted(target: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """How much of a target counts: its pixels that are not `IGNORE`, each by its class's weight. A float64 scalar.

    With it the losses of a batch's parts are put together to the loss of the whole.
    """
    labels = target[target != IGNORE].long()
    if class_weights is None:
        return torch.tensor(labels.numel(), dtype=torch.float64, device=target.device)
    pixels = torch.bincount(labels, minlength=len(class_weights))
    return (pixels.double() * class_weights.double()).sum()


def _cross_entropy(
    logits: Tensor,
    target: Tensor,
    align_corners: bool,
    class_weights: Tensor | None,
    hard_fraction: float,
    hard_threshold: float,
    total: Total,
) -> Tensor:
    counts = target != IGNORE
    classes = torch.where(counts, target, 0)
    if hard_fraction < 1:
        losses = upsampled_losses(logits, classes, align_corners)
        counts = counts & hard_pixels(losses, counts, hard_fraction, hard_threshold, total)
    weights = counts.float()
    if class_weights is not None:
        weights = weights * class_weights[classes.long()]
    amount = total(weights.sum(dtype=torch.float64))
    loss = upsampled_cross_entropy(logits, classes, weights, align_corners)
    return loss / torch.where(amount > 0, amount, 1.0).to(loss.dtype)


def fixed_weights(weights: Sequence[float], names: Sequence[str]) -> Tensor:
    """Class weights as a recipe lists them.

    Raises:
        UserError: Not one non-negative number for each class, or all are zero.
    """
    if len(weights) != len(names):
        raise UserError(
            f"loss.class_weights has {len(weights)} numbers, but there are {len(names)} classes: give one each"
        )
    if min(weights) < 0 or max(weights) == 0 or not all(map(math.isfinite, weights)):
        raise UserError("loss.class_weights must be numbers of 0 or more, one of them at least above 0")
    return torch.tensor(weights, dtype=torch.float32)


def median_frequency_weights(dataset: DataSet, num_classes: int, *, progress: bool = False) -> Tensor:
    """Median frequency balancing (Eigen & Fergus, ICCV 2015, section 6.3.2; used by SegNet).

    A class's frequency is its pixels divided by all that count in the pictures where it occurs; its weight is the
    median of the frequencies divided by its own. Classes that never occur have weight 1: no pixel carries it.

    Args:
        dataset: The training split; each mask is read once.
        num_classes: Number of classes C.
        progress: Whether to show a progress bar.

    Returns:
        (C,) float32.

    Raises:
        UserError: A sample has no objects, or no pixel of the whole split counts.
    """
    pixels = torch.zeros(num_classes, dtype=torch.int64)
    pictures_pixels = torch.zeros(num_classes, dtype=torch.int64)
    for index in _tracked(len(dataset), "counting classes", progress):
        sample = dataset[index]
        if sample.objects is None:
            raise UserError(f"sample '{sample.name}' has no object labels: training needs a mask for each picture")
        counts = torch.bincount(sample.objects[sample.objects != IGNORE].long(), minlength=num_classes)
        pixels += counts
        pictures_pixels += (counts > 0) * counts.sum()
    occurs = pixels > 0
    if not occurs.any():
        raise UserError('the training split has no labelled pixel, so "median" class weights have no meaning')
    frequency = pixels[occurs].double() / pictures_pixels[occurs]
    weights = torch.ones(num_classes)
    weights[occurs] = (frequency.quantile(0.5) / frequency).float()
    return weights


def _tracked(count: int, title: str, progress: bool) -> Sequence[int]:
    if not progress:
        return range(count)
    from rich.console import Console
    from rich.progress import track

    return track(range(count), title, console=Console(stderr=True), transient=True)  # type: ignore[return-value]
