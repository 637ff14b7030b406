"""What a sweep's runs come to: means, spreads, gains, and the files that show them."""

import csv
import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from sceneparse.drawing.picture_grid import write_picture_grid
from sceneparse.recipes.sweep import Sweep
from sceneparse.training.sweeping.figures import MEAN_IOU, Spread, figures_of
from sceneparse.training.sweeping.tables import print_summary, write_summary

ROWS: list[dict[str, Any]] = [
    {"name": "first", "published": [{"source": "a paper", "test": "test", "mean_iou": 41.0}]},
    {"name": "second", "network": {"channels": 16}},
]
FIGURES = {("first", 0): 0.40, ("first", 1): 0.44, ("second", 0): 0.50, ("second", 1): 0.58}


@pytest.fixture
def swept(small_sweep: Callable[..., Sweep], pretend: Callable[..., None], tmp_path: Path) -> tuple[Sweep, Path]:
    """A sweep of two rows and three seeds, of which two are finished."""
    sweep, folder = small_sweep(rows=ROWS, seeds=[0, 1, 2]), tmp_path / "out"
    for run in sweep.runs():
        if (value := FIGURES.get((run.row.name, run.seed))) is not None:
            dark = None if run.row.name == "second" and run.seed == 1 else value + 0.1
            pretend(sweep, folder, run, value, dark, value + 0.2)
    return sweep, folder


class TestFigures:
    def test_mean_and_sample_deviation_are_over_the_finished_seeds(self, swept: tuple[Sweep, Path]) -> None:
        first, second = figures_of(swept[0], "test", swept[1])
        assert first.seeds == [0, 1] and second.figures[MEAN_IOU].mean == pytest.approx(0.54)
        assert second.figures[MEAN_IOU].deviation == pytest.approx(statistics.stdev([0.50, 0.58]))
        assert first.minutes.mean == pytest.approx(1.5)

    def test_a_group_is_the_mean_iou_of_its_classes_that_occur(self, swept: tuple[Sweep, Path]) -> None:
        first, second = figures_of(swept[0], "test", swept[1])
        assert first.figures["blocks"].values == pytest.approx({0: 0.55, 1: 0.59})
        assert second.figures["blocks"].values == pytest.approx({0: 0.65, 1: 0.78})
        assert second.classes["dark"].values == pytest.approx({0: 0.60})

    def test_gains_are_taken_seed_by_seed_over_the_first_row(self, swept: tuple[Sweep, Path]) -> None:
        first, second = figures_of(swept[0], "test", swept[1])
        assert first.gains == {}
        assert second.gains[MEAN_IOU].values == pytest.approx({0: 0.10, 1: 0.14})
        assert second.gains[MEAN_IOU].deviation == pytest.approx(statistics.stdev([0.10, 0.14]))

    def test_gains_leave_out_seeds_that_only_one_row_has(self) -> None:
        assert Spread({0: 0.5, 1: 0.7}).over(Spread({1: 0.6, 2: 0.1})).values == pytest.approx({1: 0.1})

    def test_a_single_seed_has_no_spread_and_none_has_no_mean(self) -> None:
        assert Spread({3: 0.25}).text() == "25.00" and Spread({}).text() == "–"
        assert Spread({0: 0.25, 1: 0.35}).text("+") == "+30.00 ± 7.07"

    def test_a_group_with_an_unknown_class_has_no_figure_but_its_known_ones_have(
        self, small_sweep: Callable[..., Sweep], pretend: Callable[..., None], tmp_path: Path
    ) -> None:
        sweep = small_sweep(rows=ROWS, groups={"animals": ["sheep", "dark"], "blocks": ["dark", "bright"]})
        pretend(sweep, tmp_path / "out", sweep.runs()[0], 0.1, 0.2, 0.4)
        first, _ = figures_of(sweep, "test", tmp_path / "out")
        assert first.figures["animals"].mean is None and first.figures["blocks"].mean == pytest.approx(0.3)
        assert first.classes["sheep"].mean is None and first.classes["dark"].mean == pytest.approx(0.2)

    def test_figures_of_another_protocol_do_not_count(
        self, swept: tuple[Sweep, Path], small_sweep: Callable[..., Sweep]
    ) -> None:
        flipped = small_sweep(rows=ROWS, seeds=[0, 1, 2], tests={"test": {"flip": True}})
        assert [one.seeds for one in figures_of(flipped, "test", swept[1])] == [[], []]


