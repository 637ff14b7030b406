"""Dilated depthwise convolution, forward and backward: PyTorch's gradients against ours.

    python benchmarks/depthwise.py
    python benchmarks/depthwise.py --repeats 15 --json depthwise.json

The layers are those of MobileNetV2 at stride 8 for eight crops of 320 x 416, channels-last as in training. The two take
turns; the time is the median after a first round. Both results are compared first.
"""

import statistics
import time

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table
from torch import Tensor

from command_line import command_line, parsed, write_figures
from sceneparse.networks.exact.depthwise import dilated_depthwise

LAYERS = ((384, 2), (576, 2), (960, 4))
"""Channels and dilation."""


def plain(maps: Tensor, weight: Tensor, dilation: int) -> Tensor:
    """As timm and torchvision compute it."""
    return F.conv2d(maps, weight, padding=dilation, dilation=dilation, groups=len(weight))


def ours(maps: Tensor, weight: Tensor, dilation: int) -> Tensor:
    """As sceneparse trains it on a CPU."""
    return dilated_depthwise(maps, weight, None, dilation)


def measure(channels: int, dilation: int, precision: str, batch: int, repeats: int) -> dict[str, object]:
    """One layer in one precision; times in milliseconds."""
    torch.manual_seed(0)
    dtype = getattr(torch, precision)
    maps = torch.randn(batch, channels, 40, 52).to(dtype).contiguous(memory_format=torch.channels_last).requires_grad_()
    weight = torch.randn(channels, 1, 3, 3).to(dtype).requires_grad_()
    torch.testing.assert_close(ours(maps, weight, dilation), plain(maps, weight, dilation), rtol=0.02, atol=0.05)
    times: dict[str, list[float]] = {"plain": [], "ours": []}
    for _ in range(repeats + 1):
        for name, form in (("plain", plain), ("ours", ours)):
            began = time.perf_counter()
            result = form(maps, weight, dilation)
            result.backward(torch.ones_like(result))
            times[name].append(1000 * (time.perf_counter() - began))
    first, second = (statistics.median(times[name][1:]) for name in ("plain", "ours"))
    return {
        "channels": channels,
        "dilation": dilation,
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
    precisions = ("float32", "bfloat16")
    rows = [measure(*layer, precision, given.batch, given.repeats) for layer in LAYERS for precision in precisions]
    write_figures(rows, given.json, lambda: show(rows, given.batch))


def show(rows: list[dict[str, object]], batch: int) -> None:
    """A table on the terminal."""
    title = f"batch {batch} at 40 x 52, forward and backward, {torch.get_num_threads()} threads"
    table = Table(*rows[0], title=title)
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
