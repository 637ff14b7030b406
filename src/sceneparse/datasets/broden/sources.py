"""The four sources of Broden+: where their pictures lie, and how their annotation is decoded.

Each is a list of pictures, which records name by their indices. Paths are those of the published code: `meta_file` with
lists and tables, `broden_dataset` with a folder for each source.
"""

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sceneparse.data.sample import Sample
from sceneparse.datasets.broden.coding import read_colors, read_ids
from sceneparse.datasets.broden.maps import fitting, inside, ownership
from sceneparse.datasets.broden.matfile import read_mat
from sceneparse.datasets.broden.pascal import PascalPictures
from sceneparse.datasets.broden.tables import BrodenTables
from sceneparse.datasets.dtd import everywhere
from sceneparse.errors import UserError, reason_of
from sceneparse.labels import IGNORE
from sceneparse.pictures.reading import read_picture
from sceneparse.tasks import Task

ADE20K = Path("broden_dataset", "ade20k")
ADE20K_LISTS = Path("meta_file", "ade20k")
OPENSURFACES = Path("broden_dataset", "opensurfaces")
DTD = Path("broden_dataset", "dtd", "dtd-r1.0.1", "images")
DTD_LIST = Path("meta_file", "dtd", "labels_joint_anno.txt")
PASCAL = Path("broden_dataset", "pascal")

MISC = "misc"
"""The scene of pictures whose scene is unknown."""


class Pictures(Protocol):
    """A source's list of pictures."""

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """A unique name inside the source."""
        ...

    def sample(self, index: int, channels: int) -> Sample:
        """The picture with its truth, in Broden+'s label spaces."""
        ...


def open_source(name: str, root: Path, tables: BrodenTables) -> Pictures:
    """Open the source that records call `name`.

    Raises:
        UserError: Its lists are missing or damaged.
    """
    if name == "ade20k":
        return AdePictures(root, tables)
    if name == "os":
        return OpenSurfacesPictures(root, tables)
    if name == "dtd":
        return DtdPictures(root, tables)
    return PascalPictures(root / PASCAL, tables)


class AdePictures:
    """ADE20K in its full annotation: objects, parts and scenes."""

    def __init__(self, root: Path, tables: BrodenTables) -> None:
        self._folder = root / ADE20K
        self._files = ade_index(root / ADE20K_LISTS)
        scenes = scene_ranks(root / ADE20K_LISTS / "scene_categories.txt", [Path(file).stem for file in self._files])
        self._scenes = tables.lookup("ade20k", Task.SCENE)[scenes]
        self._decoder = AdeDecoder(tables)

    def __len__(self) -> int:
        return len(self._files)

    def name(self, index: int) -> str:
        """Return a picture's name."""
        return Path(self._files[index]).with_suffix("").as_posix()

    def sample(self, index: int, channels: int) -> Sample:
        """Read a picture and its labels."""
        scene = int(self._scenes[index])
        image = self._folder / self._files[index]
        return self._decoder(image, self.name(index), None if scene == IGNORE else scene, channels)


class AdeDecoder:
    """ADE20K's maps beside a picture: NAME_seg.png (objects) and NAME_parts_1.png (parts, where there are some)."""

    def __init__(self, tables: BrodenTables) -> None:
        self._objects = tables.lookup("ade20k", Task.OBJECT)
        self._parts = tables.lookup("ade20k", Task.PART)
        self._owned = ownership(tables.tasks)

    def __call__(self, image: Path, name: str, scene: int | None, channels: int) -> Sample:
        """Read a picture and decode its annotation."""
        import torch  # not at the top: reading a recipe must not wait for it

        pixels = read_picture(image, channels)
        size = (pixels.shape[-2], pixels.shape[-1])
        path = image.with_name(f"{image.stem}_seg.png")
        objects = fitting(self._objects[read_ids(path)], size, path)
        parts = None
        path = image.with_name(f"{image.stem}_parts_1.png")
        if path.exists():
            parts = torch.from_numpy(inside(self._owned, objects, fitting(self._parts[read_ids(path)], size, path)))
        return Sample(pixels, objects=torch.from_numpy(objects), parts=parts, scene=scene, name=name, path=str(image))


class OpenSurfacesPictures:
    """OpenSurfaces: materials, in the red channel of photos-labels/ID.png."""

    def __init__(self, root: Path, tables: BrodenTables) -> None:
        self._folder = root / OPENSURFACES
        self._ids = opensurfaces_ids(self._folder / "photos.csv")
        self._lookup = tables.lookup("os", Task.MATERIAL)

    def __len__(self) -> int:
        return len(self._ids)

    def name(self, index: int) -> str:
        """Return a picture's name."""
        return self._ids[index]

    def sample(self, index: int, channels: int) -> Sample:
        """Read a picture and its labels."""
        import torch  # not at the top: reading a recipe must not wait for it

        image = self._folder / "photos" / f"{self._ids[index]}.jpg"
        pixels = read_picture(image, channels)
        path = self._folder / "photos-labels" / f"{self._ids[index]}.png"
        materials = fitting(self._lookup[read_colors(path)[..., 0]], (pixels.shape[-2], pixels.shape[-1]), path)
        return Sample(pixels, materials=torch.from_numpy(materials), name=self.name(index), path=str(image))


