"""Cosine annealing, without restarts (Loshchilov & Hutter, arXiv 1608.03983, equation 5)."""

import math
from typing import Any

from sceneparse.settings import OptimizerSettings
from sceneparse.training.schedules.kind import Curve, ScheduleKind


def cosine(settings: OptimizerSettings, _: Any) -> Curve:
    """Return half a cosine from 1 towards the floor, as of torch's CosineAnnealingLR with T_max = iterations."""
    floor = settings.floor
    return lambda iteration, iterations: half_cosine(1.0, floor, iteration / iterations)


def half_cosine(begin: float, end: float, share: float) -> float:
    """Return the value at a share (0..1) of the way from one value to another, slow at both ends."""
    return end + (begin - end) / 2 * (1 + math.cos(math.pi * share))


COSINE = ScheduleKind("half a cosine down to a floor", cosine, uses=frozenset({"floor"}))
