"""The five tasks of a unified model: the one vocabulary from which every table of task names is made.

A task has three names, since three things are counted: the answer for a pixel or a picture is *a* part, a label space
holds *the parts*, and a sample's truth is its *parts* but its one *scene*. They are spelt here and nowhere else.
Imports nothing but the standard library, so that settings and help don't wait for it.
"""

from enum import StrEnum
from typing import Literal, cast, get_args

TaskName = Literal["scene", "object", "part", "material", "texture"]
"""What tasks are called on the command line, in answers, losses and figures."""

OtherPlural = Literal["scenes", "parts", "materials", "textures"]
"""What `network.tasks` calls the tasks beside the objects."""

TaskPlural = Literal[OtherPlural, "objects"]
"""What label spaces are called: the fields of `TaskLabels`, the keys of labels.json."""

TruthName = Literal["scene", "objects", "parts", "materials", "textures"]
"""What truth is called: the fields of `Sample` and of predictions, and the tasks of `data.sources`."""


class Task(StrEnum):
    """A question that a model answers about a picture; equal to its name (`Task.PART == "part"`)."""

    SCENE = "scene"
    OBJECT = "object"
    PART = "part"
    MATERIAL = "material"
    TEXTURE = "texture"

    @property
    def plural(self) -> TaskPlural:
        """What its label space is called."""
        return cast(TaskPlural, f"{self.value}s")

    @property
    def truth(self) -> TruthName:
        """What its truth is called. A picture has many objects, but one scene."""
        return cast(TruthName, self.value if self is Task.SCENE else self.plural)


OTHERS = tuple(task for task in Task if task is not Task.OBJECT)
"""The tasks beside the objects, which every model knows."""

MAPS = tuple(task for task in Task if task is not Task.SCENE)
"""The tasks that have an answer for each pixel; the scene's is for the whole picture."""

TASK_NAMES: tuple[TaskName, ...] = get_args(TaskName)
OTHER_PLURALS: tuple[OtherPlural, ...] = get_args(OtherPlural)
TRUTH_NAMES: tuple[TruthName, ...] = get_args(TruthName)
