"""The losses of a network of several tasks: each head's, over the pixels that are labelled for it.

Xiao et al., ECCV 2018, section 3.3, and the authors' code (github.com/CSAILVision/unifiedparsing, models/models.py).
Nothing that is unlabelled counts as wrong: each loss is a mean over its own labelled pixels or pictures, and where
there are none it is 0 with gradients of exactly 0.
"""

from collections.abc import Collection, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from sceneparse.labels import IGNORE, PartTree
from sceneparse.networks import UnifiedOutput
from sceneparse.networks.exact.banded import upsampled_cross_entropy
from sceneparse.networks.exact.reading import reads_are_free
from sceneparse.settings import LossSettings
from sceneparse.tasks import Task
from sceneparse.training.losses.kind import HeadLoss, LossContext
from sceneparse.training.losses.pixels import positive
from sceneparse.training.losses.targets import Amounts, Targets, counted


def unified_losses(
    output: UnifiedOutput,
    targets: Targets,
    whole: Amounts,
    context: LossContext,
    *,
    loss: HeadLoss,
    tree: PartTree | None,
    part_objects: Literal["sum", "mean"] = "sum",
) -> dict[str, Tensor]:
    """Return the losses of a batch or of a chunk of one, each over what is labelled in the whole: chunks add up.

    The part loss is, for each object, the cross-entropy among this object's parts and "no part" inside of its mask,
    averaged over its pixels; then summed over the objects.

    Args:
        output: The heads' logits; None of a task leaves its loss out.
        targets: The truth.
        whole: What is labelled in the whole batch.
        context: How logits are resized, what the objects' classes weigh, and sums over the processes.
        loss: What is computed of the objects' head; the other tasks have cross-entropy.
        tree: Which object can have which parts; needed if there are part targets.
        part_objects: Whether the losses of the objects with parts are summed, or averaged over those in the batch.

    Returns:
        A scalar for each task with a head and a target, under the names of `TASK_LOSSES`; not yet weighted.
    """
    losses: dict[str, Tensor] = {}
    align_corners = context.align_corners
    known = context.total(counted(targets.objects, context.class_weights))
    if output.object is not None:
        object_loss = _nothing(output.object)
        if not reads_are_free(known.device) or known > 0:
            found = loss(output.object, targets.objects, context)
            object_loss = found * (known / whole.objects).to(found.dtype)
        losses[Task.OBJECT] = object_loss
    if output.part is not None and targets.parts is not None:
        assert tree is not None
        amounts = whole.values[4:]
        losses[Task.PART] = _part_loss(output.part, targets.parts, amounts, tree.sizes, whole.owners, align_corners)
        if part_objects == "mean":
            losses[Task.PART] = losses[Task.PART] / (amounts > 0).sum().clamp(min=1)
    if output.scene is not None and targets.scenes is not None:
        losses[Task.SCENE] = _scene_loss(output.scene, targets.scenes, whole.values[1])
    maps = ((Task.MATERIAL, output.material, targets.materials, 2), (Task.TEXTURE, output.texture, targets.textures, 3))
    for name, logits, target, index in maps:
        if logits is not None and target is not None:
            losses[name] = _pixel_loss(logits, target, whole.values[index], align_corners)
    return losses


def weighted(losses: dict[str, Tensor], settings: LossSettings) -> Tensor:
    """Return the sum of the tasks' losses by their weights."""
    terms = [getattr(settings, f"{name}_weight") * loss for name, loss in losses.items()]
    return torch.stack(terms).sum()


def _nothing(logits: Tensor) -> Tensor:
    """A loss of 0 with gradients of 0: every parameter takes part in each step, as several processes need it."""
    return (logits.clamp(-1, 1) * 0).sum()


def _scene_loss(logits: Tensor, target: Tensor, amount: Tensor) -> Tensor:
    if reads_are_free(target.device) and not (target != IGNORE).any():
        return _nothing(logits)
    loss = F.cross_entropy(logits.float(), target.long(), ignore_index=IGNORE, reduction="sum")
    return loss / positive(amount).to(loss.dtype)


def _pixel_loss(logits: Tensor, target: Tensor, amount: Tensor, align_corners: bool) -> Tensor:
    """The cross-entropy summed over the labelled pixels of a chunk of a batch, over those of the whole."""
    known = target != IGNORE
    if reads_are_free(target.device):
        # Pictures without labels would only cost time.
        pictures = known.flatten(1).any(dim=1).nonzero().flatten()
        if not len(pictures):
            return _nothing(logits)
        logits, target, known = (values.index_select(0, pictures) for values in (logits, target, known))
    loss = upsampled_cross_entropy(logits, target.masked_fill(~known, 0), known.float(), align_corners)
    return loss / positive(amount).to(loss.dtype)


def _part_loss(
    logits: Tensor,
    target: Tensor,
    amounts: Tensor,
    sizes: Sequence[int],
    owners: Collection[int] | None,
    align_corners: bool,
) -> Tensor:
    """The sum over objects of the mean cross-entropy among their own channels."""
    losses, offset = [_nothing(logits)], 0
    for number, (block, amount, size) in enumerate(zip(logits.split(list(sizes), dim=1), amounts, sizes, strict=True)):
        if owners is None or number in owners:
            inside = (target >= offset) & (target < offset + size)
            if not reads_are_free(target.device) or inside.any():
                own = (target - offset).masked_fill(~inside, IGNORE)
                losses.append(_pixel_loss(block, own, amount, align_corners))
        offset += size
    return torch.stack(losses).sum()
