"""The schedule that leaves the rate as it is."""

from typing import Any

from sceneparse.settings import OptimizerSettings
from sceneparse.training.schedules.kind import Curve, ScheduleKind


def constant(_: OptimizerSettings, __: Any) -> Curve:
    """Return 1, whatever the iteration."""
    return lambda _iteration, _iterations: 1.0


CONSTANT = ScheduleKind("the base rate throughout, after the warm-up", constant)
