"""The schedules of the learning rate by name: the values of `optimizer.schedule`."""

from typing import TYPE_CHECKING

from sceneparse.tables import Table

if TYPE_CHECKING:
    from sceneparse.training.schedules.kind import ScheduleKind

SCHEDULES: "Table[ScheduleKind]" = Table(
    "schedules",
    {
        "poly": "sceneparse.training.schedules.poly:POLY",
        "cosine": "sceneparse.training.schedules.cosine:COSINE",
        "one_cycle": "sceneparse.training.schedules.one_cycle:ONE_CYCLE",
        "step": "sceneparse.training.schedules.milestones:STEP",
        "constant": "sceneparse.training.schedules.constant:CONSTANT",
    },
    "sceneparse.training.schedules.kind:ScheduleKind",
)
"""Other packages add to it by an entry point of the group sceneparse.schedules."""
