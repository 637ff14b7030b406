"""What a form of annotation is, and what it is written of: pictures with a class for each pixel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from sceneparse.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sceneparse.labels import LabelSpace


@dataclass(frozen=True)
class Annotated:
    """A picture and its label map, which is read when it is asked for.

    Args:
        name: Its name among the others; "/" for folders.
        picture: Its file.
        size: Height and width in pixels.
        read: Reads its class indices, (H, W) int16; -1 where there is none.
    """

    name: str
    picture: Path
    size: tuple[int, int]
    read: Callable[[], NDArray[np.int16]]

    @property
    def file(self) -> str:
        """What tools call it: its path below the pictures' folder, with "/"."""
        return _path(self.name, self.picture)

    @property
    def stem(self) -> str:
        """What tools call it that match masks and pictures by name: its path without suffix."""
        return PurePosixPath(self.file).with_suffix("").as_posix()


def refuse_shared_stems(pictures: Iterable[tuple[str, Path]]) -> None:
    """Refuse pictures that differ in their suffix alone, for forms whose masks are matched by name without it.

    Args:
        pictures: Their names and files.

    Raises:
        UserError: There are such, as "a.jpg" and "a.png" in one folder.
    """
    taken: dict[str, Path] = {}
    for name, picture in pictures:
        stem = PurePosixPath(_path(name, picture)).with_suffix("").as_posix()
        if (other := taken.setdefault(stem, picture)) != picture:
            raise UserError(
                f"{other} and {picture} would both have the mask {stem}.png, since the tool goes by names without "
                "suffix: rename one of the two, or take another form"
            )


@dataclass(frozen=True)
class AnnotatedPictures:
    """All that a form is written of.

    Args:
        pictures: The pictures, in the order of their names.
        labels: The classes.
        source: What the annotations come from: a model or a data set.
        drawn: Whether they are a data set's, and not what a model says.
    """

    pictures: Sequence[Annotated]
    labels: LabelSpace
    source: str
    drawn: bool = False

    def __iter__(self) -> Iterator[Annotated]:
        return iter(self.pictures)

    def by_file(self) -> Iterator[Annotated]:
        """Yield the pictures, for forms that tell them apart by `Annotated.file` alone.

        Raises:
            UserError: Two have one path, as those of two runs into one folder may: "a.jpg", which keeps its suffix
                beside "a.png", and "a" of another folder's a.jpg.
        """
        taken: dict[str, Path] = {}
        for one in self.pictures:
            if one.file in taken:
                raise UserError(
                    f"{taken[one.file]} and {one.picture} would both be called {one.file}: rename one of the two, or "
                    "parse them into different folders"
                )
            taken[one.file] = one.picture
            yield one


@dataclass(frozen=True)
class AnnotationForm:
    """A form of annotation of many pictures.

    An installed package adds one by an entry point of the group "sceneparse.forms"; its name then works in
    `predict --as NAME` and `data export --as NAME`.

    Args:
        title: What it is, in a few words: "COCO JSON with masks as run lengths".
        write: Writes it into a folder that is there. The folder is renamed when all is written: what lies outside must
            be named relative to it, but not by its name. A `UserError` leaves nothing behind.
        pictures: Whether it holds the pictures themselves.
        by_stem: Whether the tool matches masks and pictures by names without suffix, so that "a.jpg" and "a.png" cannot
            both be in it.
    """

    title: str
    write: Callable[[Path, AnnotatedPictures], None]
    pictures: bool = False
    by_stem: bool = False


def with_ignored_value(labels: LabelSpace) -> LabelSpace:
    """Return the label space of mask files that hold its ids, with a value for pixels that have no class.

    The ids stay; a space that has no value for such pixels gets the one that `LabelSpace.encode` gives them.
    """
    return replace(labels, ignore=(labels.unlabelled,), ignore_colors=(), masks="index")


def _path(name: str, picture: Path) -> str:
    from sceneparse.pictures.naming import tool_path  # NumPy, which `sceneparse --help`, naming the forms, does without

    return tool_path(name, picture)
