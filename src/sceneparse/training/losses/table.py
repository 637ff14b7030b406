"""The losses by name: the values of `loss.kind`."""

from typing import TYPE_CHECKING

from sceneparse.tables import Table

if TYPE_CHECKING:
    from sceneparse.training.losses.kind import LossKind

LOSSES: "Table[LossKind]" = Table(
    "losses",
    {
        "cross_entropy": "sceneparse.training.losses.cross_entropy:CROSS_ENTROPY",
    },
    "sceneparse.training.losses.kind:LossKind",
)
"""Other packages add to it by an entry point of the group sceneparse.losses."""
