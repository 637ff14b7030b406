"""Which inputs are rasters."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from sceneparse.errors import UserError
from sceneparse.parsing.outputs import Outputs
from sceneparse.parsing.runs.naming import unique_name
from sceneparse.paths import expanded
from sceneparse.pictures.finding import FoundPicture, find_pictures
from sceneparse.pictures.rasters.header import is_raster


class RasterSource(NamedTuple):
    """A raster to be parsed.

    Args:
        path: Its file.
        name: Name of its outputs, unique among the sources found together; may hold "/" for folders below.
    """

    path: Path
    name: str

    @property
    def shown(self) -> str:
        """The path as messages and files have it."""
        return str(self.path)


def split_rasters(inputs: Sequence[str], out: Path) -> tuple[list[RasterSource], list[str]]:
    """The rasters of the inputs, and the inputs that hold other pictures.

    A file is looked at by its header (`pictures.rasters.is_raster`). Folders and patterns may hold both: they stay
    among the others then, and whoever parses these leaves the rasters out.

    Args:
        inputs: Files, folders and patterns.
        out: The output folder. What a folder or a pattern holds inside it is an output and left out.
    """
    sources: list[RasterSource] = []
    rest: list[str] = []
    taken: set[str] = set()
    outputs = Outputs(out)
    for given in inputs:
        named = expanded(given).is_file()
        found = [one for one in _pictures(given) if named or not outputs.holds(one.path)]
        rasters = [one for one in found if is_raster(one.path)]
        if len(rasters) < len(found) or not found:
            rest.append(given)
        sources += [RasterSource(one.path, unique_name(one.name, taken)) for one in rasters]
    return sources, rest


def _pictures(given: str) -> list[FoundPicture]:
    """What an input holds; nothing if it cannot be searched, which whoever parses pictures says."""
    if "://" in given:
        return []
    try:
        return list(find_pictures([given]))
    except UserError:
        return []
