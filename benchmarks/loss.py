"""Training losses of small logits at the picture's size: the plain form against the banded one, time and memory.

    python benchmarks/loss.py
    python benchmarks/loss.py --losses dice lovasz --classes 19 --batch 2 --map 128 128 --size 512 1024 --json loss.json

Forward and backward pass of each kind of loss, with logits that are channels-last as networks give them and a label map
of large regions. The plain form interpolates the logits and takes the loss of all of them, as it is usually written.
The two forms take turns; the time is the median, the memory what a process of its own needs beyond the logits and the
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
from sceneparse.settings import LossSettings
from sceneparse.training.losses.boundary import BoundaryCrossEntropy
from sceneparse.training.losses.kind import LossContext
from sceneparse.training.losses.table import LOSSES

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
        """Logits (N, C, h, w) and targets (N, H, W), of regions of a sixth of the picture's sides."""
        generator = torch.Generator().manual_seed(0)
        logits = 3 * torch.randn(self.batch, self.classes, *self.map, generator=generator)
        regions = torch.randint(0, self.classes, (self.batch, 1, 6, 6), generator=generator)
        target = F.interpolate(regions.float(), self.size)[:, 0].to(torch.int16)
        logits = logits.to(self.device, getattr(torch, self.precision)).contiguous(memory_format=torch.channels_last)
        return logits.requires_grad_(), target.to(self.device)


def enlarged(logits: Tensor, target: Tensor) -> Tensor:
    """Logits of the target's size."""
    return resize(logits.float(), (target.shape[-2], target.shape[-1]), False)


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(enlarged(logits, target), target.long())


