"""Say what a training would do, and refuse what it would refuse before its first step: none is taken."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from sceneparse.data.augmenter import counts_needed
from sceneparse.data.workers import deaths_named
from sceneparse.devices import memory
from sceneparse.errors import counted, some
from sceneparse.files import free_bytes, sized
from sceneparse.paths import expanded
from sceneparse.processes.machine import available_memory
from sceneparse.progress import results_console, roughly
from sceneparse.recipes import to_yaml
from sceneparse.settings import Recipe
from sceneparse.training.announcing import facts_of, headline, notes_on_data
from sceneparse.training.averaging import WeightAverage, begin_average
from sceneparse.training.class_counts import FILE as CLASS_COUNTS
from sceneparse.training.class_counts import load_class_counts
from sceneparse.training.class_weights import FILE as CLASS_WEIGHTS
from sceneparse.training.class_weights import MEDIAN, load_class_weights
from sceneparse.training.durations import in_words
from sceneparse.training.length import validations
from sceneparse.training.opening import open_training
from sceneparse.training.prepare import Prepared
from sceneparse.training.recipe_losses import RecipeLosses
from sceneparse.training.room import check_room, standing_bytes, whole_bytes
from sceneparse.training.start import StrategyName
from sceneparse.training.step import graph_of
from sceneparse.weights.asked import HUB
from sceneparse.weights.run_folder import RECIPE

NAMES = 40
"""Names of classes that are listed."""


def foresee(recipe: Recipe, out: Path | None = None, *, resume: bool = False, strategy: StrategyName = "auto") -> None:
    """Print the settings of a training, its data, network, start, length and needs, as far as no step has to tell them.

    Weights that a training would fetch are fetched, since only then it is known whether they fit, and kept where it
    finds them. Nothing else is written.

    Args:
        recipe: What would be trained on what, like the next ones as of `train`.
        out: The run folder.
        resume: Whether it would go on.
        strategy: How several processes would hold the network.

    Raises:
        UserError: As of `train`, before the first step.
    """
    out = expanded(out or Path("runs") / recipe.name)
    prepared = open_training(recipe, out, resume=resume, strategy=strategy, tried=False)
    if prepared is None:
        return
    _make_ready(prepared, out)
    average = begin_average(prepared)
    room = check_room(prepared, average, out)
    if not prepared.compute.processes.first:
        return
    print(f"# settings, as {out / RECIPE} would hold them\n{to_yaml(prepared.recipe)}")
    for line in _lines(prepared, out, average):
        print(line)
    if (started := prepared.started) is not None:
        print(started.heading())
        results_console(highlight=False).print(started.table())
    notes = (*notes_on_data(prepared), *([] if room is None else [room]))
    for line in (*(started.lines() if started else ()), *(f"note: {note}" for note in notes)):
        print(line)
    print("a dry run: nothing was trained, and nothing written")


def _make_ready(prepared: Prepared, out: Path) -> None:
    """Make what a training minimises and reads first, with the counts of classes that it goes by, and leave nothing.

    A picture for each chunk of a step is read.
    """
    recipe, world = prepared.recipe, prepared.compute.processes.world
    counts_classes = recipe.loss.class_weights == MEDIAN or counts_needed(recipe.augmentation, recipe.sampling)
    if counts_classes and world > 1:
        return  # one counts for all, and hands it on by files of the run folder
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name in (CLASS_COUNTS, CLASS_WEIGHTS):
            if (out / name).is_file():
                shutil.copy(out / name, folder)
        counts = load_class_counts(prepared, folder)
        losses = RecipeLosses.prepared(prepared, load_class_weights(prepared, folder, counts))
    graph_of(prepared, losses)
    training = replace(recipe.training, batch=recipe.training.accumulate * world)
    small = replace(prepared, recipe=replace(recipe, training=training))
    with deaths_named(), closing(small.batches(losses.tasks, counts)) as batches:
        next(batches, None)


def _lines(prepared: Prepared, out: Path, average: WeightAverage | None) -> Iterator[str]:
    """What there is to say, a line each."""
    data, settings = prepared.data, prepared.recipe.data
    yield headline(prepared, facts_of(prepared))
    yield f"run folder: {out}, {_state(prepared, out)}"
    where = settings.kind if settings.root is None else f"{settings.kind}, {settings.root}"
    learnt, scored = len(data.training), len(data.validation)
    each = prepared.recipe.training.validate_count
    part = f", {each:,} of them each time" if each is not None and each < scored else ""
    known = f"{learnt:,} to learn from ({settings.train}), {scored:,} to validate on ({settings.val}){part}"
    yield f"data: {where}; {known}"
    yield f"classes: {some(data.labels.names, NAMES)}"
    if data.tasks is not None:
        yield f"tasks: {', '.join(map(str, data.tasks.spaces()))}"
    yield f"weights: {_weights(prepared)}"
    yield f"length: {_length(prepared)}"
    yield f"time: {_time(prepared)}"
    yield f"memory: {_memory(prepared, average)}"
    taken = sized(whole_bytes(prepared, average))
    yield f"disk: up to {taken} for checkpoints and the model ({sized(free_bytes(out))} free)"


def _state(prepared: Prepared, out: Path) -> str:
    if prepared.checkpoint is not None:
        return f"where it goes on at iteration {prepared.start:,}"
    if (out / RECIPE).is_file():
        return "where a training stopped before its first checkpoint: it begins anew"
    return "there, without a training" if out.exists() else "which would be made"


def _weights(prepared: Prepared) -> str:
    if prepared.checkpoint is not None:
        return "those of the checkpoint"
    if prepared.started is not None:
        return "of a model, see below"
    given = prepared.recipe.backbone.weights
    if given is None:
        return "random"
    return f"of the backbone {'the pretrained ones of timm' if given == HUB else given}, the others random"


def _length(prepared: Prepared) -> str:
    training, samples = prepared.recipe.training, len(prepared.data.training)
    batch = f"batches of {'as many as fit' if training.batch == 'auto' else training.batch}"
    if training.minutes is not None:
        return f"{batch}, as many as training.minutes has room for, which is measured first"
    epochs = "" if training.batch == "auto" else f" ({training.iterations * training.batch / samples:.3g} epochs)"
    iterations, scored = counted(training.iterations, "iteration"), counted(validations(training), "validation")
    return f"{iterations}{epochs}, {batch}, {scored}"


def _time(prepared: Prepared) -> str:
    checkpoint, training = prepared.checkpoint, prepared.recipe.training
    if checkpoint is not None and checkpoint.iteration:
        left = checkpoint.seconds / checkpoint.iteration * len(prepared.remaining)
        return f"{roughly(left)} for the {counted(len(prepared.remaining), 'iteration')} left, at its pace so far"
    if training.minutes is not None:
        return in_words(training.minutes)
    return "known after a few steps; training.minutes gives one instead"


def _memory(prepared: Prepared, average: WeightAverage | None) -> str:
    device = prepared.compute.fabric.device
    free = available_memory() if device.type == "cpu" else None
    if memory.tells_memory(device):
        free = memory.available(device)
    there = "" if free is None else f" ({sized(free)} free)"
    kept = sized(standing_bytes(prepared, average))
    return f"{kept} for weights, gradients and the optimizer's state{there}; a step takes more, which the first shows"
