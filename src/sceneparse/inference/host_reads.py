"""What a network does that no graph can hold: to read a number back from its device, or to copy between devices."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._C import DispatchKey
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_ANY_COPY = frozenset({torch.ops.aten.copy_.default, torch.ops.aten.copy.default, torch.ops.aten._to_copy.default})
"""Operators that copy a single number between devices as well. Others take one of main memory as a constant."""

_INDEXING = frozenset(
    {
        torch.ops.aten.index.Tensor,
        torch.ops.aten.index_put.default,
        torch.ops.aten.index_put_.default,
        torch.ops.aten._index_put_impl_.default,
    }
)
"""Operators that wait for the device where an index is a mask: how many pixels it has is looked up."""


class RefusingHostReads(TorchDispatchMode):
    """Refuses, while it lasts, every operator that waits for a number of the device or copies between devices.

    A recording that meets one fails, and PyTorch's allocator is not fit for another one after that: so what is computed
    is tried in this before. It sees nothing within a compiled network.

    Args:
        device: The type of the device; numbers of others may be read.

    Raises:
        RuntimeError: An operator is one of these; its message names it.
    """

    def __init__(self, device: str) -> None:
        super().__init__()
        self._device = device

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # By default PyTorch imports its compiler, which takes seconds, to tell it to stay away.
        return False

    def __torch_dispatch__(
        self, func: Any, types: Iterable[type], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Compute an operator, unless it is to be refused."""
        kwargs = kwargs or {}
        if _reads(func, args) and any(one.device.type == self._device for one in _tensors((args, kwargs))):
            raise RuntimeError(f"{_name(func)} waits for a number of the device")
        # In inference mode operators arrive that are made of others, and these would be hidden. Formulas in Python, for
        # tracing, are not what is computed.
        if DispatchKey.CompositeImplicitAutograd not in func.py_kernels:
            with self:
                found = func.decompose(*args, **kwargs)
            if found is not NotImplemented:
                return found
        found = func(*args, **kwargs)
        if _copies(func, (args, kwargs, found)):
            raise RuntimeError(f"{_name(func)} copies between devices")
        return found


def _name(func: Callable[..., Any]) -> str:
    return str(func).rsplit(".", 1)[0]


def _reads(func: Any, args: Sequence[Any]) -> bool:
    if func in _INDEXING:
        return any(one is not None and one.dtype in (torch.bool, torch.uint8) for one in args[1])
    return bool({torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape} & set(func.tags))


def _copies(func: Any, involved: Any) -> bool:
    tensors = _tensors(involved)
    # A tensor that Python's numbers were made into, on a device at once.
    if func is torch.ops.aten.lift_fresh.default:
        return any(one.device.type != "cpu" for one in tensors)
    if func not in _ANY_COPY:
        tensors = [one for one in tensors if one.dim() or one.device.type != "cpu"]
    return len({one.device for one in tensors}) > 1


def _tensors(involved: Any) -> list[Tensor]:
    return [one for one in tree_leaves(involved) if isinstance(one, Tensor)]
