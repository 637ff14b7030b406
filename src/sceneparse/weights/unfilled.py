"""Build a network without drawing the random weights that are overwritten at once."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

DRAWS = frozenset({Tensor.normal_, Tensor.uniform_, Tensor.erfinv_})
"""How PyTorch and timm draw the values of a parameter; the last turns a uniform distribution into a normal one."""


class _WithoutDraws(TorchFunctionMode):
    """Leaves parameters as their memory is where random values would be drawn into them."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        # Parameters alone: what a network computes of other random tensors (an orthogonal matrix) must stay computable.
        if func in DRAWS and isinstance(args[0], nn.Parameter):
            return args[0]
        return func(*args, **(kwargs or {}))


@contextmanager
def unfilled() -> Iterator[None]:
    """Build networks within it of which every parameter is filled afterwards, as `load_state_dict` does.

    Random weights take up to half of the time that building takes. What is not drawn here has no values until it is
    filled; buffers have theirs. The caller's random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]), _WithoutDraws():
        yield
