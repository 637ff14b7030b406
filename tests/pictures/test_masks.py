"""Reading and writing masks: exact values or a clear refusal."""

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
from sceneparse.labels import IGNORE, LabelSpace
from sceneparse.pictures.decoding import PictureError
from sceneparse.pictures.masks import read_mask, write_mask
from sceneparse.pictures.reading import read_picture

THREE = LabelSpace(names=("sky", "road", "car"), colors=((1, 2, 3), (128, 64, 128), (0, 0, 142)), ignore=(255,))
RGB_SPACE = LabelSpace(
    names=("sky", "road"), colors=((0, 0, 255), (128, 64, 128)), ignore_colors=((0, 0, 0),), masks="rgb"
)
IDS = np.array([[0, 1, 2], [255, 2, 0]], dtype=np.uint8)
INDICES = torch.tensor([[0, 1, 2], [IGNORE, 2, 0]], dtype=torch.int16)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".gif"])
def test_masks_of_grey_values_are_read_exactly(suffix: str, tmp_path: Path) -> None:
    Image.fromarray(IDS).save(tmp_path / f"a{suffix}")
    assert torch.equal(read_mask(tmp_path / f"a{suffix}", THREE), INDICES)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".gif"])
def test_of_a_palette_mask_the_indices_count(suffix: str, tmp_path: Path) -> None:
    mask = Image.fromarray(IDS)
    mask.putpalette(bytes(value for index in range(256) for value in (0, 255 - index, index)))
    mask.save(tmp_path / f"a{suffix}", optimize=False)
    assert torch.equal(read_mask(tmp_path / f"a{suffix}", THREE), INDICES)


def test_sixteen_bit_masks_hold_large_ids(tmp_path: Path) -> None:
    labels = LabelSpace(names=("a", "b"), ids=(3, 4711), ignore=(65535,))
    for suffix in (".png", ".tif"):
        Image.fromarray(np.array([[3, 4711, 65535]], dtype=np.uint16)).save(tmp_path / f"a{suffix}")
        assert read_mask(tmp_path / f"a{suffix}", labels).tolist() == [[0, 1, IGNORE]]
    Image.fromarray(np.array([[3, 4711, 65535]], dtype=np.int32)).save(tmp_path / "b.tif")
    assert read_mask(tmp_path / "b.tif", labels).tolist() == [[0, 1, IGNORE]]
    Image.fromarray(np.array([[3, -1, 70000]], dtype=np.int32)).save(tmp_path / "c.tif")
    with pytest.raises(UserError, match="values from -1 to 70,000"):
        read_mask(tmp_path / "c.tif", labels)


def grey_png(width: int, depth: int, row: int) -> bytes:
    """A PNG of one row of grey pixels of 1, 2 or 4 bits, which Pillow does not write."""
    header = struct.pack(">IIBBBBB", width, 1, depth, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes([0, row]))), (b"IEND", b"")):
        content += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return content


@pytest.mark.parametrize(("depth", "row"), [(1, 0b01100000), (2, 0b00011000), (4, 0b00010010)])
def test_masks_of_few_bits_are_not_stretched(depth: int, row: int, tmp_path: Path) -> None:
    width = {1: 3, 2: 3, 4: 2}[depth]
    (tmp_path / "a.png").write_bytes(grey_png(width, depth, row))
    expected = {1: [0, 1, 1], 2: [0, 1, 2], 4: [1, 2]}[depth]
    assert read_mask(tmp_path / "a.png", THREE).tolist() == [expected]


def test_a_jpeg_mask_is_refused_with_the_reason(tmp_path: Path) -> None:
    Image.fromarray(IDS).save(tmp_path / "a.jpg")
    with pytest.raises(PictureError, match="cannot be a JPEG, whose compression changes label values") as caught:
        read_mask(tmp_path / "a.jpg", THREE)
    assert caught.value.problem == "jpeg-mask"


def test_colour_masks_are_looked_up(tmp_path: Path) -> None:
    colors = np.array([[[0, 0, 255], [128, 64, 128], [0, 0, 0]]], dtype=np.uint8)
    Image.fromarray(colors).save(tmp_path / "a.png")
    Image.fromarray(colors).convert("RGBA").save(tmp_path / "b.png")
    Image.fromarray(colors).quantize(3).save(tmp_path / "c.png")
    for name in "abc":
        assert read_mask(tmp_path / f"{name}.png", RGB_SPACE).tolist() == [[0, 1, IGNORE]]
    Image.new("RGBA", (2, 2), (0, 0, 255, 100)).save(tmp_path / "d.png")
    with pytest.raises(UserError, match="partly transparent"):
        read_mask(tmp_path / "d.png", RGB_SPACE)


