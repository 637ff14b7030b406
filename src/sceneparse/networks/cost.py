"""Count a network's multiply-adds for one picture, in the form in which they are computed."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def multiply_adds(
    network: nn.Module, channels: int, size: tuple[int, int], tasks: Collection[str] | None = None
) -> int:
    """Count the multiply-adds of all convolutions and matrix products of one picture's forward pass in inference.

    Exact heads count with what they do in place of the papers' convolutions, their resizing by constant matrices
    included; resizing by interpolation, pooling, normalisation and sums are no products of matrices and don't count.

    Args:
        network: In evaluation mode, its weights on any device; on "meta" nothing is computed and no memory is taken.
        channels: Channels of the picture.
        size: Its height and width in pixels.
        tasks: Of a unified network: the tasks that are computed, None for all.
    """
    device = next(network.parameters()).device
    # PyTorch counts all but the form that adds in place, in which exact heads put their sums onto the convolution.
    counter = FlopCounterMode(display=False, custom_mapping={torch.ops.aten.baddbmm_: _added_product})
    with torch.no_grad(), without_batch_norms(network), counter:
        network(torch.empty(1, channels, *size, device=device), *(() if tasks is None else (tasks,)))
    return int(counter.get_total_flops()) // 2


@contextmanager
def without_batch_norms(network: nn.Module) -> Iterator[None]:
    """Leave batch norms out of a network's forward pass, which neither count nor change a map's shape.

    Without numbers, on "meta", PyTorch works each of them out operation by operation in Python, which takes longer than
    all the rest.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.forward = _as_it_is  # type: ignore[assignment,method-assign]
    try:
        yield
    finally:
        for norm in norms:
            del norm.forward


def _as_it_is(maps: torch.Tensor) -> torch.Tensor:
    return maps


def _added_product(_: Sequence[int], left: Sequence[int], right: Sequence[int], *__: Any, **___: Any) -> int:
    """Count the floating-point operations, two a multiply-add, of products (B, n, m) times (B, m, k)."""
    batch, rows, inner = left
    return 2 * batch * rows * inner * right[-1]
