"""What a training step takes: memory and time, as it is and with what saves either.

    python benchmarks/training_memory.py toy-pspnet --training.batch=8
    python benchmarks/training_memory.py recipe.yaml --rows plain activation_checkpointing compile --json memory.json

Each row is a process of its own that takes real steps on random pictures of the recipe's crop. Memory is what the steps
add to the process (on the CPU: resident; on CUDA: allocated), weights left out.
"""

import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from typing import Any

from rich.console import Console
from rich.table import Table

from command_line import command_line, parsed_with_settings, recipe_of, write_figures
from sceneparse.devices import memory, wait
from sceneparse.processes.machine import PeakMemory
from sceneparse.settings import Recipe
from sceneparse.training.prepare import prepare
from sceneparse.training.random_steps import RandomSteps

ROWS: dict[str, dict[str, Any]] = {
    "plain": {},
    "activation_checkpointing": {"activation_checkpointing": True},
    "accumulate": {"accumulate": 2},
    "compile": {"compile": True},
}
"""The settings of `training` that each row changes."""

SMALL = (
    *("--training.batch=4", "--data.workers=0", "--network.channels=16"),
    *("--data.toyworld.size=64", "--augmentation.crop=[64,64]"),
)
"""Settings of the quick form."""


def main() -> None:
    parser = command_line(__doc__)
    words = "a recipe of the package or a .yaml file (default: toy-pspnet); --dotted.name=value overrides it"
    parser.add_argument("recipe", nargs="?", default="toy-pspnet", help=words)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=[*list(ROWS)[:3]])
    parser.add_argument("--steps", type=int, default=5, help="steps that are measured (default: 5)")
    given, overrides = parsed_with_settings(parser, {"steps": 1, "rows": ["plain", "activation_checkpointing"]})
    recipe = recipe_of(given.recipe, [*(SMALL if given.quick else ()), *overrides])
    rows = [in_a_process(recipe, name, given.steps) for name in given.rows]
    for row in rows:
        row |= {f"{key}_ratio": round(row[key] / rows[0][key], 3) for key in ("mib", "ms")}
    write_figures(rows, given.json, lambda: show(recipe, rows))


def in_a_process(recipe: Recipe, name: str, steps: int) -> dict[str, Any]:
    """The figures of a row, measured in a process of its own: memory that was freed shows in no other."""
    changed = replace(recipe, training=replace(recipe.training, **ROWS[name]))
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return {"row": name, **pool.submit(measured, changed, steps).result()}


def measured(recipe: Recipe, steps: int) -> dict[str, Any]:
    """Memory and time of a recipe's steps."""
    prepared = prepare(recipe, None, "auto")
    device, batch = prepared.compute.fabric.device, recipe.training.pictures
    gpu = device.type != "cpu"
    if gpu:
        memory.forget_peak(device)
        before = memory.allocated(device)
    else:
        PeakMemory.begin()
        before = PeakMemory.now()
    # The first makes the optimiser's state, and compiles.
    training = RandomSteps(prepared)
    training.take(batch)
    times = []
    for _ in range(steps):
        began = time.perf_counter()
        training.take(batch)
        wait(device)
        times.append(1000 * (time.perf_counter() - began))
    peak = memory.peak_allocated(device) if gpu else PeakMemory.bytes()
    return {
        "device": str(prepared.compute.fabric.device.type),
        "precision": prepared.compute.precision,
        "batch": batch,
        "mib": round((peak - before) / 2**20, 1),
        "ms": round(statistics.median(times), 1),
    }


def show(recipe: Recipe, rows: list[dict[str, Any]]) -> None:
    """A table on the terminal."""
    crop = "x".join(map(str, recipe.augmentation.crop or ()))
    table = Table(title=f"{recipe.name}: batch {rows[0]['batch']}, {crop}, {rows[0]['device']}, {rows[0]['precision']}")
    for column in ("step", "MiB", "of plain", "ms", "of plain"):
        table.add_column(column, justify="left" if column == "step" else "right")
    for row in rows:
        table.add_row(
            row["row"], f"{row['mib']:.0f}", f"{row['mib_ratio']:.2f}", f"{row['ms']:.0f}", f"{row['ms_ratio']:.2f}"
        )
    Console().print(table)


if __name__ == "__main__":
    main()
