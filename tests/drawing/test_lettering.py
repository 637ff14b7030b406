"""Names of any script: in a font that has them, else by the class's id."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, features

from sceneparse.drawing import font_files as files
from sceneparse.drawing import lettering
from sceneparse.drawing.lettering import Lettering, can_write, spelled
from sceneparse.drawing.panel import written_name
from sceneparse.drawing.render import draw_overlay
from sceneparse.labels import LabelSpace
from tests.drawing.test_render import Entry
from tests.support.tiny_font import write_font

CHINESE, CYRILLIC, ARABIC, HINDI = "路面", "дорога", "طريق", "सड़क"


@pytest.fixture
def fonts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is this machine's only one of fonts."""
    caches = (files.font_files, lettering._file_for)
    monkeypatch.setattr(files, "_folders", lambda: iter([tmp_path]))
    for cache in caches:
        cache.cache_clear()
    yield tmp_path
    for cache in caches:
        cache.cache_clear()


def inked(text: str) -> int:
    """Dark pixels of a text that is written."""
    image = Image.new("RGB", (200, 40), "white")
    Lettering(20).write(ImageDraw.Draw(image), (0, 5), text, (0, 0, 0))
    return int((np.array(image) < 128).all(axis=2).sum())


@pytest.mark.parametrize("form", [4, 12])
@pytest.mark.parametrize("collection", [False, True])
@pytest.mark.parametrize("text", [CHINESE, CYRILLIC, "Bäume", "ż"])
def test_a_name_is_written_in_the_font_that_has_all_of_it(text: str, form: int, collection: bool, fonts: Path) -> None:
    write_font(fonts / "a.ttf", text[:-1] + "x", form=form)
    suffix = "ttc" if collection else "ttf"
    right = write_font(fonts / f"b.{suffix}", text, form=form, collection=collection)
    assert can_write(text) and lettering._file_for(frozenset(text)) == right
    assert inked(text) == 256 * len(text)  # whose glyphs are filled squares


def test_english_names_are_written_as_ever(fonts: Path) -> None:
    write_font(fonts / "a.ttf", "road")
    assert lettering._file_for(frozenset("road, 12 %")) is None and can_write("road, 12 %")


def test_a_plain_face_comes_before_a_bold_one(fonts: Path) -> None:
    for name in ("A-Bold.ttf", "B-Italic.otf", "C-Regular.ttf", "D-NotoColorEmoji.ttf"):
        write_font(fonts / name, CHINESE)
    assert [file.name for file in files.font_files()] == ["C-Regular.ttf", "A-Bold.ttf", "B-Italic.otf"]


@pytest.mark.parametrize("damage", [b"", b"no font", b"ttcf\0\1\0\0", bytes(200)])
def test_files_that_are_no_fonts_are_passed_over(damage: bytes, fonts: Path) -> None:
    (fonts / "a.ttf").write_bytes(damage)
    assert not can_write(CHINESE)
    lettering._file_for.cache_clear()
    files.font_files.cache_clear()
    write_font(fonts / "b.ttf", CHINESE)
    assert can_write(CHINESE)


@pytest.mark.parametrize("text", [ARABIC, HINDI, "שלום"])
def test_scripts_whose_letters_join_need_a_library_that_joins_them(
    text: str, fonts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_font(fonts / "a.ttf", text)
    assert can_write(text) == features.check("raqm")
    lettering._file_for.cache_clear()
    monkeypatch.setattr(features, "check", lambda _: False)
    assert not can_write(text)


@pytest.mark.parametrize(
    ("name", "written"), [("road", "road"), (CHINESE, "id 7"), (ARABIC, "id 9"), ("Bäume", "Baume"), ("größe", "id 3")]
)
def test_without_such_a_font_a_class_is_written_by_its_id(name: str, written: str, fonts: Path) -> None:
    assert fonts.is_dir()
    space = LabelSpace(("road", CHINESE, ARABIC, "Bäume", "größe"), ids=(1, 7, 9, 2, 3))
    assert written_name(name, space) == written


def test_other_texts_are_spelled_by_their_numbers(fonts: Path) -> None:
    assert fonts.is_dir()
    assert spelled("路 1, Äpfel") == "\\u8def 1, Apfel"


def test_an_overlay_shows_the_id_that_its_legend_has(fonts: Path) -> None:
    space = LabelSpace((CHINESE, "id 7"), ids=(7, 8), colors=((250, 0, 0), (0, 250, 0)))
    image, labels = np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), np.int16)
    chinese, named = (
        np.array(draw_overlay(image, labels, space, [Entry(name, (250, 0, 0), 1.0)], 0.5)) for name in space.names
    )
    assert (chinese == named).all()
    write_font(fonts / "a.ttf", CHINESE)
    lettering._file_for.cache_clear()
    files.font_files.cache_clear()
    drawn = np.array(draw_overlay(image, labels, space, [Entry(CHINESE, (250, 0, 0), 1.0)], 0.5))
    assert drawn.shape != named.shape or (drawn != named).any()


def test_fonts_of_ones_own_lead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = write_font(tmp_path / "own.ttf", CHINESE)
    for given in (own, tmp_path):
        monkeypatch.setenv(files.VARIABLE, str(given))
        files.font_files.cache_clear()
        assert files.font_files()[0] == own
    files.font_files.cache_clear()
