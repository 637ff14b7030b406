"""The training loss of small logits at the picture's size: the plain form against the banded one, time and memory.

    python benchmarks/loss.py
    python benchmarks/loss.py --classes 19 --batch 2 --map 128 128 --size 512 1024 --json loss.json

Forward and backward pass of the mean cross-entropy over upsampled logits, channels-last as networks give them. The
two forms take turns; the time is the median, the memory what a process of its own needs beyond the logits and the
targets. Both forms' losses and gradients are compared first. The quick form leaves the memory out.
"""

import resource
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table
from torch import Tensor

from command_line import command_line, parsed, write_figures
from sceneparse.networks import resize
from sceneparse.networks.exact.banded import upsampled_cross_entropy

Loss = Callable[[Tensor, Tensor], Tensor]


class Case(NamedTuple):
    """What is measured: classes, batch, size of the logits, size of the picture, precision and device."""

    classes: int
    batch: int
    map: tuple[int, int]
    size: tuple[int, int]
    precision: str
    device: str

    def make(self) -> tuple[Tensor, Tensor]:
        """Logits (N, C, h, w) and targets (N, H, W)."""
        generator = torch.Generator().manual_seed(0)
        logits = 3 * torch.randn(self.batch, self.classes, *self.map, generator=generator)
        target = torch.randint(0, self.classes, (self.batch, *self.size), generator=generator, dtype=torch.int16)
        logits = logits.to(self.device, getattr(torch, self.precision)).contiguous(memory_format=torch.channels_last)
        return logits.requires_grad_(), target.to(self.device)


def plain(logits: Tensor, target: Tensor) -> Tensor:
    """As it is usually written."""
    return F.cross_entropy(resize(logits.float(), (target.shape[-2], target.shape[-1]), False), target.long())


def banded(logits: Tensor, target: Tensor) -> Tensor:
    """A band at a time."""
    weights = torch.ones(target.shape, device=target.device)
    return upsampled_cross_entropy(logits, target, weights, False) / target.numel()


FORMS: dict[str, Loss] = {"plain": plain, "banded": banded}


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--classes", type=int, default=150)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--map", type=int, nargs=2, default=(60, 60), metavar=("H", "W"), help="size of the logits")
    parser.add_argument("--size", type=int, nargs=2, default=(473, 473), metavar=("H", "W"), help="of the picture")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32", help="of the logits")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--repeats", type=int, default=7, help="measured rounds after a first one (default: 7)")
    given = parsed(parser, {"classes": 20, "batch": 2, "map": (16, 16), "size": (121, 121), "repeats": 1})
    case = Case(given.classes, given.batch, tuple(given.map), tuple(given.size), given.precision, given.device)

    # First of all: a process may inherit its parent's peak.
    memory = {} if given.quick else {name: alone(case, name) for name in FORMS}
    loss, gradient = differences(case)
    seconds = timings(case, given.repeats)
    figures = {
        **case._asdict(),
        "threads": torch.get_num_threads(),
        "loss_difference": loss,
        "gradient_difference": gradient,
        **{f"{name}_ms": round(1000 * seconds[name], 2) for name in FORMS},
        **{f"{name}_mib": round(value / 2**20, 1) for name, value in memory.items()},
        "ratio": round(seconds["plain"] / seconds["banded"], 3),
    }
    write_figures(figures, given.json, lambda: show(case, figures))


def show(case: Case, figures: dict[str, Any]) -> None:
    """A table on the terminal."""
    title = f"{case.classes} classes, batch {case.batch}, {case.map[0]}x{case.map[1]} to {case.size[0]}x{case.size[1]}"
    table = Table()
    for column in ("loss, forward and backward", "ms", "MiB at most"):
        table.add_column(column, justify="left" if column.startswith("loss") else "right")
    for name in FORMS:
        memory = figures.get(f"{name}_mib")
        table.add_row(name, f"{figures[f'{name}_ms']:.1f}", "-" if memory is None else f"{memory:.0f}")
    console = Console()
    console.print(f"{title}, {case.precision} on {case.device}, {figures['threads']} threads")
    console.print(table)
    differ = f"loss {figures['loss_difference']:.1e}, gradient {figures['gradient_difference']:.1e}"
    console.print(f"{figures['ratio']:.2f}x the speed; relative differences: {differ}")


def differences(case: Case) -> tuple[float, float]:
    """How far the banded form's loss and gradient are from the plain one's, relative to the largest value."""
    logits, target = case.make()
    expected, loss = (form(logits, target) for form in (plain, banded))
    wanted, gradient = (torch.autograd.grad(value, logits)[0] for value in (expected, loss))
    return abs(loss.item() / expected.item() - 1), float((gradient - wanted).abs().max() / wanted.abs().max())


def timings(case: Case, repeats: int) -> dict[str, float]:
    """Median seconds of each form; they take turns."""
    logits, target = case.make()
    seconds: dict[str, list[float]] = {name: [] for name in FORMS}
    for round_ in range(repeats + 1):
        for name, form in FORMS.items():
            logits.grad = None
            began = time.perf_counter()
            form(logits, target).backward()
            if case.device != "cpu":
                torch.cuda.synchronize(case.device)
            if round_:
                seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in seconds.items()}


def alone(case: Case, name: str) -> int:
    """Bytes that one form needs at most, in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_peak, case, name).result()


def _peak(case: Case, name: str) -> int:
    logits, target = case.make()
    # What libraries set up on their first call is no part of it.
    small = case._replace(classes=3, batch=1, map=(4, 4), size=(16, 16)).make()
    FORMS[name](*small).backward()
    if case.device != "cpu":
        torch.cuda.reset_peak_memory_stats(case.device)
        before = torch.cuda.memory_allocated(case.device)
        FORMS[name](logits, target).backward()
        return torch.cuda.max_memory_allocated(case.device) - before
    before = _resident_peak()
    FORMS[name](logits, target).backward()
    return _resident_peak() - before


def _resident_peak() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


if __name__ == "__main__":
    main()
