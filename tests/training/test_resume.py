"""Killed at any moment, resumed, and nothing shows."""

import json
import os
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sceneparse.errors import UserError
from sceneparse.files import write_text
from sceneparse.recipes import to_yaml
from sceneparse.settings import Recipe
from sceneparse.training.loop import train
from sceneparse.training.record import TIME_FIELDS
from sceneparse.weights.run_folder import run_facts
from tests.support.forked import COMMAND, started
from tests.support.slow import slow
from tests.support.together import ONE_THREAD

MakeRecipe = Callable[..., Recipe]


def metrics(run: Path) -> list[dict[str, object]]:
    found = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in TIME_FIELDS} for line in found]


def kill_after(recipe: Recipe, run: Path, lines: int, delay: float) -> None:
    """Train in a process of its own, and kill it a moment after so many lines of metrics.jsonl are there."""
    write_text(run.parent / "asked.yaml", to_yaml(recipe))
    words = ["train", str(run.parent / "asked.yaml"), "--out", str(run), "--resume"]
    process = started(COMMAND, words, run.parent / "said.txt", ONE_THREAD)
    file = run / "metrics.jsonl"
    try:
        while not file.exists() or file.read_bytes().count(b"\n") < lines:
            assert process.is_alive(), f"the training ended by itself, with {process.exitcode}"
            time.sleep(0.005)
        time.sleep(delay)
    finally:
        process.kill()
        process.join()


def long(toy: MakeRecipe, **changes: object) -> Recipe:
    # Lines and checkpoints at different iterations, so that averages cross checkpoints.
    settings: dict[str, object] = {
        "training__iterations": 24,
        "training__checkpoint_every": 5,
        "training__log_every": 3,
        "training__validate_every": 8,
        "training__validate_count": 2,
        "network__channels": 8,
    }
    return toy(**(settings | changes))


@slow  # test_all_at_once does it with every setting on
def test_killed_twice_and_resumed_the_training_gives_the_same_bytes(toy: MakeRecipe, tmp_path: Path) -> None:
    whole = train(long(toy), tmp_path / "whole")
    chance = random.Random(os.getpid())
    for workers in (0, 2):
        recipe = long(toy, data__workers=workers)
        run = tmp_path / f"{workers}" / "run"
        run.parent.mkdir()
        kill_after(recipe, run, 2, chance.uniform(0, 0.3))
        kill_after(recipe, run, 5, chance.uniform(0, 0.3))
        assert run_facts(run)["status"] == "running", "the training was over before it could be killed"
        train(recipe, run, resume=True)
        assert metrics(run) == metrics(whole)
        for name in ("model.safetensors", "config.json", "README.md"):
            if workers == 0 or name != "config.json":
                assert (run / "model" / name).read_bytes() == (whole / "model" / name).read_bytes()


def test_a_training_that_is_there_is_neither_overwritten_nor_mixed_with_another(
    toy: MakeRecipe, tmp_path: Path
) -> None:
    recipe = toy(training__iterations=2)
    run = train(recipe, tmp_path / "run")
    with pytest.raises(UserError, match=r"already holds a training.*resume=True.*out='DIR'"):
        train(recipe, run)
    other = replace(recipe, optimizer=replace(recipe.optimizer, lr=0.5), loss=replace(recipe.loss, aux_weight=0.1))
    with pytest.raises(UserError, match=r"optimizer\.lr is 0\.5 but was 0\.01, loss\.aux_weight is 0\.1 but was 0\.4"):
        train(other, run, resume=True)


def test_what_changes_no_result_may_differ_on_resume(toy: MakeRecipe, tmp_path: Path) -> None:
    recipe = toy(training__iterations=2)
    run = train(recipe, tmp_path / "run")
    free = toy(training__iterations=2, data__workers=1, data__cache_mb=0, training__log_every=7)
    assert train(replace(free, name="other"), run, resume=True) == run


def test_resume_without_a_checkpoint_starts_from_the_beginning(toy: MakeRecipe, tmp_path: Path) -> None:
    recipe = toy(training__iterations=2)
    plain = train(recipe, tmp_path / "plain")
    write_text(tmp_path / "run" / "metrics.jsonl", '{"kind": "train", "iteration": 1, "loss": 9.0}\n')
    resumed = train(recipe, tmp_path / "run", resume=True)
    assert metrics(resumed) == metrics(plain)


def test_a_changed_data_set_or_precision_is_refused_on_resume(toy: MakeRecipe, data: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(data, moved)
    recipe = toy(training__iterations=4, data__root=str(moved))
    run = train(recipe, tmp_path / "run")
    (run / "model").rename(tmp_path / "gone")
    bfloat16 = replace(recipe, training=replace(recipe.training, precision="bfloat16"))
    with pytest.raises(UserError, match=r"training\.precision is 'bfloat16' but was 'float32'"):
        train(bfloat16, run, resume=True)
    for kind in ("images", "masks"):
        (moved / kind / "train" / "000.png").unlink()
    with pytest.raises(UserError, match=r"has 5 samples now, but had 6 .* put back what is .* init=\{'model': 'RUN'\}"):
        train(recipe, run, resume=True)
