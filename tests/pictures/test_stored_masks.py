"""Masks in the forms that people's programs write: the stored numbers, or a refusal whose advice works."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sceneparse.labels import IGNORE, LabelSpace
from sceneparse.pictures.decoding import decode
from sceneparse.pictures.masks import read_mask
from sceneparse.pictures.problems import PictureError
from tests.pictures.test_deep_pictures import deep_ppm
from tests.support.deep_png import deep_png
from tests.support.packed_png import packed_png
from tests.support.tiffs import Tiff, tiff_bytes

NAMES = ("sky", "road", "car")
THREE = LabelSpace(NAMES, ignore=(255,))
COLORS = LabelSpace(
    NAMES, colors=((0, 0, 0), (128, 64, 128), (70, 70, 70)), ignore_colors=((255, 255, 255),), masks="rgb"
)
IDS = np.array([[0, 1, 2], [255, 2, 0]], np.uint8)
FOUR = np.array([[0, 1, 2, 3]], np.uint8)
INDICES = [[0, 1, 2], [IGNORE, 2, 0]]
PAINTED = np.array([*COLORS.colors, *COLORS.ignore_colors], np.uint8)[[[0, 1, 2], [3, 2, 0]]]


def saved(image: Image.Image | NDArray[Any], form: str = "PNG", **options: Any) -> bytes:
    """An image as the content of a file."""
    content = BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(content, form, **options)
    return content.getvalue()


def refused(content: bytes, labels: LabelSpace, problem: str) -> str:
    """What is said of a mask that is refused."""
    with pytest.raises(PictureError) as caught:
        read_mask(content, labels)
    assert caught.value.problem == problem
    return str(caught.value)


@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize(
    ("dtype", "bits"), [("u1", 0), ("u2", 0), ("u2", 12), ("u1", 4), ("u1", 2), ("i4", 0), ("u4", 0), ("i2", 0)]
)
@pytest.mark.parametrize("photometric", [0, 1])
def test_a_tiff_holds_the_numbers_that_it_stores(
    dtype: str, bits: int, photometric: int, rows: int, deflate: bool
) -> None:
    ids = np.where(IDS == 255, 1, IDS).astype(dtype) if bits in (2, 4) else IDS.astype(dtype)
    expected = [[0, 1, 2], [1, 2, 0]] if bits in (2, 4) else INDICES
    page = Tiff(ids, photometric, bits=bits, rows=rows, deflate=deflate)
    assert read_mask(tiff_bytes(page), THREE).tolist() == expected


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd", "group4", "raw"])
@pytest.mark.parametrize("mode", ["L", "P", "1"])
def test_compressed_tiffs_too(compression: str, mode: str) -> None:
    if compression == "group4" and mode != "1":
        pytest.skip("for one bit alone")
    ids = np.minimum(IDS, 1) if mode == "1" else IDS
    image = Image.fromarray(ids.astype(bool)) if mode == "1" else Image.fromarray(ids)
    if mode == "P":
        image.putpalette(bytes(range(255, -1, -1)) * 3)
    found = read_mask(saved(image, "TIFF", compression=compression), THREE).tolist()
    assert found == ([[0, 1, 1], [1, 1, 0]] if mode == "1" else INDICES)


@pytest.mark.parametrize("bits", ["bi", "wi"])
def test_one_bit_tiffs_hold_ones_where_they_store_ones(bits: str) -> None:
    page = Tiff(np.array([[0, 1, 1]], np.uint8), {"bi": 1, "wi": 0}[bits], bits=1)
    assert read_mask(tiff_bytes(page), THREE).tolist() == [[0, 1, 1]]


@pytest.mark.parametrize("top", [1, 2, 3, 17, 100, 254, 255, 300, 4095, 65534, 65535])
@pytest.mark.parametrize("plain", [False, True])
def test_a_pgm_holds_the_numbers_that_it_stores(top: int, plain: bool) -> None:
    values = [0, 1, min(2, top)]
    kind = np.uint8 if top < 256 else np.dtype(">u2")
    data = " ".join(map(str, values)).encode() if plain else np.array(values).astype(kind).tobytes()
    content = f"P{2 if plain else 5} 3 1 {top}\n".encode() + data
    assert read_mask(content, THREE).tolist() == [values]


def test_a_pgm_of_many_levels_gives_each_of_them() -> None:
    for top in (200, 1000, 40000):
        values = np.arange(top + 1)[:: max(1, top // 400)]
        labels = LabelSpace(tuple(f"class {value}" for value in values), ids=tuple(values.tolist()))
        content = f"P5 {len(values)} 1 {top}\n".encode() + values.astype(">u2" if top > 255 else "u1").tobytes()
        assert read_mask(content, labels)[0].tolist() == list(range(len(values)))


def test_a_pbm_holds_ones_where_it_stores_ones() -> None:
    assert read_mask(b"P1 3 1\n0 1 1", THREE).tolist() == [[0, 1, 1]]
    assert read_mask(b"P4 3 1\n\x60", THREE).tolist() == [[0, 1, 1]]


PAGES = [Image.fromarray(IDS), Image.fromarray(IDS[::-1].copy())]


@pytest.mark.parametrize(
    "content",
    [
        saved(PAGES[0], "TIFF", save_all=True, append_images=PAGES[1:]),
        saved(PAGES[0], "GIF", save_all=True, append_images=PAGES[1:]),
        saved(PAGES[0], "PNG", save_all=True, append_images=PAGES[1:]),
        saved(PAGES[0], "WEBP", save_all=True, append_images=PAGES[1:], lossless=True),
        tiff_bytes(Tiff(IDS.astype("u2")), Tiff(IDS.astype("u2"))),
    ],
    ids=["tiff", "gif", "apng", "webp", "tiff of 16 bits"],
)
def test_of_several_pages_none_is_chosen(content: bytes) -> None:
    assert "holds several pages or frames" in refused(content, THREE, "mask-pages")
    with Image.open(BytesIO(content)) as image:
        alone = saved(image.convert("L"))
    assert read_mask(alone, THREE).shape == (2, 3)


def test_overviews_are_no_pages() -> None:
    content = tiff_bytes(Tiff(IDS), Tiff(IDS[:1, :2], reduced=True))
    assert read_mask(content, THREE).tolist() == INDICES


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP", "TGA", "PPM"])
def test_ids_in_three_equal_channels_are_ids(form: str) -> None:
    assert read_mask(saved(np.dstack([IDS] * 3), form), THREE).tolist() == INDICES
    if form in ("PNG", "TIFF"):
        opaque = np.full_like(IDS, 255)
        assert read_mask(saved(np.dstack([IDS, IDS, IDS, opaque]), form), THREE).tolist() == INDICES


@pytest.mark.parametrize("file", ["png", "tiff", "planar tiff", "ppm", "plain ppm"])
def test_sixteen_bits_in_three_channels_are_ids_or_refused(file: str) -> None:
    labels = LabelSpace(("a", "b"), ids=(3, 4711))

    def content(values: NDArray[np.uint16]) -> bytes:
        if "ppm" in file:
            return deep_ppm(values, plain=file == "plain ppm")
        return deep_png(values) if file == "png" else tiff_bytes(Tiff(values, 2, planar=file == "planar tiff"))

    ids = np.array([[3, 4711]], np.uint16)
    assert read_mask(content(np.dstack([ids] * 3)), labels).tolist() == [[0, 1]]
    deep = content(PAINTED.astype(np.uint16) * 257)
    assert "save the mask as RGB of 8 bits" in refused(deep, COLORS, "form")
    refused(deep, labels, "mask-is-rgb")
    assert read_mask(saved(PAINTED), COLORS).tolist() == INDICES


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("top", [300, 1000, 65535])
def test_a_ppm_of_more_than_a_byte_holds_the_numbers_that_it_stores(top: int, plain: bool) -> None:
    assert read_mask(deep_ppm(np.dstack([IDS.astype(np.uint16)] * 3), top, plain=plain), THREE).tolist() == INDICES


def test_an_opaque_channel_beside_grey_is_no_hindrance() -> None:
    for form in ("PNG", "TIFF"):
        opaque = Image.fromarray(np.dstack([IDS, np.full_like(IDS, 255)]))
        assert opaque.mode == "LA"
        assert read_mask(saved(opaque, form), THREE).tolist() == INDICES


@pytest.mark.parametrize("labels", [THREE, COLORS], ids=["index", "rgb"])
@pytest.mark.parametrize("alpha", [0, 128])
def test_transparent_pixels_are_refused_with_what_to_do(labels: LabelSpace, alpha: int) -> None:
    bands = PAINTED if labels is COLORS else np.dstack([IDS] * 3)
    clear = np.full_like(IDS, 255)
    clear[0, 1] = alpha
    image = Image.fromarray(np.dstack([bands, clear]))
    for form in ("PNG", "TIFF", "WEBP"):
        options = {"lossless": True, "exact": True} if form == "WEBP" else {}
        message = refused(saved(image, form, **options), labels, "mask-clear")
        assert "partly transparent (1 pixel)" in message and "lay the mask over the value of a background" in message
    # As the advice says:
    below = Image.new("RGBA", image.size, (0, 0, 0, 255))
    hard = Image.fromarray(np.dstack([bands, np.where(clear == 255, 255, 0).astype(np.uint8)]))
    expected = [[0, 0, 2], [IGNORE, 2, 0]]
    assert read_mask(saved(Image.alpha_composite(below, hard).convert("RGB")), labels).tolist() == expected


def _of_palette(ids: NDArray[Any]) -> Image.Image:
    image = Image.fromarray(ids)
    image.putpalette(bytes(range(255, -1, -1)) * 3)
    return image


@pytest.mark.parametrize(
    ("content", "labels", "pixels"),
    [
        (saved(_of_palette(IDS), transparency=1), THREE, 1),
        (saved(_of_palette(IDS), transparency=bytes([255, 255, 40])), THREE, 2),
        (saved(_of_palette(IDS), "GIF", transparency=2), THREE, 2),
        (saved(Image.fromarray(IDS), "GIF", transparency=2), THREE, 2),
        (saved(IDS, transparency=255), THREE, 1),
        (saved(IDS.astype(np.uint16) + 300, transparency=302), LabelSpace(NAMES, ids=(300, 301, 302)), 2),
        (saved(IDS > 0, transparency=0), LabelSpace(NAMES[:2]), 2),
        (packed_png(FOUR, 2, clear=2), LabelSpace((*NAMES, "tree")), 1),
        (saved(PAINTED, transparency=(128, 64, 128)), COLORS, 1),
    ],
    ids=["index", "alphas", "gif", "grey gif", "grey", "16 bits", "one bit", "two bits", "colour"],
)
def test_pixels_that_a_number_makes_transparent_are_refused_too(
    content: bytes, labels: LabelSpace, pixels: int
) -> None:
    assert f"partly transparent ({pixels} pixel" in refused(content, labels, "mask-clear")


def test_a_transparent_number_that_no_pixel_has_is_no_hindrance() -> None:
    for content in (
        saved(_of_palette(IDS), transparency=7),
        saved(_of_palette(IDS), transparency=bytes([255, 255, 255, 0])),
        saved(_of_palette(IDS), "GIF", transparency=7, optimize=False),
        saved(IDS, transparency=7),
    ):
        assert read_mask(content, THREE).tolist() == INDICES
    assert read_mask(saved(PAINTED, transparency=(9, 9, 9)), COLORS).tolist() == INDICES
    assert read_mask(packed_png(FOUR[:, :2], 2, clear=3), THREE).tolist() == [[0, 1]]


def test_a_grey_file_among_colour_masks_is_one_of_grey_classes_or_refused() -> None:
    grey = np.array([[0, 70, 255]], np.uint8)
    for image in (grey, Image.fromarray(grey).convert("LA")):
        assert read_mask(saved(image), COLORS).tolist() == [[0, 2, IGNORE]]
    assert read_mask(saved(np.zeros((2, 2), np.uint8)), COLORS).tolist() == [[0, 0], [0, 0]]
    for other in (IDS, IDS.astype(np.uint16)):
        assert 'if the grey values of all masks are ids, say "masks": "index"' in refused(
            saved(other), COLORS, "mask-is-index"
        )
    assert read_mask(saved(IDS), LabelSpace(NAMES, ignore=(255,))).tolist() == INDICES


@pytest.mark.parametrize(
    ("form", "options", "what"),
    [
        ("JPEG", {}, "a JPEG"),
        ("WEBP", {"lossless": False, "quality": 90}, "a lossy WebP"),
        ("AVIF", {}, "an AVIF"),
        ("TIFF", {"compression": "jpeg"}, "a TIFF of lossy compression"),
    ],
)
def test_lossy_forms_are_refused(form: str, options: dict[str, Any], what: str) -> None:
    image = np.kron(np.dstack([IDS] * 3), np.ones((16, 16, 1), np.uint8))
    assert f"a mask cannot be {what}, whose compression changes label values" in refused(
        saved(image, form, **options), THREE, "jpeg-mask"
    )


@pytest.mark.parametrize("compression", [33003, 33005, 34712, 50001])
def test_forms_that_may_be_lossless_are_refused_with_what_to_do_if_they_are(compression: int) -> None:
    # The compression is all that counts: what is compressed is not looked at.
    plain = saved(IDS, "TIFF")
    entry = (259).to_bytes(2, "little") + (3).to_bytes(2, "little") + (1).to_bytes(4, "little")
    at = plain.index(entry) + len(entry)
    content = plain[:at] + compression.to_bytes(2, "little") + plain[at + 2 :]
    message = refused(content, THREE, "jpeg-mask")
    assert "is a TIFF compressed by JPEG 2000 or WebP, which may have changed" in message
    assert "if it is known to be lossless, convert this file (gdal_translate" in message
    if compression != 50001:
        with pytest.raises(PictureError, match=f"compression {compression}, is not read; write it with"):
            decode(content)
    assert "is a JPEG 2000, which may have changed" in refused(saved(IDS, "JPEG2000"), THREE, "jpeg-mask")


def test_a_lossless_webp_is_read() -> None:
    assert read_mask(saved(np.dstack([IDS] * 3), "WEBP", lossless=True), THREE).tolist() == INDICES


def test_a_palette_tiff_is_read_by_index_or_by_colour() -> None:
    image = Image.fromarray(np.where(IDS == 255, 3, IDS).astype(np.uint8))
    image.putpalette(bytes(np.array([*COLORS.colors, *COLORS.ignore_colors], np.uint8).tobytes()))
    for form in ("TIFF", "PNG"):
        assert read_mask(saved(image, form), LabelSpace(NAMES, ignore=(3,))).tolist() == INDICES
        assert read_mask(saved(image, form), COLORS).tolist() == INDICES
