"""Steps on random pictures are those of the training, but for what the pictures show."""

import weakref
from collections.abc import Callable

import pytest
import torch

from sceneparse.data.batch import Batch
from sceneparse.data.device_augment import Windows
from sceneparse.data.loader import OBJECTS_ALONE
from sceneparse.settings import Recipe
from sceneparse.training import batch_size, random_steps
from sceneparse.training.averaging import WeightAverage, begin_average
from sceneparse.training.batch_size import with_found_batch
from sceneparse.training.prepare import Prepared, prepare
from sceneparse.training.random_steps import random_batch
from sceneparse.training.step import compute_gradients

MakeRecipe = Callable[..., Recipe]


def tensors(batch: Batch | Windows) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []

    def kept(tensor: torch.Tensor) -> torch.Tensor:
        found.append(tensor)
        return tensor

    batch.mapped(kept)
    return found


@pytest.mark.parametrize("where", ["host", "device"])
@pytest.mark.parametrize("narrow", [False, True])
def test_random_pictures_have_the_form_of_the_loaders(
    toy: MakeRecipe, monkeypatch: pytest.MonkeyPatch, where: str, narrow: bool
) -> None:
    prepared = prepare(toy(data__augment_on=where), None, "auto")
    for room in ("prepare", "random_steps"):
        monkeypatch.setattr(f"sceneparse.training.{room}.reads_are_free", lambda _: not narrow)
    batches = prepared.batches(OBJECTS_ALONE)
    real, random = next(batches), random_batch(prepared, 4)
    batches.close()
    assert type(random) is type(real)
    forms = [
        [(one.dtype, one.ndim, len(one) if one.ndim > 1 else 0) for one in tensors(each)] for each in (real, random)
    ]
    assert forms[0] == forms[1]
    if where == "host":
        assert [one.shape for one in tensors(random)] == [one.shape for one in tensors(real)]


def test_no_batch_of_the_loaders_is_larger_than_the_random_one_by_more_than_a_little(toy: MakeRecipe) -> None:
    settings: dict[str, object] = {"augmentation__scale": [0.5, 2.0], "augmentation__rotate": 30.0}
    prepared = prepare(toy(data__augment_on="device", training__iterations=40, **settings), None, "auto")
    random = random_batch(prepared, 4)
    assert isinstance(random, Windows)
    batches = [batch for batch in prepared.batches(OBJECTS_ALONE) if isinstance(batch, Windows)]
    assert len(batches) == 40
    assert random.pixels.numel() >= 0.95 * max(batch.pixels.numel() for batch in batches)
    assert random.sources.numel() >= 0.95 * max(batch.sources.numel() for batch in batches)


def test_the_batch_that_fits_is_tried_with_the_average_and_with_windows(
    toy: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    averages: list[weakref.ref[WeightAverage]] = []
    updates: list[int] = []
    changed: list[Windows] = []

    def begun(prepared: Prepared) -> WeightAverage | None:
        average = begin_average(prepared)
        assert average is not None
        averages.append(weakref.ref(average))
        return average

    def computed(
        prepared: Prepared, losses: object, batch: Batch | Windows, iteration: int, *, graph: object
    ) -> object:
        assert isinstance(batch, Windows) and graph is None
        changed.append(batch)
        return compute_gradients(prepared, losses, batch, iteration)  # type: ignore[arg-type]

    monkeypatch.setattr(random_steps, "begin_average", begun)
    monkeypatch.setattr(WeightAverage, "update", lambda _, done: updates.append(done))
    monkeypatch.setattr(random_steps, "compute_gradients", computed)
    recipe = toy(training__batch="auto", training__average={"decay": 0.9}, data__augment_on="device")
    assert with_found_batch(prepare(recipe, None, "auto")).recipe.training.batch == 4
    # One average, which takes memory through all steps and none afterwards.
    assert len(averages) == 1 and averages[0]() is None
    assert updates == [1, 2, 3] and len(changed) == 3


def test_what_loader_processes_keep_ready_are_windows_where_the_device_changes_them(toy: MakeRecipe) -> None:
    host, device = (
        batch_size._waiting(prepare(toy(data__augment_on=where, augmentation__scale=[0.5, 0.5]), None, "auto"))
        for where in ("host", "device")
    )
    assert host == 32 * 32 * (3 + 2)
    assert device > host
