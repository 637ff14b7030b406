import re
from xml.etree import ElementTree

import numpy as np
import pytest

from sceneparse.drawing.charts import Series, bar, confusion_matrix, curves, ticks


def titles(svg: str) -> list[str]:
    return re.findall(r"<title>(.*?)</title>", svg)


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0, 0.93, [0, 0.2, 0.4, 0.6, 0.8]), (20, 12000, [5000, 10000]), (3, 3, [3])],
)
def test_ticks_are_round_numbers_within_the_range(low: float, high: float, wanted: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(wanted)


def test_a_curve_runs_from_the_lower_left_to_the_upper_right_when_it_rises() -> None:
    svg = curves([Series("mean IoU", [(0, 0.0), (100, 0.5)])], label="Validation", x_name="iteration", percent=True)
    first, last = re.search(r'points="([^"]+)"', svg).group(1).split()  # type: ignore[union-attr]
    assert first == "0.00,100.00"
    assert last.startswith("100.00,") and 0 <= float(last.split(",")[1]) < 10
    assert "40%" in svg and "mean IoU" in svg and 'aria-label="Validation"' in svg


def test_a_single_point_is_a_chart_too() -> None:
    svg = curves([Series("a", [(20, 0.0)], dots=True)], label="Loss", x_name="iteration")
    assert titles(svg) == ["iteration 20: 0"]
    assert "nan" not in svg


def test_a_short_trainings_first_figure_stands_where_it_was_taken() -> None:
    for first in (20, 30):
        svg = curves([Series("", [(first, 1.0), (60, 0.5)])], label="Loss", x_name="iteration")
        assert f'points="{100 * first / 60:.2f},' in svg, "the axis begins with the training, in every chart"
        assert '<text class="tick middle" x="0.00%" y="100%" dy="1.6em">0</text>' in svg


def test_names_in_charts_are_escaped() -> None:
    svg = curves([Series("<b>", [(0, 1), (1, 2)])], label="<i>", x_name="<u>")
    matrix = confusion_matrix(np.ones((2, 2)), ["<b>", '"&'], [0, 1])
    for text in (svg, matrix):
        ElementTree.fromstring(text.replace(" class=faint", ""))
        assert "<b>" not in text and "<i>" not in text and "<u>" not in text


def test_bars_are_as_long_as_their_values_and_a_missing_one_is_an_empty_track() -> None:
    svg = bar([(0.25, "blue"), (None, "red"), (0.0, "green")])
    assert svg.count('class="track"') == 3
    assert 'width="25.0%"' in svg and "fill:blue" in svg
    assert "red" not in svg and "green" not in svg


def test_the_matrix_scales_each_row_to_its_truth_and_says_it_in_hover_titles() -> None:
    counts = np.array([[75, 25, 0], [0, 10, 0], [0, 0, 0]])
    svg = confusion_matrix(counts, ["car", "boat", "sky"], [0, 1, 2])
    assert titles(svg) == [
        "75.00% of car is right (75 pixels)",
        "25.00% of car is read as boat (25 pixels)",
        "100.00% of boat is right (10 pixels)",
    ]


def test_a_part_of_the_matrix_is_still_scaled_to_all_classes() -> None:
    svg = confusion_matrix(np.array([[50, 50], [0, 1]]), ["car", "boat"], [0])
    assert titles(svg) == ["50.00% of car is right (50 pixels)"]


def test_large_matrices_have_no_figures_in_their_cells() -> None:
    names = [f"class {index}" for index in range(40)]
    assert 'class="cell' not in confusion_matrix(np.eye(40), names, range(40))
    assert 'class="cell' in confusion_matrix(np.eye(40), names, range(10))


def test_long_class_names_are_cut_in_the_matrix_but_not_in_its_titles() -> None:
    name = "traffic light, traffic signal, stoplight"
    svg = confusion_matrix(np.ones((1, 1)), [name], [0])
    assert titles(svg) == [f"100.00% of {name} is right (1 pixels)"]
    assert f">{name}<" not in svg and ">traffic light, traf…<" in svg
