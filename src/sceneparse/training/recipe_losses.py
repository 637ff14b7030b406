"""The losses of a recipe: which there are, and their values for a batch."""

import torch
from torch import Tensor

from sceneparse.data.batch import Batch
from sceneparse.data.device_augment import Windows
from sceneparse.labels import PartTree, TaskLabels
from sceneparse.networks import Output, UnifiedOutput
from sceneparse.networks.exact.reading import reads_are_free
from sceneparse.settings import Recipe
from sceneparse.tasks import Task, TruthName
from sceneparse.training.losses.heads import segmentation_loss
from sceneparse.training.losses.kind import LossContext
from sceneparse.training.losses.labelled import labelled_in
from sceneparse.training.losses.table import LOSSES
from sceneparse.training.losses.targets import TASK_LOSSES, Amounts, Targets, counted
from sceneparse.training.losses.tasks import unified_losses, weighted
from sceneparse.training.prepare import Prepared
from sceneparse.weights.architectures import architecture_of


class RecipeLosses:
    """The losses of a recipe, for one task or for several.

    Args:
        recipe: The recipe, with the numbers of classes that the data decide.
        labels: The label spaces of the tasks that the network learns; None for the objects alone.
        context: How logits are resized, what the classes weigh, and sums over the processes that share a batch.
        alone: Whether no other process shares the batch.

    Attributes:
        tasks: The tasks whose truth is needed.
        names: What the losses are called in metrics.jsonl, the total first.
        tree: Which object can have which parts, if parts are learnt.
        class_weights: (C,) weights of the objects' classes, or None for 1 each: those of `begin_step`'s step.
    """

    def __init__(self, recipe: Recipe, labels: TaskLabels | None, context: LossContext, *, alone: bool = True) -> None:
        self._settings = recipe.loss
        self._alone = alone
        weights = context.class_weights
        self._known_weights = None if weights is None else tuple(weights.tolist())
        self._first_weights = None if weights is None else weights.clone()
        self._context = context
        self._loss = LOSSES[recipe.loss.kind].build(recipe.loss)
        self.class_weights = context.class_weights
        self.tree: PartTree | None = None if labels is None else labels.tree
        self.tasks: tuple[TruthName, ...] = (Task.OBJECT.truth,)
        self._name_of: dict[str, str] = {Task.OBJECT: "main_loss"}
        self._unified = architecture_of(recipe.network).learns_tasks
        if labels is None:
            self.names: tuple[str, ...] = ("loss", "main_loss", *(["aux_loss"] if recipe.network.aux else []))
            return
        others = [task for task in TASK_LOSSES if task is not Task.OBJECT and task in labels.spaces()]
        self.tasks += tuple(task.truth for task in others)
        self._name_of |= {task: f"{task}_loss" for task in others}
        self.names = ("loss", *self._name_of.values())

    @classmethod
    def prepared(cls, prepared: Prepared, class_weights: Tensor | None) -> "RecipeLosses":
        """Make the losses of a training that is about to begin."""
        align_corners, processes = prepared.learner.network.align_corners, prepared.compute.processes
        context = LossContext(align_corners, class_weights, processes.total)
        return cls(prepared.recipe, prepared.data.tasks, context, alone=processes.world == 1)

    def begin_step(self, done: float) -> None:
        """Let the class weights be those of a step: `loss.class_weights_end` says how they change.

        Args:
            done: The share of the training that was done before it, 0..1.
        """
        end = self._settings.class_weights_end
        if self.class_weights is None or self._first_weights is None or end == 1:
            return
        # In place: the losses, and a recorded graph of a step, read this tensor. What weighs nothing never does.
        powers = self._first_weights.pow(1 + (end - 1) * done)
        self.class_weights.copy_(powers * (self._first_weights > 0))

    def heads_for(self, whole: Amounts, batch: Batch | Windows) -> tuple[tuple[str, ...] | None, Amounts]:
        """Return the heads of a unified network that a batch has labels for; None for networks of one task.

        Other heads would learn nothing from it, so that they need not be computed.

        Args:
            whole: What is labelled in the whole batch, on the device.
            batch: This process's share of it, in main memory.

        Returns:
            The heads, and what is labelled with what else of it is known in main memory.
        """
        if not self._unified:
            return None, whole
        if reads_are_free(whole.values.device):
            tasks = whole.labelled()
        else:
            assert isinstance(batch, Batch), "several tasks are not augmented on the device"
            own = labelled_in(batch, self.tree, self._known_weights)
            # What other processes have labels for they say on the device alone.
            tasks = own.tasks if self._alone else whole.labelled()
            whole = Amounts(whole.values, own.owners)
        return tuple(name for name in tasks if name in self._name_of) or (Task.OBJECT,), whole

    def names_for(self, heads: tuple[str, ...] | None) -> tuple[str, ...]:
        """Return those of `names` that have a value where only these heads are computed.

        Args:
            heads: As `heads_for` gives them.
        """
        return self.names if heads is None else ("loss", *(self._name_of[name] for name in heads))

    def shares(self, output: Output | UnifiedOutput, targets: Targets, whole: Amounts) -> list[Tensor]:
        """Return the share that a chunk of a batch has in each of the batch's losses, in the order of `names`.

        Over all chunks and processes they add up to the losses of the batch.

        Args:
            output: What the network gives for the chunk.
            targets: The chunk's truth.
            whole: What is labelled in the whole batch.
        """
        if isinstance(output, UnifiedOutput):
            found = unified_losses(
                output,
                targets,
                whole,
                self._context,
                loss=self._loss,
                tree=self.tree,
                part_objects=self._settings.part_objects,
            )
            total = weighted(found, self._settings)
            nothing = torch.zeros_like(total)
            return [total, *(found.get(name, nothing) for name in self._name_of)]
        loss = segmentation_loss(
            output, targets.objects, self._context, loss=self._loss, aux_weight=self._settings.aux_weight
        )
        share = self._context.total(counted(targets.objects, self.class_weights)) / whole.objects
        values = [loss.total, loss.main, *([] if loss.aux is None else [loss.aux])]
        return [value * share.to(value.dtype) for value in values]
