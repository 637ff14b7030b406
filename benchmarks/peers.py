"""sceneparse beside the packages that people use instead: one picture to its labels, and a training step.

    python benchmarks/peers.py
    python benchmarks/peers.py inference --network pspnet50 upernet50 --json
    python benchmarks/peers.py --quick

Every network of ours stands beside the same network as the papers write it ("plain", our code without the exact heads,
the same weights) and beside its counterparts in other packages (`pip install 'sceneparse[bench]'`), each in its best
easy forms: as its users run it (float32), in bfloat16 with channels-last memory, and exported to OpenVINO for this one
size, with as much of interpolation and argmax in the graph as is fastest. Where a counterpart is another network than
ours, the table says in what, and its multiply-adds.

Inference: a uint8 picture to its label map, batch 1. Training: forward, loss, backward and SGD step on one batch, with
the auxiliary loss where there is one; bfloat16 means autocast. All forms take turns in one process, in another order
each round. A time is the median of the rounds; a ratio is the median of the rounds' ratios to sceneparse's (`auto`
engine) in the same precision, with its quartiles; `auto` is the ratio to sceneparse in the precision that it takes by
itself. Memory is the peak of a process of its own beyond the same process without a network; on a GPU its memory.
"""

import sys
from dataclasses import asdict

import torch
from rich.console import Console
from rich.table import Table

from command_line import STDOUT, command_line, device_of, parsed, write_figures
from peer_bench import Bench, Figures, Given, device_name
from peer_networks import CASES

TASKS = ("inference", "training")


def main() -> None:
    """Measure and print."""
    parser = command_line(__doc__)
    parser.add_argument("task", nargs="?", choices=TASKS, help="one of the two (default: both)")
    parser.add_argument("--network", nargs="+", choices=CASES, default=list(CASES), help="which (default: all)")
    parser.add_argument("--rows", nargs="+", default=[], metavar="TEXT", help="only rows whose name holds one of these")
    parser.add_argument("--repeats", type=int, help="measured rounds after two others (default: 15, in training 5)")
    parser.add_argument("--batch", type=int, default=4, help="pictures in a training step (default: 4)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument("--no-memory", action="store_true", help="leave out the memory, which takes a process a row")
    # torch.compile and exports alone would take a minute.
    fast = ["sceneparse, auto", "channels-last", "as it is"]
    quick = {"network": ["pspnet50"], "rows": fast, "repeats": 1, "batch": 2, "no_memory": True}
    given = parsed(parser, quick)
    figures: list[dict[str, object]] = []
    device = device_of(parser, given.device)
    for task in (given.task,) if given.task else TASKS:
        repeats = given.repeats or (15 if task == "inference" else 5)
        scope = Given(repeats, 1 if given.quick else 2, given.batch, tuple(given.rows), not given.no_memory)
        for name in given.network:
            case = CASES[name].quick() if given.quick else CASES[name]
            rows = Bench(task, case, scope, device).measure()
            if given.json != STDOUT:
                show(rows, device)
            figures += [asdict(row) for row in rows]
    write_figures(figures, given.json)


def show(rows: list[Figures], device: torch.device) -> None:
    """A table on the terminal."""
    first = rows[0]
    machine = device_name(device) + (f", {first.threads} threads" if device.type == "cpu" else "")
    what = "one picture to labels" if first.task == "inference" else f"a training step, batch {first.batch}"
    table = Table(title=f"{first.network}, {what}, {first.side}×{first.side}, {machine}")
    for column in (first.task, "precision"):
        table.add_column(column)
    agreement = "labels equal" if first.task == "inference" else "loss differs by"
    for column in ("ms", "ratio", "quartiles", "to auto", "MiB", "ratio", agreement, "10⁹ multiply-adds"):
        table.add_column(column, justify="right")
    table.add_column("note")
    for row in rows:
        table.add_row(
            row.row,
            row.precision,
            _text(row.ms, ".1f"),
            _text(row.ratio, ".2f", "×"),
            "" if row.ratio is None else f"{row.ratio_low:.2f}–{row.ratio_high:.2f}",
            _text(row.ratio_auto, ".2f", "×"),
            _text(row.peak_mib, ".0f"),
            _text(row.peak_ratio, ".2f", "×"),
            _text(row.labels_equal, ".3%") if first.task == "inference" else _text(row.loss_difference, ".1e"),
            _text(row.multiply_adds, ".1f"),
            row.note,
        )
    # A file has room for all columns.
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _text(value: float | None, form: str, unit: str = "") -> str:
    return "" if value is None else f"{value:{form}}{unit}"


if __name__ == "__main__":
    main()
