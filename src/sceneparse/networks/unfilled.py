"""Build networks whose random weights nobody will read: they are filled at once, or only their shapes count."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import init
from torch.overrides import TorchFunctionMode

DRAWS = frozenset(
    {
        # Some functions of PyTorch's are seen whole, of others the draws in them.
        init.normal_,
        init.uniform_,
        init.kaiming_normal_,
        init.kaiming_uniform_,
        init.xavier_normal_,
        init.xavier_uniform_,
        Tensor.normal_,
        Tensor.uniform_,
        # Behind a uniform distribution, which it turns into a normal one.
        Tensor.erfinv_,
    }
)
"""How PyTorch and timm draw the values of a parameter."""


class WithoutDraws(TorchFunctionMode):
    """Makes parameters zero where random values would be drawn into them."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Compute a function of torch, unless it draws a parameter's values."""
        kwargs = kwargs or {}
        if func in DRAWS:
            tensor = args[0] if args else kwargs.get("tensor")
            # Parameters alone: what is computed of other random tensors (an orthogonal matrix) must stay computable.
            # Zero, not whatever lies in their memory: truncated normal distributions draw anew what is out of bounds.
            if isinstance(tensor, nn.Parameter):
                with torch.no_grad():
                    return tensor.zero_()
        return func(*args, **kwargs)


@contextmanager
def unfilled() -> Iterator[None]:
    """Build networks within it of which every parameter is filled afterwards, as `load_state_dict` does.

    Random weights take up to half of the time that building takes. What is not drawn here is zero until it is
    filled; buffers have their values. The caller's random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]), WithoutDraws():
        yield


@contextmanager
def sketched() -> Iterator[None]:
    """Build networks within it of shapes alone (PyTorch's device "meta"), without memory and random numbers."""
    with torch.device("meta"), unfilled():
        yield
