"""A network under PyTorch's compiler, which makes better kernels for one size of pictures than for any."""

from collections.abc import Hashable
from typing import Any

import torch
from torch import Tensor, nn

FIXED = 4
"""Sizes that have kernels of their own. PyTorch compiles up to eight forms, and then computes without a word as it
comes; and who brings as many sizes as pictures would wait for the compiler at each of them."""


class CompiledSizes:
    """A network that is compiled for each of the first sizes that it is shown, and once for all others.

    Left to itself PyTorch makes kernels for one size alone, and from the second on for any.

    Args:
        network: The network, in evaluation mode.
    """

    def __init__(self, network: nn.Module) -> None:
        def any_size(*given: Any) -> Any:  # a function of its own: what is compiled is looked up by its code
            return network(*given)

        self._fixed = torch.compile(network, dynamic=False)
        self._any = torch.compile(any_size, dynamic=True)
        self._sizes: set[Hashable] = set()

    def __call__(self, pixels: Tensor, *asked: Any) -> Any:
        """Compute what the network does of pictures (N, C, H, W), and of what else it takes."""
        size = (tuple(pixels.shape), asked)
        if size not in self._sizes and len(self._sizes) >= FIXED:
            return self._any(pixels, *asked)
        self._sizes.add(size)
        return self._fixed(pixels, *asked)
