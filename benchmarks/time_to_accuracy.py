"""Two trainings side by side: how soon each reaches a mean IoU on the validation split, and where it ends.

    python benchmarks/time_to_accuracy.py --data CamVid --baseline ../older/src
    python benchmarks/time_to_accuracy.py --data CamVid --baseline ../older/src --page curves.html --json curves.json

The recipe is trained by this version, the other recipe by the version of --baseline (this one without), both on the
train split alone, each by `sceneparse train` in a process of its own. They take turns on the same cores: one computes
from one validation to the next while the other is stopped. What counts is the time between validations, with the start
of the program, loading and checkpoints, without the validations themselves. Where a moving average of the weights is
kept, the better of both counts, as in the choice of the best network. The other training goes to its end; the first
ends when it has had as long.

Settings for both are given as they are to `sceneparse train` (--backbone.weights=FILE); for one alone by --ours or
--theirs, once for each: --ours training.iterations=3000. The quick form trains a few steps on the toy world.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import yaml
from rich.console import Console
from rich.table import Table

from command_line import command_line, note, parsed_with_settings, write_figures
from sceneparse.drawing.charts import Series, curves
from sceneparse.evaluation.page import Section, page
from versions import checked_sources

COMMAND = "import sys; from sceneparse.cli import main; sys.exit(main())"

SMALL = [
    *("training.iterations=4", "training.batch=2", "network.channels=8", "augmentation.crop=[48,48]"),
    *("data.toyworld.size=48", "data.toyworld.train_count=8", "data.toyworld.eval_count=2", "data.workers=0"),
]
"""Settings of the quick form."""


class Point(NamedTuple):
    """A validation.

    Args:
        seconds: Spent on training so far.
        iterations: Done so far.
        mean_iou: 0 … 1.
    """

    seconds: float
    iterations: int
    mean_iou: float


class Training:
    """A training in a process of its own that runs only in its turns.

    Args:
        sources: The version's folder src.
        out: The run folder.
        words: The recipe and its settings.
    """

    def __init__(self, sources: Path, out: Path, words: list[str]) -> None:
        self.points: list[Point] = []
        self.ended = False
        self._seconds, self._lines, self._out = 0.0, 0, out
        self._log = out.with_suffix(".log")
        command = [sys.executable, "-c", COMMAND, "train", *words, "--out", str(out)]
        self._began = time.perf_counter()
        with self._log.open("wb") as log:
            environment = {**os.environ, "PYTHONPATH": str(sources)}
            # A session of its own: its workers are stopped with it.
            self._process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        self.stop()

    def turn(self) -> None:
        """Train up to the next validation."""
        self._signal(signal.SIGCONT)
        self._began = time.perf_counter()
        counted, found = 0.0, 0.0
        while True:
            # Before it looks for lines: a training that has ended has written them all.
            ended = self._process.poll() is not None
            for line in self._new_lines():
                if line["kind"] == "train":
                    counted = time.perf_counter() - self._began
                    continue
                found = max(found, line["mean_iou"])
                if line["kind"] == self._last_kind():
                    self._seconds += counted
                    self.points.append(Point(round(self._seconds, 1), line["iteration"], found))
                    self.stop()
                    return
            if ended:
                self.ended = True
                if self._process.returncode:
                    raise SystemExit(self._log.read_text(encoding="utf-8").strip())
                return
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop it until its next turn."""
        self._signal(signal.SIGSTOP)

    def end(self) -> None:
        """End it for good."""
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: int) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, number)

    def _last_kind(self) -> str:
        """The kind of the line that ends a validation: the weights that learn come first, then their average."""
        training = yaml.safe_load((self._out / "recipe.yaml").read_text(encoding="utf-8"))["training"]
        averaged = (training.get("average") or {}).get("decay") is not None
        return "validation_average" if averaged else "validation"

    def _new_lines(self) -> list[dict[str, Any]]:
        metrics = self._out / "metrics.jsonl"
        if not metrics.exists():
            return []
        lines = metrics.read_text(encoding="utf-8").split("\n")[:-1]
        new, self._lines = lines[self._lines :], len(lines)
        return [json.loads(line) for line in new]


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--recipe", default="camvid-upernet-mobilenetv2", help="this version's")
    parser.add_argument("--other", default="camvid-pspnet-mobilenetv2", help="the other's")
    parser.add_argument("--baseline", type=Path, metavar="SRC", help="the folder src of an older version")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the data set's folder")
    parser.add_argument("--target", type=float, default=0.60, help="mean IoU that is to be reached (default: 0.60)")
    parser.add_argument("--validate-every", type=int, default=100, metavar="N", help="iterations (default: 100)")
    parser.add_argument("--ours", action="append", default=[], metavar="NAME=VALUE", help="a setting of the recipe")
    parser.add_argument("--theirs", action="append", default=[], metavar="NAME=VALUE", help="a setting of the other")
    parser.add_argument("--page", type=Path, metavar="FILE", help="draw the curves into this HTML page")
    quick = {"recipe": "toy-pspnet", "other": "toy-fcn", "validate_every": 2, "ours": SMALL, "theirs": SMALL}
    given, settings = parsed_with_settings(parser, quick)
    with TemporaryDirectory(prefix="sceneparse-time-") as name:
        figures = measured(given, settings, Path(name))
    if given.page is not None:
        given.page.write_text(drawn(figures), encoding="utf-8")
    write_figures(figures, given.json, lambda: report(figures))


