"""Pascal-Context (objects) with Pascal-Part (parts), as their owners distribute them.

Parts have short names, which part2ind.m explains; words of position are dropped from the explanation, so that a left
lower arm is an arm.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneparse.data.sample import Sample
from sceneparse.datasets.broden.maps import fitting, inside, ownership
from sceneparse.datasets.broden.matfile import read_mat
from sceneparse.datasets.broden.tables import BrodenTables
from sceneparse.errors import UserError, reason_of
from sceneparse.labels import IGNORE
from sceneparse.pictures.reading import read_picture
from sceneparse.tasks import Task

POSITIONS = frozenset(("left", "right", "front", "back", "upper", "lower", "side"))
"""Words of position, which distinguish parts of one kind."""

SPELLED_OUT = {
    "lfho": "hoof",
    "rfho": "hoof",
    "lbho": "hoof",
    "rbho": "hoof",
    "fwheel": "wheel",
    "bwheel": "wheel",
    "frontside": "",
    "leftside": "",
    "rightside": "",
    "backside": "",
    "roofside": "roof",
    "leftmirror": "mirror",
    "rightmirror": "mirror",
}
"""Short names that part2ind.m leaves unexplained, without words of position."""

PartNames = Mapping[tuple[int, str], str]
"""The part's name without words of position, by the object's number and the part's short name without number."""


class PascalPictures:
    """The pictures of Annotations_Part, sorted by name.

    Args:
        folder: Holds VOC2010/JPEGImages, context/trainval, part/Annotations_Part and part/part2ind.m.
        tables: Broden+'s tables.

    Raises:
        UserError: Annotations or part2ind.m are missing.
    """

    def __init__(self, folder: Path, tables: BrodenTables) -> None:
        self._folder = folder
        annotations = folder / "part" / "Annotations_Part"
        self._names = sorted(path.stem for path in annotations.glob("*.mat"))
        if not self._names:
            raise UserError(f"{annotations}: no .mat files; Pascal-Part's annotations belong there")
        self._part_names = read_part_names(folder / "part" / "part2ind.m")
        self._objects = tables.lookup("pascal", Task.OBJECT)
        self._parts = tables.by_name("pascal", Task.PART)
        self._owned = ownership(tables.tasks)

    def __len__(self) -> int:
        return len(self._names)

    def name(self, index: int) -> str:
        """Return a picture's name."""
        return self._names[index]

    def sample(self, index: int, channels: int) -> Sample:
        """Read a picture and its labels."""
        import torch  # not at the top: reading a recipe must not wait for it

        name = self._names[index]
        image = self._folder / "VOC2010" / "JPEGImages" / f"{name}.jpg"
        pixels = read_picture(image, channels)
        size = (pixels.shape[-2], pixels.shape[-1])
        path = self._folder / "context" / "trainval" / f"{name}.mat"
        raw = read_mat(path).get("LabelMap")
        if not isinstance(raw, np.ndarray) or raw.ndim != 2 or raw.min() < 0 or raw.max() >= len(self._objects):
            raise UserError(f"{path}: no map 'LabelMap' of Pascal-Context's ids")
        objects = fitting(self._objects[raw.astype(np.int64)], size, path)
        path = self._folder / "part" / "Annotations_Part" / f"{name}.mat"
        parts = fitting(self.part_map(path, size), size, path)
        return Sample(
            pixels,
            objects=torch.from_numpy(objects),
            parts=torch.from_numpy(inside(self._owned, objects, parts)),
            name=name,
            path=str(image),
        )

    def part_map(self, path: Path, size: tuple[int, int]) -> NDArray[np.int16]:
        """Return the part indices of an annotation, painted in the file's order; `IGNORE` where there is none."""
        parts = np.full(size, IGNORE, dtype=np.int16)
        for number, short, mask in part_masks(path):
            if mask.shape != size:
                raise UserError(f"{path}: part '{short}' is {mask.shape[1]}×{mask.shape[0]}, not {size[1]}×{size[0]}")
            key = (number, re.sub(r"_\d+$", "", short))
            if key not in self._part_names:
                raise UserError(f"{path}: part '{short}' of object {number} is not in part2ind.m")
            parts[mask] = self._parts.get(self._part_names[key], IGNORE)
        return parts


def part_masks(path: Path) -> list[tuple[int, str, NDArray[np.bool_]]]:
    """Yield each part of a file in its order: the object's number, the part's short name and its mask.

    Raises:
        UserError: Not an annotation of Pascal-Part.
    """
    found = []
    try:
        for thing in _each(read_mat(path)["anno"].flat[0]["objects"]):
            number = int(thing["class_ind"].flat[0])
            for part in _each(thing["parts"]):
                found.append((number, str(part["part_name"]), part["mask"].astype(np.bool_)))
    except (KeyError, IndexError, AttributeError, TypeError, ValueError) as error:
        raise UserError(f"{path}: not an annotation of Pascal-Part (no {error})") from None
    return found


def _each(records: NDArray[Any]) -> list[dict[str, Any]]:
    return [record for record in records.flat if isinstance(record, dict)]


def read_part_names(path: Path) -> PartNames:
    """Read part2ind.m.

    Raises:
        UserError: It is missing, or explains no part.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; it comes with Pascal-Part and explains the parts' names") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({reason_of(error)})") from None
    names: dict[tuple[int, str], str] = {}
    copied = 0
    for line in text.splitlines():
        explained = line.partition("%")[2].strip()
        if found := re.match(r"\s*pimap\{(\d+)\}\('([^']+)'\)\s*=", line):
            names[int(found[1]), found[2]] = _without_positions(explained or found[2])
        elif found := re.match(r"\s*pimap\{(\d+)\}\(sprintf\('(.+?)_%d'", line):
            plain = found[2] if not explained or "multiple" in explained else explained
            names[int(found[1]), found[2]] = _without_positions(plain)
        elif found := re.match(r"\s*keySet\s*=\s*keys\(pimap\{(\d+)\}\)", line):
            copied = int(found[1])
        elif found := re.match(r"\s*pimap\{(\d+)\}\s*=\s*containers\.Map\(keySet", line):
            names |= {(int(found[1]), short): name for (number, short), name in names.items() if number == copied}
    if not names:
        raise UserError(f"{path}: explains no part; expected lines such as pimap{{1}}('body') = 1;")
    return names


def _without_positions(name: str) -> str:
    name = SPELLED_OUT.get(name, name)
    return " ".join(word for word in name.split() if word not in POSITIONS)
