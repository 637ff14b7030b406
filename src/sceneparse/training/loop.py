"""The training loop: prepare, step, validate and keep, finish."""

import time
from contextlib import closing, nullcontext
from pathlib import Path
from typing import get_args

from sceneparse.arguments import check_choice, check_flag, check_type
from sceneparse.calls import by_name
from sceneparse.data.workers import deaths_named
from sceneparse.errors import UserError
from sceneparse.paths import expanded
from sceneparse.recipes import read_recipe
from sceneparse.recipes.keywords import in_recipe
from sceneparse.settings import Recipe, TrainingSettings
from sceneparse.training.averaging import begin_average
from sceneparse.training.batch_size import with_found_batch
from sceneparse.training.breaking_off import break_off, break_off_validation
from sceneparse.training.budget import set_length
from sceneparse.training.checking import LossCheck
from sceneparse.training.class_counts import FILE as CLASS_COUNTS
from sceneparse.training.class_counts import load_class_counts
from sceneparse.training.class_weights import CHANGES, load_class_weights
from sceneparse.training.class_weights import FILE as CLASS_WEIGHTS
from sceneparse.training.folder import Stopwatch, begin_run, remove_unfinished
from sceneparse.training.init.outdone import with_validated_start
from sceneparse.training.keep import Keeper
from sceneparse.training.length import validation_interval, without_effect
from sceneparse.training.opening import open_training
from sceneparse.training.prepare import Prepared
from sceneparse.training.progress import ProgressLine, StopRequest, say_once
from sceneparse.training.recipe_losses import RecipeLosses
from sceneparse.training.room import check_room
from sceneparse.training.run import begun
from sceneparse.training.start import StrategyName
from sceneparse.training.step import compute_gradients, graph_of, update_weights
from sceneparse.training.taken import hold_run
from sceneparse.training.written import BUDGET, STARTED
from sceneparse.weights.run_folder import CHECKPOINTS, last_iteration

OF_START = (CHECKPOINTS, CLASS_COUNTS, CLASS_WEIGHTS, CHANGES, BUDGET, STARTED)
"""What a training may write into its run folder before its recipe, which stands for one that has begun."""

STOPPING = "stopping after this step, with a checkpoint; once more stops at once, without it"
"""What the first Ctrl-C says."""


@by_name("train", elsewhere=in_recipe)
def train(
    recipe: Recipe | str | Path,
    out: str | Path | None = None,
    *,
    resume: bool = False,
    strategy: StrategyName = "auto",
) -> Path:
    """Train a network by a recipe, from start to end or from where it stopped.

    The run folder gets recipe.yaml (all settings), metrics.jsonl (curves; with TensorBoard installed, tensorboard/ has
    them too), checkpoints/, run.json (how it went, on what), init.json (what was taken of the model that it started
    from, where there is one), budget.json (how many iterations fit into its minutes, where it has some) and model/: the
    network of the best validation so far, renewed whole with every better one.

    On the CPU a training gives the same bits whatever number of workers it has and however often it was stopped or
    killed and resumed. Started in several processes (`sceneparse train --devices N`, torchrun, srun), all of them call
    this, and each takes its share of every batch: the steps are the same, but for rounding.

    Args:
        recipe: What to train on what: a recipe, or the name or file of one.
        out: The run folder; None is runs/<the recipe's name>.
        resume: Go on from the newest checkpoint; from the beginning if there is none.
        strategy: How several processes hold the network: each the whole of it (ddp, and auto), or a share of its
            weights (fsdp), for networks too large for one device.

    Returns:
        The run folder.

    Raises:
        UserError: The run folder holds another training or one is going on there, the data or the settings don't fit,
            the disk is full, a sample cannot be read (then a checkpoint was written), or the loss is not finite any
            more (then the step is kept in failure/).
        TrainingStopped: Ctrl-C or SIGTERM; a checkpoint was written, and model/ if there was no validation yet.
    """
    began = time.monotonic()
    check_type("recipe", recipe, (Recipe, str, Path), "a Recipe, or the name or the file of one")
    check_type("out", out, (str, Path, type(None)), "a folder or None")
    check_flag("resume", resume)
    check_choice("strategy", strategy, get_args(StrategyName))
    recipe = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    out = expanded(out or Path("runs") / recipe.name)
    seen = last_iteration(out)
    going_on = resume and begun(recipe, out) is not None
    prepared = open_training(recipe, out, resume=resume, strategy=strategy)
    if prepared is None:
        return out
    prepared = with_found_batch(prepared)
    with hold_run(out, seen, OF_START) if prepared.compute.processes.first else nullcontext():
        _train(prepared, out, began, going_on=going_on)
    return out


