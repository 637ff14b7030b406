"""The ids of segments, in whatever form of PNG a tool or an optimiser wrote them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneparse.datasets.annotations.segment_ids import read_ids
from sceneparse.pictures.problems import PictureError
from tests.support.deep_png import deep_png
from tests.support.packed_png import packed_png


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_grey_of_few_bits_holds_the_ids_that_it_stores(bits: int, tmp_path: Path) -> None:
    ids = (np.arange(16).reshape(4, 4) % (1 << bits)).astype(np.uint8)
    (tmp_path / "ids.png").write_bytes(packed_png(ids, bits))
    assert (read_ids(tmp_path / "ids.png", (4, 4)) == ids).all()


def test_ids_are_read_from_grey_palettes_and_colours_whatever_the_transparency(tmp_path: Path) -> None:
    path, ids = tmp_path / "ids.png", np.array([[0, 5], [200, 255]], np.uint8)
    palette = Image.fromarray(ids)
    palette.putpalette(bytes(range(255, -1, -1)) * 3)
    for image in (Image.fromarray(ids), palette):
        image.save(path, transparency=5)
        assert (read_ids(path, (2, 2)) == ids).all()
    Image.fromarray(ids.astype(np.uint16) * 257).save(path)
    assert (read_ids(path, (2, 2)) == ids.astype(int) * 257).all()
    Image.fromarray(np.dstack((ids, ids * 0, ids * 0 + 1, ids))).save(path)
    assert (read_ids(path, (2, 2)) == ids.astype(int) + 65536).all()


def test_forms_that_change_ids_are_refused(tmp_path: Path) -> None:
    image = Image.new("RGB", (9, 9))
    for name in ("a.jpg", "a.webp"):
        image.save(tmp_path / name)
        with pytest.raises(PictureError, match="whose compression changes"):
            read_ids(tmp_path / name, (9, 9))
    (tmp_path / "a.png").write_bytes(deep_png(np.full((9, 9, 3), 300, np.uint16)))
    with pytest.raises(PictureError, match="colours of 16 bits"):
        read_ids(tmp_path / "a.png", (9, 9))
