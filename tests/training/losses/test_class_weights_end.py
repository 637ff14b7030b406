"""Class weights that change during a training: `loss.class_weights_end`."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from sceneparse.recipes.layers import layered
from sceneparse.settings import DataSettings, LossSettings, NetworkSettings, Recipe
from sceneparse.training import prepare
from sceneparse.training.losses.kind import LossContext
from sceneparse.training.recipe_losses import RecipeLosses
from sceneparse.training.step import compute_gradients

MakeRecipe = Callable[..., Recipe]

WEIGHTS = (0.25, 4.0, 0.0, 1.0)


def losses_of(end: float, weights: tuple[float, ...] | None = WEIGHTS) -> RecipeLosses:
    settings = LossSettings(class_weights=weights, class_weights_end=end)
    recipe = Recipe(data=DataSettings("toyworld"), network=NetworkSettings(aux=False), loss=settings)
    return RecipeLosses(recipe, None, LossContext(False, None if weights is None else torch.tensor(weights)))


@pytest.mark.parametrize(
    ("end", "done", "expected"),
    [
        (0.0, 0.0, WEIGHTS),
        (0.0, 0.5, (0.5, 2.0, 0.0, 1.0)),  # what weighs nothing never counts
        (0.0, 1.0, (1.0, 1.0, 0.0, 1.0)),
        (0.5, 1.0, (0.5, 2.0, 0.0, 1.0)),
        (2.0, 1.0, (0.0625, 16.0, 0.0, 1.0)),
        (1.0, 0.7, WEIGHTS),
    ],
)
def test_the_power_changes_evenly_from_one(end: float, done: float, expected: tuple[float, ...]) -> None:
    losses = losses_of(end)
    for other in (0.9, 0.1, done):  # whatever came before: a training that goes on begins anywhere
        losses.begin_step(other)
    assert losses.class_weights is not None
    assert losses.class_weights.tolist() == pytest.approx(expected, rel=1e-6)


def test_without_class_weights_there_is_nothing_to_change() -> None:
    losses = losses_of(1.0, None)
    losses.begin_step(0.5)
    assert losses.class_weights is None


@pytest.mark.parametrize("kind", ["cross_entropy", "dice", "focal"])
def test_a_step_has_the_gradients_of_the_weights_that_hold_there(toy: MakeRecipe, kind: str) -> None:
    weights = (0.25, 1.0, 4.0)
    fading = toy(loss__kind=kind, loss__class_weights=weights, loss__class_weights_end=0.0, training__iterations=4)
    fixed = toy(loss__kind=kind, loss__class_weights=tuple(weight**0.5 for weight in weights), training__iterations=4)
    (found, loss), (expected, wanted) = (gradients(recipe, 2) for recipe in (fading, fixed))
    assert loss == pytest.approx(wanted, rel=1e-6)
    torch.testing.assert_close(found, expected)
    _, at_first = gradients(fading, 0)
    assert at_first != pytest.approx(loss, rel=1e-3)


def gradients(recipe: Recipe, iteration: int) -> tuple[Tensor, float]:
    """The gradient of the classifier, and the loss, of a step that nothing came before."""
    torch.manual_seed(0)
    prepared = prepare.prepare(recipe, None, "auto")
    losses = RecipeLosses.prepared(prepared, torch.tensor(recipe.loss.class_weights))
    step = compute_gradients(prepared, losses, next(prepared.batches(losses.tasks)), iteration)
    *_, last = (weight.grad for weight in prepared.learner.network.parameters() if weight.grad is not None)
    return last.clone(), step.total


def test_it_goes_where_the_class_weights_go() -> None:
    below = {"loss": {"class_weights": [1, 2], "class_weights_end": 0.0}}
    assert layered(below, {"loss": {"class_weights": None}}) == {"loss": {"class_weights": None}}
    assert layered(below, {"loss": {"kind": "dice"}}) == {"loss": below["loss"] | {"kind": "dice"}}
    assert layered(below, {"loss": {"class_weights": "median"}})["loss"]["class_weights_end"] == 0.0
