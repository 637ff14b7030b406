"""Masks of a published data set that somebody saved in its published colours instead of its numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sceneparse.labels import IGNORE, LabelSpace
from sceneparse.labels.space import Color
from sceneparse.pictures.masks import indices_of
from sceneparse.pictures.problems import PictureError
from sceneparse.pictures.stored_masks import StoredMask
from sceneparse.pictures.turning import Orientation


@dataclass(frozen=True)
class ColoredOrNumbered:
    """Reads masks that hold numbers, and colour pictures by the data set's published colours.

    Args:
        colors: The class's name of each colour; None is ignored.
    """

    colors: Mapping[Color, str | None]

    @cached_property
    def _space(self) -> LabelSpace:
        """A class for each colour."""
        names = tuple(f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in self.colors)
        return LabelSpace(names, tuple(self.colors), masks="rgb")

    def __call__(
        self, stored: StoredMask, labels: LabelSpace, *, orientation: Orientation = "apply"
    ) -> tuple[NDArray[np.int16], dict[str, int]]:
        """Translate what a mask file stores, as `indices_of` does.

        Raises:
            PictureError: It stores neither.
        """
        try:
            return indices_of(stored, labels, orientation=orientation)
        except PictureError as error:
            if error.problem != "mask-is-rgb":
                raise
        found, unknown = indices_of(stored, self._space, orientation=orientation)
        indices = [IGNORE if name is None else labels.names.index(name) for name in self.colors.values()]
        # The entry after the last colour is the one that index -1 picks.
        return np.array([*indices, IGNORE], dtype=np.int16)[found], unknown


def colors_of(labels: LabelSpace, *ignored: Color) -> dict[Color, str | None]:
    """The published colours of a label space, and those that are ignored."""
    return {**dict.fromkeys(ignored), **dict(zip(labels.colors, labels.names, strict=True))}