class TestFiles:
    def test_the_summary_is_written_in_every_form(self, swept: tuple[Sweep, Path]) -> None:
        sweep, folder = swept
        write_summary(sweep, folder, {"second, seed 2": "no memory"})
        summary = json.loads((folder / "summary.json").read_text())
        assert (summary["runs"], summary["finished"]) == (6, 4)
        assert summary["failed"] == {"second, seed 2": "no memory"}
        second = summary["tests"]["test"][1]
        assert second["figures"]["mean IoU"]["mean"] == pytest.approx(0.54)
        assert second["gain_over_first_row"]["blocks"]["values"]["1"] == pytest.approx(0.19)
        assert "absent classes left out" in second["protocol"]
        with (folder / "summary.csv").open(newline="") as file:
            lines = list(csv.DictReader(file))
        line = next(one for one in lines if (one["row"], one["figure"]) == ("second", "mean IoU"))
        assert float(line["mean"]) == pytest.approx(0.54) and line["seed 2"] == ""
        text = (folder / "summary.md").read_text()
        assert "| second | 2 | 54.00 ± 5.66 |" in text and "| 41.00 / – |" in text
        assert "| mean IoU | gain in mean IoU |" in text and "| blocks | gain in blocks |" in text
        assert "**Failed**: second, seed 2: no memory" in text and "Not finished: first, seed 2." in text
        assert "Protocol: whole: own size" in text
        assert "Mean ± sample standard deviation (n − 1) over the seeds (0, 1, 2)" in text

    def test_a_group_with_an_unknown_class_is_a_note_beside_the_figures(
        self,
        small_sweep: Callable[..., Sweep],
        pretend: Callable[..., None],
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        sweep, folder = small_sweep(rows=ROWS, groups={"animals": ["sheep", "drak"]}), tmp_path / "out"
        pretend(sweep, folder, sweep.runs()[0], 0.1, 0.2, 0.4)
        write_summary(sweep, folder, {})
        print_summary(sweep, folder, {}, Console(width=200))
        summary = json.loads((folder / "summary.json").read_text())
        (note,) = summary["notes"]
        assert "groups.animals: the data set of row 'first' has no class 'sheep', 'drak' (did you mean 'dark'?)" in note
        assert f"**Note**: {note}" in (folder / "summary.md").read_text() and note in capsys.readouterr().out
        assert summary["tests"]["test"][0]["figures"]["mean IoU"]["mean"] == pytest.approx(0.1)

    def test_the_picture_has_bars_as_long_as_the_means(self, swept: tuple[Sweep, Path]) -> None:
        sweep, folder = swept
        write_summary(sweep, folder, {})
        pixels = np.asarray(Image.open(folder / "summary.png").convert("RGB")).astype(int)
        grey, blue = (np.abs(pixels - color).sum(2) < 12 for color in ((154, 164, 175), (47, 111, 171)))
        # In the panel of mean IoU, which starts at zero: the lengths are as 42 to 54.
        lengths = [mask.sum(1) for mask in (grey, blue)]
        panel = pixels.shape[0] // 3
        first, second = (int(length[panel : 2 * panel].max()) for length in lengths)
        assert second / first == pytest.approx(54 / 42, rel=0.05)

    def test_the_terminal_shows_protocol_and_what_failed(
        self, swept: tuple[Sweep, Path], capsys: pytest.CaptureFixture[str]
    ) -> None:
        print_summary(*swept, {"second, seed 2": "no memory"}, Console(width=200))
        printed = capsys.readouterr().out
        assert "54.00 ± 5.66" in printed and "protocol whole" in printed
        assert "failed: second, seed 2: no memory" in printed

    def test_square_brackets_in_a_rows_name_are_shown_as_they_are(
        self, small_sweep: Callable[..., Sweep], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        sweep = small_sweep(rows=[{"name": "pool [avg]"}, {"name": "no pool [/x]"}])
        print_summary(sweep, tmp_path, {}, Console(width=200))
        printed = capsys.readouterr().out
        assert "pool [avg]" in printed and "no pool [/x]" in printed


def test_a_bar_in_a_name_ends_no_cell(
    small_sweep: Callable[..., Sweep], pretend: Callable[..., None], tmp_path: Path
) -> None:
    sweep = small_sweep(rows=[{"name": "a | b"}])
    pretend(sweep, tmp_path, sweep.runs()[0], 0.1, 0.2, 0.4)
    write_summary(sweep, tmp_path, {})
    head, _, line = (tmp_path / "summary.md").read_text().split("\n\n| row")[1].splitlines()[:3]
    assert line.startswith("| a \\| b |") and head.count("|") + 1 == line.replace("\\|", "").count("|")


def test_a_picture_grid_has_a_tile_a_column_a_title_and_a_legend(tmp_path: Path) -> None:
    tiles = [[Image.new("RGB", (8, 8), color) for color in ("red", "blue")]] * 3
    write_picture_grid(tmp_path / "plain.png", ["one", "two"], tiles, side=50)
    write_picture_grid(
        tmp_path / "named.png", ["one", "two"], tiles, side=50, legend={"car": (1, 2, 3), "boat": (4, 5, 6)}
    )
    plain, named = (Image.open(tmp_path / f"{name}.png") for name in ("plain", "named"))
    assert plain.width == named.width == 2 * 58 + 8 and named.height > plain.height
    assert named.getpixel((30, plain.height - 20)) == (255, 0, 0)
    assert named.getpixel((90, plain.height - 20)) == (0, 0, 255)
    assert (1, 2, 3) in {color for _, color in named.getcolors(1 << 20) or ()}
