"""Label spaces: which classes there are, how masks name them, and how they are drawn.

Inside sceneparse a label map is always an integer array of **class indices** 0..C-1 with `IGNORE` (-1) where the truth
is unknown. What a mask file on disk holds (any ids, any value for "unlabelled", or RGB colours) is said once, by a
`LabelSpace`, and translated when the file is read or written.
"""

import colorsys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sceneparse.errors import UserError, counted, some
from sceneparse.labels.extra_keys import extra_keys_line, list_extra_keys
from sceneparse.labels.json_values import colors_of, integers_of, kind_of, read_json
from sceneparse.labels.mirroring import KEY as MIRROR
from sceneparse.labels.mirroring import Pair, mirror_image, pairs_of, refuse_overlaps, refuse_unnamed, without_image

KEYS = ("names", "colors", "ids", "ignore", "ignore_colors", "masks", MIRROR)
"""The keys of a `classes.json`."""

IGNORE = -1
"""The class index of pixels that count neither in the loss nor in a metric."""

LARGEST = 65535
"""The largest value that a class can have in masks."""

FARTHEST = 2**31
"""How far from zero an ignored value may be."""

Color = tuple[int, int, int]
MaskForm = Literal["index", "rgb"]


def distinct_colors(count: int) -> tuple[Color, ...]:
    """`count` colours (RGB, 0..255) that differ well from their neighbours: hues a golden angle apart, three tones."""
    tones = ((0.62, 0.90), (0.85, 0.62), (0.42, 0.75))
    colors = []
    for index in range(count):
        saturation, value = tones[index % 3]
        red, green, blue = colorsys.hsv_to_rgb(index * 0.61803398875 % 1.0, saturation, value)
        colors.append((round(red * 255), round(green * 255), round(blue * 255)))
    return tuple(colors)


BACKGROUNDS = frozenset(("background", "_background_", "__background__", "bg", "__bg__"))
"""What people and tools call the class of all that is none of the others."""

BLACK: Color = (0, 0, 0)


def usual_colors(names: Sequence[str]) -> tuple[Color, ...]:
    """Return the colours of classes that have none of their own: `distinct_colors`, but black for a background.

    So all that lies in front of it stands out in pictures (PASCAL VOC's colours do the same).
    """
    colors = distinct_colors(len(names))
    return tuple(
        BLACK if name.strip().lower() in BACKGROUNDS else color for name, color in zip(names, colors, strict=True)
    )


