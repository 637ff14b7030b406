"""A file whose header was checked is decoded as what it was found to be, or not at all."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageFile

from sceneparse.pictures.decoding import PictureError, decode
from sceneparse.pictures.headers import Header
from tests.support.deep_png import deep_png


def content(form: str, size: tuple[int, int] = (40, 60)) -> bytes:
    file = BytesIO()
    Image.fromarray(np.full((*size, 3), 90, np.uint8)).save(file, form)
    return file.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
def test_a_file_of_its_headers_format_and_size_is_decoded(form: str) -> None:
    assert decode(content(form), header=Header(form, (40, 60))).image.size == (60, 40)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF"])
def test_a_file_of_another_size_than_its_headers_is_refused_before_it_is_decoded(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = content(form)
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("decoded"))
    with pytest.raises(PictureError, match=f"{form} of 30×20 pixels by its header, but decoded it would be .* 60×40"):
        decode(file, header=Header(form, (20, 30)))


@pytest.mark.parametrize(("form", "other"), [("PNG", "JPEG"), ("TIFF", "PNG"), ("BMP", "PNG")])
def test_a_file_of_another_format_than_its_headers_is_refused(form: str, other: str) -> None:
    with pytest.raises(PictureError):
        decode(content(form), header=Header(other, (40, 60)))


def test_the_numbers_of_a_deep_png_are_those_of_the_picture_that_was_opened() -> None:
    decoded = decode(deep_png(np.zeros((4, 6, 3), np.uint16)), header=Header("PNG", (4, 6)))
    other = decode(deep_png(np.zeros((8, 9, 3), np.uint16)))
    with pytest.raises(PictureError, match="two sizes"):
        decoded._replace(source=other.source).all_numbers()
