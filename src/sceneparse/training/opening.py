"""Open a training: where it begins or goes on, and all that it needs before its first step; nothing is written."""

from pathlib import Path

from sceneparse.processes import ALONE, membership
from sceneparse.settings import Recipe
from sceneparse.training.length import refuse_too_short
from sceneparse.training.prepare import Prepared, prepare
from sceneparse.training.progress import say_once
from sceneparse.training.run import is_finished, open_run
from sceneparse.training.schedules.kind import long_warmup
from sceneparse.training.start import StrategyName
from sceneparse.training.trackers.follow import refuse_unusable
from sceneparse.training.trial import prepare_tried
from sceneparse.training.written import read_started
from sceneparse.weights.run_folder import MODEL


def open_training(
    recipe: Recipe, out: Path, *, resume: bool, strategy: StrategyName, tried: bool = True
) -> Prepared | None:
    """Open a training.

    Args:
        recipe: What to train on what.
        out: The run folder, there or not.
        resume: Whether to go on with what is there.
        strategy: How several processes hold the network.
        tried: Whether a tiny step finds out what a device lacks that doesn't say it (`prepare_tried`).

    Returns:
        The training; None where it is finished, which is said.

    Raises:
        UserError: As of `train`, before the first step.
    """
    recipe, checkpoint = open_run(recipe, out, resume=resume, warn=say_once)
    if is_finished(checkpoint, recipe, out):
        say_once(f"{out}: this training is finished; its model is {out / MODEL}")
        return None
    alone, trackers = membership() is None, recipe.tracking.trackers
    if alone:
        refuse_unusable(trackers, ALONE)  # before anything is opened
    if checkpoint is None and recipe.training.minutes is None:
        _look_at_length(recipe)
    made_new = read_started(out)["made_new"] if checkpoint and recipe.init.model else ()
    prepared = (prepare_tried if tried else prepare)(recipe, checkpoint, strategy, made_new)
    if not alone:
        refuse_unusable(trackers, prepared.compute.processes)
    return prepared


def _look_at_length(recipe: Recipe) -> None:
    """Say what a training is too short for, or refuse it where a person gave its length."""
    if line := refuse_too_short(recipe.training):
        say_once(f"note: {line}")
    if line := long_warmup(recipe.optimizer.warmup, recipe.training.iterations):
        say_once(f"note: {line}")
