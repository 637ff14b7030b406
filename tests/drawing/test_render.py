"""The overlay: colours, borders, legend."""

from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from sceneparse.drawing.panel import share_text
from sceneparse.drawing.render import draw_overlay
from sceneparse.labels import Color, LabelSpace

SPACE = LabelSpace(("brick", "grass"), colors=((250, 0, 0), (0, 250, 0)))


@dataclass(frozen=True)
class Entry:
    name: str
    color: Color
    share: float


LEGEND = [Entry("brick", (250, 0, 0), 0.7), Entry("grass", (0, 250, 0), 0.3)]


def two_regions(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    labels = np.zeros((height, width), np.int16)
    labels[:, width // 2 :] = 1
    return np.full((height, width, 3), 100, np.uint8), labels


def has_color(image: Image.Image, color: Color) -> bool:
    return bool((np.array(image) == color).all(axis=2).any())


def test_without_a_legend_it_has_the_pictures_size_and_mixed_colors() -> None:
    image, labels = two_regions(20, 30)
    drawn = np.array(draw_overlay(image, labels, SPACE, None, 0.5))
    assert drawn.shape == (20, 30, 3)
    assert drawn[5, 5].tolist() == [175, 50, 50]
    assert drawn[5, 25].tolist() == [50, 175, 50]


def test_borders_are_lighter_than_what_they_part() -> None:
    image, labels = two_regions(20, 30)
    drawn = np.array(draw_overlay(image, labels, SPACE, None, 0.5)).astype(int)
    light = np.flatnonzero((drawn.sum(axis=2) > 400).all(axis=0))
    assert light.tolist() == [15]


def test_borders_of_large_pictures_are_thicker() -> None:
    image, labels = two_regions(2000, 2000)
    drawn = np.array(draw_overlay(image, labels, SPACE, None, 0.5)).astype(int)
    light = np.flatnonzero((drawn.sum(axis=2) > 400).all(axis=0))
    assert len(light) == 4 and light.min() >= 998 and light.max() <= 1002


@pytest.mark.parametrize("opacity", [0.0, 0.55, 1.0])
def test_pixels_without_a_class_show_the_picture(opacity: float) -> None:
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    drawn = draw_overlay(image, np.full((8, 8), -1, np.int16), SPACE, None, opacity)
    assert np.abs(np.array(drawn).astype(int) - image).max() <= 1


def test_the_picture_and_the_labels_are_left_as_they_were() -> None:
    image, labels = two_regions(20, 30)
    draw_overlay(image, labels, SPACE, LEGEND, 0.5)
    assert (image == 100).all() and labels.sum() == 300


def test_the_legend_is_beside_an_upright_picture_and_under_another() -> None:
    upright = draw_overlay(*two_regions(400, 300), SPACE, LEGEND, 0.5)
    assert upright.height == 400 and upright.width > 300
    lying = draw_overlay(*two_regions(300, 400), SPACE, LEGEND, 0.5)
    assert lying.width == 400 and lying.height > 300


@pytest.mark.parametrize(("height", "width"), [(400, 300), (300, 400), (80, 100), (40, 400), (1, 1), (900, 20)])
def test_every_class_has_its_chip(height: int, width: int) -> None:
    panel = draw_overlay(*two_regions(height, width), SPACE, LEGEND, 0.5)
    assert has_color(panel, (250, 0, 0)) and has_color(panel, (0, 250, 0))


def test_small_pictures_are_enlarged_by_a_whole_number() -> None:
    image, labels = two_regions(80, 100)
    panel = draw_overlay(image, labels, SPACE, LEGEND, 0.5)
    assert panel.width == 400 and panel.height > 320
    plain = draw_overlay(image, labels, SPACE, None, 0.5)
    inside = np.array(panel)[:320:4, :180:4]
    assert (inside == np.array(plain)[:, :45]).all()


def test_the_text_grows_with_the_picture() -> None:
    def panel_height(side: int) -> int:
        return draw_overlay(*two_regions(side, side), SPACE, LEGEND, 0.5).height - side

    assert panel_height(2400) > 2 * panel_height(800)


def test_more_classes_than_there_is_room_for_are_summed_up() -> None:
    many = [Entry(f"class {index}", (0, 0, 200), 0.001) for index in range(500)]
    lying = draw_overlay(*two_regions(300, 400), SPACE, many, 0.5)
    assert lying.width == 400 and lying.height <= 2.2 * 300
    upright = draw_overlay(*two_regions(400, 300), SPACE, many, 0.5)
    assert upright.height == 400


def test_long_names_are_cut_to_the_panel() -> None:
    long = [Entry("a name that goes on " * 20, (0, 0, 200), 1.0)]
    for size in ((300, 400), (400, 300)):
        panel = draw_overlay(*two_regions(*size), SPACE, long, 0.5)
        # The margin at the right edge of the panel stays free.
        assert (np.array(panel)[size[0] if size[0] < size[1] else 0 :, -5:] == 250).all()


@pytest.mark.parametrize(
    ("share", "text"),
    [(1.0, "100 %"), (0.314, "31 %"), (0.0996, "10 %"), (0.0994, "9.9 %"), (0.024, "2.4 %"), (0.0004, "<0.1 %")],
)
def test_shares_are_written_as_a_reader_wants_them(share: float, text: str) -> None:
    assert share_text(share) == text
