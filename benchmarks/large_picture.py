"""A picture far too large for its scores: parsed by window streaming, memory measured, labels compared.

    python benchmarks/large_picture.py
    python benchmarks/large_picture.py --model runs/pspnet/model --size 9000 12000 --json large.json

The picture is made of toy-world scenes. A process of its own loads the model, parses the picture through a `Parser` and
saves the parse (labels, overlay, JSON), as `sceneparse predict` does; the memory is that process's peak, PyTorch
included. Another one computes the same windows without streaming: the scores of all of them are added up in arrays of
the picture's whole size, as many classes at a time as fit in --array-gib, and labels are taken at the end. The
quick form does all in one process, so that its memory means nothing.
"""

import math
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table
from torch import Tensor

from command_line import command_line, parsed, write_figures
from sceneparse.inference.choosing import EngineName
from sceneparse.inference.windows import AT_ONCE, window_starts
from sceneparse.networks import resize
from sceneparse.parsing import Parser, load
from sceneparse.settings import Precision, ProtocolSettings
from sceneparse.toyworld import render
from small_model import make_model

Size = tuple[int, int]
SCENE = 1500
"""Side of the scenes in pixels, where the picture is not smaller."""


class Case(NamedTuple):
    """What is parsed: model folder, picture, size of the windows, precision, engine; and a folder for the results."""

    model: Path
    picture: Path
    window: Size
    precision: Precision
    engine: EngineName
    out: Path

    def parser(self) -> Parser:
        """The model under the protocol."""
        protocol = ProtocolSettings("window", window=self.window)
        return load(self.model, precision=self.precision, engine=self.engine, protocol=protocol)


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--model", type=Path, help="a model folder (default: a small PSPNet made on the spot)")
    parser.add_argument("--classes", type=int, default=150, help="of the model that is made (default: 150)")
    parser.add_argument("--size", type=int, nargs=2, default=(9000, 12000), metavar=("H", "W"), help="of the picture")
    parser.add_argument("--window", type=int, nargs=2, default=(473, 473), metavar=("H", "W"))
    parser.add_argument("--precision", choices=("auto", "float32", "bfloat16", "float16"), default="auto")
    parser.add_argument("--engine", default="auto", help="default: auto")
    parser.add_argument("--array-gib", type=float, default=4.0, help="memory for the scores that are not streamed")
    parser.add_argument("--streamed-only", action="store_true", help="measure, but compare with nothing")
    quick = {"classes": 20, "size": (180, 240), "window": (97, 97), "precision": "float32", "engine": "torch"}
    given = parsed(parser, quick)
    size, window = tuple(given.size), tuple(given.window)
    if min(size) < max(window):
        parser.error("the picture is smaller than a window")

    with TemporaryDirectory(prefix="sceneparse-large-") as name:
        folder = Path(name)
        case = Case(
            given.model or folder / "model", folder / "picture.jpg", window, given.precision, given.engine, folder
        )
        # A process may inherit its parent's peak, so this one does nothing large itself.
        call = here if given.quick else alone
        call(make_picture, case.picture, size)
        if given.model is None:
            call(make_model, case.model, given.classes)
        figures: dict[str, Any] = {"height": size[0], "width": size[1], "window": window, **call(streamed, case)}
        if not given.streamed_only:
            figures |= call(compared, case, given.array_gib)
    write_figures(figures, given.json, lambda: report(figures))


