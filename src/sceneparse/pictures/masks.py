"""Read and write mask files exactly: no interpolation, no lossy format."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sceneparse.errors import UserError
from sceneparse.files import whole_file
from sceneparse.labels import IGNORE, LabelSpace
from sceneparse.labels.space import LARGEST
from sceneparse.pictures.decoding import decode
from sceneparse.pictures.packed_greys import shown_hint
from sceneparse.pictures.problems import PictureError, described
from sceneparse.pictures.stored_masks import StoredMask, stored_mask
from sceneparse.pictures.turning import Orientation, upright_array

if TYPE_CHECKING:
    from torch import Tensor


def read_mask(source: Path | bytes, labels: LabelSpace, *, orientation: Orientation = "apply") -> Tensor:
    """Read a mask, a file or a file's content, as (H, W) int16 class indices, `IGNORE` (-1) where ignored.

    `index` masks are grey or palette files of up to 16 bits, whose grey value or palette index, as stored, is the id;
    colour files whose three numbers are equal everywhere hold ids too. A palette's colours are not looked at, unless
    they are all grey in a GIF or BMP, which have no other grey form. `rgb` masks are colour or palette files, whose
    colours are looked up; a grey file is one whose colours are all grey.

    Args:
        source: A file, or a file's content.
        labels: What its values mean.
        orientation: Whether the file's own orientation is applied, as a picture's is.

    Raises:
        PictureError: Missing, damaged, lossy, of several pages, transparent, of the other form than the label space
            says, or with values that are not in the label space.
    """
    import torch  # not at the top: reading a recipe must not wait for it

    stored = stored_mask(decode(source, stored=True))
    indices, unknown = indices_of(stored, labels, orientation=orientation)
    if unknown:
        raise PictureError(f"{described(source)}: {unknown_values(unknown, labels, stored)}", "values")
    return torch.from_numpy(indices)


def decode_mask(
    source: Path | bytes, labels: LabelSpace, *, orientation: Orientation = "apply"
) -> tuple[NDArray[np.int16], dict[str, int]]:
    """Read a mask like `read_mask`, but return unknown values and their pixel counts instead of refusing them."""
    return indices_of(stored_mask(decode(source, stored=True)), labels, orientation=orientation)


def indices_of(
    stored: StoredMask, labels: LabelSpace, *, orientation: Orientation = "apply"
) -> tuple[NDArray[np.int16], dict[str, int]]:
    """Return what `decode_mask` does of a file whose stored numbers are read already."""
    indices, unknown = labels.decode(stored.ids() if labels.masks == "index" else stored.colors(labels))
    if orientation == "apply" and stored.orientation > 1:
        indices = np.ascontiguousarray(upright_array(indices, stored.orientation))
    return indices, unknown


def write_mask(path: Path, indices: Tensor, labels: LabelSpace) -> None:
    """Write (H, W) class indices so that `read_mask` gives them back, whole or not at all.

    `index` masks become palette images in the classes' colours (16-bit grey if ids pass 255), `rgb` masks colour
    images.

    Raises:
        UserError: Pixels are ignored, but the label space has no ignored value (or colour) to write there.
    """
    array = indices.numpy()
    if not (labels.ignore_colors if labels.masks == "rgb" else labels.ignore) and (array == IGNORE).any():
        raise UserError(f"{path}: the label space has no value for ignored pixels; give it one to write this mask")
    if labels.masks == "rgb":
        colors = np.array([*labels.colors, *labels.ignore_colors[:1]], dtype=np.uint8)
        image = Image.fromarray(colors[array])
    else:
        ids = labels.encode(array)
        image = Image.fromarray(ids)
        if ids.dtype == np.uint8:
            palette = np.zeros((256, 3), dtype=np.uint8)
            palette[[value for value in labels.ids if value < 256]] = labels.palette[np.array(labels.ids) < 256]
            image.putpalette(palette.tobytes())
    with whole_file(path) as temporary:
        image.save(temporary)


def unknown_values(unknown: Mapping[str, int], labels: LabelSpace, stored: StoredMask | None = None) -> str:
    """Say which values are not in the label space, on how many pixels, and what to do about it.

    Args:
        unknown: The values, with their numbers of pixels.
        labels: The label space.
        stored: The mask, where it is one file's.
    """
    hint = ""
    if stored is not None and labels.masks == "index":
        hint = shown_hint(unknown, stored.shown(), stored.shown_as(), labels, every=None)
    return f"{values_outside(unknown, labels)}. {hint or value_hint(unknown, labels)}"


def values_outside(unknown: Mapping[str, int], labels: LabelSpace) -> str:
    """Say which values are not in the label space, and on how many pixels."""
    most = sorted(unknown.items(), key=lambda item: -item[1])
    what = "value" if labels.masks == "index" else "colour"
    if len(most) == 1:
        found = f"{what} {most[0][0]} at {_pixels(most[0][1])}"
    else:
        found = f"{len(most)} {what}s outside the label space ({', '.join(f'{v} at {_pixels(n)}' for v, n in most[:4])}"
        found += ", …)" if len(most) > 4 else ")"
    if labels.masks == "rgb":
        others = f" and {len(labels.ignore_colors)} ignored ones" if labels.ignore_colors else ""
        space = f"{len(labels)} class colours{others}"
    else:
        space = f"ids {ranges(labels.ids)} and " + (
            f"ignores {ranges(labels.ignore)}" if labels.ignore else "no ignore value"
        )
    return f"{found}, but the label space has {space}"


def value_hint(unknown: Collection[str], labels: LabelSpace) -> str:
    """Suggest what the label space should probably say, judging by the values that it lacks."""
    count, first = len(labels), next(iter(unknown))
    if labels.masks == "rgb":
        return (
            'If it means "unlabelled", add it to "ignore_colors" in classes.json; if it is a class that is missing '
            'there, add its name to "names" and its colour to "colors"; many odd colours mean that the mask was '
            "resized with interpolation or saved lossily."
        )
    if set(unknown) == {"255"}:
        if count == 2 and labels.ids == (0, 1):
            return 'If these are black-and-white masks (0 and 255), add "ids": [0, 255] to classes.json.'
        return 'If 255 means "unlabelled", add "ignore": 255 to classes.json.'
    if left_out := _next_values(unknown, labels):
        return _left_out_hint(left_out, [*labels.ignore, *([255] if "255" in unknown else [])])
    if len(unknown) == 1 and not (first.isdecimal() and int(first) <= LARGEST):
        return f'If {first} means "unlabelled", add "ignore": {first} to classes.json; a class cannot have it.'
    if len(unknown) == 1:
        return (
            f'If {first} means "unlabelled", add "ignore": {first} to classes.json; if it is a class that is missing '
            f'there, add its name to "names" and list every class\'s value in "ids", {first} among them.'
        )
    return (
        'Name every class in "names" of classes.json, give each its value by "ids", and list the unlabelled values in '
        '"ignore"; many odd values mean that the mask was resized with interpolation or holds something else than '
        "classes."
    )


def _next_values(unknown: Collection[str], labels: LabelSpace) -> list[int]:
    """The values that go on where classes counted from 0 end, if there are no others but 255; else none."""
    count = len(labels)
    if labels.ids != tuple(range(count)):
        return []
    following = list(takewhile(lambda value: str(value) in unknown, range(count, LARGEST + 1)))
    return following if set(unknown) <= {*map(str, following), "255"} else []


def _left_out_hint(values: Sequence[int], ignore: Sequence[int]) -> str:
    """What to do where the values after those of all names occur: some names may be missing."""
    last, others = values[-1], sorted({*ignore} - {*values})
    if len(values) > 1:
        return (
            f'If "names" in classes.json leaves out {len(values)} classes, add each at its place (the first name has '
            f'value 0, the last would have {last}); if these values mean "unlabelled", put "ignore": '
            f"{_listed([*values, *others])}; many odd values mean that the mask was resized with interpolation or "
            "holds something else than classes."
        )
    return (
        f'If "names" in classes.json leaves out a class, add it at its place (the first name has value 0, the last '
        f'would have {last}); if the masks count classes from 1 and 0 means "unlabelled" ("reduce zero label"), put '
        f'"ids": [1, …, {last}] and "ignore": {[0, *others]} there; if {last} means "unlabelled", put "ignore": '
        f"{[last, *others]}."
    )


def _listed(values: Sequence[int]) -> str:
    return str(list(values)) if len(values) <= 4 else f"[{values[0]}, …, {values[-1]}]"


def ranges(values: Collection[int]) -> str:
    """Format numbers as ranges for a reader: "0–10", "1, 3, 7–9"."""
    runs: list[list[int]] = []
    for value in sorted(values):
        if runs and value == runs[-1][1] + 1:
            runs[-1][1] = value
        else:
            runs.append([value, value])
    texts = [str(low) if low == high else f"{low}–{high}" for low, high in runs]
    return ", ".join(texts) if len(texts) <= 8 else ", ".join([*texts[:7], "…", texts[-1]])


def _pixels(count: int) -> str:
    return "1 pixel" if count == 1 else f"{count:,} pixels"