def smoothed(logits: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(enlarged(logits, target), target.long(), label_smoothing=0.1)


def focal(logits: Tensor, target: Tensor) -> Tensor:
    losses = F.cross_entropy(enlarged(logits, target), target.long(), reduction="none")
    return ((1 - torch.exp(-losses)) ** 2 * losses).mean()


def boundary(logits: Tensor, target: Tensor) -> Tensor:
    weights = BoundaryCrossEntropy().map(target, torch.float32)
    return (F.cross_entropy(enlarged(logits, target), target.long(), reduction="none") * weights).mean()


def overlaps(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of the classes that are there: what is common, what is found, and what is there."""
    found = enlarged(logits, target).softmax(dim=1)
    truth = F.one_hot(target.long(), logits.shape[1]).permute(0, 3, 1, 2)
    sums = (found * truth).sum((0, 2, 3)), found.sum((0, 2, 3)), truth.sum((0, 2, 3))
    both, whole, there = (values[sums[2] > 0] for values in sums)
    return both, whole, there


def dice(logits: Tensor, target: Tensor) -> Tensor:
    both, found, truth = overlaps(logits, target)
    return 1 - ((2 * both + 1) / (found + truth + 1)).mean()


def jaccard(logits: Tensor, target: Tensor) -> Tensor:
    both, found, truth = overlaps(logits, target)
    return 1 - ((both + 1) / (found + truth - both + 1)).mean()


def lovasz(logits: Tensor, target: Tensor) -> Tensor:
    """As the authors write it."""
    losses = []
    for picture, labels in zip(enlarged(logits, target).softmax(dim=1), target, strict=True):
        of_classes = []
        for label in labels.unique().tolist():
            truth = (labels == label).flatten().float()
            errors, order = (truth - picture[label].flatten()).abs().sort(descending=True)
            ordered = truth[order]
            union = ordered.sum() + (1 - ordered).cumsum(0)
            index = 1 - (ordered.sum() - ordered.cumsum(0)) / union
            of_classes.append(errors @ torch.cat([index[:1], index[1:] - index[:-1]]))
        losses.append(torch.stack(of_classes).mean())
    return torch.stack(losses).mean()


def combined(logits: Tensor, target: Tensor) -> Tensor:
    return cross_entropy(logits, target) + dice(logits, target)


PLAIN: dict[str, Loss] = {
    "cross_entropy": cross_entropy,
    "label smoothing": smoothed,
    "focal": focal,
    "boundary_cross_entropy": boundary,
    "dice": dice,
    "jaccard": jaccard,
    "lovasz": lovasz,
    "combined": combined,
}
"""Each loss as it is usually written."""

SETTINGS = {name: LossSettings(name) for name in PLAIN if name != "label smoothing"}
SETTINGS["label smoothing"] = LossSettings(options={"label_smoothing": 0.1})


def banded(name: str) -> Loss:
    """The package's form of a loss."""
    loss = LOSSES[SETTINGS[name].kind].build(SETTINGS[name])
    return lambda logits, target: loss(logits, target, LossContext(False))


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--losses", nargs="+", choices=list(PLAIN), default=list(PLAIN), help="which (default: all)")
    parser.add_argument("--classes", type=int, default=150)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--map", type=int, nargs=2, default=(60, 60), metavar=("H", "W"), help="size of the logits")
    parser.add_argument("--size", type=int, nargs=2, default=(473, 473), metavar=("H", "W"), help="of the picture")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32", help="of the logits")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--repeats", type=int, default=7, help="measured rounds after a first one (default: 7)")
    given = parsed(parser, {"classes": 20, "batch": 2, "map": (16, 16), "size": (121, 121), "repeats": 1})
    case = Case(given.classes, given.batch, tuple(given.map), tuple(given.size), given.precision, given.device)
    rows = [measured(case, name, given.repeats, memory=not given.quick) for name in given.losses]
    figures = {**case._asdict(), "threads": torch.get_num_threads(), "rows": rows}
    write_figures(figures, given.json, lambda: show(case, figures))


def measured(case: Case, name: str, repeats: int, *, memory: bool) -> dict[str, Any]:
    """Time, memory and differences of a loss's two forms."""
    # First of all: a process may inherit its parent's peak.
    weigh = alone if case.device == "cpu" else _peak  # a GPU's memory is each process's own
    peaks = {form: weigh(case, name, form) for form in ("plain", "banded")} if memory else {}
    loss, gradient = differences(case, name)
    seconds = timings(case, name, repeats)
    return {
        "loss": name,
        "loss_difference": loss,
        "gradient_difference": gradient,
        **{f"{form}_ms": round(1000 * value, 2) for form, value in seconds.items()},
        **{f"{form}_mib": round(value / 2**20, 1) for form, value in peaks.items()},
        "ratio": round(seconds["plain"] / seconds["banded"], 3),
    }


def show(case: Case, figures: dict[str, Any]) -> None:
    """A table on the terminal."""
    title = f"{case.classes} classes, batch {case.batch}, {case.map[0]}x{case.map[1]} to {case.size[0]}x{case.size[1]}"
    table = Table()
    columns = (
        "plain, ms",
        "banded, ms",
        "speed",
        "plain, MiB at most",
        "banded, MiB at most",
        "loss and gradient differ",
    )
    for column in ("loss, forward and backward", *columns):
        table.add_column(column, justify="left" if column.startswith("loss, ") else "right")
    for row in figures["rows"]:
        table.add_row(
            row["loss"],
            f"{row['plain_ms']:.1f}",
            f"{row['banded_ms']:.1f}",
            f"{row['ratio']:.2f}x",
            *(f"{row[name]:.0f}" if name in row else "-" for name in ("plain_mib", "banded_mib")),
            f"{row['loss_difference']:.1e}",
            f"{row['gradient_difference']:.1e}",
        )
    console = Console()
    console.print(f"{title}, {case.precision} on {case.device}, {figures['threads']} threads, forward and backward")
    console.print(table)


def forms(name: str) -> dict[str, Loss]:
    """The two forms of a loss."""
    return {"plain": PLAIN[name], "banded": banded(name)}


def differences(case: Case, name: str) -> tuple[float, float]:
    """How far the banded form's loss and gradient are from the plain one's, relative to the largest value."""
    logits, target = case.make()
    expected, loss = (form(logits, target) for form in forms(name).values())
    wanted, gradient = (torch.autograd.grad(value, logits)[0] for value in (expected, loss))
    return abs(loss.item() / expected.item() - 1), float((gradient - wanted).abs().max() / wanted.abs().max())


def timings(case: Case, name: str, repeats: int) -> dict[str, float]:
    """Median seconds of each form; they take turns."""
    logits, target = case.make()
    seconds: dict[str, list[float]] = {form: [] for form in forms(name)}
    for round_ in range(repeats + 1):
        for form, loss in forms(name).items():
            logits.grad = None
            began = time.perf_counter()
            loss(logits, target).backward()
            if case.device != "cpu":
                torch.cuda.synchronize(case.device)
            if round_:
                seconds[form].append(time.perf_counter() - began)
    return {form: statistics.median(values) for form, values in seconds.items()}


def alone(case: Case, name: str, form: str) -> int:
    """Bytes that one form needs at most, in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_peak, case, name, form).result()


def _peak(case: Case, name: str, form: str) -> int:
    logits, target = case.make()
    # What libraries set up on their first call is no part of it.
    small = case._replace(classes=3, batch=1, map=(4, 4), size=(16, 16)).make()
    loss = forms(name)[form]
    loss(*small).backward()
    if case.device != "cpu":
        torch.cuda.reset_peak_memory_stats(case.device)
        before = torch.cuda.memory_allocated(case.device)
        loss(logits, target).backward()
        return torch.cuda.max_memory_allocated(case.device) - before
    before = _resident_peak()
    loss(logits, target).backward()
    return _resident_peak() - before


def _resident_peak() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


if __name__ == "__main__":
    main()