def _train(prepared: Prepared, out: Path, began: float, *, going_on: bool) -> None:
    """Take all steps that are left, in a run folder that no other training writes in."""
    recipe, checkpoint = prepared.recipe, prepared.checkpoint
    counts = load_class_counts(prepared, out)
    losses = RecipeLosses.prepared(prepared, load_class_weights(prepared, out, counts))
    graph = graph_of(prepared, losses)
    prepared = with_validated_start(prepared)
    if recipe.training.minutes is not None:
        prepared = set_length(prepared, losses, counts, out, began, graph)
        if line := without_effect(prepared.recipe.training):
            say_once(f"note: {line}")
    average = begin_average(prepared)
    if prepared.compute.processes.first:
        remove_unfinished(out)
        if line := check_room(prepared, average, out):
            say_once(f"note: {line}")
    folder = begin_run(prepared, out, going_on=going_on)
    watch = Stopwatch(checkpoint.seconds if checkpoint else 0.0, began)
    settings, processes = prepared.recipe.training, prepared.compute.processes
    batches = prepared.batches(losses.tasks, counts)
    shown = ProgressLine(prepared.start, settings.iterations, shown=processes.first)
    with deaths_named(), folder, closing(batches), StopRequest(STOPPING) as stop, shown as progress:
        keeper = Keeper(prepared, folder, progress, watch, losses.names, average)
        keeper.announce()
        keeper.renew_model()
        check = LossCheck(keeper, deferred=prepared.learner.deferred)
        if checkpoint is not None and checkpoint.validation_due:
            _validate(keeper, checkpoint.iteration)
        for iteration in prepared.remaining:
            if keeper.patience.over:
                break
            clock = time.perf_counter()
            try:
                batch = next(batches)
            except UserError as error:
                check.settle()
                break_off(keeper, iteration, error, stopping=stop.came)
            waited = time.perf_counter() - clock
            keeper.idle.begin()
            step = compute_gradients(prepared, losses, batch, iteration, stop=stop.came, graph=graph)
            check.before_update(step, batch)
            update_weights(prepared, step)
            done = iteration + 1
            if average is not None:
                average.update(done)
            keeper.idle.end()
            check.after_update(time.perf_counter() - clock, waited)

            validated = _is_validated(done, settings)
            if validated:
                check.settle()
                # What a validation that fails, or is killed, must not lose.
                keeper.save_checkpoint(done, validation_due=True)
                # Even when a stop was asked for: a resumed training must not lack a validation that others have.
                _validate(keeper, done)
            stopping = check.stopping(stop.came)
            if not validated and (stopping or done % settings.checkpoint_every == 0):
                check.settle()
                keeper.save_checkpoint(done)
            if stopping and done < settings.iterations and not keeper.patience.over:
                keeper.stop(done)
        keeper.finish()
    prepared.compute.fabric.barrier()


def _validate(keeper: Keeper, done: int) -> None:
    """Score the network of a checkpoint that was written for it, and write what came of it into the checkpoint."""
    try:
        keeper.validate(done)
    except UserError as error:
        break_off_validation(keeper, done, error)
    keeper.save_checkpoint(done)


def _is_validated(done: int, settings: TrainingSettings) -> bool:
    """Whether the network is scored after so many iterations."""
    every = validation_interval(settings)
    return done == settings.iterations or (every > 0 and done % every == 0)
