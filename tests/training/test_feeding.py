"""Trainings whose pictures are changed where the network computes."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from sceneparse.errors import UserError
from sceneparse.settings import Recipe
from sceneparse.training import keep
from sceneparse.training.loop import train
from sceneparse.training.progress import TrainingStopped
from sceneparse.training.step import Step

MakeRecipe = Callable[..., Recipe]


def test_a_training_with_changes_on_the_device_goes_on_to_the_same_bytes(
    toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = toy(data__augment_on="device", training__iterations=4, training__checkpoint_every=2)
    whole = train(recipe, tmp_path / "whole")
    log = keep.Keeper.log

    def interrupted(keeper: keep.Keeper, step: Step, seconds: float, waited: float) -> None:
        log(keeper, step, seconds, waited)
        if step.iteration == 2:
            raise TrainingStopped("now")

    with monkeypatch.context() as patched, pytest.raises(TrainingStopped):
        patched.setattr(keep.Keeper, "log", interrupted)
        train(recipe, tmp_path / "run")
    run = train(recipe, tmp_path / "run", resume=True)
    one, other = ((folder / "model" / "model.safetensors").read_bytes() for folder in (whole, run))
    assert one == other
    with pytest.raises(UserError, match=r"data.augment_on is 'host' but was 'device'"):
        train(toy(training__iterations=4, training__checkpoint_every=2), run, resume=True)


def test_the_step_that_is_kept_has_the_changed_pictures(toy: MakeRecipe, tmp_path: Path) -> None:
    changes: dict[str, object] = {"optimizer__lr": 1e30, "training__validate_every": 0}
    kept = []
    for where in ("host", "device"):
        with pytest.raises(UserError, match="is not finite"):
            train(toy(data__augment_on=where, **changes), tmp_path / where)
        kept.append(torch.load(tmp_path / where / "failure" / "batch.pt", weights_only=True))
    assert kept[0]["images"].shape == kept[1]["images"].shape == (4, 3, 32, 32)
    assert (kept[0]["images"].int() - kept[1]["images"].int()).abs().float().mean() < 1
    assert kept[1]["objects"].dtype == torch.int16
    assert (kept[0]["objects"] == kept[1]["objects"]).float().mean() > 0.99


def test_what_the_device_cannot_do_is_refused_before_anything_is_opened(toy: MakeRecipe, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot paste"):
        train(toy(data__augment_on="device", data__root="/nowhere", augmentation__copy_paste=0.5), tmp_path / "run")
