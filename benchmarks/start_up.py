"""What commands cost before they do anything: processor time of help, of mistakes and of a small check, old and new.

    git worktree add /tmp/old 634fde6
    python benchmarks/start_up.py /tmp/old                 about five minutes on two cores
    python benchmarks/start_up.py --quick                  this checkout alone, a few commands once

Each command runs in a process of its own, in a folder with a small data set and trainings' folders with damaged
models; the time is the process's own (user and system) and its children's.
Medians of some rounds. Without an old checkout this one alone is measured, as is what an old one did not say.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from PIL import Image
from rich.console import Console
from rich.table import Table

from command_line import command_line, parsed, write_figures
from data_check import make_pictures
from sceneparse.files import write_json

CHECKOUT = Path(__file__).resolve().parents[1]
HELP = "--help"
CHECK = "data check data --kind folder"
MISTAKES = {
    "a recipe misspelt": "train toy-psp",
    "a setting misspelt": "train toy-pspnet --training.iteratoins 3",
    "no weights file": "train toy-pspnet --backbone.weights none.pth",
    "no data folder": "train camvid-pspnet-mobilenetv2 --data.root nowhere",
    "no such model": "evaluate nothing",
    "a model's path misspelt": "predict ./runs/mine/modle a.png --out o",
    "a damaged model": "predict runs/mine/model a.png --out o",
    "no such picture": "predict runs/mine/model b.png --out o",
    "nothing to measure": "bench nothing",
    "no checkpoint": "import none.pth --from auto --out o",
    "no such run": "compare nowhere",
    "a protocol misspelt": "predict runs/mine/model a.png --out o --protocol windw",
    "no pictures to show": "data show nowhere --kind folder",
    "no such split": "data show toyworld --split nonsense",
    "no such dataset": "data show ./nodir --kind huggingface",
    "no number of pictures": "evaluate runs/mine/model --count 0",
    "an export that cannot be": "export runs/mine/model --format onnx --precision int8",
}
"""What users get wrong, and a command that does."""
FIRST_USE = "predict runs/first a.png --out o --device cpu"
"""Of a model that is still to be converted for OpenVINO."""
ANNOUNCED = "first use with OpenVINO, until it is announced"


def prepare(folder: Path) -> None:
    """Write what the commands are given."""
    make_pictures(folder / "data", 40, (240, 320))
    for run in ("mine", "first"):
        model = folder / "runs" / run / "model"
        model.mkdir(parents=True)
        (model / "config.json").write_text("{")
        for name in ("model.safetensors", "labels.json"):
            (model / name).write_text("{}")
    groups: dict[str, dict[str, str]] = {
        name: {} for name in ("backbone", "network", "preprocessing", "protocol", "data")
    }
    write_json(folder / "runs" / "first" / "model" / "config.json", {"format": 1, "name": "first", **groups})
    write_json(folder / "runs" / "first" / "model" / "labels.json", {"names": ["a"]})
    (folder / "runs" / "first" / "recipe.yaml").touch()
    Image.new("RGB", (64, 64)).save(folder / "a.png")


def measured(checkout: Path, folder: Path, command: str) -> tuple[float, float, int]:
    """Give a command of a checkout.

    Args:
        checkout: The sources.
        folder: Where it runs.
        command: Its words.

    Returns:
        Seconds of the processor and on the clock, and the exit status.
    """
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "sceneparse.cli", *command.split()],
        cwd=folder,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(checkout / "src")},
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, time.perf_counter() - start, done.returncode


def announced(folder: Path) -> tuple[float, float, int]:
    """Give the command of a first use, and end it at its first line.

    Args:
        folder: Where it runs.

    Returns:
        As `measured`, up to the line; the status is 0 if it announces the conversion, else 1.
    """
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "sceneparse.cli", *FIRST_USE.split()],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT / "src"), "SCENEPARSE_CACHE": str(folder / "cache")},
    ) as process:
        assert process.stderr is not None
        line, passed = process.stderr.readline(), time.perf_counter() - start
        process.kill()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, passed, int("its first use with OpenVINO" not in line)


def main() -> int:
    """Measure, print; 1 if a mistake of this checkout does not end with 2, or a first use is not announced."""
    parser = command_line(__doc__)
    parser.add_argument("old", nargs="?", type=Path, help="the other commit's checkout")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="default: 5")
    parser.add_argument("--mistakes", type=int, default=len(MISTAKES), metavar="N", help="only the first N of them")
    options = parsed(parser, {"rounds": 1, "mistakes": 2})
    commands = {"help": HELP, "data check, 40 pictures": CHECK, **dict(list(MISTAKES.items())[: options.mistakes])}
    checkouts = {"old": options.old, "this": CHECKOUT} if options.old else {"this": CHECKOUT}
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        for title, command in commands.items():
            row: dict[str, Any] = {"command": command, "what": title}
            for which, checkout in checkouts.items():
                times = [measured(checkout, folder, command) for _ in range(options.rounds)]
                row[f"{which}_cpu_s"] = round(median(one[0] for one in times), 3)
                row[f"{which}_s"] = round(median(one[1] for one in times), 3)
                row[f"{which}_status"] = times[0][2]
            rows.append(row)
        if find_spec("openvino"):
            times = [announced(folder) for _ in range(options.rounds)]
            row = {"command": FIRST_USE, "what": ANNOUNCED}
            row["this_cpu_s"], row["this_s"] = (
                round(median(column), 3) for column in list(zip(*times, strict=True))[:2]
            )
            rows.append(row | {"this_status": times[0][2]})
    write_figures(rows, options.json, lambda: _show(rows, list(checkouts), options.rounds))
    expected = {**dict.fromkeys(MISTAKES, 2), ANNOUNCED: 0}
    return 0 if all(row["this_status"] == expected.get(row["what"], row["this_status"]) for row in rows) else 1


def _show(rows: list[dict[str, Any]], checkouts: list[str], rounds: int) -> None:
    table = Table("", "command", title=f"seconds of the processor, medians of {rounds}")
    for which in checkouts:
        table.add_column(which, justify="right")
    for row in rows:
        times = (row.get(f"{which}_cpu_s") for which in checkouts)
        table.add_row(row["what"], row["command"], *("–" if one is None else f"{one:.2f}" for one in times))
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