class DtdPictures:
    """DTD: one texture, the name of its folder, at every pixel of a picture."""

    def __init__(self, root: Path, tables: BrodenTables) -> None:
        self._folder = root / DTD
        self._files = dtd_files(root / DTD_LIST)
        textures = tables.tasks.textures
        self._textures = {name: index for index, name in enumerate(textures.names if textures else ())}

    def __len__(self) -> int:
        return len(self._files)

    def name(self, index: int) -> str:
        """Return a picture's name."""
        return self._files[index].rpartition(".")[0]

    def sample(self, index: int, channels: int) -> Sample:
        """Read a picture and its labels."""
        file = self._files[index]
        image = self._folder / file
        pixels = read_picture(image, channels)
        texture = file.partition("/")[0]
        if texture not in self._textures:
            raise UserError(f"{image}: its texture '{texture}' is not in texture.csv")
        return Sample(
            pixels, textures=everywhere(self._textures[texture], pixels), name=self.name(index), path=str(image)
        )


def ade_index(folder: Path) -> list[str]:
    """The paths of ADE20K's pictures, from index_ade20k.mat (as published) or index_ade20k.csv (folder,filename).

    Raises:
        UserError: Neither is there, or it is damaged.
    """
    table = folder / "index_ade20k.csv"
    if table.exists():
        return [f"{row['folder']}/{row['filename']}" for row in csv_rows(table, ("folder", "filename"))]
    path = folder / "index_ade20k.mat"
    if not path.exists():
        raise UserError(
            f"{folder}: neither index_ade20k.mat nor index_ade20k.csv, one of which lists ADE20K's pictures"
        )
    index = read_mat(path).get("index")
    if not isinstance(index, np.ndarray) or index.size != 1 or not isinstance(index.flat[0], dict):
        raise UserError(f"{path}: no structure 'index' with filename and folder")
    columns: list[list[Any]] = []
    for key in ("folder", "filename"):
        column = index.flat[0].get(key)
        if not isinstance(column, np.ndarray) or not all(isinstance(value, str) for value in column.flat):
            raise UserError(f"{path}: index.{key} is not a list of names")
        columns.append(list(column.flat))
    return [f"{where}/{file}" for where, file in zip(*columns, strict=True)]


def scene_ranks(path: Path, pictures: list[str]) -> NDArray[np.int64]:
    """Return each picture's raw scene id: the scene's rank among all sorted names of scenes, from 1; 0 is unknown.

    Raises:
        UserError: The list is missing, or isn't in the pictures' order.
    """
    names = []
    for number, line in enumerate(text_lines(path), 1):
        words = line.split()
        if len(words) != 2:
            raise UserError(f"{path}:{number}: expected 'PICTURE SCENE', found '{line.strip()}'")
        if number > len(pictures) or words[0] != pictures[number - 1]:
            wanted = f"'{pictures[number - 1]}'" if number <= len(pictures) else "no more pictures"
            raise UserError(f"{path}:{number}: '{words[0]}', but the index has {wanted} here")
        names.append(words[1])
    if len(names) < len(pictures):
        raise UserError(f"{path}: {len(names):,} pictures, but the index has {len(pictures):,}: the file is cut off")
    rank = {name: number for number, name in enumerate(sorted(set(names) - {MISC, "-"}), 1)}
    return np.array([rank.get(name, 0) for name in names], dtype=np.int64)


def opensurfaces_ids(path: Path) -> list[str]:
    """The photo ids of photos.csv, in its order."""
    return [row["photo_id"] for row in csv_rows(path, ("photo_id",))]


def dtd_files(path: Path) -> list[str]:
    """The pictures of labels_joint_anno.txt ("banded/banded_0002.jpg banded …"), in its order."""
    return [line.split()[0] for line in text_lines(path)]


def text_lines(path: Path) -> list[str]:
    """The lines of a list that are not blank.

    Raises:
        UserError: It cannot be read.
    """
    try:
        return [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({reason_of(error)})") from None


def csv_rows(path: Path, columns: Iterable[str]) -> list[dict[str, str]]:
    """The rows of a table with a heading, which must have these columns."""
    rows = list(csv.DictReader(text_lines(path)))
    for number, row in enumerate(rows, 2):
        for column in columns:
            if not row.get(column):
                raise UserError(f"{path}:{number}: no value for '{column}'")
    return rows


def ade_scene(image: Path) -> str | None:
    """The scene's name in the annotation beside an ADE20K picture (release of 2021), None where there is none."""
    path = image.with_suffix(".json")
    try:
        # Some of the files are not UTF-8; of Latin-1 every byte is a character.
        scene = json.loads(path.read_text(encoding="latin-1"))["annotation"]["scene"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: not an annotation of ADE20K ({' '.join(str(error).split())})") from None
    names = [scene] if isinstance(scene, str) else scene
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"{path}: annotation.scene must be a list of names")
    return names[-1].replace("/", "_").replace("__", "_") if names and names[-1] != MISC else None
