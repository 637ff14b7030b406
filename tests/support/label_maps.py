"""Label maps for what other tools shall read: names that need care, holes, pixels without a class, every size."""

import numpy as np
from numpy.typing import NDArray

from sceneparse.labels import LabelSpace

NAMES = ("Straße", 'дом & "x"', "two words", "sky")
SPACE = LabelSpace(NAMES, colors=((0, 0, 0), (200, 10, 10), (200, 10, 10), (1, 2, 3)), ids=(300, 2, 7, 65000))


def label_maps() -> dict[str, NDArray[np.int16]]:
    """Label maps by name, in the order of the names."""
    generator = np.random.default_rng(0)
    nested = np.zeros((11, 11), np.int16)
    nested[2:9, 2:9], nested[4:7, 4:7], nested[5, 5] = 1, 0, 2
    one = np.full((5, 6), -1, np.int16)
    one[0, 0] = 3
    return {
        "a/東 京": generator.integers(-1, 4, (17, 23)).astype(np.int16),
        "b/東 京": generator.integers(0, 2, (90, 80)).astype(np.int16),
        "empty": np.full((3, 4), -1, np.int16),
        "nested": nested,
        "one": one,
        "whole.png": np.full((70, 300), 2, np.int16),
    }


def files() -> dict[str, str]:
    """The names of label maps by what tools call their pictures."""
    return {name if "." in name else f"{name}.jpg": name for name in label_maps()}
