"""Several processes take the steps of one: the same losses and weights, whatever is learnt."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from sceneparse.errors import UserError
from sceneparse.files import write_text
from sceneparse.recipes import from_mapping, to_yaml
from sceneparse.settings import Recipe
from sceneparse.training import train
from sceneparse.training.checkpoint import Checkpoint, Checkpoints
from sceneparse.training.record import TIME_FIELDS
from together import environment, sceneparse_command, torchrun

MakeRecipe = Callable[..., Recipe]

PRECISE = """
import sys
import torch
from sceneparse.cli import main
from sceneparse.training import start

# Nothing but rounding tells two processes from one; in float64 that is next to nothing.
torch.set_default_dtype(torch.float64)
start.FABRIC_PRECISION["float32"] = "64-true"
sys.exit(main())
"""


def lines(run: Path) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in TIME_FIELDS} for line in found]


def last(run: Path) -> Checkpoint:
    checkpoint = Checkpoints(run / "checkpoints").load(lambda text: pytest.fail(text))
    assert checkpoint is not None
    return checkpoint


def written(recipe: Recipe, folder: Path) -> Path:
    write_text(folder / "asked.yaml", to_yaml(recipe))
    return folder / "asked.yaml"


def hard(toy: MakeRecipe, **changes: object) -> Recipe:
    """All that could depend on who has which picture: mining, class weights, dropout, parts, clipping."""
    settings: dict[str, object] = {
        "network__architecture": "pspnet",
        "network__output_stride": 16,
        "network__dropout": 0.2,
        "augmentation__crop": [48, 48],
        "loss__hard_fraction": 0.4,
        "loss__class_weights": [1.0, 2.0, 3.0],
        "optimizer__clip": 1.0,
        "training__accumulate": 2,
        "training__iterations": 3,
        "training__validate_every": 3,
        "training__validate_count": 3,
        "training__checkpoint_every": 3,
    }
    return toy(**(settings | changes))


def test_two_processes_take_the_steps_of_one(toy: MakeRecipe, tmp_path: Path) -> None:
    (tmp_path / "precise.py").write_text(PRECISE)
    asked = written(hard(toy), tmp_path)
    for name, processes in (("one", 1), ("two", 2)):
        words = ["train", asked, "--out", tmp_path / name]
        done = torchrun(tmp_path / "precise.py", *words, processes=processes)
        assert done.returncode == 0, done.stderr
    one, two = (lines(tmp_path / name) for name in ("one", "two"))
    for alone, shared in zip(one, two, strict=True):
        if alone["kind"] == "validation":
            assert shared == alone
        else:
            assert all(shared[name] == pytest.approx(alone[name], rel=1e-10) for name in ("loss", "aux_loss", "lr"))
    alone, shared = (last(tmp_path / name) for name in ("one", "two"))
    assert (alone.processes, shared.processes) == (1, 2)
    for name, value in alone.network.items():
        torch.testing.assert_close(shared.network[name], value, rtol=1e-9, atol=1e-10)
    facts = json.loads((tmp_path / "two" / "run.json").read_text())
    assert facts["status"] == "finished" and facts["processes"] == 2 and facts["strategy"] == "ddp"
