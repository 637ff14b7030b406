"""The temperatures of a network's confidences."""

from dataclasses import dataclass, fields

from sceneparse.errors import require
from sceneparse.settings.types import check_types
from sceneparse.tasks import Task


@dataclass(frozen=True)
class Temperatures:
    """For each task, what its logits are divided by before they become probabilities; null leaves them as they are.

    Above 1 a network is less sure of itself, below 1 surer. Labels stay what they are. `sceneparse calibrate` fits them
    to labelled pictures (Guo et al., ICML 2017).

    Args:
        scene: That of the scenes.
        object: That of the objects' classes.
        part: That of the parts.
        material: That of the materials.
        texture: That of the textures.
    """

    scene: float | None = None
    object: float | None = None
    part: float | None = None
    material: float | None = None
    texture: float | None = None

    def __post_init__(self) -> None:
        check_types(self, "temperatures")
        for item in fields(self):
            value = getattr(self, item.name)
            require(
                value is None or value > 0,
                f"temperatures.{item.name} is {value}, but must be a number above 0, or null",
            )

    @property
    def known(self) -> bool:
        """Whether there is any."""
        return self != Temperatures()

    def of(self, task: Task) -> float:
        """Return a task's temperature, 1 where there is none."""
        value: float | None = getattr(self, task)
        return 1.0 if value is None else value
