"""What a form of annotation is, and what it is written of: pictures with a class for each pixel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

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
        """What tools call it: its path below the pictures' folder, with "/".

        A name that keeps its suffix, since another picture differs in that alone, is that path already.
        """
        if PurePosixPath(self.name).name == self.picture.name:
            return self.name
        return f"{self.name}{self.picture.suffix}"


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
    """

    title: str
    write: Callable[[Path, AnnotatedPictures], None]
    pictures: bool = False


def with_ignored_value(labels: LabelSpace) -> LabelSpace:
    """Return the label space of mask files that hold its ids, with a value for pixels that have no class.

    The ids stay; a space that has no value for such pixels gets the one that `LabelSpace.encode` gives them.
    """
    return replace(labels, ignore=(labels.unlabelled,), ignore_colors=(), masks="index")
