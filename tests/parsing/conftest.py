"""Parsers that need no network, and pictures for them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sceneparse.labels import LabelSpace
from sceneparse.parsing import Parser
from tests.support.brightest import brightest_parser

SPACE = LabelSpace(("brick", "grass", "water"), colors=((200, 10, 10), (10, 200, 10), (10, 10, 200)), ids=(7, 0, 30))


MakeParser = Callable[..., Parser]


@pytest.fixture
def make_parser() -> MakeParser:
    def make(**options: Any) -> Parser:
        return brightest_parser(labels=SPACE, **options)

    return make


@pytest.fixture
def parser(make_parser: MakeParser) -> Parser:
    return make_parser()


@pytest.fixture
def halves() -> NDArray[np.uint8]:
    """Red on the left, green on the right, 6 high, 8 wide."""
    pixels = np.zeros((6, 8, 3), np.uint8)
    pixels[:, :4, 0] = 200
    pixels[:, 4:, 1] = 200
    return pixels


@pytest.fixture
def pictures(tmp_path: Path, halves: NDArray[np.uint8]) -> Path:
    """A folder of four pictures, one below."""
    folder = tmp_path / "pictures"
    (folder / "below").mkdir(parents=True)
    for index, name in enumerate(("a", "b", "c", "below/d")):
        Image.fromarray(np.roll(halves, index, axis=1)).save(folder / f"{name}.png")
    return folder
