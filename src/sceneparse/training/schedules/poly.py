"""The poly schedule of the papers (PSPNet, section 5.1)."""

from typing import Any

from sceneparse.settings import OptimizerSettings
from sceneparse.training.schedules.kind import Curve, ScheduleKind


def poly(settings: OptimizerSettings, _: Any) -> Curve:
    """Return (1 - iteration / iterations) ** power."""
    power = settings.power
    return lambda iteration, iterations: (1 - iteration / iterations) ** power


POLY = ScheduleKind("a power of what is left of the training", poly, uses=frozenset({"power"}))
