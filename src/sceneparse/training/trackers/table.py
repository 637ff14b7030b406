"""The trackers by name: the values of `tracking.trackers`."""

from typing import TYPE_CHECKING

from sceneparse.tables import Table

if TYPE_CHECKING:
    from sceneparse.training.trackers.kind import TrackerKind

TRACKERS: "Table[TrackerKind]" = Table(
    "trackers",
    {
        "wandb": "sceneparse.training.trackers.weights_and_biases:WANDB",
        "mlflow": "sceneparse.training.trackers.mlflow_runs:MLFLOW",
        "trackio": "sceneparse.training.trackers.trackio_runs:TRACKIO",
    },
    "sceneparse.training.trackers.kind:TrackerKind",
)
"""Other packages add to it by an entry point of the group sceneparse.trackers."""
