"""All that changes how a training goes, on at once: killed twice, resumed, and nothing shows."""

import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sceneparse.files import write_text
from sceneparse.recipes import read_recipe, to_yaml
from sceneparse.settings import Recipe
from sceneparse.training.checkpoint import Checkpoints
from sceneparse.training.loop import train
from sceneparse.training.trackers.follow import FILE
from sceneparse.training.trackers.table import TRACKERS
from tests.support import tracked
from tests.support.forked import started
from tests.support.together import ONE_THREAD
from tests.training.test_resume import metrics

MakeRecipe = Callable[..., Recipe]

PACED = """
import sys

from sceneparse.cli import main
from sceneparse.training import batch_size, budget, probe
from sceneparse.training.probe import Pace
from sceneparse.training.trackers.table import TRACKERS
from tests.support import tracked

TRACKERS._own[tracked.NAME] = "here"
TRACKERS._loaded[tracked.NAME] = tracked.KIND
batch_size.MOST = 4  # what fits into this machine would take longer
probe.WARM, probe.TIMED = 1, 2

measure = budget.measure


def paced(*arguments):
    # It measures, but what it finds must not depend on what else this machine does.
    measure(*arguments)
    return Pace(before=8, step=1, validation=1, checkpoint=0)


budget.measure = paced
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
"""


def everything(toy: MakeRecipe, **changes: object) -> Recipe:
    settings: dict[str, Any] = {
        "training__iterations": 20000,
        # 41 iterations, a validation after every fifth of which none is better by 1 than the first: the third ends it.
        "training__minutes": 1.0,
        "training__validate_every": 0.1,
        "training__validate_count": 2,
        "training__patience": 2,
        "training__min_delta": 1.0,
        "training__average": {"decay": 0.9, "every": 2},
        "training__checkpoint_every": 5,
        "training__log_every": 3,
        "training__batch": "auto",
        "training__accumulate": 2,
        "training__activation_checkpointing": True,
        "optimizer__kind": "adamw",
        "optimizer__schedule": "one_cycle",
        "optimizer__rise": 0.4,
        "optimizer__start": 0.1,
        "optimizer__floor": 0.01,
        "optimizer__warmup": 3,
        "loss__class_weights": "median",
        "loss__class_weights_end": 0.0,
        "loss__kind": "combined",
        "loss__options": {
            "terms": [
                {"kind": "cross_entropy", "options": {"label_smoothing": 0.1}},
                {"kind": "focal", "weight": 0.5},
                {"kind": "boundary_cross_entropy", "weight": 0.5},
                {"kind": "dice", "weight": 0.5, "options": {"over": "picture"}},
                {"kind": "jaccard", "weight": 0.5, "options": {"over": "picture"}},
                {"kind": "lovasz", "weight": 0.5, "options": {"over": "picture"}},
            ]
        },
        "sampling__repeat_threshold": 0.9,
        "sampling__rare_crops": 0.5,
        "sampling__temperature": 0.1,
        # In place of a range of factors, which the other tests of resuming have.
        "augmentation__short": (36, 48),
        "augmentation__max_long": 60,
        "augmentation__ratio_range": (0.8, 1.5),
        "augmentation__cat_max_ratio": 0.8,
        "augmentation__color": 0.0,
        "augmentation__photometric": True,
        "augmentation__copy_paste": 0.5,
        "augmentation__copy_paste_classes": ("dark", "bright"),
        "augmentation__copy_paste_regions": True,
        "tracking__trackers": (tracked.NAME,),
        "tracking__project": "toys",
    }
    return toy(**(settings | changes))


def killed(script: Path, recipe: Recipe, run: Path, lines: int, delay: float) -> None:
    """Train in a process of its own, and kill it a moment after so many lines of metrics.jsonl are there."""
    write_text(run.parent / "asked.yaml", to_yaml(recipe))
    words = ["train", str(run.parent / "asked.yaml"), "--out", str(run), "--resume"]
    process = started(script, words, run.parent / "said.txt", ONE_THREAD)
    file = run / "metrics.jsonl"
    try:
        while not file.exists() or file.read_bytes().count(b"\n") < lines:
            assert process.is_alive(), (run.parent / "said.err").read_text()
            time.sleep(0.005)
        time.sleep(delay)
    finally:
        process.kill()
        process.join()


def followed(run: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """What the tracker was given in the run that trackers.json names."""
    return tracked.points_of(run, json.loads((run / FILE).read_text())[tracked.NAME]["identity"])


def test_killed_twice_and_resumed_the_training_gives_the_same_bytes(
    toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TRACKERS, "_own", {**TRACKERS._own, tracked.NAME: "here"})
    monkeypatch.setitem(TRACKERS._loaded, tracked.NAME, tracked.KIND)
    script, run = tmp_path / "paced.py", tmp_path / "run"
    script.write_text(PACED)
    recipe = everything(toy, data__workers=1)
    chance = random.Random(os.getpid())
    killed(script, recipe, run, 2, chance.uniform(0, 0.2))
    decision = (run / "budget.json").read_bytes()
    killed(script, recipe, run, 4, chance.uniform(0, 0.2))
    status = json.loads((run / "run.json").read_text())["status"]
    assert status != "finished", "the training was over before it could be killed"
    train(recipe, run, resume=True)
    assert (run / "budget.json").read_bytes() == decision
    # The recipe that it wrote down, with the iterations that were decided, done without a stop.
    whole = train(read_recipe(run / "recipe.yaml", data={"workers": 0}), tmp_path / "whole")
    assert metrics(run) == metrics(whole)
    assert read_recipe(run / "recipe.yaml").training.batch == 4
    # What was being handed over when it was killed may be there twice, and is the same then.
    (points, ends), lines = followed(run), tracked.as_points(metrics(run))
    assert all(line in points for line in lines) and all(point in lines for point in points)
    assert followed(whole) == (lines, ["finished"]) and ends == ["finished"]
    for name in ("model.safetensors", "README.md"):
        assert (run / "model" / name).read_bytes() == (whole / "model" / name).read_bytes()
    facts, others = (json.loads((folder / "run.json").read_text()) for folder in (run, whole))
    assert facts["ended_by"] == "patience" and facts["iteration"] == 15
    for name in ("ended_by", "iteration", "best_iteration", "best_weights", "best_mean_iou"):
        assert facts[name] == others[name]
    one, other = (Checkpoints(folder / "checkpoints").load(print) for folder in (run, whole))
    assert one is not None and other is not None and one.average is not None and other.average is not None
    assert all(value.equal(other.average[name]) for name, value in one.average.items())
