"""Labels of small logits at the picture's size: interpolate + argmax, the same in bands, and boundary cells alone.

    python benchmarks/labels.py
    python benchmarks/labels.py --device cuda --batch 16 --precision bfloat16
    python benchmarks/labels.py --model runs/pspnet/model --picture street.jpg --json labels.json
    python benchmarks/labels.py --device cuda --batch 16 --precision bfloat16
    python benchmarks/labels.py --model runs/pspnet/model --pictures CamVid/test/images --count 100

Without a model the logits are made up: smooth regions, about 40% of whose cells lie on a boundary. All forms take turns
on one picture, or on a batch of them; the time is the median. Their labels are compared first, with those of float32.
Of one picture on a CPU, two forms give the labels' probabilities too (sure).
On a GPU one kernel does what skipping cells does on a CPU, and the memory that a form takes at most is there too. With
--pictures nothing is timed: the labels of skipping cells are compared with those of interpolate + argmax on the model's
logits of many pictures.
"""

import statistics
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from command_line import command_line, parsed, write_figures
from sceneparse.inference import TestProtocol
from sceneparse.inference.rows import MapRows, band_height
from sceneparse.inference.scoring import winners
from sceneparse.inference.winners import winners_of
from sceneparse.networks import resize
from sceneparse.networks.exact.argmax import upsampled_labels
from sceneparse.parsing import load
from sceneparse.pictures.finding import find_pictures

Size = tuple[int, int]


def plain(logits: Tensor, size: Size, align_corners: bool) -> Tensor:
    """As it is usually written."""
    return resize(logits, size, align_corners).argmax(dim=1)


def banded(logits: Tensor, size: Size, align_corners: bool) -> Tensor:
    """Bands of rows that stay in the cache, one picture after the other."""
    return torch.stack([in_bands(one, size, align_corners) for one in logits])


def in_bands(logits: Tensor, size: Size, align_corners: bool) -> Tensor:
    """Bands of rows of one picture."""
    source = MapRows([logits], size, align_corners, probabilities=False)
    step = band_height(len(logits), size[1], logits.device.type)
    return torch.cat(
        [source.rows(start, min(start + step, size[0])).argmax(dim=0) for start in range(0, size[0], step)]
    )


def banded_sure(logits: Tensor, size: Size, align_corners: bool) -> Tensor:
    """Labels and their probabilities, in bands: the winner, its score, the sum of all exponentials."""
    (one,) = logits
    source = MapRows([one], size, align_corners, probabilities=False)
    labels, sure = torch.empty(size, dtype=torch.int16), torch.empty(size)
    step = band_height(len(one), size[1], "cpu")
    for start in range(0, size[0], step):
        stop = min(start + step, size[0])
        winner, sure[start:stop] = winners(source.rows(start, stop), TestProtocol())
        labels[start:stop] = winner
    return labels[None]


def split_sure(logits: Tensor, size: Size, align_corners: bool) -> Tensor:
    """Labels from cells, their probabilities from the largest log-softmax."""
    (one,) = logits
    return winners_of(one, size, align_corners)[0][None]


FORMS: dict[str, Callable[[Tensor, Size, bool], Tensor]] = {
    "plain": plain,
    "banded": banded,
    "skipping": upsampled_labels,
}
SURE: dict[str, Callable[[Tensor, Size, bool], Tensor]] = {"banded_sure": banded_sure, "split_sure": split_sure}
"""Forms that give probabilities too, of one picture on a CPU."""


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--classes", type=int, default=150)
    parser.add_argument("--map", type=int, nargs=2, default=(60, 60), metavar=("H", "W"), help="size of the logits")
    parser.add_argument("--size", type=int, nargs=2, default=(473, 473), metavar=("H", "W"), help="of the picture")
    parser.add_argument("--batch", type=int, default=1, help="pictures that are labelled at once (default: 1)")
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32", help="of the logits")
    parser.add_argument("--model", help="a model folder: take its logits of --picture")
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="compare labels on the folder's first pictures")
    parser.add_argument("--count", type=int, default=100, help="of pictures compared (default: 100)")
    parser.add_argument("--repeats", type=int, default=7, help="measured rounds after a first one (default: 7)")
    given = parsed(parser, {"classes": 20, "map": (16, 16), "size": (121, 121), "repeats": 1, "count": 2})
    if given.picture and given.pictures:
        parser.error("--picture times one picture, --pictures compares many: give one of them")
    if (given.model is None) != (given.picture is None and given.pictures is None):
        parser.error("--model goes together with --picture or --pictures")
    if given.pictures:
        figures = compare(given.model, given.pictures, given.count)
        write_figures(figures, given.json, lambda: show_compared(figures))
        return
    if given.model is None:
        logits, size, align_corners = made_up(given.classes, tuple(given.map)), tuple(given.size), False
    else:
        logits, size, align_corners = predicted(given.model, given.picture)

    logits = batch_of(logits, given.batch).to(given.device, getattr(torch, given.precision))
    forms = FORMS if logits.is_cuda or len(logits) > 1 else FORMS | SURE
    expected = plain(logits.float(), size, align_corners)
    differing = {name: int((form(logits, size, align_corners) != expected).sum()) for name, form in forms.items()}
    peaks = {name: peak(form, logits, size, align_corners) for name, form in FORMS.items()} if logits.is_cuda else {}
    seconds = timings(forms, logits, size, align_corners, given.repeats)
    figures = {
        "classes": logits.shape[1],
        "batch": len(logits),
        "map": tuple(logits.shape[-2:]),
        "size": size,
        "precision": given.precision,
        "device": logits.device.type,
        "threads": torch.get_num_threads(),
        "boundary_cells": round(boundary(logits[0]), 4),
        **{f"{name}_ms": round(1000 * value, 3) for name, value in seconds.items()},
        **{f"{name}_mib": round(value / 2**20, 1) for name, value in peaks.items()},
        **{f"{name}_differing_pixels": value for name, value in differing.items()},
        "ratio": round(seconds["plain"] / seconds["skipping"], 3),
    }
    write_figures(figures, given.json, lambda: show(figures))


