"""The step schedule: the rate falls by a factor at each of some milestones."""

from typing import Any

from sceneparse.arguments import argument
from sceneparse.errors import require
from sceneparse.settings import OptimizerSettings
from sceneparse.training.schedules.kind import Curve, ScheduleKind


def step(settings: OptimizerSettings, _: Any) -> Curve:
    """Return factor ** (milestones that are reached), as of torch's MultiStepLR.

    Raises:
        UserError: There is no milestone.
    """
    milestones, factor = settings.milestones, settings.factor
    require(
        len(milestones) > 0,
        "optimizer.schedule 'step' needs optimizer.milestones: where the rate falls, as shares of the iterations, such "
        f"as {argument('optimizer.milestones', [0.5, 0.75])}",
    )

    def curve(iteration: int, iterations: int) -> float:
        done = [iteration / iterations if milestone < 1 else iteration for milestone in milestones]
        return factor ** sum(at >= milestone for at, milestone in zip(done, milestones, strict=True))

    return curve


STEP = ScheduleKind("lower by a factor at each milestone", step, uses=frozenset({"milestones", "factor"}))