def test_masks_of_the_other_form_are_refused_with_the_setting_to_change(tmp_path: Path) -> None:
    Image.fromarray(IDS).save(tmp_path / "grey.png")
    Image.merge("RGB", [Image.fromarray(band) for band in (IDS, IDS, IDS // 2)]).save(tmp_path / "rgb.png")
    with pytest.raises(PictureError, match=r'say "masks": "rgb" in classes\.json'):
        read_mask(tmp_path / "rgb.png", THREE)
    with pytest.raises(PictureError, match='say "masks": "index"'):
        read_mask(tmp_path / "grey.png", RGB_SPACE)
    Image.new("F", (2, 2)).save(tmp_path / "float.tif")
    for labels in (THREE, RGB_SPACE):
        with pytest.raises(PictureError, match="a mask cannot be of mode F"):
            read_mask(tmp_path / "float.tif", labels)


def space(count: int, **more: object) -> LabelSpace:
    return LabelSpace(names=tuple(f"class {index}" for index in range(count)), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "labels", "message"),
    [
        (
            [255] * 1204,
            space(11),
            "value 255 at 1,204 pixels, but the label space has ids 0–10 and no ignore value. If 255 means "
            '"unlabelled", add "ignore": 255 to classes.json.',
        ),
        ([0, 255], space(2), 'black-and-white masks (0 and 255), add "ids": [0, 255]'),
        ([1, 2, 3], space(3, ignore=(255,)), '"reduce zero label"), put "ids": [1, …, 3] and "ignore": [0, 255]'),
        ([0, 9], space(3), "value 9 at 1 pixel, but the label space has ids 0–2 and no ignore value. If 9 means"),
        (
            [0, 10],
            space(10),
            "leaves out a class, add it at its place (the first name has value 0, the last would have 10)",
        ),
        ([0, 3, 4, 255], space(3), "leaves out 2 classes, add each at its place (the first name has value 0, the last"),
        ([0, 3, 4, 255], space(3), 'mean "unlabelled", put "ignore": [3, 4, 255]'),
        ([0, 3, 255], space(3), 'if 3 means "unlabelled", put "ignore": [3, 255]'),
        ([0, 3, 9], space(3), 'Name every class in "names" of classes.json, give each its value by "ids"'),
        ([4], space(3, ids=(1, 2, 3)), 'add its name to "names" and list every class\'s value in "ids", 4 among them'),
        ([7, 7, 9], space(3, ids=(1, 2, 5)), "2 values outside the label space (7 at 2 pixels, 9 at 1 pixel), but"),
        ([7], space(3, ids=(1, 2, 5), ignore=(0, 255)), "ids 1–2, 5 and ignores 0, 255"),
    ],
    ids=[
        "255",
        "black and white",
        "one off",
        "one odd value",
        "left out",
        "two left out",
        "two ignored",
        "left out or ignored",
        "gaps",
        "a class more",
        "several",
        "ranges",
    ],
)
def test_values_outside_the_label_space_are_named_with_a_way_out(
    values: list[int], labels: LabelSpace, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "0013.png"
    Image.fromarray(np.array([values], dtype=np.uint8)).save(path)
    with pytest.raises(PictureError) as caught:
        read_mask(path, labels)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_unknown_colours_are_named(tmp_path: Path) -> None:
    Image.new("RGB", (5, 2), (255, 0, 255)).save(tmp_path / "a.png")
    with pytest.raises(
        PictureError, match=r"colour #ff00ff at 10 pixels, but the label space has 2 class colours and 1"
    ):
        read_mask(tmp_path / "a.png", RGB_SPACE)


@pytest.mark.parametrize(
    "labels",
    [THREE, LabelSpace(names=("a", "b", "c"), ids=(1, 300, 40000), ignore=(0,)), RGB_SPACE],
    ids=["8", "16", "rgb"],
)
def test_written_masks_are_read_back(labels: LabelSpace, tmp_path: Path) -> None:
    indices = torch.randint(IGNORE, len(labels), (9, 11), dtype=torch.int16)
    write_mask(tmp_path / "a.png", indices, labels)
    assert torch.equal(read_mask(tmp_path / "a.png", labels), indices)


def test_a_written_mask_shows_the_classes_in_their_colours(tmp_path: Path) -> None:
    write_mask(tmp_path / "a.png", torch.tensor([[1]], dtype=torch.int16), THREE)
    assert read_picture(tmp_path / "a.png")[:, 0, 0].tolist() == [128, 64, 128]


def test_ignored_pixels_are_not_written_without_a_value_for_them(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no value for ignored pixels"):
        write_mask(tmp_path / "a.png", torch.tensor([[0, IGNORE]], dtype=torch.int16), space(2))
    assert not (tmp_path / "a.png").exists()


@pytest.mark.parametrize("form", ["PNG", "TIFF", "GIF", "BMP"])
@pytest.mark.parametrize("labels", [THREE, RGB_SPACE], ids=["index", "rgb"])
@pytest.mark.filterwarnings("ignore:.*:UserWarning")
def test_damaged_masks_never_escape_as_anything_but_a_user_error(form: str, labels: LabelSpace, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    target = BytesIO()
    Image.fromarray(rng.integers(0, 3, (24, 24), dtype=np.uint8)).quantize(16).save(target, form)
    content = np.frombuffer(target.getvalue(), dtype=np.uint8)
    for _ in range(40):
        damaged = content.copy()
        damaged[rng.integers(0, len(damaged), 6)] = rng.integers(0, 256, 6)
        (tmp_path / "mask").write_bytes(damaged.tobytes())
        with suppress(UserError):
            read_mask(tmp_path / "mask", labels)
