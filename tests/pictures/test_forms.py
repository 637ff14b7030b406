"""Forms of pictures: what is read, and that what is not is refused and named."""

import base64
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sceneparse.errors import UserError
from sceneparse.pictures.finding import find_pictures
from sceneparse.pictures.forms import unread
from sceneparse.pictures.reading import picture_size, read_picture
from tests.support.tiffs import Tiff, tiff_bytes

HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAXxtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJp"
    "bG9jAAAAAERAAAEAAQAAAAABoAABAAAAAAAAAI0AAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAAB"
    "AAAA/GlwcnAAAADcaXBjbwAAAHVodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEA"
    "AQApQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbqrprm4CGgwIAAAAyAAAADAIRiAAEABkQBwXPBiQAAABNjb2xybmNseAABAA0ABoAAAAAU"
    "aXNwZQAAAAAAAABAAAAAQAAAAChjbGFwAAAAIAAAAAEAAAAQAAAAAf///+AAAAAC////0AAAAAIAAAAQcGl4aQAAAAADCAgIAAAAGGlw"
    "bWEAAAAAAAAAAQABBYECAwWEAAAAlW1kYXQAAACJKAGvCchnZX45I1d//+CB9kdq5ofyF1irxv0f/5d0//x2U/lOv9Du2kTkcXwZNY9X"
    "YZFtpPEksHC/jZhzzXVJsjrh5hPbl89yiPmlaM+YjVIa6bvnY0GQ/eenJG3y4bAzoc7/C6tRyf5s+0lCje8vTcmEgjD3QDRah6vqkCRr"
    "Ue3gId3jI39HAlQ="
)
"""32×16 pixels of (200, 0, 90) on the left and (0, 120, 30) on the right, written by pillow-heif 1.8."""


@pytest.mark.parametrize("suffix", ["jp2", "j2k", "tga", "avif", "pbm", "ppm", "png", "webp"])
def test_a_folder_is_searched_for_what_is_read(suffix: str, tmp_path: Path) -> None:
    colors = np.zeros((16, 32, 3), np.uint8)
    colors[:, :16] = (200, 0, 90)
    image = Image.fromarray(colors)
    (image.convert("1") if suffix == "pbm" else image).save(tmp_path / f"a.{suffix}")
    left_out = unread()
    (found,) = find_pictures([tmp_path], left_out)
    assert found.name == "a" and not left_out.count
    shown = read_picture(found.path)
    assert tuple(shown.shape) == (3, 16, 32) and picture_size(found.path) == (16, 32)
    if suffix != "pbm":
        assert (shown[:, 4, 4].int() - torch.tensor([200, 0, 90])).abs().max() <= 12


def test_heic_is_read_with_its_extra(tmp_path: Path) -> None:
    pytest.importorskip("pi_heif", reason="the extra heif")
    (tmp_path / "a.HEIC").write_bytes(HEIC)
    (found,) = find_pictures([tmp_path])
    shown = read_picture(found.path)
    assert (shown[:, 4, 4].int() - torch.tensor([200, 0, 90])).abs().max() <= 12
    assert (shown[:, 4, 28].int() - torch.tensor([0, 120, 30])).abs().max() <= 12
    assert picture_size(found.path) == (16, 32)


def test_heic_without_its_extra_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    with pytest.raises(UserError, match=r"need pi-heif; do: pip install 'sceneparse\[heif\]'"):
        read_picture(HEIC)


@pytest.mark.parametrize("suffix", ["dng", "CR2", "nef", "arw"])
def test_a_raw_photo_is_refused_by_its_name(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(tiff_bytes(Tiff(np.zeros((4, 4), np.uint8))))
    with pytest.raises(UserError, match=r"a camera's raw file, .* develop it and save it as TIFF, PNG or JPEG"):
        read_picture(path)


@pytest.mark.parametrize("kind", ["dng", "cr2", "cr3"])
def test_a_raw_photo_is_refused_by_what_is_in_it(kind: str) -> None:
    content = tiff_bytes(Tiff(np.zeros((4, 4), np.uint8)))
    if kind == "dng":  # its version in place of a tag that is not needed
        at = content.index(struct.pack("<HHI", 339, 3, 1))
        content = content[:at] + struct.pack("<HHI", 50706, 1, 4) + content[at + 8 :]
    elif kind == "cr2":
        content = content[:8] + b"CR\2\0" + content[12:]
    else:
        content = b"\0\0\0\x18ftypcrx \0\0\0\1crx isom"
    with pytest.raises(UserError, match="a camera's raw file"):
        read_picture(content)


def test_what_is_not_read_is_counted_and_named(tmp_path: Path) -> None:
    for name in ("a.dng", "sub/b.JXL", "sub/c.psd", "sub/d.cr3", "notes.txt", ".hidden.dng", "e.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(UserError, match=r"no pictures .*; left out 4 files that sceneparse does not read: a\.dng,"):
        find_pictures([tmp_path])
    Image.new("RGB", (2, 2)).save(tmp_path / "f.png")
    left_out = unread()
    assert [found.name for found in find_pictures([tmp_path, tmp_path / "f.png"], left_out)] == ["f", "f-2"]
    assert left_out.count == 4
    left_out = unread()
    list(find_pictures([tmp_path], left_out))
    assert str(left_out).startswith("left out 4 files that sceneparse does not read: a.dng, sub/b.JXL, sub/c.psd, …;")
    assert left_out.to_json()["by_suffix"] == {".cr3": 1, ".dng": 1, ".jxl": 1, ".psd": 1}
    left_out = unread()
    assert [found.name for found in find_pictures([str(tmp_path / "*")], left_out)] == ["f"]
    assert left_out.examples == ["a.dng"]
