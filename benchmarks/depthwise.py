"""Dilated and strided depthwise convolution, forward and backward: PyTorch's gradients against ours.

    python benchmarks/depthwise.py
    python benchmarks/depthwise.py --repeats 15 --json depthwise.json

The layers are those of MobileNetV2, at stride 8 the dilated ones, for eight crops of 320 x 416, channels-last as in
training. The two take turns; the time is the median after a first round. Both results are compared first. Strided ones
are our own in bfloat16 alone.
"""

import statistics
import time
from typing import NamedTuple

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table
from torch import Tensor

from command_line import command_line, parsed, write_figures
from sceneparse.networks.exact.depthwise import dilated_depthwise
from sceneparse.networks.exact.strided_depthwise import strided_depthwise
from sceneparse.processes.allocation import keep_freed_memory


class Layer(NamedTuple):
    """A depthwise convolution of 3 x 3, and the maps that it takes."""

    channels: int
    height: int
    width: int
    stride: int
    dilation: int


LAYERS = (
    Layer(384, 40, 52, 1, 2),
    Layer(576, 40, 52, 1, 2),
    Layer(960, 40, 52, 1, 4),
    Layer(96, 160, 208, 2, 1),
    Layer(144, 80, 104, 2, 1),
    Layer(192, 40, 52, 2, 1),
    Layer(576, 20, 26, 2, 1),
)


def _quarter(layer: Layer) -> Layer:
    """The same on maps of a quarter of each side."""
    return layer._replace(height=layer.height // 4, width=layer.width // 4)


def plain(maps: Tensor, weight: Tensor, layer: Layer) -> Tensor:
    """As timm and torchvision compute it."""
    return F.conv2d(maps, weight, None, layer.stride, layer.dilation, layer.dilation, len(weight))


def ours(maps: Tensor, weight: Tensor, layer: Layer) -> Tensor:
    """As sceneparse trains it on a CPU."""
    if layer.dilation > 1:
        return dilated_depthwise(maps, weight, None, layer.dilation)
    return strided_depthwise(maps, weight, None, (layer.stride, layer.stride), (1, 1, 1, 1))


def measure(layer: Layer, precision: str, batch: int, repeats: int) -> dict[str, object]:
    """One layer in one precision; times in milliseconds."""
    torch.manual_seed(0)
    dtype, channels = getattr(torch, precision), layer.channels
    maps = torch.randn(batch, channels, layer.height, layer.width).to(dtype)
    maps = maps.contiguous(memory_format=torch.channels_last).requires_grad_()
    weight = torch.randn(channels, 1, 3, 3).to(dtype).requires_grad_()
    torch.testing.assert_close(ours(maps, weight, layer), plain(maps, weight, layer), rtol=0.02, atol=0.05)
    times: dict[str, list[float]] = {"plain": [], "ours": []}
    for _ in range(repeats + 1):
        for name, form in (("plain", plain), ("ours", ours)):
            began = time.perf_counter()
            result = form(maps, weight, layer)
            result.backward(torch.ones_like(result))
            times[name].append(1000 * (time.perf_counter() - began))
    first, second = (statistics.median(times[name][1:]) for name in ("plain", "ours"))
    return {
        "channels": channels,
        "size": f"{layer.height}x{layer.width}",
        "stride": layer.stride,
        "dilation": layer.dilation,
        "precision": precision,
        "plain_ms": round(first, 2),
        "ours_ms": round(second, 2),
        "ratio": round(first / second, 2),
    }


def main() -> None:
    """Measure and print."""
    parser = command_line(__doc__)
    parser.add_argument("--batch", type=int, default=8, help="crops (default: 8)")
    parser.add_argument("--repeats", type=int, default=6, help="measured rounds after a first one (default: 6)")
    given = parsed(parser, {"batch": 1, "repeats": 1})
    keep_freed_memory()  # as a training does
    layers = [_quarter(layer) for layer in LAYERS] if given.quick else LAYERS
    rows = [
        measure(layer, precision, given.batch, given.repeats)
        for layer in layers
        for precision in (("float32", "bfloat16") if layer.stride == 1 else ("bfloat16",))
    ]
    write_figures(rows, given.json, lambda: show(rows, given.batch))


def show(rows: list[dict[str, object]], batch: int) -> None:
    """A table on the terminal."""
    title = f"batch {batch}, forward and backward, {torch.get_num_threads()} threads"
    table = Table(*rows[0], title=title)
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