def report(figures: dict[str, Any]) -> None:
    """Print the figures."""
    table = Table(show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("reading and parsing", f"{figures['seconds']:.0f} s")
    table.add_row("a megapixel", f"{figures['seconds_per_megapixel']:.2f} s")
    table.add_row("saving labels, overlay, JSON", f"{figures['saving_seconds']:.0f} s")
    table.add_row("memory with the model loaded", f"{figures['loaded_mib']:,.0f} MiB")
    table.add_row("memory at most, parsing", f"{figures['parsing_mib']:,.0f} MiB")
    table.add_row("memory at most, all", f"{figures['peak_mib']:,.0f} MiB")
    table.add_row("scores at the picture's size", f"{figures['scores_mib']:,.0f} MiB")
    if "differing_pixels" in figures:
        table.add_row("labels equal to the unstreamed", f"{figures['equal_share']:.7%}")
        table.add_row("pixels that differ", f"{figures['differing_pixels']:,}")
        table.add_row("what their scores differ by, at most", f"{figures['largest_gap']:.1e} of the largest score")
    console = Console()
    console.print(
        f"{figures['width']}x{figures['height']} pixels, {figures['classes']} classes ({figures['classes_seen']} "
        f"occur), windows of {figures['window'][0]}x{figures['window'][1]}, {figures['engine']}"
    )
    console.print(table)


def alone(function: Callable[..., Any], *arguments: object) -> Any:
    """Call a function in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def here(function: Callable[..., Any], *arguments: object) -> Any:
    """Call a function in this process."""
    return function(*arguments)


def peak_mib() -> float:
    """The most memory that this process has held, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def make_picture(path: Path, size: Size) -> None:
    """Write a picture of toy-world scenes, each of them another one."""
    height, width = size
    side = max(32, min(SCENE, height // 2, width // 2))
    scenes = Image.new("RGB", (width, height))
    columns = math.ceil(width / side)
    for number in range(columns * math.ceil(height / side)):
        row, column = divmod(number, columns)
        scene = render(0, number, side).image.permute(1, 2, 0).contiguous().numpy()
        scenes.paste(Image.fromarray(scene), (column * side, row * side))
    scenes.save(path, quality=92)


def streamed(case: Case) -> dict[str, Any]:
    """Parse the picture and save the parse; time and memory."""
    parser = case.parser()
    loaded, start = peak_mib(), time.perf_counter()
    parse = parser(case.picture)
    parsed, parsing = time.perf_counter(), peak_mib()
    parse.save(case.out, "parse")
    pixels = parse.labels.size
    return {
        "classes": len(parser.labels),
        "classes_seen": len(parse.legend),
        "engine": parser.engine.describe() if hasattr(parser.engine, "describe") else type(parser.engine).__name__,
        "seconds": round(parsed - start, 2),
        "seconds_per_megapixel": round((parsed - start) / pixels * 1e6, 4),
        "saving_seconds": round(time.perf_counter() - parsed, 2),
        "loaded_mib": round(loaded, 1),
        "parsing_mib": round(parsing, 1),
        "peak_mib": round(peak_mib(), 1),
        "scores_mib": round(4 * len(parser.labels) * pixels / 2**20),
    }


def compared(case: Case, array_gib: float) -> dict[str, Any]:
    """How many of the saved labels are those of the protocol without streaming, and how near the scores of others."""
    parser = case.parser()
    image = parser.read(case.picture)
    height, width = image.shape[-2:]
    with Image.open(case.out / "parse.png") as picture:
        got = torch.from_numpy(parser.labels.decode(np.array(picture))[0])
    corners, logits = all_windows(parser, image, case)
    counts = torch.zeros(height, width, dtype=torch.uint8)
    for top, left in corners:
        counts[top : top + case.window[0], left : left + case.window[1]] += 1
    best, own = torch.full((height, width), -math.inf), torch.zeros(height, width)
    labels = torch.zeros(height, width, dtype=torch.int16)
    largest = 0.0
    step = max(1, int(array_gib * 2**30 / (4 * height * width)))
    for first in range(0, logits.shape[1], step):
        some = logits[:, first : first + step]
        total = torch.zeros(some.shape[1], height, width)
        for (top, left), scores in zip(corners, some, strict=True):
            large = resize(scores[None], case.window, parser.engine.align_corners)[0]
            total[:, top : top + case.window[0], left : left + case.window[1]] += large
        for row in range(0, height, 64):
            rows = slice(row, row + 64)
            average = total[:, rows] / counts[rows]
            value, winner = average.max(dim=0)
            higher = value > best[rows]
            labels[rows] = torch.where(higher, (winner + first).short(), labels[rows])
            best[rows] = torch.where(higher, value, best[rows])
            here = (got[rows] >= first) & (got[rows] < first + len(average))
            index = (got[rows].long() - first).clamp(0, len(average) - 1)
            own[rows] = torch.where(here, average.gather(0, index[None])[0], own[rows])
            largest = max(largest, float(average.abs().max()))
        del total
    differs = labels != got
    gap = float((best - own)[differs].max()) / largest if differs.any() else 0.0
    count = int(differs.sum())
    return {"differing_pixels": count, "equal_share": 1 - count / got.numel(), "largest_gap": gap}


def all_windows(parser: Parser, image: Tensor, case: Case) -> tuple[list[Size], Tensor]:
    """The upper left corners of all windows, and their logits (windows, classes, h, w) in a file beside the picture."""
    (tall, wide), stride = case.window, parser.protocol.stride
    tops = window_starts(image.shape[-2], tall, math.ceil(tall * stride))
    lefts = window_starts(image.shape[-1], wide, math.ceil(wide * stride))
    corners = [(top, left) for top in tops for left in lefts]
    kept: Tensor | None = None
    number = 0
    for top in tops:
        for start in range(0, len(lefts), AT_ONCE):
            crops = [image[:, top : top + tall, left : left + wide] for left in lefts[start : start + AT_ONCE]]
            logits = parser.engine(torch.stack(crops)).cpu()
            if kept is None:
                shape = (len(corners), *logits.shape[1:])
                kept = torch.from_numpy(np.memmap(case.out / "logits", np.float32, "w+", shape=shape))
            kept[number : number + len(crops)] = logits
            number += len(crops)
    assert kept is not None  # there is one window at least
    return corners, kept


if __name__ == "__main__":
    main()
