"""Pictures: decoding every common format, masks, volumes, and finding files. Nothing here knows of data sets."""

from sceneparse.pictures.reading import (
    PICTURE_SUFFIXES,
    FoundPicture,
    PictureError,
    find_pictures,
    picture_size,
    read_mask,
    read_picture,
    write_mask,
    write_picture,
)

__all__ = [
    "PICTURE_SUFFIXES",
    "FoundPicture",
    "PictureError",
    "find_pictures",
    "picture_size",
    "read_mask",
    "read_picture",
    "write_mask",
    "write_picture",
]
