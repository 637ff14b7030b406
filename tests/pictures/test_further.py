"""Files of several pages or frames, of which the first is read."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

from sceneparse.pictures.further import Further, further_pictures


def frames(count: int) -> list[Image.Image]:
    generator = np.random.default_rng(0)
    return [Image.fromarray(generator.integers(0, 256, (8, 9, 3), dtype=np.uint8)) for _ in range(count)]


def content(form: str, count: int, **options: Any) -> bytes:
    first, *others = frames(count)
    written = BytesIO()
    first.save(written, form, **({"save_all": True, "append_images": others} if others else {}), **options)
    return written.getvalue()


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_frames_are_counted(form: str, count: int) -> None:
    if form == "AVIF" and not features.check("avif"):
        pytest.skip("Pillow has no AVIF here")
    assert further_pictures(content(form, count)).more == count - 1
    if count > 1:
        assert further_pictures(content(form, count)).what == "frame"


def test_an_animation_whose_first_picture_is_no_frame_of_it_counts_it_too() -> None:
    assert further_pictures(content("PNG", 3, default_image=True)) == Further(2, "frame")


def test_pages_are_counted() -> None:
    assert further_pictures(content("TIFF", 3)) == Further(2, "page")


def test_a_phones_second_view_is_normal() -> None:
    assert further_pictures(content("MPO", 2)) == Further()
    assert further_pictures(content("JPEG", 1)) == Further()


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("length", [6, 30, 120])
def test_what_is_cut_off_is_no_error_here(form: str, length: int) -> None:
    assert further_pictures(content(form, 3)[:length]).more >= 0


def test_a_message_says_frames_where_they_are_frames() -> None:
    assert str(Further(2, "frame")).startswith("3 frames, of which the first is parsed")
    assert str(Further(1)).startswith("2 pages, of which the first is parsed")
