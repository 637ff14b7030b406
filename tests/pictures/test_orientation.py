"""One rule of orientation for pictures and masks: each is turned as its file says, or neither is."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from sceneparse.labels import LabelSpace
from sceneparse.pictures.masks import read_mask
from sceneparse.pictures.reading import picture_size, read_picture
from tests.support.tiffs import Tiff, tiff_bytes

STORED = np.arange(6, dtype=np.uint8).reshape(2, 3) * 30
FORMS = ("PNG", "TIFF", "WEBP", "deflated TIFF", "TIFF of 16 bits", "TIFF of many strips")


def file(form: str, orientation: int) -> bytes:
    """The stored pixels as a file with an orientation."""
    if form.endswith(("16 bits", "many strips")):
        values = STORED.astype(np.uint16) * 257 if form.endswith("16 bits") else STORED
        return tiff_bytes(Tiff(values, orientation=orientation, rows=1 if form.endswith("strips") else 0))
    content, exif = BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"lossless": True} if form == "WEBP" else {}
    if form.startswith("deflated"):
        options, form = {"compression": "tiff_adobe_deflate"}, "TIFF"
    Image.fromarray(STORED).save(content, form, exif=exif, **options)
    return content.getvalue()


def upright(orientation: int) -> NDArray[np.uint8]:
    """The pixels as EXIF wants them seen, by Pillow."""
    image, exif = Image.fromarray(STORED), Image.Exif()
    exif[0x0112] = orientation
    content = BytesIO()
    image.save(content, "PNG", exif=exif)
    turned = ImageOps.exif_transpose(Image.open(content))
    assert turned is not None
    return np.array(turned)


@pytest.mark.parametrize("by_name", [True, False])
@pytest.mark.parametrize("form", FORMS)
def test_a_picture_is_turned_as_its_file_says_or_not_at_all(form: str, by_name: bool, tmp_path: Path) -> None:
    for orientation in range(1, 9):
        content = file(form, orientation)
        path = tmp_path / "a"
        path.write_bytes(content)
        source = path if by_name else content
        assert read_picture(source, 1)[0].tolist() == upright(orientation).tolist()
        assert picture_size(path) == upright(orientation).shape
        assert read_picture(source, 1, orientation="ignore")[0].tolist() == STORED.tolist()


@pytest.mark.parametrize("by_name", [True, False])
@pytest.mark.parametrize("form", FORMS)
def test_a_mask_is_turned_as_a_picture_is(form: str, by_name: bool, tmp_path: Path) -> None:
    for orientation in range(1, 9):
        content = file(form, orientation)
        (tmp_path / "a").write_bytes(content)
        source = tmp_path / "a" if by_name else content
        times = 257 if form.endswith("16 bits") else 1
        ids = tuple((np.unique(STORED).astype(int) * times).tolist())
        labels = LabelSpace(tuple(map(str, ids)), ids=ids)
        found = read_mask(source, labels).numpy()
        assert np.array(ids)[found].tolist() == (upright(orientation).astype(int) * times).tolist()
        stored = read_mask(source, labels, orientation="ignore").numpy()
        assert np.array(ids)[stored].tolist() == (STORED.astype(int) * times).tolist()
