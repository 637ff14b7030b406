"""What a picture file's header says, so that whoever has checked it gets that picture decoded and no other."""

from pathlib import Path
from typing import NamedTuple

from PIL import Image

from sceneparse.pictures.problems import PictureError, described


class Header(NamedTuple):
    """A picture's format and size, as they were found before anything was decoded.

    Args:
        format: By Pillow's name; see `format_of`.
        size: Height and width, either way up.
    """

    format: str
    size: tuple[int, int]

    def refuse_other(self, source: Path | bytes, form: str, size: tuple[int, int]) -> None:
        """Refuse a file that its decoder takes for another picture than the header's.

        Args:
            source: The file, or its content.
            form: The format that the decoder reads it as.
            size: Height and width that it would have.

        Raises:
            PictureError: Another format or size.
        """
        if form != self.format or sorted(size) != sorted(self.size):
            height, width = self.size
            raise PictureError(
                f"{described(source)}: {self.format} of {width}×{height} pixels by its header, but decoded it would be "
                f"{form or 'something else'} of {size[1]}×{size[0]}; save it anew"
            )


def format_of(image: Image.Image) -> str:
    """Return an opened picture's format by Pillow's name, "JPEG" also of one that holds further pictures (MPO)."""
    return "JPEG" if image.format == "MPO" else image.format or ""
