"""Gradients of the weights of wide convolutions in float32: PyTorch's against ours.

    python benchmarks/weight_gradients.py
    python benchmarks/weight_gradients.py --repeats 15 --json weight_gradients.json

The layers are those of a PSPNet-50 at stride 8 (two crops of 473 x 473) and of UPerNets (eight of 288 x 384),
channels-last as in training. The two take turns; the time is the median after a first round. Both results are compared
first. A training takes ours on processors without AVX512; elsewhere the table says what it would be.
"""

import statistics
import time
from typing import NamedTuple

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from command_line import command_line, parsed, write_figures
from sceneparse.networks.exact.weight_gradients import weight_gradient
from sceneparse.processes.allocation import keep_freed_memory


class Layer(NamedTuple):
    """A convolution of 3 x 3 at stride 1, and the maps that it takes."""

    batch: int
    channels: int
    outputs: int
    height: int
    width: int
    dilation: int


LAYERS = (
    Layer(2, 64, 64, 119, 119, 1),
    Layer(2, 128, 128, 60, 60, 1),
    Layer(2, 256, 256, 60, 60, 2),
    Layer(2, 512, 512, 60, 60, 4),
    Layer(2, 2048, 512, 60, 60, 1),
    Layer(8, 64, 64, 72, 96, 1),
    Layer(8, 64, 64, 36, 48, 1),
    Layer(8, 256, 256, 36, 48, 1),
    Layer(8, 512, 512, 24, 32, 1),
)


def _quarter(layer: Layer) -> Layer:
    """The same on maps of a quarter of each side, with a quarter of the channels."""
    batch, channels, outputs, height, width, dilation = layer
    return Layer(batch, channels // 4, outputs // 4, height // 4, width // 4, dilation)


def plain(maps: Tensor, weight: Tensor, gradient: Tensor, sides: tuple[int, int]) -> Tensor:
    """As PyTorch computes it."""
    around = [False, [0, 0], 1, [False, True, False]]
    given = (gradient, maps, weight, None, [1, 1], list(sides), list(sides), *around)
    of_weight: Tensor = torch.ops.aten.convolution_backward(*given)[1]
    return of_weight


def measure(layer: Layer, repeats: int) -> dict[str, object]:
    """One layer; times in milliseconds."""
    torch.manual_seed(0)
    maps = torch.randn(layer.batch, layer.channels, layer.height, layer.width)
    gradient = torch.randn(layer.batch, layer.outputs, layer.height, layer.width)
    maps, gradient = (one.contiguous(memory_format=torch.channels_last) for one in (maps, gradient))
    weight, sides = torch.randn(layer.outputs, layer.channels, 3, 3), (layer.dilation, layer.dilation)
    known = plain(maps, weight, gradient, sides)
    torch.testing.assert_close(weight_gradient(maps, weight, gradient, sides), known, rtol=1e-3, atol=1e-2)
    times: dict[str, list[float]] = {"plain": [], "ours": []}
    for _ in range(repeats + 1):
        for name, form in (("plain", plain), ("ours", weight_gradient)):
            began = time.perf_counter()
            form(maps, weight, gradient, sides)
            times[name].append(1000 * (time.perf_counter() - began))
    first, second = (statistics.median(times[name][1:]) for name in ("plain", "ours"))
    return {
        "batch": layer.batch,
        "channels": f"{layer.channels} to {layer.outputs}",
        "size": f"{layer.height}x{layer.width}",
        "dilation": layer.dilation,
        "plain_ms": round(first, 2),
        "ours_ms": round(second, 2),
        "ratio": round(first / second, 2),
    }


def main() -> None:
    """Measure and print."""
    parser = command_line(__doc__)
    parser.add_argument("--repeats", type=int, default=6, help="measured rounds after a first one (default: 6)")
    given = parsed(parser, {"repeats": 1})
    keep_freed_memory()  # as a training does
    rows = [measure(_quarter(layer) if given.quick else layer, given.repeats) for layer in LAYERS]
    write_figures(rows, given.json, lambda: show(rows))


def show(rows: list[dict[str, object]]) -> None:
    """A table on the terminal."""
    kernels = torch.backends.cpu.get_cpu_capability()
    table = Table(*rows[0], title=f"gradient of the weights, {torch.get_num_threads()} threads, PyTorch's {kernels}")
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
