"""What is minimised where a network learns several tasks: each head's loss over what is labelled for it.

Xiao et al., ECCV 2018, section 3.3, and the authors' code (github.com/CSAILVision/unifiedparsing, models/models.py).
Nothing that is unlabelled counts as wrong: each loss is a mean over its own labelled pixels or pictures, and where
there are none it is 0 with gradients of exactly 0.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sceneparse.data.loader import Batch
from sceneparse.data.part_channels import part_channels
from sceneparse.labels import IGNORE, PartTree
from sceneparse.networks import Output, UnifiedOutput
from sceneparse.networks.exact.banded import upsampled_cross_entropy
from sceneparse.processes import ALONE
from sceneparse.settings import LossSettings
from sceneparse.tasks import Task
from sceneparse.training.losses.cross_entropy import counted, segmentation_loss
from sceneparse.training.losses.mining import Total

TASK_LOSSES = (Task.OBJECT, Task.PART, Task.SCENE, Task.MATERIAL, Task.TEXTURE)
"""The tasks in the order in which their losses are added up and written."""


class Targets(NamedTuple):
    """The truth of a batch; None for a task that is not trained on.

    Args:
        objects: (N, H, W) class indices, `IGNORE` where unknown, as in the others.
        scenes: (N,).
        parts: (N, H, W) channels of the part head.
        materials: (N, H, W).
        textures: (N, H, W).
    """

    objects: Tensor
    scenes: Tensor | None = None
    parts: Tensor | None = None
    materials: Tensor | None = None
    textures: Tensor | None = None

    @classmethod
    def of(cls, batch: Batch, tree: PartTree | None, device: torch.device) -> "Targets":
        """A batch's truth on a device."""

        def there(target: Tensor | None) -> Tensor | None:
            return None if target is None else target.to(device, non_blocking=True)

        parts, owners = there(batch.parts), there(batch.owners)
        return cls(
            objects=batch.objects.to(device, non_blocking=True),
            scenes=there(batch.scenes),
            parts=None if parts is None or owners is None or tree is None else part_channels(owners, parts, tree),
            materials=there(batch.materials),
            textures=there(batch.textures),
        )

    def chunk(self, count: int) -> list["Targets"]:
        """Cut into so many parts of equal size, one after the other."""
        pieces = [[None] * count if target is None else target.chunk(count) for target in self]
        return [Targets(*piece) for piece in zip(*pieces, strict=True)]


class Amounts(NamedTuple):
    """How much of a batch is labelled for each task: what its losses are divided by.

    Args:
        values: float64: the weight of labelled object pixels; then the number of labelled scenes, material pixels and
            texture pixels, and of pixels of each object that has parts; the first alone with one task.
    """

    values: Tensor

    @classmethod
    def of(cls, targets: Targets, class_weights: Tensor | None, tree: PartTree | None) -> "Amounts":
        """The amounts of a batch, or of a part of it."""
        objects = counted(targets.objects, class_weights)
        if all(target is None for target in targets[1:]):
            return cls(objects[None])
        known = [
            objects.new_zeros(()) if target is None else (target != IGNORE).sum().to(objects.dtype)
            for target in (targets.scenes, targets.materials, targets.textures)
        ]
        values = torch.stack([objects, *known])
        if targets.parts is None or tree is None:
            return cls(values)
        channels = torch.bincount(targets.parts[targets.parts != IGNORE].long(), minlength=len(tree.channels))
        owners = [block.sum().to(values.dtype) for block in channels.split(list(tree.sizes))]
        return cls(torch.cat([values, torch.stack(owners)]))

    @property
    def objects(self) -> Tensor:
        """The weight of the labelled object pixels."""
        return self.values[0].clamp(min=1e-12)

    def labelled(self) -> tuple[str, ...]:
        """The tasks, by the names of `TASK_LOSSES`, that anything is labelled for."""
        known = dict(
            zip((Task.OBJECT, Task.SCENE, Task.MATERIAL, Task.TEXTURE), (self.values[:4] > 0).tolist(), strict=False)
        )
        known[Task.PART] = bool((self.values[4:] > 0).any())
        return tuple(name for name in TASK_LOSSES if known.get(name, False))


