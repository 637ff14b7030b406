"""Ids in the red and green channels."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneparse.datasets.broden.coding import LARGEST, encode_ids, read_ids, write_ids
from sceneparse.pictures.decoding import PictureError
from tests.support.deep_png import deep_png


def test_an_id_is_red_over_ten_times_256_plus_green(tmp_path: Path) -> None:
    pixels = np.array([[[0, 0, 9], [0, 255, 1], [10, 0, 200], [120, 76, 3]]], dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert read_ids(tmp_path / "a.png").tolist() == [[0, 255, 256, 12 * 256 + 76]]


def test_every_id_survives_writing(tmp_path: Path) -> None:
    ids = np.arange(LARGEST + 1).reshape(-1, 256)
    write_ids(tmp_path / "a.png", ids)
    assert (read_ids(tmp_path / "a.png") == ids).all()


def test_damaged_maps_are_refused(tmp_path: Path) -> None:
    Image.fromarray(encode_ids(np.full((20, 20), 300)) + np.uint8(3)).save(tmp_path / "a.png")
    with pytest.raises(PictureError, match=r"red value 13 at 400 pixels"):
        read_ids(tmp_path / "a.png")
    Image.new("RGB", (9, 9)).save(tmp_path / "a.jpg")
    Image.new("RGB", (9, 9)).save(tmp_path / "a.webp")
    for name in ("a.jpg", "a.webp"):
        with pytest.raises(PictureError, match="cannot be a"):
            read_ids(tmp_path / name)
    (tmp_path / "deep.png").write_bytes(deep_png(np.full((2, 2, 3), 10 << 8 | 4, np.uint16)))
    with pytest.raises(PictureError, match="colours of 16 bits"):
        read_ids(tmp_path / "deep.png")
    Image.new("L", (9, 9)).save(tmp_path / "grey.png")
    with pytest.raises(PictureError, match="mode L"):
        read_ids(tmp_path / "grey.png")
