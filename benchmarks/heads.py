"""The convolutions over resized maps, plain and exact, side by side: milliseconds of one picture in inference.

    python benchmarks/heads.py
    python benchmarks/heads.py --json

`pyramid` is PSPNet's 3×3 convolution over stage 4 and the four pooled grids (2048 + 4·512 channels to 512, at 60×60),
`fusion` UPerNet's over its four levels (4·512 channels to 512, at 128×128, 64×64, 32×32 and 16×16). Pooling is in
neither time; resizing and concatenation are in the plain one. Both forms have channels-last memory and weights in the
precision that is measured, the exact one arranged once, as the engine has them. The two take turns; a time is the
median, the ratio the plain one over the exact one. Both results are compared first.
"""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from command_line import command_line, device_of, parsed, write_figures
from sceneparse.devices import device_name, float32_products, wait
from sceneparse.networks.exact.convolution import ArrangedConcatConv2d, ConcatConv2d

PRECISIONS = ("float32", "bfloat16")


class Case(NamedTuple):
    """A convolution: channels and side of each map, and channels of the result."""

    channels: tuple[int, ...]
    sides: tuple[int, ...]
    out: int

    def divided(self, divisor: int) -> "Case":
        """The same with fewer channels and smaller maps; pooled grids keep their sides."""
        channels = tuple(width // divisor for width in self.channels)
        sides = tuple(side if side <= 6 else max(side // divisor, 1) for side in self.sides)
        return Case(channels, sides, self.out // divisor)


HEADS = {
    "pyramid": Case((2048, 512, 512, 512, 512), (60, 1, 2, 3, 6), 512),
    "fusion": Case((512, 512, 512, 512), (128, 64, 32, 16), 512),
}


class Figures(NamedTuple):
    """What was measured; `difference` is the largest one, relative to the largest value."""

    head: str
    precision: str
    plain_ms: float
    exact_ms: float
    ratio: float
    difference: float


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--repeats", type=int, default=15, help="measured rounds after two others (default: 15)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument("--divisor", type=int, default=1, help="divide channels and sides (default: 1)")
    given = parsed(parser, {"divisor": 8, "repeats": 1})
    device = device_of(parser, given.device)
    rows = [
        measure(head, case.divided(given.divisor), precision, device, given.repeats)
        for head, case in HEADS.items()
        for precision in PRECISIONS
    ]
    write_figures([row._asdict() for row in rows], given.json, lambda: show(rows, device))


@torch.inference_mode()
def measure(head: str, case: Case, precision: str, device: torch.device, repeats: int) -> Figures:
    """Both forms of one convolution in one precision."""
    dtype: torch.dtype = getattr(torch, precision)
    torch.manual_seed(0)
    maps = [
        torch.randn(1, width, side, side).to(device, dtype).contiguous(memory_format=torch.channels_last)
        for width, side in zip(case.channels, case.sides, strict=True)
    ]
    layer = ConcatConv2d(case.channels, case.out, 3, padding=1, align_corners=False, resampling="plain").to(device)
    exact = ArrangedConcatConv2d(layer, None if dtype == torch.float32 else dtype)
    plain = layer.to(dtype).to(memory_format=torch.channels_last)
    with float32_products(precision):
        expected, got = plain(maps).float(), exact(maps).float()
        difference = float((got - expected).abs().max() / expected.abs().max())
        first, second = alternate(lambda: plain(maps), lambda: exact(maps), device, repeats)
    return Figures(head, precision, round(first, 3), round(second, 3), round(first / second, 3), difference)


def alternate(
    plain: Callable[[], Tensor], exact: Callable[[], Tensor], device: torch.device, repeats: int
) -> tuple[float, float]:
    """Medians in milliseconds of two functions that take turns."""
    times: dict[Callable[[], Tensor], list[float]] = {plain: [], exact: []}
    for turn in range(repeats + 2):
        for function, measured in times.items():
            wait(device)
            start = time.perf_counter()
            function()
            wait(device)
            if turn >= 2:
                measured.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[plain]), statistics.median(times[exact])


def show(rows: list[Figures], device: torch.device) -> None:
    """A table on the terminal."""
    name = f"CPU, {torch.get_num_threads()} threads" if device.type == "cpu" else device_name(device)
    table = Table(title=f"Convolutions over resized maps, one picture, {name}")
    for column in ("head", "precision"):
        table.add_column(column)
    for column in ("plain ms", "exact ms", "ratio", "difference"):
        table.add_column(column, justify="right")
    for row in rows:
        figures = (f"{row.plain_ms:.2f}", f"{row.exact_ms:.2f}", f"{row.ratio:.2f}×", f"{row.difference:.1e}")
        table.add_row(row.head, row.precision, *figures)
    Console().print(table)


if __name__ == "__main__":
    main()
