"""Pictures in every kind of store that a collection may lie in."""

import io
from pathlib import Path

import pytest
from PIL import Image

from sceneparse.toyworld import render
from tests.support.tars import write_tar


@pytest.fixture(scope="session")
def pngs() -> list[bytes]:
    """Five small scenes as PNG files."""
    made = []
    for index in range(5):
        buffer = io.BytesIO()
        Image.fromarray(render(0, index, 48).image.permute(1, 2, 0).contiguous().numpy()).save(buffer, "PNG")
        made.append(buffer.getvalue())
    return made


@pytest.fixture
def folder(tmp_path: Path, pngs: list[bytes]) -> Path:
    """Five pictures, one below, and one that is none."""
    root = tmp_path / "pictures"
    (root / "below").mkdir(parents=True)
    for name, content in zip(("a", "b", "c", "d", "below/e"), pngs, strict=True):
        (root / f"{name}.png").write_bytes(content)
    (root / "broken.jpg").write_bytes(b"no picture")
    return root


@pytest.fixture
def tar(tmp_path: Path, pngs: list[bytes]) -> Path:
    """A WebDataset file: pictures with labels beside them."""
    members: dict[str, bytes] = {}
    for index, content in enumerate(pngs[:3]):
        members |= {f"train/{index}.png": content, f"train/{index}.cls": b"1", f"train/{index}.json": b"{}"}
    return write_tar(tmp_path / "shard-000.tar", members)
