"""Label spaces: which classes there are, for one task or for several. Tasks are in `sceneparse.tasks`."""

from sceneparse.labels.extra_keys import extra_keys_gathered
from sceneparse.labels.json_values import read_json
from sceneparse.labels.lookup import class_index
from sceneparse.labels.space import IGNORE, Color, LabelSpace, MaskForm, distinct_colors, extra_keys
from sceneparse.labels.task_labels import PartTree, TaskLabels
from sceneparse.tasks import Task

__all__ = [
    "IGNORE",
    "Color",
    "LabelSpace",
    "MaskForm",
    "PartTree",
    "Task",
    "TaskLabels",
    "class_index",
    "distinct_colors",
    "extra_keys",
    "extra_keys_gathered",
    "read_json",
]
