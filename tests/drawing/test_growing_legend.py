"""The legend of a video's frames: one size, names that stay where they are."""

import numpy as np
import pytest

from sceneparse.drawing.growing_legend import GrowingLegend
from sceneparse.labels import LabelSpace
from sceneparse.settings.legend import LegendLayout

COLORS = ((250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0), (0, 250, 250), (250, 0, 250), (90, 90, 0), (0, 90, 90))
NAMES = ("a class with a long name", "grass", "sky", "tree", "car", "person", "路灯", "Bäume")
SPACE = LabelSpace(NAMES, colors=COLORS)
WIDE, NARROW = (480, 640), (480, 320)


def frame(size: tuple[int, int], **shares: int) -> np.ndarray:
    """Labels of whole rows: `frame(WIDE, sky=100)` has 100 rows of sky, and the first class in the others."""
    labels = np.zeros(size, np.int16)
    top = 0
    for name, rows in shares.items():
        labels[top : top + rows] = NAMES.index(name)
        top += rows
    return labels


def chips(legend: GrowingLegend, labels: np.ndarray) -> list[str]:
    """The classes whose squares the panel shows, in order."""
    drawn = np.asarray(legend.draw(np.full((*labels.shape, 3), 99, np.uint8), labels, 0.5))[labels.shape[0] :]
    found = {}
    for name, color in zip(NAMES, COLORS, strict=True):
        rows, columns = np.nonzero((drawn == color).all(-1))
        if len(rows):
            found[name] = (rows.min(), columns.min())
    return sorted(found, key=lambda name: found[name])


def test_classes_join_the_legend_when_they_are_seen_and_stay_where_they_are() -> None:
    legend = GrowingLegend(SPACE, WIDE, "auto")
    assert chips(legend, frame(WIDE, sky=400)) == ["sky", NAMES[0]]
    assert chips(legend, frame(WIDE, car=100)) == ["sky", NAMES[0], "car"]
    flicker = frame(WIDE)
    flicker[0, :3] = NAMES.index("tree")
    assert chips(legend, flicker) == ["sky", NAMES[0], "car"]


def test_in_a_full_legend_a_larger_class_takes_the_line_of_the_smallest() -> None:
    legend = GrowingLegend(SPACE, NARROW, "below")
    assert chips(legend, frame(NARROW, grass=120, sky=100, tree=80)) == [NAMES[0], "grass", "sky", "tree"]
    # The last of the four lines is now needed for the number of the others.
    assert chips(legend, frame(NARROW, car=20)) == [NAMES[0], "grass", "sky"]
    assert chips(legend, frame(NARROW, car=400)) == [NAMES[0], "grass", "car"]


@pytest.mark.parametrize(
    ("size", "layout", "wider", "higher"),
    [
        ((360, 640), "auto", False, True),
        ((640, 360), "auto", True, False),
        ((640, 360), "below", False, True),
        ((360, 640), "none", False, False),
    ],
)
def test_the_panel_is_beside_or_below_or_not_there(
    size: tuple[int, int], layout: LegendLayout, wider: bool, higher: bool
) -> None:
    legend = GrowingLegend(SPACE, size, layout)
    assert (legend.size[1] > size[1], legend.size[0] > size[0]) == (wider, higher)
    drawn = legend.draw(np.zeros((*size, 3), np.uint8), np.zeros(size, np.int16), 0.5)
    assert drawn.size == legend.size[::-1]