def show(figures: dict[str, Any]) -> None:
    """A table on the terminal."""
    table = Table()
    for column in ("labels", "ms", "speed", "MiB at most", "pixels that differ"):
        table.add_column(column, justify="left" if column == "labels" else "right")
    for name in [name for name in FORMS | SURE if f"{name}_ms" in figures]:
        value = figures[f"{name}_ms"]
        speed = f"{figures['plain_ms'] / value:.1f}x"
        memory = str(figures.get(f"{name}_mib", "-"))
        table.add_row(name, f"{value:.2f}", speed, memory, str(figures[f"{name}_differing_pixels"]))
    console = Console()
    small, large = ("x".join(map(str, figures[side])) for side in ("map", "size"))
    console.print(
        f"{figures['classes']} classes, batch {figures['batch']}, {figures['precision']}, {small} to {large}, "
        f"{figures['boundary_cells']:.0%} of the cells on a boundary, {figures['device']}, {figures['threads']} threads"
    )
    console.print(table)


def compare(model: str, folder: Path, count: int) -> dict[str, Any]:
    """In how many pixels skipping cells differs from the plain form, and by how much their scores then do."""
    parser = load(model, device="cpu")
    pictures = pixels = differing = affected = 0
    gap = 0.0
    for found in islice(find_pictures([folder]), count):
        image = parser.read(found.path)
        size, align_corners = (image.shape[-2], image.shape[-1]), parser.engine.align_corners
        logits = parser.engine(image[None])[0]
        got = upsampled_labels(logits, size, align_corners).long()
        differs = got != plain(logits[None], size, align_corners)[0]
        if differs.any():
            exact = resize(logits[None].double(), size, align_corners)[0][:, differs]
            lost = exact.amax(dim=0) - exact.gather(0, got[differs][None])[0]
            gap = max(gap, float(lost.max() / logits.abs().max()))
        pictures, pixels = pictures + 1, pixels + got.numel()
        differing, affected = differing + int(differs.sum()), affected + bool(differs.any())
    return {
        "pictures": pictures,
        "classes": len(parser.labels),
        "pixels": pixels,
        "differing_pixels": differing,
        "pictures_that_differ": affected,
        "largest_gap": gap,
    }


def show_compared(figures: dict[str, Any]) -> None:
    """The comparison in a line."""
    said = (
        "{pictures} pictures, {classes} classes: {differing_pixels:,} of {pixels:,} pixels differ, in "
        "{pictures_that_differ} pictures; their scores by at most {largest_gap:.1e} of the picture's largest logit"
    )
    print(said.format(**figures))


def made_up(classes: int, size: Size) -> Tensor:
    """Logits (C, h, w) of smooth regions with some noise, channels-last as networks give them."""
    generator = torch.Generator().manual_seed(0)
    field = resize(torch.randn(1, classes, 8, 8, generator=generator), size, False)[0]
    logits = 3 * field + 0.6 * torch.randn(classes, *size, generator=generator)
    logits.scatter_add_(0, field.argmax(dim=0)[None], torch.full((1, *size), 8.0))
    return logits[None].contiguous(memory_format=torch.channels_last)[0]


def batch_of(logits: Tensor, count: int) -> Tensor:
    """Several pictures' logits (N, C, h, w): one's, moved along, channels-last."""
    moved = [logits.roll(step, dims=-1) for step in range(count)]
    return torch.stack(moved).contiguous(memory_format=torch.channels_last)


def peak(form: Callable[[Tensor, Size, bool], Tensor], logits: Tensor, size: Size, align_corners: bool) -> int:
    """Bytes on a GPU that a form takes at most."""
    torch.cuda.reset_peak_memory_stats(logits.device)
    before = torch.cuda.memory_allocated(logits.device)
    form(logits, size, align_corners)
    return torch.cuda.max_memory_allocated(logits.device) - before


def predicted(model: str, picture: Path) -> tuple[Tensor, Size, bool]:
    """A model's logits of a picture at its own size, that size, and how they are resized."""
    parser = load(model, device="cpu")
    image = parser.read(picture)
    return parser.engine(image[None])[0], (image.shape[-2], image.shape[-1]), parser.engine.align_corners


def boundary(logits: Tensor) -> float:
    """Share of the cells between four pixels of the map whose corners have more than one winner."""
    best = logits.argmax(dim=0)
    first, *others = best[:-1, :-1], best[:-1, 1:], best[1:, :-1], best[1:, 1:]
    return float(torch.stack([other != first for other in others]).any(dim=0).float().mean())


def timings(
    forms: dict[str, Callable[[Tensor, Size, bool], Tensor]],
    logits: Tensor,
    size: Size,
    align_corners: bool,
    repeats: int,
) -> dict[str, float]:
    """Median seconds of each form; they take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in forms}
    for round_ in range(repeats + 1):
        for name, form in forms.items():
            began = time.perf_counter()
            form(logits, size, align_corners)
            if logits.is_cuda:
                torch.cuda.synchronize(logits.device)
            if round_:
                seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in seconds.items()}


if __name__ == "__main__":
    main()