def unified_losses(
    output: UnifiedOutput,
    targets: Targets,
    whole: Amounts,
    *,
    align_corners: bool,
    settings: LossSettings,
    tree: PartTree | None,
    class_weights: Tensor | None = None,
    total: Total = ALONE.total,
) -> dict[str, Tensor]:
    """The losses of a batch or of a part of one, each over what is labelled in the whole, so that parts add up.

    The part loss is, for each object, the cross-entropy among this object's parts and "no part" inside of its mask,
    averaged over its pixels; then summed over the objects.

    Args:
        output: The heads' logits; None of a task leaves its loss out.
        targets: The truth.
        whole: What is labelled in the whole batch.
        align_corners: How logits are resized to the truth.
        settings: The losses' settings.
        tree: Which object can have which parts; needed if there are part targets.
        class_weights: As in `segmentation_loss`.
        total: As there.

    Returns:
        A scalar for each task with a head and a target, under the names of `TASK_LOSSES`; not yet weighted.
    """
    losses: dict[str, Tensor] = {}
    known = total(counted(targets.objects, class_weights))
    if output.object is not None:
        loss = _nothing(output.object)
        if known > 0:
            found = segmentation_loss(
                Output(output.object, None),
                targets.objects,
                align_corners=align_corners,
                aux_weight=0.0,
                class_weights=class_weights,
                hard_fraction=settings.hard_fraction,
                hard_threshold=settings.hard_threshold,
                total=total,
            ).main
            loss = found * (known / whole.objects).to(found.dtype)
        losses[Task.OBJECT] = loss
    if output.part is not None and targets.parts is not None:
        assert tree is not None
        amounts = whole.values[4:]
        losses[Task.PART] = _part_loss(output.part, targets.parts, amounts, tree.sizes, align_corners)
        if settings.part_objects == "mean":
            losses[Task.PART] = losses[Task.PART] / (amounts > 0).sum().clamp(min=1)
    if output.scene is not None and targets.scenes is not None:
        losses[Task.SCENE] = _scene_loss(output.scene, targets.scenes, whole.values[1])
    maps = ((Task.MATERIAL, output.material, targets.materials, 2), (Task.TEXTURE, output.texture, targets.textures, 3))
    for name, logits, target, place in maps:
        if logits is not None and target is not None:
            losses[name] = _pixel_loss(logits, target, whole.values[place], align_corners)
    return losses


def weighted(losses: dict[str, Tensor], settings: LossSettings) -> Tensor:
    """The sum of the tasks' losses by their weights."""
    terms = [getattr(settings, f"{name}_weight") * loss for name, loss in losses.items()]
    return torch.stack(terms).sum()


def _nothing(logits: Tensor) -> Tensor:
    """A loss of 0 with gradients of 0: every parameter takes part in each step, as several processes need it."""
    return (logits.clamp(-1, 1) * 0).sum()


def _scene_loss(logits: Tensor, target: Tensor, amount: Tensor) -> Tensor:
    if not (target != IGNORE).any():
        return _nothing(logits)
    loss = F.cross_entropy(logits.float(), target.long(), ignore_index=IGNORE, reduction="sum")
    return loss / amount.to(loss.dtype)


def _pixel_loss(logits: Tensor, target: Tensor, amount: Tensor, align_corners: bool) -> Tensor:
    """The cross-entropy summed over the labelled pixels of a batch's part, over those of the whole."""
    known = target != IGNORE
    pictures = known.flatten(1).any(dim=1).nonzero().flatten()
    if not len(pictures):
        return _nothing(logits)
    # Pictures without labels would only cost time.
    logits, target, known = (values.index_select(0, pictures) for values in (logits, target, known))
    loss = upsampled_cross_entropy(logits, torch.where(known, target, 0), known.float(), align_corners)
    return loss / amount.to(loss.dtype)


def _part_loss(logits: Tensor, target: Tensor, amounts: Tensor, sizes: Sequence[int], align_corners: bool) -> Tensor:
    """The sum over objects of the mean cross-entropy among their own channels."""
    losses, offset = [_nothing(logits)], 0
    for block, amount, size in zip(logits.split(list(sizes), dim=1), amounts, sizes, strict=True):
        inside = (target >= offset) & (target < offset + size)
        if inside.any():
            losses.append(_pixel_loss(block, torch.where(inside, target - offset, IGNORE), amount, align_corners))
        offset += size
    return torch.stack(losses).sum()
