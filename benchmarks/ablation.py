"""What each trick contributes alone, and what is lost without it.

    python benchmarks/ablation.py
    python benchmarks/ablation.py training --network pspnet50 --batch 2 --repeats 3
    python benchmarks/ablation.py --quick

The start is the network as the papers write it, run as it comes: float32, PyTorch's own layout, batch normalisation
for itself, scores interpolated to the picture's size. Rows: the start; each trick alone on it; all tricks; all but one.
Inference is a uint8 picture to its label map, batch 1; training is forward, loss, backward and SGD step. All rows take
turns in one process, in another order each round. A time is the median of the rounds, a ratio the median of the rounds'
ratios: "start by this" is how many times as fast as the start a row is.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from statistics import median

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from command_line import STDOUT, command_line, note, parsed, write_figures
from peer_inference import Row
from peer_measuring import ratio
from peer_networks import CASES, PREPROCESSING, Case, finish, imitate_training, main_logits
from peer_training import Step, banded_loss, plain_loss
from sceneparse.benching.timing import Run, take_turns
from sceneparse.inference.fold import fold_batch_norm
from sceneparse.networks import SceneParser, normalize
from sceneparse.networks.exact.argmax import upsampled_labels

TRICKS = {
    "inference": {
        "exact": "convolution before upsampling",
        "labels": "labels without upsampled scores",
        "fold": "batch normalisation folded",
        "layout": "channels-last",
        "bfloat16": "bfloat16",
    },
    "training": {
        "exact": "convolution before upsampling",
        "loss": "loss in bands",
        "layout": "channels-last",
        "bfloat16": "bfloat16",
    },
}


@dataclass
class Figures:
    """What was measured of a row; `tricks` are the keys of `TRICKS`."""

    task: str
    network: str
    row: str
    tricks: list[str]
    ms: float
    ratio: float
    ratio_low: float
    ratio_high: float


def rows_of(task: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Names and tricks."""
    names = TRICKS[task]
    every = frozenset(names)
    yield "start", frozenset()
    for key, name in names.items():
        yield f"only {name}", frozenset({key})
    yield "all", every
    for key, name in names.items():
        yield f"all but {name}", every - {key}


def _network(case: Case, tricks: frozenset[str], state: dict[str, Tensor]) -> SceneParser:
    network = case.ours("exact" if "exact" in tricks else "plain")
    network.load_state_dict(state)
    return network


def labelling(case: Case, tricks: frozenset[str], state: dict[str, Tensor]) -> Callable[[], Tensor]:
    """A picture to its labels with these tricks."""
    network = _network(case, tricks, state).eval().requires_grad_(False)
    if "fold" in tricks:
        fold_batch_norm(network, 3)
    dtype = torch.bfloat16 if "bfloat16" in tricks else torch.float32
    layout = torch.channels_last if "layout" in tricks else torch.contiguous_format
    network = network.to(dtype).to(memory_format=layout)
    image = case.picture()

    @torch.inference_mode()
    def run() -> Tensor:
        pixels = normalize(image, PREPROCESSING.mean, PREPROCESSING.std).to(dtype).contiguous(memory_format=layout)
        logits = main_logits(network(pixels))
        size = (case.side, case.side)
        if "labels" in tricks:
            return upsampled_labels(logits[0], size, network.align_corners)
        return finish(logits, size, 1, "labels")[0]

    return run


def training(case: Case, tricks: frozenset[str], state: dict[str, Tensor], batch: int) -> Step:
    """A training step with these tricks."""
    row = Row(
        "sceneparse" if "exact" in tricks else "plain",
        "channels-last" if "layout" in tricks else "eager",
        "bfloat16" if "bfloat16" in tricks else "float32",
    )
    step = Step(case, row, state, "cpu", batch)
    assert isinstance(step.network, SceneParser)
    step.loss = banded_loss(step.network, step.network.align_corners) if "loss" in tricks else plain_loss(step.network)
    return step


def measure(task: str, case: Case, rows: dict[str, frozenset[str]], repeats: int, batch: int) -> list[Figures]:
    """The rows of a network."""

    def say(text: str) -> None:
        note(f"{case.name}, {task}: {text}")

    torch.manual_seed(0)
    state = imitate_training(case.ours("exact"), case)
    runs: dict[str, Run] = {}
    for name, tricks in rows.items():
        say(f"building {name}")
        runs[name] = labelling(case, tricks, state) if task == "inference" else training(case, tricks, state, batch)
    times = take_turns(runs, torch.device("cpu"), repeats, 1, say)
    figures = []
    for name, tricks in rows.items():
        middle, low, high = ratio(times["start"], times[name])
        kept = [key for key in TRICKS[task] if key in tricks]
        values = (round(value, 3) for value in (median(times[name]), middle, low, high))
        figures.append(Figures(task, case.name, name, kept, *values))
    return figures


def show(rows: list[Figures]) -> None:
    """A table on the terminal."""
    table = Table(title=f"{rows[0].network}, {rows[0].task}, CPU, {torch.get_num_threads()} threads")
    table.add_column("tricks")
    for column in ("ms", "start by this", "quartiles"):
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(row.row, f"{row.ms:.0f}", f"{row.ratio:.2f}×", f"{row.ratio_low:.2f}–{row.ratio_high:.2f}")
    Console().print(table)


def main() -> None:
    """Measure and print."""
    parser = command_line(__doc__)
    parser.add_argument("task", nargs="?", choices=tuple(TRICKS), default="inference", help="default: inference")
    parser.add_argument("--network", nargs="+", choices=("pspnet50", "upernet50"), default=["pspnet50", "upernet50"])
    parser.add_argument("--rows", nargs="+", metavar="ROW", help="only these beside the start, by name (default: all)")
    parser.add_argument("--repeats", type=int, default=5, help="measured rounds (default: 5)")
    parser.add_argument("--batch", type=int, default=4, help="pictures in a training step (default: 4)")
    quick = {"network": ["pspnet50"], "rows": ["only channels-last", "all"], "repeats": 1, "batch": 2}
    given = parsed(parser, quick)
    rows = dict(rows_of(given.task))
    if unknown := [name for name in given.rows or () if name not in rows]:
        parser.error(f"--rows: '{unknown[0]}' is no row of {given.task}; rows are: {', '.join(rows)}")
    rows = {name: tricks for name, tricks in rows.items() if not given.rows or name in ("start", *given.rows)}
    figures = []
    for name in given.network:
        case = CASES[name].quick() if given.quick else CASES[name]
        measured = measure(given.task, case, rows, given.repeats, given.batch)
        if given.json != STDOUT:
            show(measured)
        figures += [asdict(row) for row in measured]
    write_figures(figures, given.json)


if __name__ == "__main__":
    main()
