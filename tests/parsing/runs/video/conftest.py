"""A maker of clips and an output folder, both of the test's own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MakeClip = Callable[..., Path]


@pytest.fixture
def make_clip(tmp_path: Path) -> MakeClip:
    pytest.importorskip("av")
    from tests.support.clips import write_clip

    def make(name: str = "clip.mp4", *arguments: Any, **options: Any) -> Path:
        return write_clip(tmp_path / name, *arguments, **options)

    return make


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"
