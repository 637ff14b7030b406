"""Settings of the tasks that a unified network has beside the objects."""

from dataclasses import dataclass
from typing import Literal

from sceneparse.errors import require
from sceneparse.settings.types import check_types
from sceneparse.tasks import OTHERS, OtherPlural, Task

SceneHead = Literal["linear", "convolution"]


@dataclass(frozen=True)
class TaskSettings:
    """What a unified network says beside the objects; 0 and an empty list leave a task out.

    Args:
        scenes: Number of scenes.
        parts: For each object that has parts, in their order: how many it can have, and one more for what is no part.
        materials: Number of materials.
        textures: Number of textures.
        scene_head: linear (pooled and multiplied by one matrix, as in the paper) or convolution (a 3×3 convolution
            before, as in the release).
        from_data: Tasks (scenes, parts, materials, textures) whose numbers are those of the training data's classes.
    """

    scenes: int = 0
    parts: tuple[int, ...] = ()
    materials: int = 0
    textures: int = 0
    scene_head: SceneHead = "linear"
    from_data: tuple[OtherPlural, ...] = ()

    def __post_init__(self) -> None:
        check_types(self, "network.tasks")
        for name in (task.plural for task in OTHERS if task is not Task.PART):
            require(getattr(self, name) >= 0, f"network.tasks.{name} is {getattr(self, name)}, but must be 0 or more")
        require(
            all(count >= 2 for count in self.parts),
            f"network.tasks.parts is {list(self.parts)}, but each must be 2 or more: no part, and the parts",
        )
        require(
            self.scenes > 0 or Task.SCENE.plural in self.from_data or self.scene_head == "linear",
            "network.tasks.scene_head has no effect, since network.tasks.scenes is 0: there is no scene head",
        )
        for name in self.from_data:
            require(
                not getattr(self, name),
                f"network.tasks.{name} is given, but network.tasks.from_data says that the data decide: leave one out",
            )
