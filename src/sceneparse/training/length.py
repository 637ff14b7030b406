"""How often a training of some length validates, and what it is too short for: known before PyTorch is loaded."""

import math
from dataclasses import replace

from sceneparse.errors import UserError, counted
from sceneparse.settings import TrainingSettings


def validation_interval(settings: TrainingSettings) -> int:
    """Return the iterations between validations; 0 where there is one at the end alone."""
    every = settings.validate_every
    # Shares of whole numbers are not exact in binary: 0.07 · 100 is a little more than 7.
    return math.ceil(every * settings.iterations - 1e-9) if every < 1 else int(every)


def validations(settings: TrainingSettings) -> int:
    """Return how many validations a training has, the one at its end among them."""
    interval = validation_interval(settings)
    return math.ceil(settings.iterations / interval) if interval else 1


def without_effect(settings: TrainingSettings) -> str | None:
    """Return which setting a training of this length is too short for, in a line; None where each has an effect.

    Not asked of a recipe as it is read: a budget of time may come to any length.
    """
    length, patience, average = counted(settings.iterations, "iteration"), settings.patience, settings.average
    if patience is not None and (found := validations(settings)) < patience + 2:
        return (
            f"training.patience is {patience}, which has no effect: it can end a training early where that has "
            f"{patience + 2} validations or more, and this one has {found} ({length}, training.validate_every "
            f"{settings.validate_every:g})"
        )
    if average.decay is not None and average.every > settings.iterations:
        return (
            f"training.average.every is {average.every}, but the training has {length}: the average would stay what "
            "the weights are at its beginning"
        )
    return None


def of_length(training: TrainingSettings, iterations: int) -> TrainingSettings:
    """Return settings of a training whose minutes were found to be so many iterations."""
    return replace(training, minutes=None, iterations=iterations, decided=iterations)


def refuse_too_short(settings: TrainingSettings) -> str | None:
    """Return what a training is too short for, to be said, where its length was decided here; None where nothing is.

    Raises:
        UserError: A person gave the length.
    """
    line = without_effect(settings)
    if line is not None and settings.decided != settings.iterations:
        raise UserError(f"{line}; leave it out, or change one of them")
    return line
