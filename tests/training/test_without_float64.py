"""Steps and scores on a device that has no float64, with a CPU that is taken for one."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sceneparse.data.batch import Batch
from sceneparse.devices import sums
from sceneparse.inference import TorchEngine
from sceneparse.recipes import read_recipe
from sceneparse.settings import Recipe
from sceneparse.training.losses.table import LOSSES
from sceneparse.training.prepare import Prepared, prepare
from sceneparse.training.random_steps import RandomSteps, random_batch
from sceneparse.training.recipe_losses import RecipeLosses
from sceneparse.training.step import Step, compute_gradients

MakeRecipe = Callable[..., Recipe]


class NoFloat64(TorchDispatchMode):
    """Fails where an operation takes or gives a tensor of float64."""

    def __torch_dispatch__(self, func: Any, _: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        for one in tree_leaves((args, kwargs, found)):
            if isinstance(one, torch.Tensor) and one.dtype == torch.float64:
                raise TypeError(f"Cannot convert a MPS Tensor to float64 dtype: {func}")
        return found


def losses_of(prepared: Prepared) -> Step:
    """The losses of a step, with class weights where there are any."""
    settings = prepared.recipe.loss
    weights = None if settings.class_weights is None else torch.linspace(0.5, 2, len(prepared.data.labels))
    return compute_gradients(prepared, RecipeLosses.prepared(prepared, weights), random_batch(prepared, 2), 0)


def check(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a step with float64 and one without: the same losses; constants that the CPU makes are made before."""
    prepared = prepare(recipe, None, "auto")
    expected = losses_of(prepared)
    prepared.learner.stepper.zero_grad()
    monkeypatch.setattr(sums, "WITHOUT_FLOAT64", {"cpu"})
    with NoFloat64():
        found = losses_of(prepared)
        RandomSteps(prepared).take(2)
    assert found.losses == pytest.approx(expected.losses, rel=1e-5)


OTHERS: list[dict[str, Any]] = [
    {"loss__hard_fraction": 0.3},
    {"loss__class_weights": "median"},
    {"loss__class_weights": "median", "loss__kind": "dice"},
    {"loss__options": {"label_smoothing": 0.1}},
    {"network__architecture": "pspnet", "network__output_stride": 16},
    {"network__architecture": "upernet"},
    {"network__architecture": "pspnet_multilabel", "network__output_stride": 16},
]


@pytest.mark.parametrize("kind", [name for name in LOSSES if name not in ("cross_entropy", "combined")])
def test_every_loss_does_without_float64(toy: MakeRecipe, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    check(toy(loss__kind=kind), monkeypatch)


@pytest.mark.parametrize("changes", OTHERS, ids=[" ".join(map(str, change.values())) for change in OTHERS])
def test_every_network_does_without_float64(
    toy: MakeRecipe, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    check(toy(**changes), monkeypatch)


def test_a_unified_network_does_without_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    changes: dict[str, Any] = {
        "backbone": {"name": "resnet10t"},
        "network": {"channels": 8},
        "data": {"toyworld": {"size": 64, "train_count": 4, "eval_count": 2}, "workers": 0},
        "augmentation": {"crop": [64, 64]},
        "training": {"batch": 2, "precision": "float32", "device": "cpu"},
    }
    check(read_recipe("toy-unified", **changes), monkeypatch)


@pytest.mark.parametrize(
    "changes", [{"network__architecture": "pspnet", "network__output_stride": 16}, {"network__architecture": "upernet"}]
)
def test_engines_do_without_float64(toy: MakeRecipe, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]) -> None:
    prepared = prepare(toy(**changes), None, "auto")
    engine = TorchEngine(
        prepared.learner.network.eval(), prepared.recipe.preprocessing, device="cpu", precision="float32"
    )
    batch = random_batch(prepared, 1)
    assert isinstance(batch, Batch)
    images = batch.images
    expected = engine(images)
    monkeypatch.setattr(sums, "WITHOUT_FLOAT64", {"cpu"})
    with NoFloat64():
        assert torch.equal(engine(images), expected)
