"""A form of output: its file's suffix, what makes its content of a parse, and which parses have it."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from sceneparse.errors import UserError, require
from sceneparse.files import whole_file

if TYPE_CHECKING:
    from PIL.Image import Image

    from sceneparse.parsing.parse import Parse

Inputs = Literal["pictures", "videos", "volumes", "rasters"]
"""What a run parses; collections are of pictures."""

_JPEG_LIMIT = 65500
"""The longest side in pixels that a JPEG can have."""
_JPEG_QUALITY = 90


class ArtefactError(UserError):
    """An artefact that cannot be made of a parse; those of other parses can."""


@dataclass(frozen=True)
class Artefact:
    """A form of output of a parse, such as the label map or the overlay.

    An installed package adds one by an entry point of the group "sceneparse.artefacts"; its name then works in
    `predict --write NAME` and `predict_pictures(…, write=[NAME])`.

    Args:
        title: What it is, in a few words: "label map of the objects".
        suffix: What follows the picture's name in the file's name, such as "_overlay.jpg". Empty if pictures have none.
        make: Makes the content of a parse: a PIL image, text, or bytes. Images are saved in the suffix's format; those
            that are too long for a JPEG, as a PNG. A `UserError` in it leaves the picture out. None if pictures have
            none.
        tasks: Of these tasks (`sceneparse.tasks`) a parse must have one. Empty: each parse has it.
        default: Whether it is written where nobody chooses.
        drawn: Whether it is for the eye alone, so that `--no-overlay` leaves it out.
        video: What follows a video's name in the file's name. Empty if videos have none.
        volume: What follows a volume's name in the file's name. Empty if volumes have none.
        raster: What follows a raster's name in the file's name. Empty if rasters have none.

    Raises:
        UserError: Suffixes that lead to another folder or to the JSON's name, or a suffix without `make`.
    """

    title: str
    suffix: str = ""
    make: "Callable[[Parse], Image | str | bytes] | None" = None
    tasks: AbstractSet[str] = frozenset()
    default: bool = False
    drawn: bool = False
    video: str = ""
    volume: str = ""
    raster: str = ""

    def __post_init__(self) -> None:
        for suffix in (self.suffix, self.video, self.volume, self.raster):
            require(
                "/" not in suffix and "\\" not in suffix and suffix != ".json",
                f"artefact '{self.title}': '{suffix}' cannot follow a picture's name: it leads to another folder, or "
                "is that of the JSON beside it",
            )
        require(
            (self.make is None) == (not self.suffix),
            f"artefact '{self.title}': give both a suffix and what makes its content, or neither",
        )

    @property
    def inputs(self) -> tuple[Inputs, ...]:
        """What it is written for."""
        return tuple(inputs for inputs in get_args(Inputs) if self.suffix_of(inputs))

    def suffix_of(self, inputs: Inputs) -> str:
        """Return what follows the name of such an input in the file's name; empty if they have none."""
        suffixes = {"pictures": self.suffix, "videos": self.video, "volumes": self.volume, "rasters": self.raster}
        return suffixes[inputs]

    @property
    def suffixes(self) -> tuple[str, ...]:
        """What may follow a picture's name: the suffix, and that of a picture too long for a JPEG."""
        stem, dot, format_name = self.suffix.rpartition(".")
        return (self.suffix, f"{stem}{dot}png") if format_name in ("jpg", "jpeg") else (self.suffix,)

    def write(self, parse: "Parse", folder: Path, stem: str) -> str:
        """Write it, whole or not at all.

        Args:
            parse: The parse.
            folder: Where to.
            stem: The picture's name; may hold "/" for folders below.

        Returns:
            The file's name, without folders.

        Raises:
            ArtefactError: `make` cannot make it of this parse.
            OSError: It cannot be written.
            TypeError: `make` gave something else than it may.
        """
        assert self.make is not None
        try:
            content = self.make(parse)
        except UserError as error:
            raise ArtefactError(f"{self.title}: {error}") from error
        if isinstance(content, str | bytes):
            path = folder / f"{stem}{self.suffix}"
            with whole_file(path) as temporary:
                temporary.write_bytes(content.encode() if isinstance(content, str) else content)
            return path.name
        if not hasattr(content, "save"):
            raise TypeError(f"artefact '{self.title}' made a {type(content).__name__}, not an image, text or bytes")
        suffix = self.suffixes[-1 if is_too_long(content.size) else 0]
        path = folder / f"{stem}{suffix}"
        with whole_file(path) as temporary:
            content.save(temporary, quality=_JPEG_QUALITY)  # other formats have none and pass it over
        return path.name


def is_too_long(size: tuple[int, int] | None) -> bool:
    """Return whether a picture of this size, if it is known, has too long a side for a JPEG."""
    return size is not None and max(size) > _JPEG_LIMIT
