"""Of several processes that train together the first alone hands points to trackers."""

from collections.abc import Callable
from pathlib import Path

from sceneparse.settings import Recipe
from tests.support.together import two_processes
from tests.training.test_together import lines, short, written

TRACKED = """
import os, sys

from sceneparse.cli import main
from sceneparse.training.trackers.kind import TrackerKind
from sceneparse.training.trackers.table import TRACKERS


class Run:
    identity = "one"

    def __init__(self, run):
        self.file = run.folder / "points.txt"

    def log(self, values, iteration):
        with self.file.open("a") as file:
            print(iteration, file=file)

    def finish(self, status):
        pass


package = "json" if os.environ["RANK"] == sys.argv[1] else "not_there"
TRACKERS._own = {**TRACKERS._own, "lines": ""}
TRACKERS._loaded["lines"] = TrackerKind("Lines", package, "pip install it", Run)
sys.exit(main([*sys.argv[2:], "--tracking.trackers=[lines]"]))
"""


def test_the_first_process_alone_needs_a_trackers_package(toy: Callable[..., Recipe], tmp_path: Path) -> None:
    (tmp_path / "tracked.py").write_text(TRACKED)
    words = ["train", written(short(toy), tmp_path), "--out", tmp_path / "run"]
    refused = two_processes(tmp_path / "tracked.py", 1, *words)
    assert refused.returncode == 2 and refused.stderr.count("lines needs the package not_there: pip install it") == 1
    assert refused.stderr.count("the first process cannot use them: see what it says") == 1
    assert not (tmp_path / "run").exists()
    done = two_processes(tmp_path / "tracked.py", 0, *words)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "points.txt").read_text().count("\n") == len(lines(tmp_path / "run"))
