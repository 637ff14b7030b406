"""A budget of time: how many iterations fit into `training.minutes`, decided once and written down.

The decision stands in budget.json of the run folder, and in its recipe.yaml as `training.iterations`, in place of the
minutes: that recipe is the training that was done, wherever it is done again. A run that goes on keeps the decision, so
that its schedule is that of the uninterrupted one. A machine that becomes slower later makes the training take longer,
where that is more than the reserve; another number of iterations then would be another schedule, and a result that
depends on what else the machine did.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from sceneparse.data.class_counts import ClassCounts
from sceneparse.errors import counted, require
from sceneparse.files import write_json
from sceneparse.progress import roughly
from sceneparse.settings import Recipe, TrainingSettings
from sceneparse.training.checkpoint import Checkpoints
from sceneparse.training.durations import exactly, in_words
from sceneparse.training.graphed import GraphedGradients
from sceneparse.training.length import of_length, validations
from sceneparse.training.prepare import Prepared
from sceneparse.training.probe import SHARE, Pace, measure
from sceneparse.training.progress import say_once
from sceneparse.training.recipe_losses import RecipeLosses
from sceneparse.training.written import BUDGET

RESERVE = 0.03
"""The share of the time that no iterations are planned for: machines are rarely faster later than when measured, and
Python and PyTorch were loaded before the clock ran."""


def set_length(
    prepared: Prepared,
    losses: RecipeLosses,
    counts: ClassCounts | None,
    out: Path,
    began: float,
    graph: GraphedGradients | None = None,
) -> Prepared:
    """Decide how many iterations fit into a training's minutes, and write it down.

    Args:
        prepared: A training with `training.minutes`, before its first step.
        losses: What it minimises.
        counts: What draws that favour rare classes go by.
        out: The run folder.
        began: `time.monotonic()` when it began.
        graph: What records and replays its steps.

    Returns:
        The training with that many iterations, in place of the minutes.

    Raises:
        UserError: Not one iteration fits.
    """
    training = prepared.recipe.training
    assert training.minutes is not None
    say_once(
        f"training.minutes is {training.minutes:g}: measuring how long steps, validations and checkpoints take, "
        f"{roughly(2 * SHARE * 60 * training.minutes)}"
    )
    pace = measure(prepared, losses, counts, Checkpoints(out / "checkpoints"), began, 60 * training.minutes, graph)
    iterations = iterations_within(training.minutes, pace, training)
    decided = of_length(training, iterations)
    say_once(
        f"{counted(iterations, 'iteration')} in {in_words(training.minutes)}: {pace.step:.3g} s each, "
        f"{counted(validations(decided), 'validation')} of {pace.validation:.3g} s, and a reserve of {RESERVE:.0%}"
    )
    whole = replace(prepared.recipe, training=decided)
    if line := too_short(whole, len(prepared.data.training), pace):
        say_once(f"note: {line}")
    if prepared.compute.processes.first:
        write_json(out / BUDGET, {"minutes": training.minutes, "iterations": iterations, "seconds": asdict(pace)})
    return replace(prepared, recipe=whole)


def too_short(recipe: Recipe, samples: int, pace: Pace) -> str | None:
    """Return what is to be said of a time that a training can hardly begin in; None of any other.

    Args:
        recipe: The recipe with the iterations that fit.
        samples: Its training pictures.
        pace: How long each of its pieces takes.
    """
    training, warmup = recipe.training, recipe.optimizer.warmup
    seen, warming = training.iterations * training.pictures, training.iterations < 2 * warmup
    if seen >= samples and not warming:
        return None
    facts = [f"{min(seen, samples):,} of {counted(samples, 'picture')} are seen"] if seen < samples else []
    facts += [f"the learning rate still grows during the first {warmup} (optimizer.warmup)"] if warming else []
    wanted = max(10 * warmup, -(-5 * samples // training.pictures))
    return (
        f"{counted(training.iterations, 'iteration')} are too few to learn much: {', and '.join(facts)}; {wanted:,} "
        f"would take {roughly(seconds_of(wanted, pace, training))}. A smaller augmentation.crop, training.batch or "
        "network makes more of them fit"
    )


def iterations_within(minutes: float, pace: Pace, training: TrainingSettings) -> int:
    """Return how many iterations fit into a time, with their validations and checkpoints: into all but the reserve.

    One iteration is done where the reserve alone has no room for it.

    Args:
        minutes: The time, with all that came before the first step.
        pace: How long each takes.
        training: When validations and checkpoints are due.

    Raises:
        UserError: Not one iteration fits.
    """
    least = seconds_of(1, pace, training)
    require(
        least <= 60 * minutes,
        f"training.minutes is {minutes:g}, but a training of one iteration takes {least / 60:.2g}: {pace.before:.3g} s "
        f"until its first step, {pace.step:.3g} s for that, {pace.validation:.3g} s for a validation; give more "
        "minutes, or validate on fewer pictures (training.validate_count)",
    )
    limit = (1 - RESERVE) * 60 * minutes
    fit, too_many = 1, 2
    while seconds_of(too_many, pace, training) <= limit:
        fit, too_many = too_many, 2 * too_many
    while too_many - fit > 1:
        middle = (fit + too_many) // 2
        fit, too_many = (middle, too_many) if seconds_of(middle, pace, training) <= limit else (fit, middle)
    return fit


def seconds_of(iterations: int, pace: Pace, training: TrainingSettings) -> float:
    """Return how long a training of so many iterations takes from its beginning, in seconds.

    Args:
        iterations: Its length.
        pace: How long each of its pieces takes.
        training: When validations and checkpoints are due.
    """
    scored = validations(of_length(training, iterations))
    # A validation stands between two checkpoints and may write the best network, and the end writes the model.
    written = iterations // training.checkpoint_every + 3 * scored + 1
    # A clock may be too coarse for a step.
    step = max(pace.step, 1e-6)
    return pace.before + iterations * step + scored * pace.validation + written * pace.checkpoint


@dataclass
class Overtime:
    """Says once that a training takes longer than its minutes, and at the end how long it took.

    Args:
        minutes: The minutes; None where there are none.
    """

    minutes: float | None
    said: bool = False

    def line(self, seconds: float, left: int) -> str | None:
        """Return what there is to say, or None.

        Args:
            seconds: How long the training has taken.
            left: Iterations that are left.
        """
        if self.minutes is None or self.said or seconds <= 60 * self.minutes or left == 0:
            return None
        self.said = True
        return (
            f"the time is over ({in_words(self.minutes)}), since it has become slower than it was measured: the "
            f"{counted(left, 'iteration')} that are left are done all the same, as the schedule counts on them"
        )

    def ended(self, seconds: float) -> str | None:
        """Return how long a training took beside what was asked for; None where nothing was.

        Args:
            seconds: How long.
        """
        return None if self.minutes is None else f"it took {exactly(seconds)} of the {in_words(self.minutes)} asked for"
