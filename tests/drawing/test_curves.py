import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from sceneparse.drawing.curves import MOST_POINTS, read, training_charts
from sceneparse.evaluation.page import STYLE

FIGURES = {"mean_iou": "mean IoU", "pixel_accuracy": "pixel accuracy"}


def write(path: Path, lines: Sequence[object], tail: str = "") -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + tail)
    return path


def train(iteration: int, loss: float) -> dict[str, object]:
    return {"kind": "train", "iteration": iteration, "loss": loss, "lr": 0.01}


def test_no_file_an_empty_one_and_rubbish_give_no_lines(tmp_path: Path) -> None:
    assert read(tmp_path / "absent.jsonl") == []
    assert read(write(tmp_path / "empty.jsonl", [])) == []
    assert read(write(tmp_path / "rubbish.jsonl", [1, [], {"kind": "train"}], "\n\x00{")) == []
    assert training_charts([], FIGURES) == ""


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    assert read(write(tmp_path / "m.jsonl", [train(1, 2.0)], '{"kind": "train", "iter')) == [train(1, 2.0)]


def test_after_a_resume_the_later_line_of_an_iteration_counts(tmp_path: Path) -> None:
    lines = [train(1, 3.0), train(2, 2.0), train(3, 9.0), train(2, 1.5), train(3, 1.0)]
    assert read(write(tmp_path / "m.jsonl", lines)) == [train(1, 3.0), train(2, 1.5), train(3, 1.0)]


@pytest.mark.parametrize("count", [1, 2, 10, 5000])
def test_runs_of_any_length_can_be_drawn_and_stay_small(count: int) -> None:
    html = training_charts([train(20 * step, 1 / step) for step in range(1, count + 1)], FIGURES)
    assert "Training loss" in html and "Validation" not in html
    assert html.count(",") < 4 * MOST_POINTS + 200


def test_a_loss_that_is_no_number_is_left_out() -> None:
    html = training_charts([train(1, 1.0), train(2, float("nan")), train(3, float("inf")), train(4, 0.5)], FIGURES)
    assert "nan" not in html and "inf" not in html


def test_validation_scores_are_marked_with_their_values() -> None:
    html = training_charts(
        [{"kind": "validation", "iteration": 50, "mean_iou": 0.417, "pixel_accuracy": None}], FIGURES
    )
    assert "iteration 50: 41.70%" in html
    assert "Training loss" not in html and "pixel accuracy" not in html and "averaged" not in html


def test_the_scores_of_averaged_weights_stand_beside_those_of_the_weights() -> None:
    lines = [
        {"kind": kind, "iteration": 50, "mean_iou": score}
        for kind, score in (("validation", 0.417), ("validation_average", 0.432))
    ]
    html = training_charts(lines, FIGURES)
    assert "iteration 50: 41.70%" in html and "iteration 50: 43.20%" in html
    assert "mean IoU, averaged weights" in html


def test_validation_scores_have_colours_that_can_be_told_apart_and_averages_are_faint() -> None:
    figures = {f"figure_{number}": f"Figure {number}" for number in range(4)}
    lines = [
        {"kind": kind, "iteration": step, **dict.fromkeys(figures, 0.5)}
        for kind in ("validation", "validation_average")
        for step in (1, 2)
    ]
    html = training_charts(lines, figures)
    keys = re.findall(r'<li><i style="background:([^"]*)"( class=faint)?></i>([^<]*)', html)
    assert [bool(faint) for _, faint, _ in keys] == [False] * 4 + [True] * 4
    colors = [color for color, _, _ in keys]
    assert len(set(colors[:4])) == 4 and colors[4:] == colors[:4]
    assert not {"var(--muted)", "var(--text)"} & set(colors), "two greys"
    for color in colors:
        assert len(re.findall(rf"{color[4:-1]}: #[0-9a-f]{{6}};", STYLE)) == 2, "on light and on dark"
