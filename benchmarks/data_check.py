"""How fast `sceneparse data check` is, side by side with another commit, and whether both find the same.

    git worktree add /tmp/old 634fde6
    python benchmarks/data_check.py /tmp/old               about three minutes on two cores
    python benchmarks/data_check.py --quick                this checkout with itself, on a few pictures

The pictures are JPEGs with PNG masks, drawn from a seed; a share of them is spoilt (cut off, of another size, with
unknown values, without a mask), so that there is something to find. Each round calls the command once for each commit,
in turn, in processes of their own. Prints wall-clock and processor time of each, and their ratios; exits with 1 if the
findings differ. Without an old checkout this one is measured twice.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from command_line import command_line, parsed, write_figures

CHECKOUT = Path(__file__).resolve().parents[1]
CLASSES = 11
SPOILT = 500
"""One picture in so many is spoilt, and at least one in each of four ways."""


def make_pictures(root: Path, count: int, size: tuple[int, int], seed: int = 0) -> None:
    """Write a data set of the kind folder.

    Args:
        root: A new folder.
        count: Pictures; four fifths are for training, the others for validation and testing.
        size: Height and width.
        seed: Decides what is drawn.
    """
    rng = np.random.default_rng(seed)
    height, width = size
    root.mkdir(parents=True)
    names = [f"class {index}" for index in range(CLASSES)]
    (root / "classes.json").write_text(json.dumps({"names": names, "ignore": 255}))
    counts = {"train": count - 2 * (count // 10), "val": count // 10, "test": count // 10}
    for split, number in counts.items():
        for folder in ("images", "masks"):
            (root / split / folder).mkdir(parents=True)
        for index in range(number):
            rough = rng.integers(0, 256, (height // 20, width // 20, 3), dtype=np.uint8)
            drawn = rng.integers(0, CLASSES, (height // 40, width // 40), dtype=np.uint8)
            mask = Image.fromarray(drawn).resize((width, height), Image.Resampling.NEAREST)
            picture = Image.fromarray(rough).resize((width, height), Image.Resampling.BICUBIC)
            picture.save(root / split / "images" / f"{index:05}.jpg", quality=90)
            mask.save(root / split / "masks" / f"{index:05}.png")
    for index in range(max(4, count // SPOILT)):
        _spoil(root / "train", f"{index:05}", index % 4)


def _spoil(split: Path, name: str, way: int) -> None:
    picture, mask = split / "images" / f"{name}.jpg", split / "masks" / f"{name}.png"
    if way == 0:
        picture.write_bytes(picture.read_bytes()[:-200])
    elif way == 1:
        Image.new("L", (40, 30)).save(mask)
    elif way == 2:
        Image.new("L", Image.open(picture).size, 77).save(mask)
    else:
        mask.unlink()


def checked(checkout: Path, root: Path, report: Path) -> dict[str, Any]:
    """Call the command of a checkout.

    Args:
        checkout: The sources.
        root: The data set.
        report: Where its findings go.

    Returns:
        Seconds on the clock and of the processor, and what was found.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    words = [
        sys.executable,
        "-m",
        "sceneparse.cli",
        "data",
        "check",
        str(root),
        "--kind",
        "folder",
        "--json",
        str(report),
    ]
    done = subprocess.run(
        words, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(checkout / "src")}, check=False
    )
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 2) or not report.is_file():
        sys.exit(f"{checkout}: {done.returncode}\n{done.stdout}{done.stderr}")
    found = json.loads(report.read_text(encoding="utf-8"))
    report.unlink()
    return {
        "seconds": seconds,
        "cpu_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "found": {key: value for key, value in found.items() if key != "seconds"},
    }


def main() -> int:
    """Measure, compare, print; the exit status."""
    parser = command_line(__doc__)
    parser.add_argument("old", nargs="?", type=Path, default=CHECKOUT, help="the other commit's checkout")
    parser.add_argument("--pictures", type=int, default=5000, metavar="N", help="default: 5000")
    parser.add_argument("--size", type=int, nargs=2, default=(240, 320), metavar=("H", "W"), help="default: 240 320")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="default: 5")
    options = parsed(parser, {"pictures": 40, "rounds": 1})
    with tempfile.TemporaryDirectory() as folder:
        root, report = Path(folder) / "data", Path(folder) / "found.json"
        make_pictures(root, options.pictures, tuple(options.size))
        rounds = [[checked(one, root, report) for one in (options.old, CHECKOUT)] for _ in range(options.rounds)]
    same = all(old["found"] == new["found"] for old, new in rounds)
    figures: dict[str, Any] = {"pictures": options.pictures, "rounds": options.rounds, "same_findings": same}
    for key in ("seconds", "cpu_seconds"):
        figures[key] = [median(pair[which][key] for pair in rounds) for which in (0, 1)]
        figures[f"{key}_ratio"] = median(old[key] / new[key] for old, new in rounds)
    write_figures(figures, options.json, lambda: _show(figures))
    return 0 if same else 1


def _show(figures: dict[str, Any]) -> None:
    table = Table(title=f"data check of {figures['pictures']:,} pictures, medians of {figures['rounds']}")
    for heading in ("", "old s", "this s", "old/this"):
        table.add_column(heading, justify="left" if not heading else "right")
    for key, title in (("seconds", "on the clock"), ("cpu_seconds", "of the processor")):
        old, new = figures[key]
        table.add_row(title, f"{old:.2f}", f"{new:.2f}", f"{figures[f'{key}_ratio']:.2f}")
    Console().print(table)
    print("findings: " + ("the same" if figures["same_findings"] else "DIFFERENT"))


if __name__ == "__main__":
    sys.exit(main())
