"""Losses and accuracies as the published training programs work them out."""

import re
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from parity_cases import Case
from parity_meaning import TASKS, Wanted
from sceneparse.networks import resize

WEIGHTS = {"object": 1.0, "part": 0.5, "scene": 0.25, "material": 1.0}
"""Of the unified network's tasks (its release)."""

IMAGE_WEIGHT = 1.0
"""Of the multi-label network's classifier of the picture (its train.py)."""


@dataclass(frozen=True)
class Targets:
    """The truth of a case.

    Args:
        family: The family that learns from it.
        given: Labels by the name of the input.
        ignored: The label of each that does not count.
        extra: Facts of the manifest beside: which objects have parts.
        parts: Channels of each object's parts.
    """

    family: str
    given: dict[str, Tensor]
    ignored: dict[str, int]
    extra: dict[str, Any] = field(default_factory=dict)
    parts: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, case: Case, family: str, parts: list[int]) -> "Targets":
        """The truth of a case, if it has one."""
        given = {name: value for name, value in case.inputs().items() if not value.is_floating_point()}
        ignored = {source["name"]: source.get("ignore") for source in case.manifest["inputs"]}
        usual = -1 if family in ("csail", "csail-baseline") else 255
        return cls(
            family,
            given,
            {name: usual if ignored[name] is None else ignored[name] for name in given},
            case.manifest.get("extra", {}),
            parts,
        )

    def labels(self) -> tuple[Tensor, int]:
        """The map of labels (N, h, w), and the one that is ignored."""
        name = "y" if "y" in self.given else next(name for name, value in self.given.items() if value.ndim == 3)
        return self.given[name], self.ignored[name]

    def task(self, *words: str) -> Tensor:
        """The labels of a task, by words in the input's name.

        Raises:
            ValueError: None, or several, have them.
        """
        found = [name for name in self.given if set(words) <= set(re.split(r"[_.\d]+", name.lower()))]
        if len(words) == 1:
            found = [name for name in found if "valid" not in name]
        if len(found) != 1:
            raise ValueError(f"{len(found)} inputs are the {' '.join(words)} labels, of {', '.join(self.given)}")
        return self.given[found[0]]

    def has(self, *words: str) -> bool:
        """Whether `task` finds labels."""
        try:
            self.task(*words)
        except ValueError:
            return False
        return True


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
    return (second if wanted.head == "aux" else main + aux_weight(wanted.meaning) * second).view(1)


def aux_weight(meaning: str) -> float:
    """The weight of the auxiliary loss that a meaning tells ("main + 0.4 * the same"), 0.4 if it tells none."""
    found = re.search(r"(\d*\.\d+) ?\*", meaning)
    return float(found[1]) if found else 0.4


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
    labelled = [one for one in TASKS if targets.has(one)]
    return sum((WEIGHTS[one] * _task_loss(one, output, targets) for one in labelled), torch.zeros(())).view(1)


def _task_loss(task: str, output: Any, targets: Targets) -> Tensor:
    if task == "part":
        return _part_loss(output.part, targets)
    ignored = -1 if task == "scene" else 0
    return F.cross_entropy(getattr(output, task), targets.task(task), ignore_index=ignored)


def _part_loss(logits: Tensor, targets: Targets) -> Tensor:
    """Summed over objects: cross-entropy among an object's parts over its pixels, in pictures where they are known."""
    objects, parts = targets.task("object"), targets.task("part")
    valid = targets.task("valid", "part") if targets.has("valid", "part") else None
    total = logits.new_zeros(())
    for index, (label, block) in enumerate(
        zip(targets.extra["object_with_part"], logits.split(targets.parts, dim=1), strict=True)
    ):
        inside = objects == label
        own = parts[:, index] if parts.ndim == 4 else parts
        losses = F.cross_entropy(block, own * inside, reduction="none") * inside
        counts = torch.ones(len(inside)) if valid is None else valid[:, index]
        pixels = (inside.flatten(1).sum(1) * counts).sum().clamp(min=1)
        total = total + (losses.flatten(1).sum(1) * counts).sum() / pixels
    return total


def accuracy(wanted: Wanted, output: Any, targets: Targets, align_corners: bool) -> Tensor:
    """Share of the pixels that count whose label is right, as (1,); MMSegmentation gives it in percent."""
    if wanted.task:
        logits, labels = getattr(output, wanted.task), targets.task(wanted.task)
        ignored = -1 if wanted.task == "scene" else 0
    else:
        labels, ignored = targets.labels()
        logits = resize(output.logits, (labels.shape[-2], labels.shape[-1]), align_corners)
    counts = labels != ignored
    share = (logits.argmax(1) == labels)[counts].float().sum() / (counts.sum().float() + 1e-10)
    return (100 * share if targets.family == "mmseg" else share).view(1)