@dataclass(frozen=True)
class LabelSpace:
    """The classes of one task.

    Args:
        names: Class names; class index i is `names[i]`.
        colors: RGB colours 0..255, one a class. Default: `usual_colors`.
        ids: The value that stands for each class in mask files, 0..65535. Default: 0..C-1.
        ignore: Values in mask files that mean "unlabelled" (`index` masks), besides none at all; in volumes and
            rasters also below zero.
        ignore_colors: Colours that mean "unlabelled" (`rgb` masks).
        masks: Whether mask files hold ids (`index`, grey or palette images) or colours (`rgb`).
        mirror: Pairs of classes, by name, that a mirror image turns into each other. A class beside None turns into
            what is none of the classes.

    Raises:
        UserError: Names, ids or colours repeat or don't fit each other, or pairs are none of the classes.
    """

    names: tuple[str, ...]
    colors: tuple[Color, ...] = ()
    ids: tuple[int, ...] = ()
    ignore: tuple[int, ...] = ()
    ignore_colors: tuple[Color, ...] = ()
    masks: MaskForm = "index"
    mirror: tuple[Pair, ...] = ()

    def __post_init__(self) -> None:
        if not self.names:
            raise UserError("a label space needs at least one class name")
        if not self.colors:
            object.__setattr__(self, "colors", usual_colors(self.names))
        if not self.ids:
            object.__setattr__(self, "ids", tuple(range(len(self.names))))
        for what, values in (("colors", self.colors), ("ids", self.ids)):
            if len(values) != len(self.names):
                raise UserError(f"{len(self.names)} class names but {len(values)} {what}: give one for each class")
        _refuse_repeats("class name", self.names)
        _refuse_repeats("id", self.ids)
        if self.masks == "rgb":
            _refuse_repeats("colour", (*self.colors, *self.ignore_colors))
        if wrong := [value for value in self.ids if not 0 <= value <= LARGEST]:
            raise UserError(
                f"mask value {wrong[0]} is not in 0..{LARGEST}, the values that a class can have; write the masks with "
                "another"
            )
        if wrong := [value for value in self.ignore if abs(value) > FARTHEST]:
            raise UserError(f"mask value {wrong[0]} is more than {FARTHEST} from zero, which no mask holds")
        if wrong_color := [
            c for c in (*self.colors, *self.ignore_colors) if len(c) != 3 or not all(0 <= v <= 255 for v in c)
        ]:
            raise UserError(f"colour {list(wrong_color[0])} is not three values in 0..255")
        if both := set(self.ids) & set(self.ignore):
            raise UserError(f"mask value {min(both)} is both a class and ignored: it can be only one of them")
        refuse_unnamed(self.mirror, self.names, f'"{MIRROR}"')
        refuse_overlaps(self.mirror, f'"{MIRROR}"')

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"LabelSpace({counted(len(self), 'class', 'classes')}: {some(self.names)})"

    @cached_property
    def palette(self) -> NDArray[np.uint8]:
        """Colours as a (C, 3) array."""
        return np.array(self.colors, dtype=np.uint8)

    @cached_property
    def mirror_image(self) -> tuple[int, ...]:
        """The index of the class that each class is in a mirror image; empty where all stay what they are."""
        return mirror_image(self.names, self.mirror)

    @cached_property
    def without_mirror_image(self) -> tuple[int, ...]:
        """The indices of the classes that a mirror image turns into what is none of the classes."""
        return without_image(self.names, self.mirror)

    @cached_property
    def _index_of_id(self) -> NDArray[np.int16]:
        """Lookup from mask value (0..65535) to class index; -1 ignored, -2 not in the label space."""
        table = np.full(65536, -2, dtype=np.int16)
        table[list(self.ignore_written)] = IGNORE
        table[list(self.ids)] = np.arange(len(self.names), dtype=np.int16)
        return table

    @property
    def ignore_written(self) -> tuple[int, ...]:
        """The ignored values that a mask which is written can hold, in 0..65535."""
        return tuple(value for value in self.ignore if 0 <= value <= LARGEST)

    @cached_property
    def _ignored_beyond(self) -> list[int]:
        """Ignored values that `_index_of_id` cannot have, such as -1 in volumes."""
        return [value for value in self.ignore if not 0 <= value <= LARGEST]

    @cached_property
    def _index_of_color(self) -> tuple[NDArray[np.int64], NDArray[np.int16]]:
        """Sorted colour keys (R·65536 + G·256 + B) and the class index of each."""
        colors = np.array([*self.colors, *self.ignore_colors], dtype=np.int64).reshape(-1, 3)
        keys = colors @ np.array([65536, 256, 1])
        indices = np.array([*range(len(self.names)), *[IGNORE] * len(self.ignore_colors)], dtype=np.int16)
        order = np.argsort(keys)
        return keys[order], indices[order]

    @property
    def unlabelled(self) -> int:
        """The value of ignored pixels in `encode`: the first of `ignore_written`, or the largest that is no class."""
        if self.ignore_written:
            return self.ignore_written[0]
        used = set(self.ids)
        largest = 255 if max(used) <= 255 and len(used) <= 255 else 65535
        return next(value for value in range(largest, -1, -1) if value not in used)

    def decode(self, mask: NDArray[Any]) -> tuple[NDArray[np.int16], dict[str, int]]:
        """Translate the pixels of a mask file into class indices.

        Args:
            mask: (H, W) integer ids for `index` masks, (H, W, 3) uint8 for `rgb` masks.

        Returns:
            The (H, W) int16 class indices, `IGNORE` where ignored or unknown, and the values that are not in the label
            space with the number of their pixels (`{"17": 120}` or `{"#ff00ff": 3}`), empty when all is well.

        Raises:
            UserError: It holds ids where the label space expects colours.
        """
        if self.masks == "index":
            if mask.dtype in (np.uint8, np.uint16):  # cannot leave the table, and need no wider copy
                labels = self._index_of_id.take(mask)
                unknown = labels == -2
            else:
                known = mask.astype(np.int64).clip(0, LARGEST)
                labels = self._index_of_id.take(known)
                unknown = (labels == -2) | (mask != known)
                if self._ignored_beyond:
                    ignored = np.isin(mask, self._ignored_beyond)
                    labels[ignored], unknown[ignored] = IGNORE, False
            if not unknown.any():
                return labels, {}
            values, counts = np.unique(mask[unknown], return_counts=True)
            names = [str(value) for value in values]
        else:
            if mask.ndim != 3:  # as of volumes, rasters and arrays, which hold no colours
                raise UserError(
                    'its labels are numbers, but the label space expects colours: leave "masks": "rgb" out of '
                    "classes.json"
                )
            keys, indices = self._index_of_color
            pixels = mask.astype(np.int64) @ np.array([65536, 256, 1])
            place = np.searchsorted(keys, pixels).clip(max=len(keys) - 1)
            unknown = keys[place] != pixels
            labels = indices[place]
            if not unknown.any():
                return labels, {}
            values, counts = np.unique(pixels[unknown], return_counts=True)
            names = [f"#{value:06x}" for value in values]
        labels[unknown] = IGNORE
        return labels, dict(zip(names, counts.tolist(), strict=True))

    def encode(self, labels: NDArray[Any]) -> NDArray[np.uint8] | NDArray[np.uint16]:
        """Translate (H, W) class indices into mask ids, uint8 if all ids fit in it, else uint16.

        Ignored pixels become the first ignored value, or the type's largest one that is no class.
        """
        nothing = self.unlabelled
        kind: type[np.uint8] | type[np.uint16] = np.uint8 if max(*self.ids, nothing) <= 255 else np.uint16
        # The entry after the last class is the one that index -1 picks.
        table = np.array([*self.ids, nothing], dtype=kind)
        ids: NDArray[np.uint8] | NDArray[np.uint16] = np.empty_like(table, shape=labels.shape)
        # A band of rows at a time: numpy makes a 64-bit copy of what it looks up.
        for top in range(0, len(labels), 256):
            ids[top : top + 256] = table[labels[top : top + 256]]
        return ids

    def decode_ids(self, ids: NDArray[Any]) -> NDArray[np.int16]:
        """Translate the (H, W) ids that `encode` gives back into class indices, whatever form mask files have.

        Values that no class has become `IGNORE`.
        """
        return np.maximum(self._index_of_id.take(ids), np.int16(IGNORE))

    def to_json(self) -> dict[str, Any]:
        """The form of `classes.json` and of a model folder's `labels.json`; pairs are left out where there are none."""
        return {
            "names": list(self.names),
            "colors": [list(color) for color in self.colors],
            "ids": list(self.ids),
            "ignore": list(self.ignore),
            "ignore_colors": [list(color) for color in self.ignore_colors],
            "masks": self.masks,
            **({MIRROR: [list(pair) for pair in self.mirror]} if self.mirror else {}),
        }

    @classmethod
    def from_json(cls, value: Any, where: str) -> "LabelSpace":
        """Read the form that `to_json` writes; all keys but `names` are optional, `ignore` may be one number or null.

        Keys that mean nothing here are listed as a warning, once for each file.

        Args:
            value: The parsed JSON.
            where: The file's name, for error messages.

        Raises:
            UserError: Missing keys, values of the wrong kind, or a space that doesn't hold together.
        """
        if not isinstance(value, dict):
            raise UserError(f'{where}: expected an object such as {{"names": ["sky", "road"]}}, found {kind_of(value)}')
        if "names" not in value:
            raise UserError(f'{where}: no "names"; list the classes, such as "names": ["sky", "road"]')
        names = value["names"]
        if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
            raise UserError(f'{where}: "names" must be a list of class names (non-empty strings)')
        ignore = value.get("ignore")
        ignore = [] if ignore is None else ignore if isinstance(ignore, list) else [ignore]
        masks = value.get("masks", "index")
        if masks not in ("index", "rgb"):
            raise UserError(f'{where}: "masks" is {masks!r}, but must be "index" (ids) or "rgb" (colours)')
        if masks == "rgb" and not value.get("colors"):
            raise UserError(f'{where}: "masks" is "rgb", so "colors" must give the colour of each class')
        try:
            space = cls(
                names=tuple(names),
                colors=colors_of(value.get("colors"), "colors"),
                ids=integers_of(value.get("ids"), "ids"),
                ignore=integers_of(ignore, "ignore"),
                ignore_colors=colors_of(value.get("ignore_colors"), "ignore_colors"),
                masks=masks,
                mirror=pairs_of(value.get(MIRROR)),
            )
        except UserError as error:
            raise UserError(f"{where}: {error}") from None
        if extra := extra_keys(value):
            list_extra_keys(extra_keys_line(where, extra, KEYS))
        return space

    @classmethod
    def read(cls, path: Path) -> "LabelSpace":
        """Read a `classes.json` or `labels.json`.

        Raises:
            UserError: The file is missing, not JSON, or not a label space.
        """
        return cls.from_json(read_json(Path(path)), str(path))


def extra_keys(value: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the keys of a `classes.json` that mean nothing here."""
    return tuple(str(key) for key in value if key not in KEYS)


def _refuse_repeats(what: str, values: Sequence[object]) -> None:
    if len(set(values)) != len(values):
        repeated = next(value for value in values if values.count(value) > 1)
        raise UserError(f"{what} {repeated!r} stands for two classes: each needs its own")