def measured(given: Any, settings: list[str], folder: Path) -> dict[str, Any]:
    """Let both train in turns."""
    here = Path(__file__).resolve().parents[1] / "src"
    there = here if given.baseline is None else checked_sources(given.baseline.resolve())
    both = [
        *(["--data.root", str(given.data), "--data.train", "train"] if given.data is not None else []),
        *("--training.validate_every", str(given.validate_every), "--training.log_every", str(given.validate_every)),
        *([] if given.quick else ["--training.validate_count", "null"]),
        *settings,
    ]
    ours = Training(here, folder / "ours", [given.recipe, *both, *(f"--{one}" for one in given.ours)])
    theirs = Training(there, folder / "theirs", [given.other, *both, *(f"--{one}" for one in given.theirs)])
    try:
        while not (theirs.ended and (ours.ended or spent(ours) >= spent(theirs))):
            # Whoever has had less goes on.
            turn = ours if theirs.ended or (not ours.ended and spent(ours) <= spent(theirs)) else theirs
            turn.turn()
            if not turn.ended:
                at = turn.points[-1]
                name = given.recipe if turn is ours else given.other
                note(f"{name}: {at.seconds:.0f} s, iteration {at.iterations}, mean IoU {at.mean_iou:.4f}")
    finally:
        ours.end()
        theirs.end()
    rows = [row(given.recipe, ours.points, given.target), row(given.other, theirs.points, given.target)]
    reached = [each["reached_seconds"] for each in rows]
    length = theirs.points[-1].seconds
    within = [point.mean_iou for point in ours.points if point.seconds <= length]
    return {
        "target": given.target,
        "settings": settings,
        "rows": rows,
        "share_of_time": round(reached[0] / reached[1], 3) if None not in reached else None,
        "ahead_at_the_end": round(within[-1] - theirs.points[-1].mean_iou, 4) if within else None,
    }


def spent(training: Training) -> float:
    """The seconds that a training has had."""
    return training.points[-1].seconds if training.points else 0.0


def row(name: str, points: list[Point], target: float) -> dict[str, Any]:
    """The figures of one training."""
    return {
        "recipe": name,
        "reached_seconds": next((point.seconds for point in points if point.mean_iou >= target), None),
        "best": max(point.mean_iou for point in points),
        "last": points[-1].mean_iou,
        "seconds": points[-1].seconds,
        "points": [point._asdict() for point in points],
    }


def drawn(figures: dict[str, Any]) -> str:
    """The curves as a page."""
    series = [
        Series(
            each["recipe"], [(point["seconds"] / 60, point["mean_iou"]) for point in each["points"]], color, dots=True
        )
        for each, color in zip(figures["rows"], ("var(--ours)", "var(--second)"), strict=True)
    ]
    chart = curves(series, label="Mean IoU on the validation split", x_name="minutes of training", percent=True)
    return page("Time to accuracy", "", [Section("curves", "Curves", chart)], "")


def report(figures: dict[str, Any]) -> None:
    """Print the figures."""
    table = Table("", f"seconds to {figures['target']:.2f}", "best", "last", "after seconds")
    for each in figures["rows"]:
        reached = each["reached_seconds"]
        table.add_row(
            each["recipe"],
            "not reached" if reached is None else f"{reached:.0f}",
            f"{each['best']:.4f}",
            f"{each['last']:.4f}",
            f"{each['seconds']:.0f}",
        )
    console = Console()
    console.print(table)
    share, ahead = figures["share_of_time"], figures["ahead_at_the_end"]
    if share is not None:
        console.print(f"the first takes {share:.2f} of the other's time")
    if ahead is not None:
        console.print(f"at the end of the other's time it is {100 * ahead:+.1f} points ahead")


if __name__ == "__main__":
    main()
