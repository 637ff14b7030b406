"""End a training between two steps, so that nothing of what is done is lost: at a batch, or at a validation."""

import traceback
from typing import NoReturn

from sceneparse.arguments import argument
from sceneparse.data.loader import BrokenSampleError
from sceneparse.data.workers import less_memory
from sceneparse.devices.memory import ran_out
from sceneparse.errors import UserError
from sceneparse.training.keep import Keeper
from sceneparse.training.run import write_run


def break_off(keeper: Keeper, done: int, error: Exception, *, stopping: bool) -> NoReturn:
    """Write a checkpoint, and end the training with what to do about the batch.

    Of several processes the others wait in the middle of a step that this one doesn't take, and nobody is there to
    write: they end without a checkpoint, and the last one counts.

    Args:
        keeper: What writes; all steps that were taken are settled.
        done: Iterations done.
        error: Why there is no batch.
        stopping: Whether the training was asked to stop: then that is why it ends, since what asked it may have ended
            its loader processes as well.

    Raises:
        UserError: The error, with what goes on after it; so too where memory was wanting.
        TrainingStopped: The training was asked to stop.
        Exception: The error as it is, where it is a fault of the program, or nothing was done yet.
    """
    prepared = keeper.prepared
    _end_loading(error)
    if not isinstance(error, UserError) and ran_out(error):
        less = less_memory(workers=prepared.loader_workers > 0)
        error = UserError(f"not enough memory to load the pictures of a step: {less}")
    if done == 0:
        raise error
    resume = argument("resume", True, option="--resume")
    if prepared.compute.processes.world > 1:
        if not isinstance(error, UserError) or keeper.saved is None:
            raise error
        raise UserError(f"{error}; {resume} goes on from the last checkpoint, of iteration {keeper.saved}") from None
    if done > prepared.start:
        keeper.save_checkpoint(done)
    if stopping:
        keeper.stop(done)
    write_run(keeper.folder.path, "failed", {**keeper.folder.facts, "iteration": done})
    keeper.progress.say(f"ended after iteration {done}, with a checkpoint; to go on: {keeper.onwards()}")
    if not isinstance(error, UserError):
        raise error
    mend = (
        f"repair or replace this file (under its name: samples are not left out of a training that has begun), then "
        f"{resume} goes on"
        if isinstance(error, BrokenSampleError)
        else f"{resume} goes on"
    )
    raise UserError(f"{error}; the checkpoint of iteration {done} was written: {mend}") from None


def _end_loading(error: BaseException | None) -> None:
    """Let go of the loader whose frames an error keeps: its processes would hold the run folder as long as it lasts."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__context__


def break_off_validation(keeper: Keeper, done: int, error: UserError) -> NoReturn:
    """End the training at a validation that cannot be made; its checkpoint was written before.

    Args:
        keeper: What writes.
        done: Iterations done.
        error: Why it cannot be made.

    Raises:
        UserError: The error, with what goes on after it.
    """
    if keeper.prepared.compute.processes.first:
        write_run(keeper.folder.path, "failed", {**keeper.folder.facts, "iteration": done})
    keeper.progress.say(f"ended after iteration {done}, with a checkpoint; to go on: {keeper.onwards()}")
    resume = argument("resume", True, option="--resume")
    raise UserError(
        f"{error}; the checkpoint of iteration {done} was written: mend this, then {resume} goes on with the validation"
    ) from None
