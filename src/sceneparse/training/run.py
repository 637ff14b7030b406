"""The run folder: whether a training may begin or go on there, and its record in run.json."""

import platform
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sceneparse.errors import UserError
from sceneparse.files import write_json
from sceneparse.recipes import read_recipe
from sceneparse.settings import Recipe
from sceneparse.training.changes import refuse_changes, refuse_unresumable
from sceneparse.training.checkpoint import Checkpoint, Checkpoints
from sceneparse.training.taken import refuse_going, refuse_taken
from sceneparse.training.written import as_decided
from sceneparse.weights.run_folder import CHECKPOINTS, MODEL, RECIPE, RUN_FACTS, run_facts


def open_run(
    recipe: Recipe, out: Path, *, resume: bool, warn: Callable[[str], None]
) -> tuple[Recipe, Checkpoint | None]:
    """Decide whether a training may begin or go on in a run folder, and from where; nothing is written.

    Args:
        recipe: The recipe to train by.
        out: The run folder, there or not.
        resume: Whether to go on with what is there.
        warn: Called with a line for each checkpoint that is damaged.

    Returns:
        The recipe with network, preprocessing and start as the run has them, and the checkpoint to go on from;
        None to begin.

    Raises:
        UserError: There is a training and `resume` is off, it goes on at this moment, it was of another recipe, or its
            checkpoints are damaged.
    """
    refuse_going(out)
    if not resume:
        refuse_taken(out)
        return recipe, None
    refuse_unresumable(recipe, out)
    checkpoint = Checkpoints(out / CHECKPOINTS).load(warn)
    if checkpoint is None:
        return _as_begun(recipe, out), None
    saved = read_recipe(out / RECIPE)
    known = ("backbone", "network", "init", "preprocessing")
    recipe = _as_decided(recipe, saved, out)
    return replace(recipe, **{name: getattr(saved, name) for name in known}), checkpoint


def _as_begun(recipe: Recipe, out: Path) -> Recipe:
    """The recipe with the batch and the length that were decided for the same one here before it wrote a checkpoint."""
    saved = begun(recipe, out)
    return recipe if saved is None else _as_decided(recipe, saved, out)


def begun(recipe: Recipe, out: Path) -> Recipe | None:
    """Return what a training by this recipe wrote as its own when it began in a run folder.

    None where no training began there, or one by another recipe.

    Args:
        recipe: The recipe as it is asked for.
        out: The run folder, there or not.
    """
    if not (out / RECIPE).exists():
        return None
    try:
        saved = read_recipe(out / RECIPE)
        refuse_changes(recipe, saved, out)
    except UserError:
        return None
    return saved


def _as_decided(recipe: Recipe, saved: Recipe, out: Path) -> Recipe:
    """The recipe with the batch and the length that its run decided."""
    training = replace(recipe.training, batch=saved.training.batch)
    return as_decided(replace(recipe, training=training), out)


def is_finished(checkpoint: Checkpoint | None, recipe: Recipe, out: Path) -> bool:
    """Return whether the training is done and its model is there, that of its best validation."""
    # Earlier models lie there as well; run.json says last that the training is done.
    if checkpoint is None or checkpoint.validation_due or not (out / MODEL).exists():
        return False
    if run_facts(out).get("status") not in (None, "finished"):
        return False
    return checkpoint.ended or checkpoint.iteration >= recipe.training.iterations


def write_run(out: Path, status: str, facts: dict[str, Any]) -> None:
    """Write run.json: how the run went and on what, for programs to read.

    Args:
        out: The run folder.
        status: running, stopped, failed or finished.
        facts: Device, precision, times and scores.
    """
    names = ("sceneparse", "torch", "torchvision", "timm", "lightning-fabric", "numpy")
    versions = {"python": platform.python_version()} | {name: _version(name) for name in names}
    write_json(out / RUN_FACTS, {"status": status, **facts, "versions": versions})


def _version(name: str) -> str | None:
    try:
        return version(name)
    except ImportError:
        # Run from a source tree that isn't installed.
        return None
