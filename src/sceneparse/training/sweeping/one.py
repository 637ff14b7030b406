"""One run of a sweep, in a process of its own: train, then test under every protocol of the sweep.

`python -m sceneparse.training.sweeping` reads the run as JSON from its standard input: "out" (the run folder), "recipe"
and "tests" (protocols by name), both as their settings.
"""

import ctypes
import json
import signal
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sceneparse.datasets.testing import open_for_testing
from sceneparse.errors import UserError
from sceneparse.evaluation import evaluate
from sceneparse.evaluation.command import protocol_of
from sceneparse.evaluation.facts import EvaluationFacts
from sceneparse.files import write_json
from sceneparse.inference.open_model import open_model
from sceneparse.recipes import from_mapping
from sceneparse.settings import ProtocolSettings, Recipe
from sceneparse.training.loop import train
from sceneparse.training.progress import TrainingStopped

TESTS = "tests.json"
"""In the run folder: what the finished model scored, by the test's name."""

ASKED = "asked_protocol"
"""In tests.json: the protocol of a test; under "protocol" is the one that the figures hold for."""


def run_one(recipe: Recipe, tests: Mapping[str, ProtocolSettings], out: Path) -> None:
    """Train, or go on with what the run folder holds, and score the model on the test split.

    The run folder gets tests.json: for each test the content of metrics.json, and each picture's own mean IoU. Pictures
    are tested as `sceneparse evaluate` does it: at the scale that the model knows, if the protocol leaves that to it.

    Args:
        recipe: What to train on what.
        tests: Protocols by name.
        out: The run folder.

    Raises:
        UserError: As `train`, and as `evaluate`.
        TrainingStopped: A signal came; a checkpoint was written.
    """
    train(recipe, out, resume=True)
    opened = open_model(out / "model", engine="torch", device=recipe.training.device)
    dataset = open_for_testing(recipe.data, channels=recipe.backbone.in_channels)
    found = {}
    for name, settings in tests.items():
        protocol = protocol_of(opened.config, settings, recipe.data)
        evaluation = evaluate(opened.engine, dataset, protocol, tasks=opened.tasks)
        evaluation = replace(evaluation, facts=EvaluationFacts.of(out, recipe.data, opened))
        pictures = [[picture.index, picture.mean_iou] for picture in evaluation.pictures]
        found[name] = evaluation.to_json() | {
            ASKED: protocol.describe(),
            "picture_mean_ious": pictures,
        }
    write_json(out / TESTS, found)


def request(recipe: dict[str, Any], tests: dict[str, dict[str, Any]], out: Path) -> str:
    """Return what the process of a run reads, as JSON."""
    return json.dumps({"out": str(out), "recipe": recipe, "tests": tests})


def main() -> int:
    """Do the run that standard input describes; the exit codes are those of the command line."""
    _end_with_parent()
    given = json.load(sys.stdin)
    try:
        run_one(
            from_mapping(Recipe, given["recipe"], "the sweep"),
            {name: from_mapping(ProtocolSettings, test, f"test '{name}'") for name, test in given["tests"].items()},
            Path(given["out"]),
        )
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except TrainingStopped as stopped:
        print(stopped, file=sys.stderr)
        return 130
    return 0


def _end_with_parent() -> None:
    """A sweep that is killed takes its runs along; each writes a checkpoint first."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)
