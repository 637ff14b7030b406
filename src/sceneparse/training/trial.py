"""Try a training on a device that may lack something, by a tiny step that is undone, before the first real one."""

from collections.abc import Collection
from dataclasses import replace

import torch

from sceneparse.devices import trying
from sceneparse.settings import Precision, Recipe
from sceneparse.training.checkpoint import Checkpoint
from sceneparse.training.prepare import Prepared, prepare
from sceneparse.training.progress import say_once
from sceneparse.training.random_steps import RandomSteps
from sceneparse.training.start import StrategyName
from sceneparse.training.undoing import undone

PICTURES = 2
"""Pictures in each chunk of the step: batch norm takes statistics of several."""


def prepare_tried(
    recipe: Recipe, checkpoint: Checkpoint | None, strategy: StrategyName, made_new: Collection[str] = ()
) -> Prepared:
    """Prepare a training that its device can compute: in float32 where "auto" would mean a precision that fails there.

    Only devices are tried of which PyTorch cannot say what they lack, and only at a training's beginning: one that goes
    on has been tried.

    Args:
        recipe: See `prepare`, as for all arguments and errors.
        checkpoint: See there.
        strategy: See there.
        made_new: See there.

    Raises:
        UserError: The device lacks an operator, or cannot compute this at all.
    """
    prepared = prepare(recipe, checkpoint, strategy, made_new)
    device, asked = prepared.compute.fabric.device, recipe.training.precision
    if checkpoint is not None or not trying.is_unsure(device):
        return prepared
    found = {prepared.compute.precision: prepared}

    def attempt(precision: Precision) -> None:
        if precision not in found:
            again = prepare(_in(precision, recipe), None, strategy, made_new)
            # What the recipe says stays what the user wrote.
            found[precision] = replace(again, recipe=_in(asked, again.recipe))
        _tiny_step(found[precision])

    precisions = trying.precisions_to_try(device, asked)
    return found[trying.first_working(precisions, device, attempt, prefix="training.", say=say_once)]


def _in(precision: Precision, recipe: Recipe) -> Recipe:
    return replace(recipe, training=replace(recipe.training, precision=precision))


def _tiny_step(prepared: Prepared) -> None:
    """Take a step on small random pictures and undo it; fail as the device fails."""
    recipe, network = prepared.recipe, prepared.learner.network
    side = max(network.backbone.smallest, trying.SMALLEST_SIDE)
    small = replace(prepared, recipe=replace(recipe, augmentation=replace(recipe.augmentation, crop=(side, side))))
    # What is compiled is compiled for the pictures of the training.
    with undone(prepared), torch.compiler.set_stance("force_eager"):
        step = RandomSteps(small).take(PICTURES * recipe.training.accumulate)
    trying.refuse_not_finite(torch.tensor(step.total))
