"""What a network learns from a batch: which losses there are, and their values."""

import torch
from torch import Tensor

from sceneparse.labels import PartTree, TaskLabels
from sceneparse.networks import Output, UnifiedOutput
from sceneparse.settings import Recipe
from sceneparse.tasks import Task, TruthName
from sceneparse.training.losses.cross_entropy import counted, segmentation_loss
from sceneparse.training.losses.mining import Total
from sceneparse.training.losses.tasks import TASK_LOSSES, Amounts, Targets, unified_losses, weighted
from sceneparse.weights.architectures import architecture_of


class Lesson:
    """The losses of a recipe, for one task or for several.

    Args:
        recipe: The recipe, its network settled.
        tasks: The label spaces of the tasks that the network learns; None for the objects alone.

    Attributes:
        learnt: The tasks whose truth is needed.
        names: What the losses are called in metrics.jsonl, the total first.
        tree: Which object can have which parts, if parts are learnt.
    """

    def __init__(self, recipe: Recipe, tasks: TaskLabels | None) -> None:
        self._settings = recipe.loss
        self.tree: PartTree | None = None if tasks is None else tasks.tree
        self.learnt: tuple[TruthName, ...] = (Task.OBJECT.truth,)
        self._called: dict[str, str] = {Task.OBJECT: "main_loss"}
        self._unified = architecture_of(recipe.network).learns_tasks
        if tasks is None:
            self.names: tuple[str, ...] = ("loss", "main_loss", *(["aux_loss"] if recipe.network.aux else []))
            return
        others = [task for task in TASK_LOSSES if task is not Task.OBJECT and task in tasks.spaces()]
        self.learnt += tuple(task.truth for task in others)
        self._called |= {task: f"{task}_loss" for task in others}
        self.names = ("loss", *self._called.values())

    def asked(self, whole: Amounts) -> tuple[str, ...] | None:
        """The tasks that a unified network is asked for: those that anything is labelled for in the whole batch.

        Other heads would learn nothing from it, so that they need not be computed. None for networks of one task.
        """
        if not self._unified:
            return None
        return tuple(name for name in whole.labelled() if name in self._called) or (Task.OBJECT,)

    def told(self, asked: tuple[str, ...] | None) -> tuple[str, ...]:
        """The losses, of `names`, that a batch says something of."""
        return self.names if asked is None else ("loss", *(self._called[name] for name in asked))

    def losses(
        self,
        output: Output | UnifiedOutput,
        targets: Targets,
        whole: Amounts,
        align_corners: bool,
        class_weights: Tensor | None,
        total: Total,
    ) -> list[Tensor]:
        """The losses of a part of a batch, as many as there are names; over all parts they add up to the batch's.

        Those of all processes do, as well.

        Args:
            output: What the network gives for the part.
            targets: The part's truth.
            whole: What is labelled in the whole batch.
            align_corners: How logits are resized to the truth.
            class_weights: (C,) weights of the objects' classes, or None for 1 each.
            total: Sums over the processes that share the batch.
        """
        settings = self._settings
        if isinstance(output, UnifiedOutput):
            found = unified_losses(
                output,
                targets,
                whole,
                align_corners=align_corners,
                settings=settings,
                tree=self.tree,
                class_weights=class_weights,
                total=total,
            )
            whole_loss = weighted(found, settings)
            nothing = torch.zeros_like(whole_loss)
            return [whole_loss, *(found.get(name, nothing) for name in self._called)]
        loss = segmentation_loss(
            output,
            targets.objects,
            align_corners=align_corners,
            aux_weight=settings.aux_weight,
            class_weights=class_weights,
            hard_fraction=settings.hard_fraction,
            hard_threshold=settings.hard_threshold,
            total=total,
        )
        share = total(counted(targets.objects, class_weights)) / whole.objects
        values = [loss.total, loss.main, *([] if loss.aux is None else [loss.aux])]
        return [value * share.to(value.dtype) for value in values]
