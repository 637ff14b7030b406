"""The one-cycle policy (Smith & Topin, arXiv 1708.07120) in the form of torch's OneCycleLR.

Its rate rises along half a cosine and falls along another. Of the policy, the momentum that falls while the rate rises
is left out: momentum stays what `optimizer.momentum` (AdamW: its beta) says, as with torch's cycle_momentum=False.
"""

from typing import Any

from sceneparse.settings import OptimizerSettings
from sceneparse.training.schedules.cosine import half_cosine
from sceneparse.training.schedules.kind import Curve, ScheduleKind


def one_cycle(settings: OptimizerSettings, _: Any) -> Curve:
    """Return a rise from `start` to 1 in the first `rise` of the iterations, and a fall to `floor` in the last one.

    torch's OneCycleLR with max_lr the base rate, pct_start = rise, div_factor = 1 / start and
    final_div_factor = start / floor.
    """
    start, rise, floor = settings.start, settings.rise, settings.floor

    def curve(iteration: int, iterations: int) -> float:
        last = iterations - 1
        # A training too short to rise begins at its peak.
        peak = max(rise * iterations - 1, 0.0)
        if iteration < peak:
            return half_cosine(start, 1.0, iteration / peak)
        return half_cosine(1.0, floor, (iteration - peak) / (last - peak)) if last > peak else 1.0

    return curve


ONE_CYCLE = ScheduleKind(
    "up to the base rate and down again, by half cosines", one_cycle, uses=frozenset({"rise", "start", "floor"})
)
