"""The declaration of a schedule: how it is made, and which settings it takes."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sceneparse.arguments import argument
from sceneparse.errors import UserError
from sceneparse.recipes.options import read_options
from sceneparse.settings import OptimizerSettings
from sceneparse.settings.optimizer import OF_SCHEDULES
from sceneparse.training.schedules.table import SCHEDULES

Curve = Callable[[int, int], float]
"""The multiple of the base rate in an iteration (0 … iterations - 1) of a training of so many iterations."""


@dataclass(frozen=True)
class ScheduleKind:
    """An entry of the table of schedules.

    Args:
        title: What it is, in a few words.
        make: Makes the curve of the optimiser's settings and of its own options (None without). The curve must be a
            pure function of its two numbers: nothing of a schedule is kept in a checkpoint.
        uses: Which of power, floor, rise, start, milestones and factor it takes into account; others are refused when
            they are not at their defaults.
        options: A frozen dataclass of settings of its own, each with a default, given as `optimizer.schedule_options`;
            None for none.
    """

    title: str
    make: Callable[[OptimizerSettings, Any], Curve]
    uses: frozenset[str] = frozenset()
    options: type | None = None

    def __post_init__(self) -> None:
        if unknown := self.uses - set(OF_SCHEDULES):
            raise ValueError(f"uses names {sorted(unknown)}, but can only name {OF_SCHEDULES}")
        if self.options is not None and not dataclasses.is_dataclass(self.options):
            raise ValueError(f"options is {self.options!r}, but must be a dataclass or None")

    def read_options(self, given: Mapping[str, Any], name: str) -> Any:
        """Return the schedule's own options, checked; None for one that has none.

        Args:
            given: What `optimizer.schedule_options` says; what is missing has its default.
            name: The schedule's name, for messages.

        Raises:
            UserError: An option that it doesn't have, or a bad value.
        """
        return read_options(self.options, given, "optimizer.schedule_options", f"schedule {name}")

    def check(self, settings: OptimizerSettings) -> None:
        """Refuse settings that this schedule doesn't use, or that it cannot do with.

        Raises:
            UserError: One is not at its default, or an option is wrong.
        """
        usual = {item.name: item.default for item in dataclasses.fields(OptimizerSettings)}
        for name in OF_SCHEDULES:
            if name not in self.uses and getattr(settings, name) != usual[name]:
                used = [f"optimizer.{one}" for one in OF_SCHEDULES if one in self.uses]
                used += ["optimizer.schedule_options"] * bool(self.options)
                raise UserError(
                    f"optimizer.{name} has no effect: optimizer.schedule '{settings.schedule}' uses "
                    + (", ".join(used) if used else "no settings of its own")
                )
        self.make(settings, self.read_options(settings.schedule_options, settings.schedule))


@lru_cache(maxsize=16)
def curve_of(settings: OptimizerSettings) -> Curve:
    """Return the curve that an optimiser's settings choose, without the warm-up."""
    kind = SCHEDULES[settings.schedule]
    return kind.make(settings, kind.read_options(settings.schedule_options, settings.schedule))


def learning_rate(iteration: int, iterations: int, settings: OptimizerSettings) -> float:
    """Return the base learning rate of an iteration: the schedule's, after a linear warm-up.

    A pure function of the iteration, so that nothing of it needs to be kept. In the first `optimizer.warmup` iterations
    the schedule's rate is scaled by 1/warmup, 2/warmup, … 1.

    Args:
        iteration: 0 … iterations - 1.
        iterations: Length of the training.
        settings: The base rate, the schedule and its settings, and the warm-up.
    """
    rate = settings.lr * curve_of(settings)(iteration, iterations)
    return rate * min(1.0, (iteration + 1) / settings.warmup) if settings.warmup else rate


def long_warmup(warmup: int, iterations: int) -> str | None:
    """Return what is to be said of a warm-up that takes more than half of a training; None of any other."""
    if 2 * warmup <= iterations:
        return None
    ends = f"{warmup} of the {iterations}" if warmup < iterations else f"all {iterations}"
    full = "" if warmup < iterations else " and never comes to its full value"
    longer = argument("training.iterations", 10 * warmup)
    return (
        f"the learning rate only grows during {ends} iterations (optimizer.warmup is {warmup}){full}: so few are "
        f"hardly a training; a longer one, such as {longer}, is what helps"
    )
