"""What label maps answer when they are asked for a class, or for all regions."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sceneparse.arguments import argument
from sceneparse.errors import UserError
from sceneparse.labels import class_index
from sceneparse.parsing.task_parse import TaskMap
from sceneparse.pictures.outlines import Region, trace_classes


def mask_of(maps: Mapping[str, TaskMap], task: str, name: str | int) -> NDArray[np.bool_]:
    """Return where a class of a task is; see `Parse.mask`.

    Args:
        maps: All label maps by task.
        task: The one that is asked.
        name: The class's name or index.

    Raises:
        UserError: There is no such class; one of another task is pointed to.
    """
    one = maps[task]
    try:
        return one.labels == class_index(one.space, name)
    except UserError as error:
        found = [
            argument("task", other)
            for other, there in maps.items()
            if other != task and isinstance(name, str) and name.casefold() in map(str.casefold, there.space.names)
        ]
        hint = f"; there is one with {' or '.join(found)}" if found else ""
        raise UserError(f"{error}{hint}") from None


def polygons_of(one: TaskMap) -> dict[str, list[Region]]:
    """Return the regions of each class that occurs, by its name, the largest share first; see `Parse.polygons`."""
    regions = trace_classes(one.labels)
    index_of = {name: index for index, name in enumerate(one.space.names)}
    return {entry.name: regions[index_of[entry.name]] for entry in one.legend}
