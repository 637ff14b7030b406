"""Activation checkpointing: blocks keep their inputs alone, and are computed once more for the backward pass.

Chen et al., "Training deep nets with sublinear memory cost", arXiv 1604.06174. The gradients are the same: random
numbers are drawn again as they were, and batch norm takes its running statistics from the first pass only.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def recompute_blocks(module: nn.Module) -> int:
    """Make the blocks of a network, in place, keep nothing but their inputs while it trains; names and weights stay.

    A block is what a list of layers holds and what has several layers with weights itself, such as a residual block, an
    inverted one or one of attention; of blocks within blocks the innermost. In evaluation mode, without gradients and
    where they are frozen, blocks compute as ever.

    Args:
        module: The network, or a part of it such as a backbone.

    Returns:
        How many blocks there are that learn: with 0 nothing has changed.
    """
    blocks = [block for block in blocks_of(module) if any(one.requires_grad for one in block.parameters())]
    for block in blocks:
        block.__class__ = _recomputed(type(block))
    return len(blocks)


def blocks_of(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the blocks of a network, as `recompute_blocks` defines them."""
    for child in module.children():
        if isinstance(module, CONTAINERS) and _is_block(child) and not any(True for _ in blocks_of(child)):
            yield child
        else:
            yield from blocks_of(child)


def _is_block(module: nn.Module) -> bool:
    if isinstance(module, CONTAINERS):
        return False
    layers = [one for one in module.modules() if any(True for _ in one.parameters(recurse=False))]
    return len(layers) >= 2


_MADE: dict[type[nn.Module], type[nn.Module]] = {}


def _recomputed(kind: type[nn.Module]) -> type[nn.Module]:
    """Return a class of modules that differs from another in how it computes while it trains."""
    if kind in _MADE:
        return _MADE[kind]

    def forward(self: nn.Module, *inputs: Any, **named: Any) -> Any:
        """Compute as ever, but keep nothing but the inputs where there will be a backward pass."""

        def compute(*inputs: Any, **named: Any) -> Any:
            return kind.forward(self, *inputs, **named)

        if not self.training or not torch.is_grad_enabled():
            return compute(*inputs, **named)
        # The first pass needs no context of its own.
        contexts = lambda: (nullcontext(), _without_statistics(self))  # noqa: E731
        return checkpoint(compute, *inputs, use_reentrant=False, context_fn=contexts, **named)

    names = {"forward": forward, "__module__": kind.__module__, "__doc__": kind.__doc__}
    _MADE[kind] = type(kind.__name__, (kind,), names)
    return _MADE[kind]


@contextmanager
def _without_statistics(block: nn.Module) -> Iterator[None]:
    """Leave running statistics as they are, which the first pass has updated: only copies of them change."""
    norms = [one for one in block.modules() if one.training and getattr(one, "track_running_stats", False)]
    kept = [dict(norm._buffers) for norm in norms]
    for norm in norms:
        norm._buffers.update({name: None if one is None else one.clone() for name, one in norm._buffers.items()})
    try:
        yield
    finally:
        for norm, buffers in zip(norms, kept, strict=True):
            norm._buffers.update(buffers)
