"""Pictures beyond 8 bits and three channels: right, or refused with advice that works."""

import lzma
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sceneparse.errors import UserError
from sceneparse.pictures.reading import picture_size, read_picture
from tests.support.deep_png import deep_png
from tests.support.tiffs import Tiff, tiff_bytes

COLOR = np.array([200, 0, 90])
RNG = np.random.default_rng(7)


def seen(content: bytes, channels: int = 3, **reading: Any) -> NDArray[np.uint8]:
    """A picture as (H, W, channels)."""
    return read_picture(content, channels, **reading).permute(1, 2, 0).numpy()


def plain(dtype: str, *, times: int = 1, bands: int = 3) -> NDArray[Any]:
    """5×4 pixels of one colour, and bands of other values after it."""
    values = np.zeros((5, 4, bands), dtype)
    values[...] = np.resize(np.array([*COLOR, 30, 60, 120]), bands) * times
    return values


@pytest.mark.parametrize("photometric", [1, 2])
@pytest.mark.parametrize("rows", [0, 2])
@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize(("dtype", "times"), [("u1", 1), ("u2", 257)])
def test_bands_one_after_the_other_are_colours(
    photometric: int, rows: int, deflate: bool, dtype: str, times: int
) -> None:
    page = Tiff(plain(dtype, times=times), photometric, planar=True, rows=rows, deflate=deflate)
    assert (seen(tiff_bytes(page)) == COLOR).all()


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_six_bands_are_read_as_six_channels_and_refused_as_three(planar: bool, dtype: str) -> None:
    values = RNG.integers(0, 256, (5, 4, 6)).astype(dtype) * (257 if dtype == "u2" else 1)
    content = tiff_bytes(Tiff(values, planar=planar))
    assert (seen(content, 6) == values // (257 if dtype == "u2" else 1)).all()
    with pytest.raises(UserError, match=r"has 6 channels .* but 3 are wanted; .*gdal_translate -b 1 -b 2 -b 3"):
        seen(content)
    # As the advice says:
    assert (seen(tiff_bytes(Tiff(values[..., :3]))) == values[..., :3] // (257 if dtype == "u2" else 1)).all()


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize(("photometric", "bands"), [(5, 4), (6, 3), (8, 3)])
def test_inks_of_sixteen_bits_are_not_taken_for_colours(photometric: int, bands: int, planar: bool) -> None:
    content = tiff_bytes(Tiff(plain("u2", bands=bands), photometric, planar=planar))
    with pytest.raises(UserError, match="hold CMYK, YCbCr or Lab, which is not turned into RGB in this form"):
        seen(content)
    if bands == 4:  # a network of four channels takes bands as they are
        assert seen(content, 4).shape == (5, 4, 4)


def test_two_bands_are_no_grey_picture() -> None:
    with pytest.raises(UserError, match="has 2 channels"):
        seen(tiff_bytes(Tiff(plain("u1", bands=2))))


def test_a_fourth_band_that_is_not_said_to_be_transparency_leaves_the_colours_alone() -> None:
    content = tiff_bytes(Tiff(plain("u1", bands=4), 2))
    assert (seen(content) == COLOR).all()
    assert (seen(content, 4) == [*COLOR, 30]).all()


@pytest.mark.parametrize("tag", [1, 2])
@pytest.mark.parametrize(("dtype", "times"), [("u1", 1), ("u2", 257)])
def test_near_infrared_that_is_tagged_as_transparency_is_refused(tag: int, dtype: str, times: int) -> None:
    values = plain(dtype, times=times, bands=4)
    values[..., 3] = RNG.integers(1, 255, (5, 4)) * times
    content = tiff_bytes(Tiff(values, 2, extra=(tag,)))
    with pytest.raises(UserError, match=r"tagged as transparency \(alpha\), but 100% of it .* near infrared"):
        seen(content)
    for advised in (Tiff(values[..., :3], 2), Tiff(values, 2, extra=(0,))):
        assert (seen(tiff_bytes(advised)) == COLOR).all()
    assert (seen(content, 4) == values // times).all()


@pytest.mark.parametrize(("dtype", "white"), [("u1", 255), ("u2", 65535)])
def test_true_transparency_of_a_tiff_is_laid_over_white(dtype: str, white: int) -> None:
    values = plain(dtype, times=white // 255, bands=4)
    values[..., 3] = white
    values[0, :, 3] = 0
    shown = seen(tiff_bytes(Tiff(values, 2, extra=(2,))))
    assert (shown[0] == 255).all() and (shown[1:] == COLOR).all()


@pytest.mark.parametrize(("bits", "top"), [(4, 15), (10, 1023), (12, 4095), (14, 16383)])
def test_bits_that_are_packed_fill_the_range(bits: int, top: int) -> None:
    values = np.array([[0, top, top // 3]], np.uint16)
    assert seen(tiff_bytes(Tiff(values, bits=bits)), 1)[0, :, 0].tolist() == [0, 255, 85]


@pytest.mark.parametrize("planar", [False, True])
def test_where_white_is_zero_sixteen_bits_are_inverted_like_eight(planar: bool) -> None:
    eight, sixteen = (np.array([[0, 100, 255]], dtype) for dtype in ("u1", "u2"))
    for values in (eight, sixteen * 257):
        content = tiff_bytes(Tiff(values.astype(values.dtype), 0, planar=planar))
        assert seen(content, 1)[0, :, 0].tolist() == [255, 155, 0]


class TestRange:
    """Twelve bits in sixteen, floats, integers of 32 bits."""

    @pytest.mark.parametrize("form", ["tiff", "tiff colour", "png", "pgm", "png colour"])
    def test_twelve_bits_in_sixteen_fill_the_range_that_is_given(self, form: str) -> None:
        grey = np.array([[0, 2048, 4095, 5000]], np.uint16)
        color = np.stack([grey, grey, grey], axis=2)
        content = BytesIO()
        if form.startswith("tiff"):
            content = BytesIO(tiff_bytes(Tiff(color, 2) if "colour" in form else Tiff(grey)))
        elif form == "png colour":
            content = BytesIO(deep_png(color))
        else:
            Image.fromarray(grey).save(content, {"png": "PNG", "pgm": "PPM"}[form])
        assert seen(content.getvalue(), 1, value_range=(0, 4095))[0, :, 0].tolist() == [0, 128, 255, 255]
        assert seen(content.getvalue(), 1)[0, :, 0].max() <= 20

    @pytest.mark.parametrize("planar", [False, True])
    def test_floats_need_a_range_and_no_data_becomes_black(self, planar: bool) -> None:
        values = np.array([[0.0, 0.5, 1.0, -9999.0, np.nan, 7.0]], np.float32)
        content = tiff_bytes(Tiff(values, planar=planar, nodata="-9999"))
        with pytest.raises(UserError, match=r"floating-point pixels have no fixed range .*data\.range"):
            seen(content)
        assert seen(content, 1, value_range=(0, 1))[0, :, 0].tolist() == [0, 128, 255, 0, 0, 255]
        assert seen(content, 1, value_range=(-1, 1))[0, :, 0].tolist() == [128, 191, 255, 0, 0, 255]

    @pytest.mark.parametrize("dtype", ["i2", "i4", "u4", "f8"])
    def test_other_numbers_without_a_certain_range_need_one(self, dtype: str) -> None:
        values = np.array([[0, 500, 1000]]).astype(dtype)
        with pytest.raises(UserError, match="have no fixed range to show them in"):
            seen(tiff_bytes(Tiff(values)))
        assert seen(tiff_bytes(Tiff(values)), 1, value_range=(0, 1000))[0, :, 0].tolist() == [0, 128, 255]

    def test_eight_bits_are_as_they_are(self) -> None:
        values = np.array([[0, 128, 255]], np.uint8)
        content = BytesIO()
        Image.fromarray(values).save(content, "PNG")
        for file in (content.getvalue(), tiff_bytes(Tiff(values))):
            assert seen(file, 1, value_range=(0, 4095))[0, :, 0].tolist() == [0, 128, 255]

    def test_a_pgm_says_itself_which_number_is_white(self) -> None:
        content = b"P5 3 1 4095\n" + np.array([0, 2048, 4095], ">u2").tobytes()
        for value_range in (None, (0, 65535)):
            assert seen(content, 1, value_range=value_range)[0, :, 0].tolist() == [0, 128, 255]


def deep_ppm(values: NDArray[np.uint16], top: int = 65535, *, plain: bool = False) -> bytes:
    """A PPM of two bytes a number, or of decimals."""
    height, width, _ = values.shape
    header = f"P{3 if plain else 6}\n# of a test\n{width} {height}\n{top}\n".encode()
    return header + (" ".join(map(str, values.ravel())).encode() if plain else values.astype(">u2").tobytes())


@pytest.mark.parametrize("bands", [3, 4])
def test_all_sixteen_bits_of_a_colour_png_are_there_when_a_range_is_given(bands: int) -> None:
    values = RNG.integers(0, 4096, (11, 9, bands)).astype(np.uint16)
    values[..., 3:] = 65535
    expected = (values[..., :3] / 4095 * 255 + 0.5).astype(np.uint8)
    assert abs(seen(deep_png(values), value_range=(0, 4095)).astype(int) - expected).max() <= 1


@pytest.mark.parametrize("plain", [False, True])
def test_all_sixteen_bits_of_a_ppm_too(plain: bool) -> None:
    values = RNG.integers(0, 4096, (11, 9, 3)).astype(np.uint16)
    expected = (values / 4095 * 255 + 0.5).astype(np.uint8)
    assert (seen(deep_ppm(values, plain=plain), value_range=(0, 4095)) == expected).all()
    itself = seen(deep_ppm(values, 4095, plain=plain), value_range=(0, 65535))  # it says itself what is white
    assert abs(itself.astype(int) - expected).max() <= 1
    with pytest.raises(UserError, match="damaged or cut off"):
        seen(deep_ppm(values, plain=plain)[:-40], value_range=(0, 4095))


def test_bytes_behind_the_pixels_of_a_png_are_no_hindrance() -> None:
    values = RNG.integers(0, 65536, (5, 4, 3)).astype(np.uint16)
    content = deep_png(values)
    start, end = content.index(b"IDAT") + 4, content.index(b"IEND") - 8
    data = zlib.compress(zlib.decompress(content[start:end]) + bytes(50))
    longer = content[: start - 8] + struct.pack(">I", len(data)) + b"IDAT" + data
    longer += struct.pack(">I", zlib.crc32(b"IDAT" + data)) + content[end + 4 :]
    assert (seen(longer, value_range=(0, 65535)) == seen(content, value_range=(0, 65535))).all()


def test_the_transparent_grey_of_a_png_is_white_with_sixteen_bits_as_with_eight() -> None:
    for grey, clear in ((np.array([[10, 200]], np.uint8), 10), (np.array([[10, 200]], np.uint16) * 257, 2570)):
        content = BytesIO()
        Image.fromarray(grey).save(content, "PNG", transparency=clear)
        assert seen(content.getvalue())[0].tolist() == [[255] * 3, [200] * 3]


def test_of_sixteen_bit_colour_the_upper_byte_counts() -> None:
    values = np.array([[[0x0100, 0x80FF, 0xFFFF]]], np.uint16)
    for content in (deep_png(values), tiff_bytes(Tiff(values, 2)), tiff_bytes(Tiff(values, 2, planar=True))):
        assert seen(content)[0, 0].tolist() == [1, 128, 255]


def test_what_is_not_read_is_refused_with_a_command_that_helps() -> None:
    content = bytearray(tiff_bytes(Tiff(np.zeros((4, 4), np.uint16))))
    at = content.index(struct.pack("<HHI", 259, 3, 1)) + 8
    content[at : at + 2] = struct.pack("<H", 34887)  # LERC
    with pytest.raises(UserError, match=r"compression 34887, is not read; .*gdal_translate -co COMPRESS=DEFLATE"):
        seen(bytes(content))


@pytest.mark.parametrize("damage", ["cut", "no strips"])
def test_a_damaged_tiff_is_one_clear_line(damage: str) -> None:
    whole = tiff_bytes(Tiff(RNG.integers(0, 9, (40, 40)).astype("u2"), planar=True, deflate=True))
    tag = whole.index(struct.pack("<HH", 273, 4))
    broken = whole[: len(whole) // 3] if damage == "cut" else whole[:tag] + b"\xff\xfe" + whole[tag + 2 :]
    with pytest.raises(UserError, match=r"damaged or cut off \(.*\); put a whole one in its place or leave it out$"):
        seen(broken)


def test_more_pixels_than_allowed_are_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(UserError, match="more than 20 pixels"):
        seen(tiff_bytes(Tiff(np.zeros((5, 5), np.uint16))))


def test_the_size_is_known_without_the_pixels(tmp_path: Any) -> None:
    for orientation, size in ((1, (5, 4)), (6, (4, 5))):
        (tmp_path / "a.tif").write_bytes(tiff_bytes(Tiff(plain("u2", bands=6), planar=True, orientation=orientation)))
        assert picture_size(tmp_path / "a.tif") == size
        assert seen((tmp_path / "a.tif").read_bytes(), 6).shape[:2] == size


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_bigtiffs_of_either_byte_order_are_read(order: str, dtype: str) -> None:
    values = np.array([[0, 100, 255]]) * (257 if dtype == "u2" else 1)
    data = values.astype(order + dtype).tobytes()
    tags = {256: 3, 257: 1, 258: 8 * int(dtype[1]), 259: 1, 262: 1, 273: 16, 277: 1, 278: 1, 279: len(data)}
    entries = b"".join(struct.pack(f"{order}HHQQ", tag, 16, 1, value) for tag, value in tags.items())
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(f"{order}HHHQ", 43, 8, 0, 16 + len(data))
    content = head + data + struct.pack(f"{order}Q", len(tags)) + entries + bytes(8)
    assert seen(content, 1)[0, :, 0].tolist() == [0, 100, 255]


@pytest.mark.parametrize(("compression", "pack"), [(8, zlib.compress), (34925, lzma.compress)])
def test_a_strip_that_unpacks_to_far_more_than_is_due_takes_no_more_memory(
    compression: int, pack: Callable[[bytes], bytes]
) -> None:
    page = Tiff(plain("u2", times=257), 2)
    bomb = pack(page.strips()[0] + bytes(32 << 20))
    content = bytearray(tiff_bytes(page))
    # The strip is packed anew behind all that there is, and the directory leads to it.
    changed = {259: compression, 273: len(content), 279: len(bomb)}
    (first,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, first)
    for entry in range(first + 2, first + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from("<HH", content, entry)
        if tag in changed:
            struct.pack_into({3: "<H", 4: "<I"}[kind], content, entry + 8, changed[tag])
    content += bomb
    tracemalloc.start()
    try:
        assert (seen(bytes(content)) == COLOR).all()
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_a_strip_whose_sum_is_wrong_is_damaged() -> None:
    content = bytearray(tiff_bytes(Tiff(plain("u2", times=257), 2, deflate=True)))
    packed = zlib.compress(Tiff(plain("u2", times=257), 2).strips()[0])
    end = content.index(packed) + len(packed)
    content[end - 1] ^= 1
    with pytest.raises(UserError, match="damaged"):
        seen(bytes(content))
