"""End a training between two steps, so that nothing of what is done is lost: at a batch, or at a validation."""

from typing import NoReturn

from sceneparse.arguments import argument
from sceneparse.data.loader import BrokenSampleError
from sceneparse.errors import UserError
from sceneparse.training.keep import Keeper
from sceneparse.training.run import write_run


def break_off(keeper: Keeper, done: int, error: UserError, *, stopping: bool) -> NoReturn:
    """Write a checkpoint, and end the training with what to do about the batch.

    Of several processes the others wait in the middle of a step that this one doesn't take, and nobody is there to
    write: they end without a checkpoint.

    Args:
        keeper: What writes; all steps that were taken are settled.
        done: Iterations done.
        error: Why there is no batch.
        stopping: Whether the training was asked to stop: then that is why it ends, since what asked it may have ended
            its loader processes as well.

    Raises:
        UserError: The error, with what goes on after it.
        TrainingStopped: The training was asked to stop.
    """
    prepared = keeper.prepared
    if prepared.compute.processes.world > 1 or done == 0:
        raise error
    if done > prepared.start:
        keeper.save_checkpoint(done)
    if stopping:
        keeper.stop(done)
    write_run(keeper.folder.path, "failed", {**keeper.folder.facts, "iteration": done})
    resume = argument("resume", True, option="--resume")
    mend = (
        f"repair or replace this file (under its name: samples are not left out of a training that has begun), then "
        f"{resume} goes on"
        if isinstance(error, BrokenSampleError)
        else f"{resume} goes on"
    )
    raise UserError(f"{error}; the checkpoint of iteration {done} was written: {mend}") from None


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
    resume = argument("resume", True, option="--resume")
    raise UserError(
        f"{error}; the checkpoint of iteration {done} was written: mend this, then {resume} goes on with the validation"
    ) from None
