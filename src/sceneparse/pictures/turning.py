"""Turn pictures and masks upright by their EXIF orientation, by one rule."""

from typing import Any, Literal

from numpy.typing import NDArray
from PIL import ExifTags, Image

Orientation = Literal["apply", "ignore"]
"""Whether pictures and masks are turned as their files say, or stay as their pixels are stored."""

UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What each EXIF orientation needs to stand upright (Exif 2.3, tag 0x0112)."""

TURNED_BACK = UPRIGHT | {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
"""What brings an upright picture back to how it was stored."""


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation of an opened picture, 1..8; 1 where it says none."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # Unreadable EXIF is common and no reason to refuse a picture whose pixels are fine.
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def upright_image(image: Image.Image, orientation: int) -> Image.Image:
    """Turn a picture as its EXIF orientation says."""
    return image.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else image


def upright_array(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn an array, whose first two axes are rows and columns, as an EXIF orientation says; a view."""
    if orientation >= 5:
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array
