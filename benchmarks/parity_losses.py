"""Losses and accuracies as the published training programs work them out."""

import re
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from parity_meaning import Wanted
from parity_targets import Targets
from sceneparse.networks import resize

WEIGHTS = {"object": 1.0, "part": 0.5, "scene": 0.25, "material": 1.0}
"""Of the unified network's tasks (its release)."""

IMAGE_WEIGHT = 1.0
"""Of the multi-label network's classifier of the picture (its train.py)."""


def loss_of(wanted: Wanted, output: Any, aux: Tensor | None, targets: Targets, align_corners: bool) -> Tensor | None:
    """A loss as (1,) numbers: one head's, or the sum that is learnt from. None if the network has no such head."""
    if hasattr(output, "scene"):
        return _unified(wanted.task, output, targets)
    main = segmentation_loss(output.logits, targets, align_corners)
    if wanted.head == "image" or (wanted.head == "all" and output.image is not None):
        image = _image_loss(output.image, targets)
        return (image if wanted.head == "image" else main + IMAGE_WEIGHT * image).view(1)
    if wanted.head == "main":
        return main.view(1)
    if aux is None:
        return main.view(1) if wanted.head == "all" else None
    second = segmentation_loss(aux, targets, align_corners)
    weight = aux_weight(wanted.meaning) if targets.aux_weight is None else targets.aux_weight
    if wanted.head == "all":
        return (main + weight * second).view(1)
    # MMSegmentation's own names stand for losses that have their weights already.
    return (weight * second if re.fullmatch(r"\w+\.loss_\w+", wanted.name) else second).view(1)


def aux_weight(meaning: str) -> float:
    """The weight of the auxiliary loss that a meaning names ("main + 0.4 * the same"), 0.4 if it names none."""
    found = re.search(r"(\d*\.\d+) ?[*x×]|[*x×] ?(\d*\.\d+)", meaning)
    return float(found[1] or found[2]) if found else 0.4


def segmentation_loss(logits: Tensor, targets: Targets, align_corners: bool) -> Tensor:
    """Cross-entropy of logits that are resized to the labels (CSAIL's labels come at the logits' size)."""
    labels, ignored = targets.labels()
    logits = resize(logits, (labels.shape[-2], labels.shape[-1]), align_corners)
    if targets.family == "mmseg":  # it divides by all pixels, those that are ignored included
        return F.cross_entropy(logits, labels, ignore_index=ignored, reduction="sum") / labels.numel()
    return F.cross_entropy(logits, labels, ignore_index=ignored)


def _image_loss(logits: Tensor, targets: Targets) -> Tensor:
    flags = next(value for value in targets.given.values() if value.ndim == 2)
    return F.binary_cross_entropy_with_logits(logits, flags.to(logits.dtype))


def _unified(task: str, output: Any, targets: Targets) -> Tensor:
    """The release's losses: background of objects and materials and unknown scenes do not count."""
    if task:
        return _task_loss(task, output, targets).view(1)
    losses = [WEIGHTS[one] * _task_loss(one, output, targets) for one in targets.tasks]
    return sum(losses, torch.zeros(())).view(1)


def _task_loss(task: str, output: Any, targets: Targets) -> Tensor:
    if task == "part":
        return _part_loss(output.part, targets)
    return F.cross_entropy(getattr(output, task), targets.task(task), ignore_index=_uncounted(task))


def _uncounted(task: str) -> int:
    """The label that doesn't count: unknown scenes, and the background of the other tasks."""
    return -1 if task == "scene" else 0


def _part_loss(logits: Tensor, targets: Targets) -> Tensor:
    """Summed over objects: cross-entropy among an object's parts over its pixels, in pictures where they are known."""
    total = logits.new_zeros(())
    for own in targets.owned(logits):
        losses = F.cross_entropy(own.logits, own.labels * own.inside, reduction="none") * own.inside
        pixels = (own.inside.flatten(1).sum(1) * own.known).sum().clamp(min=1)
        total = total + (losses.flatten(1).sum(1) * own.known).sum() / pixels
    return total


def accuracy(wanted: Wanted, output: Any, aux: Tensor | None, targets: Targets, align_corners: bool) -> Tensor | None:
    """Share of the pixels that count whose label is right, as (1,); MMSegmentation gives it in percent."""
    if wanted.task == "part":
        return _part_accuracy(output.part, targets)
    if hasattr(output, "scene"):
        task = wanted.task or "object"
        logits, labels, ignored = getattr(output, task), targets.task(task), _uncounted(task)
    else:
        labels, ignored = targets.labels()
        chosen = aux if wanted.head == "aux" else output.logits
        if chosen is None:
            return None
        logits = resize(chosen, (labels.shape[-2], labels.shape[-1]), align_corners)
    counts = labels != ignored
    share = (logits.argmax(1) == labels)[counts].float().sum() / (counts.sum().float() + 1e-10)
    return (100 * share if targets.family == "mmseg" else share).view(1)


def _part_accuracy(logits: Tensor, targets: Targets) -> Tensor:
    """Of the pixels of all objects with parts, in pictures where an object's parts are known."""
    right, pixels = torch.zeros(()), torch.zeros(())
    for own in targets.owned(logits):
        hits = (own.inside & (own.logits.argmax(1) == own.labels)).flatten(1).sum(1)
        right, pixels = right + (hits * own.known).sum(), pixels + (own.inside.flatten(1).sum(1) * own.known).sum()
    return (right / (pixels + 1e-10)).view(1)
