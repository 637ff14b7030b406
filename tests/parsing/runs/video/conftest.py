"""A maker of clips, in a folder of the test's own."""

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
