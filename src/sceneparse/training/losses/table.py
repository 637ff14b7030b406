"""The losses by name: the values of `loss.kind`."""

from typing import TYPE_CHECKING

from sceneparse.tables import Table

if TYPE_CHECKING:
    from sceneparse.training.losses.kind import LossKind

LOSSES: "Table[LossKind]" = Table(
    "losses",
    {
        "cross_entropy": "sceneparse.training.losses.cross_entropy:CROSS_ENTROPY",
        "focal": "sceneparse.training.losses.focal:FOCAL",
        "boundary_cross_entropy": "sceneparse.training.losses.boundary:BOUNDARY_CROSS_ENTROPY",
        "dice": "sceneparse.training.losses.dice:DICE",
        "jaccard": "sceneparse.training.losses.jaccard:JACCARD",
        "lovasz": "sceneparse.training.losses.lovasz:LOVASZ",
        "combined": "sceneparse.training.losses.combined:COMBINED",
    },
    "sceneparse.training.losses.kind:LossKind",
)
"""Other packages add to it by an entry point of the group sceneparse.losses."""
