"""Pictures whose pixels hold the ids of segments, and their translation into classes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneparse.datasets.annotations.classes import Classes
from sceneparse.datasets.annotations.drawn import Record, Size
from sceneparse.pictures.decoding import decode
from sceneparse.pictures.problems import PictureError
from sceneparse.pictures.stored_masks import stored_mask


def read_ids(path: Path, size: Size) -> NDArray[np.int64]:
    """Read the segment ids of a PNG: R + 256 G + 65536 B of colour ones, the grey value or palette index of others.

    Transparency says nothing of ids, and is not looked at.

    Args:
        path: The PNG.
        size: Height and width of its picture.

    Raises:
        PictureError: Missing, damaged, lossy, of several pages, of colours of 16 bits, or of another size.
    """
    stored = stored_mask(decode(path, stored=True))
    colors = stored.channels()
    ids = stored.values.astype(np.int64) if colors is None else colors.astype(np.int64) @ np.array([1, 256, 65536])
    if ids.shape != size:
        raise PictureError(
            f"{path}: {ids.shape[1]}×{ids.shape[0]} pixels, but its picture has {size[1]}×{size[0]}; export both again",
            "size",
        )
    return ids


def draw_segments(
    record: Record, ids: NDArray[np.int64], known: Mapping[str, Any], classes: Classes
) -> NDArray[np.int16]:
    """Return the class of each segment.

    Args:
        record: The picture, for messages.
        ids: (H, W) ids of segments; 0 is what nobody drew.
        known: By a segment's id, as text, the key of its class.
        classes: The classes.

    Raises:
        PictureError: An id is nobody's.
    """
    values, inverse = np.unique(ids, return_inverse=True)
    table = np.empty(len(values), dtype=np.int16)
    for position, value in enumerate(values.tolist()):
        if str(value) in known:
            table[position] = classes.index[known[str(value)]]
        elif value == 0:
            table[position] = classes.undrawn
        else:
            pixels = int((ids == value).sum())
            raise PictureError(
                f"{record.file}: segment {value} at {pixels:,} pixels is none that the annotation names; export it "
                "again, PNG and JSON together",
                "values",
            )
    labels: NDArray[np.int16] = table[inverse.reshape(ids.shape)]
    return labels
