"""Reading pictures in every form that people have."""

import struct
import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sceneparse.errors import UserError
from sceneparse.pictures.reading import picture_size, read_picture, write_picture

RGB = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3) * 3


def png(width: int, height: int, depth: int, color: int, rows: bytes, *, late: bytes = b"") -> bytes:
    """A PNG written by hand, for forms that Pillow does not write; `late` are chunks behind the pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + late + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + content


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    target = BytesIO()
    image.save(target, form, **options)
    return target.getvalue()


def pixel(source: bytes | Path, channels: int = 3) -> list[int]:
    """The first pixel, as `read_picture` gives it."""
    return read_picture(source, channels)[:, 0, 0].tolist()


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("WEBP", {"lossless": True}),
        ("PPM", {}),
    ],
)
def test_lossless_forms_give_the_exact_pixels(form: str, options: dict[str, object]) -> None:
    picture = read_picture(saved(Image.fromarray(RGB), form, **options))
    assert picture.dtype == torch.uint8
    assert torch.equal(picture, torch.from_numpy(RGB).permute(2, 0, 1))


def test_a_jpeg_is_read_from_a_file_and_from_its_bytes_alike(tmp_path: Path) -> None:
    content = saved(Image.new("RGB", (40, 24), (200, 30, 90)), "JPEG", quality=95)
    (tmp_path / "a.jpg").write_bytes(content)
    picture = read_picture(tmp_path / "a.jpg")
    assert picture.shape == (3, 24, 40)
    assert torch.equal(picture, read_picture(content))
    assert (picture[:, 5, 5].int() - torch.tensor([200, 30, 90])).abs().max() <= 3


def test_an_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue")]
    assert pixel(saved(frames[0], "GIF", save_all=True, append_images=frames[1:])) == [255, 0, 0]


HALF = 255 - round(255 * 127 / 255)
"""What black that lets half of the white through looks like."""


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("RGBA", (3, 3), (10, 20, 30, 0)), [255, 255, 255]),
        (Image.new("RGBA", (3, 3), (10, 20, 30, 255)), [10, 20, 30]),
        (Image.new("RGBA", (3, 3), (0, 0, 0, 127)), [HALF] * 3),
        (Image.new("LA", (3, 3), (0, 0)), [255, 255, 255]),
        (Image.new("LA", (3, 3), (7, 255)), [7, 7, 7]),
    ],
    ids=["clear", "opaque", "half", "clear grey", "opaque grey"],
)
def test_transparent_parts_lie_over_white(image: Image.Image, expected: list[int]) -> None:
    assert pixel(saved(image, "PNG")) == expected


def test_transparency_by_palette_or_by_colour_lies_over_white() -> None:
    palette = Image.new("P", (3, 3), 1)
    palette.putpalette([0, 0, 0, 200, 100, 50])
    assert pixel(saved(palette, "PNG")) == [200, 100, 50]
    assert pixel(saved(palette, "PNG", transparency=1)) == [255, 255, 255]
    assert pixel(saved(palette, "GIF", transparency=1)) == [255, 255, 255]
    assert pixel(saved(Image.new("RGB", (3, 3), (9, 8, 7)), "PNG", transparency=(9, 8, 7))) == [255, 255, 255]


@pytest.mark.parametrize(("value", "expected"), [(0, 0), (128, 0), (129, 1), (257, 1), (32896, 128), (65535, 255)])
def test_sixteen_bit_grey_keeps_its_full_range(value: int, expected: int) -> None:
    image = Image.fromarray(np.full((3, 4), value, dtype=np.uint16))
    assert pixel(saved(image, "PNG")) == [expected] * 3
    assert pixel(saved(image, "TIFF")) == [expected] * 3
    pgm = b"P5 4 3 65535 " + struct.pack(">H", value) * 12
    assert pixel(pgm) == [expected] * 3


def test_of_sixteen_bit_colour_the_upper_byte_counts() -> None:
    row = b"\0" + struct.pack(">HHH", 0x1234, 0xFF00, 0x00FF)
    assert pixel(png(1, 1, 16, 2, row)) == [0x12, 0xFF, 0x00]


def test_one_bit_and_grey_pictures_become_colour() -> None:
    assert pixel(saved(Image.new("1", (9, 3), 1), "PNG")) == [255, 255, 255]
    assert pixel(saved(Image.new("L", (9, 3), 77), "PNG")) == [77, 77, 77]


def test_cmyk_is_converted_also_when_adobe_inverted_it() -> None:
    inks = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # magenta and yellow: red
    for content in (saved(inks, "TIFF"), saved(inks, "JPEG", quality=100)):
        red, green, blue = pixel(content)
        assert red > 245 and green < 10 and blue < 10
    # Pillow writes the Adobe marker and inverted inks, as Photoshop does.
    assert b"Adobe" in saved(inks, "JPEG")


def test_one_channel_is_the_luma() -> None:
    assert pixel(saved(Image.new("RGB", (3, 3), (255, 0, 0)), "PNG"), channels=1) == [76]
    assert pixel(saved(Image.new("RGBA", (3, 3), (0, 0, 0, 0)), "PNG"), channels=1) == [255]
    palette = Image.new("P", (3, 3), 1)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    assert pixel(saved(palette, "PNG"), channels=1) == [76]
    assert read_picture(saved(Image.new("L", (5, 3), 9), "PNG"), channels=1).shape == (1, 3, 5)


def test_four_channels_are_kept_as_they_are() -> None:
    bands = Image.new("RGBA", (3, 3), (1, 2, 3, 4))
    assert pixel(saved(bands, "PNG"), channels=4) == [1, 2, 3, 4]
    assert pixel(saved(bands, "TIFF"), channels=4) == [1, 2, 3, 4]
    with pytest.raises(UserError, match=r"has 3 channels \(RGB\), but 4 are wanted"):
        read_picture(saved(Image.fromarray(RGB), "PNG"), channels=4)
    with pytest.raises(UserError, match=r"has 1 channel \(L\), but 5 are wanted"):
        read_picture(saved(Image.new("L", (3, 3)), "PNG"), channels=5)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pixels_without_a_fixed_range_are_refused(mode: str) -> None:
    with pytest.raises(UserError, match="no fixed range"):
        read_picture(saved(Image.new(mode, (3, 3)), "TIFF"))


UPRIGHT = np.array(
    [[[250, 0, 0], [0, 250, 0], [0, 0, 250]], [[250, 250, 0], [0, 250, 250], [250, 0, 250]]], dtype=np.uint8
)
STORED = {
    1: UPRIGHT,
    2: UPRIGHT[:, ::-1],
    3: UPRIGHT[::-1, ::-1],
    4: UPRIGHT[::-1],
    5: UPRIGHT.transpose(1, 0, 2),
    6: np.rot90(UPRIGHT),
    7: UPRIGHT[::-1, ::-1].transpose(1, 0, 2),
    8: np.rot90(UPRIGHT, -1),
}
"""What a camera stores under each EXIF orientation, for a picture that should look like `UPRIGHT`."""


@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", sorted(STORED))
def test_pictures_stand_upright_by_their_exif(form: str, orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if form == "WEBP" else {}
    path = tmp_path / "picture"
    path.write_bytes(saved(Image.fromarray(np.ascontiguousarray(STORED[orientation])), form, exif=exif, **options))
    assert torch.equal(read_picture(path), torch.from_numpy(UPRIGHT).permute(2, 0, 1))
    assert picture_size(path) == (2, 3)


def test_a_photo_is_turned_by_its_exif(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.new("RGB", (64, 32), "blue")
    stored.paste("red", (0, 0, 32, 32))  # the left half comes to the top
    stored.save(tmp_path / "a.jpg", exif=exif, quality=95)
    picture = read_picture(tmp_path / "a.jpg")
    assert picture.shape == (3, 64, 32)
    assert picture_size(tmp_path / "a.jpg") == (64, 32)
    assert picture[0, 5, 16] > 240 and picture[2, 60, 16] > 240


def test_exif_behind_the_pixels_of_a_png_counts_too(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    rows = (b"\0" + bytes(3 * 5)) * 2
    (tmp_path / "a.png").write_bytes(png(5, 2, 8, 2, rows, late=chunk(b"eXIf", exif.tobytes()[6:])))
    assert read_picture(tmp_path / "a.png").shape == (3, 5, 2)
    assert picture_size(tmp_path / "a.png") == (5, 2)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_exif_does_not_spoil_the_picture() -> None:
    content = saved(Image.new("RGB", (8, 8), "red"), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12")
    assert read_picture(content).shape == (3, 8, 8)


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"hello, I am text", "not a picture"),
        (b"\x89PNG\r\n\x1a\n", "damaged or cut off|not a picture"),
        (saved(NOISE, "JPEG")[:1500], "damaged or cut off"),
        (saved(NOISE, "PNG")[:1500], "damaged or cut off"),
        (saved(NOISE, "TIFF")[:1500], "damaged or cut off|not a picture"),
        (saved(NOISE, "BMP")[:1500], "damaged or cut off"),
        (saved(NOISE, "GIF")[:1500], "damaged or cut off"),
        (saved(NOISE, "WEBP", lossless=True)[:1500], "damaged or cut off|not a picture"),
        (png(40000, 40000, 1, 0, b""), "40000|decompression bombs"),
        (png(14000, 14000, 8, 0, b""), "more than 178,956,970 pixels"),
    ],
    ids=["empty", "text", "signature", "jpeg", "png", "tiff", "bmp", "gif", "webp", "bomb", "large"],
)
def test_files_that_are_no_whole_picture_get_one_clear_line(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    for source, name in ((path, str(path)), (content, f"picture of {len(content):,} bytes")):
        with pytest.raises(UserError, match=message) as caught:
            read_picture(source)
        assert str(caught.value).startswith(name)
        assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_pictures_of_up_to_twice_pillows_limit_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow warns from its limit on and refuses from twice that on: 12,000 by 9,000 pixels lie between."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64 * 64 // 2)
    assert read_picture(saved(NOISE, "PNG")).shape == (3, 64, 64)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64 * 64 // 2 - 1)
    with pytest.raises(UserError, match="more than 4,094 pixels"):
        read_picture(saved(NOISE, "PNG"))


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    for path, message in ((tmp_path / "no.jpg", "no such file"), (tmp_path, "is a folder")):
        with pytest.raises(UserError, match=message):
            read_picture(path)
        with pytest.raises(UserError, match=message):
            picture_size(path)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "GIF", "BMP", "WEBP"])
@pytest.mark.filterwarnings("ignore:.*:UserWarning")
def test_damaged_bytes_never_escape_as_anything_but_a_user_error(form: str) -> None:
    rng = np.random.default_rng(1)
    content = np.frombuffer(saved(NOISE.resize((24, 24)), form), dtype=np.uint8)
    for _ in range(60):
        damaged = content.copy()
        damaged[rng.integers(0, len(damaged), 8)] = rng.integers(0, 256, 8)
        with suppress(UserError):
            read_picture(damaged.tobytes())


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_written_pictures_are_read_back(channels: int, tmp_path: Path) -> None:
    picture = torch.randint(0, 256, (channels, 5, 7), dtype=torch.uint8)
    write_picture(tmp_path / "new" / "a.png", picture)
    assert torch.equal(read_picture(tmp_path / "new" / "a.png", channels), picture)
