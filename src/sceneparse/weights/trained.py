"""Take the model of a training: the best so far of a run folder, or a checkpoint's."""

import shlex
import shutil
import sys
import time
from functools import cache, partial
from pathlib import Path

from sceneparse.arguments import argument
from sceneparse.errors import UserError
from sceneparse.files import whole_file
from sceneparse.processes import leads
from sceneparse.weights.checkpoint_file import is_checkpoint, newest_checkpoint, read_found, saved_iteration
from sceneparse.weights.config import CARD, CONFIG, LABELS, WEIGHTS
from sceneparse.weights.kept import kept_model
from sceneparse.weights.run_folder import (
    MODEL,
    RECIPE,
    Taken,
    last_iteration,
    model_folder_of,
    model_taken,
    run_folder,
    state_of,
)
from sceneparse.weights.saving import write_folder, write_weights

TRIES = 20
"""How often a model that is being replaced while it is read is read again."""


def of_training(path: Path) -> Path | None:
    """Return the model folder of a run folder or of a checkpoint; None if a path is neither.

    Which model it is, is said in a line on standard error, unless the model folder itself was named.

    Args:
        path: A file or a folder that there is.

    Raises:
        UserError: There is no model in it yet, or it is damaged.
    """
    if path.is_file():
        return _of_checkpoint(path) if is_checkpoint(path) else None
    if (run := run_folder(path)) is not None:
        return _of_run(path, run)
    if path.name == MODEL and run_folder(path.parent) is not None and model_folder_of(path.parent) is not None:
        return _kept_still(path.parent) if state_of(path.parent) != "ended" else None
    return None


def resume_command(run: Path) -> str:
    """Return the command that goes on with a training, for people to copy."""
    return f"sceneparse train {shlex.quote(str(run / RECIPE))} --out {shlex.quote(str(run))} --resume"


def described(taken: Taken) -> str:
    """Return in a few words which of a training's networks it is."""
    words = [] if taken.iteration is None else [f"iteration {taken.iteration}"]
    words += ["averaged weights"] if taken.averaged else []
    words.append("not validated" if taken.mean_iou is None else f"mean IoU {100 * taken.mean_iou:.2f}%")
    return ", ".join(words)


def _of_run(path: Path, run: Path) -> Path:
    """The model of a run folder, after saying which one it is."""
    there = model_folder_of(run)
    if there is None:
        newest = newest_checkpoint(run)
        if newest is None:
            raise UserError(
                f"{path}: this training has written neither a model nor a checkpoint yet: wait for its first, or go on "
                f"with it: {resume_command(run)}"
            )
        return _of_checkpoint(newest, f"{path}: no validation yet; takes its newest checkpoint")
    state = state_of(run)
    folder = there if state == "ended" else _kept_still(run)
    taken = model_taken(run, folder)
    best = "its model" if taken.mean_iou is None else "the best model" if state == "ended" else "the best model so far"
    saved, logged = saved_iteration(run), last_iteration(run)
    # Neither is the last one that was done: lines and checkpoints are written every so many.
    reached = max((one for one in (saved, logged) if one is not None), default=None)
    past = "" if reached is None else f", past iteration {reached}"
    on = "" if saved is None else f"; {argument('resume', True, option='--resume')} goes on from iteration {saved}"
    stood = {
        "going": f"the training is going on{past}",
        "interrupted": f"the training was interrupted{on}",
        "failed": f"the training failed{on}",
        "ended": "the training has ended",
        "unknown": f"the training has not ended{on}",
    }[state]
    _say(f"{path}: takes {best} ({described(taken)}); {stood}")
    return folder


def _kept_still(run: Path) -> Path:
    """A copy of the model of a training that has not ended, whole and of one iteration."""
    for _ in range(TRIES):
        folder = model_folder_of(run)
        try:
            if folder is not None:
                number = (folder / WEIGHTS).stat().st_ino
                # The settings may be given temperatures.
                facts = [str(run.resolve()), *(_version(folder / name) for name in (WEIGHTS, CONFIG))]
                return kept_model("training", facts, partial(_copy, run, number))
        except FileNotFoundError:  # it was replaced at this moment
            pass
        time.sleep(0.05)
    raise UserError(f"{run / MODEL}: is being replaced again and again; try again")


def _version(path: Path) -> str:
    """What changes when a file becomes another.

    Raises:
        FileNotFoundError: It is gone.
    """
    state = path.stat()
    return f"{state.st_ino} {state.st_size} {state.st_mtime_ns}"


def _copy(run: Path, number: int, kept: Path) -> None:
    """Copy a run's model, if its weights are still those of the file with that number."""
    folder = model_folder_of(run)
    if folder is None:
        raise FileNotFoundError(run / MODEL)
    temporary = kept.with_name(".copying")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    with (folder / WEIGHTS).open("rb") as weights:
        if Path(folder / WEIGHTS).stat().st_ino != number:
            raise FileNotFoundError(folder / WEIGHTS)
        with whole_file(temporary / WEIGHTS) as copy, copy.open("wb") as out:
            shutil.copyfileobj(weights, out, 1 << 24)
    # Settings and classes are the same for all models of a training.
    for name in (CONFIG, LABELS):
        shutil.copyfile(folder / name, temporary / name)
    if (folder / CARD).is_file():
        shutil.copyfile(folder / CARD, temporary / CARD)
    temporary.rename(kept)


def _of_checkpoint(path: Path, begin: str = "") -> Path:
    """The model of a checkpoint, after saying which one it is."""

    def make(kept: Path) -> None:
        description, state, taken = read_found(path)
        write_folder(kept, description, lambda file: write_weights(file, state, taken.facts()))

    try:
        folder = kept_model("checkpoints", [str(path.resolve()), _version(path)], make)
    except FileNotFoundError:
        raise UserError(f"{path}: made room for a newer checkpoint at this moment: give that one") from None
    taken = model_taken(folder.parent, folder)
    _say(f"{begin or f'{path}: a checkpoint; takes its network'} ({described(taken)})")
    return folder


@cache
def _say(text: str) -> None:
    """Say a line, once: a command may ask for its model several times."""
    if leads():
        print(text, file=sys.stderr)
