"""The quick look at common files says what the full one says, and leaves the rest to it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneparse.datasets.matching import Pair
from sceneparse.doctor.looks import GRID
from sceneparse.doctor.pair_facts import Facts, pair_facts
from sceneparse.doctor.quick_facts import MARGIN, QuickLook
from sceneparse.labels import LabelSpace

LABELS = LabelSpace(("sky", "road", "car"), ids=(0, 1, 4), ignore=(255,))
RNG = np.random.default_rng(0)
PICTURE = Image.fromarray(RNG.integers(0, 256, (5, 6, 3), dtype=np.uint8)).resize((60, 50), Image.Resampling.BICUBIC)
MASK = Image.fromarray(RNG.choice(np.array([0, 1, 4, 255], dtype=np.uint8), (50, 60)))


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-60])


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def palette_mask(path: Path) -> None:
    mask = MASK.copy()
    mask.putpalette([9, 8, 7, *range(200)])
    mask.save(path)


QUICK: dict[str, tuple[str, Callable[[Path], object], Callable[[Path], object]]] = {
    "JPEG": ("jpg", lambda path: PICTURE.save(path, quality=90), lambda path: MASK.save(path)),
    "progressive JPEG": ("jpg", lambda path: PICTURE.save(path, progressive=True), lambda path: MASK.save(path)),
    "grey JPEG": ("jpg", lambda path: PICTURE.convert("L").save(path), lambda path: MASK.save(path)),
    "PNG": ("png", lambda path: PICTURE.save(path), lambda path: MASK.save(path)),
    "palette mask": ("jpg", lambda path: PICTURE.save(path), palette_mask),
}
FULL: dict[str, tuple[str, Callable[[Path], object], Callable[[Path], object]]] = {
    "cut off JPEG": ("jpg", lambda path: (PICTURE.save(path), cut_off(path)), lambda path: MASK.save(path)),  # type: ignore[func-returns-value]
    "cut off PNG": ("png", lambda path: (PICTURE.save(path), cut_off(path)), lambda path: MASK.save(path)),  # type: ignore[func-returns-value]
    "cut off mask": ("jpg", lambda path: PICTURE.save(path), lambda path: (MASK.save(path), cut_off(path))),  # type: ignore[func-returns-value]
    "turned JPEG": ("jpg", lambda path: PICTURE.save(path, exif=turned()), lambda path: MASK.save(path)),
    "CMYK JPEG": ("jpg", lambda path: PICTURE.convert("CMYK").save(path), lambda path: MASK.save(path)),
    "RGBA PNG": ("png", lambda path: PICTURE.convert("RGBA").save(path), lambda path: MASK.save(path)),
    "unknown values": ("jpg", lambda path: PICTURE.save(path), lambda path: Image.new("L", (60, 50), 9).save(path)),
    "other size": ("jpg", lambda path: PICTURE.save(path), lambda path: Image.new("L", (60, 49)).save(path)),
    "colour mask": ("jpg", lambda path: PICTURE.save(path), lambda path: PICTURE.save(path)),
    "two bits": ("jpg", lambda path: PICTURE.save(path), lambda path: Image.new("P", (60, 50), 1).save(path, bits=2)),
    "mask that is a JPEG": ("jpg", lambda path: PICTURE.save(path), lambda path: MASK.save(path, "JPEG")),
    "no picture": ("png", lambda path: path.write_bytes(b"nonsense"), lambda path: path.write_bytes(b"")),
}


def both(case: tuple[str, Callable[[Path], object], Callable[[Path], object]], root: Path) -> tuple[Facts, Facts]:
    """What the quick look and the full one say of a pair."""
    suffix, picture, mask = case
    pair = Pair("a", root / f"a.{suffix}", root / "mask.png")
    picture(pair.image)
    mask(pair.mask)
    return pair_facts(pair, LABELS, 3, quick=QuickLook(LABELS)), pair_facts(pair, LABELS, 3)


@pytest.mark.parametrize("case", [*QUICK, *FULL])
def test_it_says_what_the_full_look_says(case: str, tmp_path: Path) -> None:
    quick, full = both({**QUICK, **FULL}[case], tmp_path)
    assert quick.pixels.tolist() == full.pixels.tolist()
    seen, whole = quick.looks.picture, full.looks.picture
    assert (seen is None) == (whole is None)
    if seen is not None and whole is not None:
        assert seen.lowest >= whole.lowest - MARGIN and seen.highest <= whole.highest + MARGIN
        seen = replace(seen, lowest=whole.lowest, highest=whole.highest, sketch=whole.sketch)
    same = replace(quick, pixels=full.pixels, looks=replace(quick.looks, picture=seen))
    assert same == full


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_both_sketch_a_picture_alike(suffix: str, tmp_path: Path) -> None:
    coarse = np.random.default_rng(0).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    soft = Image.fromarray(coarse).resize((500, 300), Image.Resampling.BICUBIC)
    quick, full = both((suffix, soft.save, MASK.save), tmp_path)
    looks = (quick.looks.picture, full.looks.picture)
    sketches = [np.frombuffer(look.sketch, np.uint8).astype(int) for look in looks if look is not None]
    assert [len(sketch) for sketch in sketches] == [GRID**2] * 2
    assert float(np.corrcoef(sketches)[0, 1]) > 0.98


@pytest.mark.parametrize("case", QUICK)
def test_common_files_need_no_full_look(case: str, tmp_path: Path) -> None:
    suffix, picture, mask = QUICK[case]
    picture(tmp_path / f"a.{suffix}")
    mask(tmp_path / "mask.png")
    look = QuickLook(LABELS)
    assert (
        look.picture((tmp_path / f"a.{suffix}").read_bytes()) is not None
        and look.mask(tmp_path / "mask.png") is not None
    )
