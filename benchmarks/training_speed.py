"""Train a few steps by a recipe beside an older version: pictures a second, and peak memory.

    python benchmarks/training_speed.py camvid-pspnet-mobilenetv2 --data.root CamVid --baseline ../older/src

Both versions are called by `sceneparse train`, each in a process of its own, in turns; the pace is the median of the
steps but the first ones, the memory is the process's peak, the one validation picture at the end included. Settings of
the recipe may be given and hold for both. What a processor with AVX2 alone would take is imitated by the environment:

    ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 python benchmarks/training_speed.py … --training.precision float32

Without --baseline this version is measured alone. The quick form does so in its own process, whose memory means
nothing.
"""

import json
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

from command_line import command_line, note, parsed_with_settings, write_figures
from versions import call, call_here

WARM = 2
"""Steps that don't count: memory is taken for the first time, and kernels are made."""


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("recipe", nargs="?", default="camvid-pspnet-mobilenetv2")
    parser.add_argument("--baseline", type=Path, metavar="SRC", help="the folder src of an older version")
    parser.add_argument("--iterations", type=int, default=10, help="steps of a training (default: 10)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each version (default: 3)")
    quick = {"recipe": "toy-fcn", "iterations": 4, "rounds": 1}
    given, settings = parsed_with_settings(parser, quick)
    if given.iterations <= WARM:
        parser.error(f"--iterations must be above {WARM}")
    with TemporaryDirectory(prefix="sceneparse-training-") as name:
        figures = measured(given, settings, Path(name))
    write_figures(figures, given.json, lambda: report(figures))


def measured(given: Any, settings: list[str], folder: Path) -> dict[str, Any]:
    """Train by both versions in turns."""
    versions = {"this version": Path(__file__).resolve().parents[1] / "src"}
    if given.baseline is not None:
        versions["older version"] = given.baseline.resolve()
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in versions}
    for number in range(given.rounds):
        for name, sources in versions.items():
            note(f"round {number + 1} of {given.rounds}: {name}")
            taken[name].append(trained(given, settings, sources, folder / f"{len(taken[name])}-{name}"))
    rows = [
        {
            "version": name,
            "images_per_second": round(statistics.median(pace for pace, _ in each), 3),
            "peak_mib": round(statistics.median(peak for _, peak in each)),
        }
        for name, each in taken.items()
    ]
    figures: dict[str, Any] = {"recipe": given.recipe, "settings": settings, "rounds": given.rounds, "rows": rows}
    if given.baseline is not None:
        pairs = list(zip(*taken.values(), strict=True))
        figures["speedups"] = [round(own[0] / other[0], 3) for own, other in pairs]
        figures["memory"] = [round(own[1] / other[1], 3) for own, other in pairs]
    return figures


def trained(given: Any, settings: list[str], sources: Path, out: Path) -> tuple[float, float]:
    """Train once; returns pictures a second and the peak memory in MiB."""
    words = (
        *("train", given.recipe, "--out", out, *settings),
        *("--training.iterations", given.iterations, "--optimizer.warmup", 0, "--training.log_every", 1),
        *("--training.validate_every", 0, "--training.validate_count", 1),
    )
    took = call_here(*words) if given.quick else call(sources, out.parent, *words)
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    paces = [line["images_per_second"] for line in lines if "images_per_second" in line]
    return statistics.median(paces[WARM:]), took.peak_mib


def report(figures: dict[str, Any]) -> None:
    """Print the figures."""
    table = Table("", "pictures a second", "peak MiB")
    for row in figures["rows"]:
        table.add_row(row["version"], f"{row['images_per_second']:.2f}", f"{row['peak_mib']:,}")
    console = Console()
    console.print(f"{figures['recipe']} {' '.join(figures['settings'])}, {figures['rounds']} rounds")
    console.print(table)
    if "speedups" in figures:
        console.print(f"this version / older version: {', '.join(map(str, figures['speedups']))} in pictures a second")
        console.print(f"                              {', '.join(map(str, figures['memory']))} in memory")


if __name__ == "__main__":
    main()
