"""Settings of trackers: services and stores that follow a training beside its run folder."""

from dataclasses import dataclass
from typing import Annotated

from sceneparse.errors import require
from sceneparse.settings.choices import Choice
from sceneparse.settings.types import check_types
from sceneparse.tables import require_known


@dataclass(frozen=True)
class TrackingSettings:
    """Where a training's figures go, besides its run folder.

    Args:
        trackers: A list of wandb (Weights & Biases), mlflow and trackio, each a package of its own, or ones that other
            packages add. Where they send things is up to their own variables, such as WANDB_MODE, MLFLOW_TRACKING_URI
            and TRACKIO_DIR.
        project: The project (of mlflow the experiment) that the run belongs to. Null: what the tracker's own variables
            say, or sceneparse.
        name: What the run is called there. Null: the run folder's name.
    """

    trackers: Annotated[tuple[str, ...], Choice("trackers")] = ()
    project: str | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        check_types(self, "tracking")
        for tracker in self.trackers:
            require_known("trackers", tracker, "tracking.trackers")
        twice = [name for name in self.trackers if self.trackers.count(name) > 1]
        require(not twice, f"tracking.trackers names {twice[0] if twice else ''} twice: once is enough")
        for item in ("project", "name"):
            value = getattr(self, item)
            require(value is None or value.strip() != "", f"tracking.{item} is empty: give a name, or null")
            require(
                value is None or bool(self.trackers),
                f"tracking.{item} has no effect, since tracking.trackers names none",
            )
