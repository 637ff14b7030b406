"""Activations that are computed anew for the gradient instead of being kept: the same bits in half the memory.

A convolution keeps its input for its gradient, and the batch norm before it keeps its own: one is a cheap function of
the other. While a training step computes its scores on a CPU, what batch norm and the activation behind it make is not
kept, but made again from what batch norm keeps, when the gradient asks for it (Chen et al., arXiv 1604.06174, drop
more; here it is only what takes one pass over memory). Each number is computed as before, by the same kernels.

PyTorch's in-place ReLU6, SiLU and Hardswish keep a copy of their input, so that in place they take as much memory as
the others. Here they don't.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.autograd.graph import saved_tensors_hooks
from torch.overrides import TorchFunctionMode

LEAST_BYTES = 2**20
"""Maps below this size are kept: there is nothing to gain."""


class _Activation(NamedTuple):
    """An activation: its form in place, and its gradient.

    Args:
        in_place: Applies it.
        backward: Returns the input's gradient of the result's gradient and of the input or the result.
        by_result: Whether that is the result.
    """

    in_place: Callable[[Tensor], Tensor]
    backward: Callable[[Tensor, Tensor], Tensor]
    by_result: bool


_aten = torch.ops.aten
ACTIVATIONS: dict[Callable[..., Tensor], _Activation] = {
    F.relu: _Activation(F.relu_, lambda gradient, result: _aten.threshold_backward(gradient, result, 0), True),
    F.relu6: _Activation(
        lambda maps: maps.clamp_(0, 6), lambda gradient, result: _aten.hardtanh_backward(gradient, result, 0, 6), True
    ),
    F.silu: _Activation(_aten.silu_, _aten.silu_backward, False),
    F.hardswish: _Activation(_aten.hardswish_, _aten.hardswish_backward, False),
}
"""The activations that are known, by the functions that networks call."""


class _Normalized:
    """What a batch norm makes of its input, and maybe an activation of that: computed when it is asked for.

    Args:
        maps: Input of the batch norm, (N, C, H, W).
        scale: (C,) weight over standard deviation.
        mean: (C,).
        bias: (C,).
        activation: What comes behind it; None for nothing.
    """

    def __init__(
        self, maps: Tensor, scale: Tensor, mean: Tensor, bias: Tensor, activation: _Activation | None = None
    ) -> None:
        self._parts, self._activation = (maps, scale, mean, bias), activation
        self.wanted = 0
        self._again: Tensor | None = None

    def activated(self, activation: _Activation) -> _Normalized:
        """The same with an activation behind it."""
        return _Normalized(*self._parts, activation)

    def value(self) -> Tensor:
        """Compute it, or return it again as long as others will ask for it."""
        result = self._again
        if result is None:
            maps, scale, mean, bias = self._parts
            # A variance of 0 and an epsilon of 1 leave the scale as it is, so that the bits are those of the training.
            result = torch.native_batch_norm(maps, scale, bias, mean, torch.zeros_like(mean), False, 0.0, 1.0)[0]
            if self._activation is not None:
                self._activation.in_place(result)
        self.wanted -= 1
        self._again = result if self.wanted > 0 else None
        return result


class _InPlace(torch.autograd.Function):
    """An activation in place whose gradient needs no copy of its input."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, activation: _Activation, source: _Normalized) -> Tensor:
        ctx.activation, ctx.source = activation, source
        activation.in_place(maps)
        ctx.mark_dirty(maps)
        if activation.by_result:
            ctx.save_for_backward(maps)
        else:
            source.wanted += 1
        return maps

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        known = ctx.saved_tensors[0] if ctx.activation.by_result else ctx.source.value()
        return ctx.activation.backward(gradient, known), None, None


class _Made(NamedTuple):
    """A tensor that can be made again.

    Args:
        tensor: The tensor, as long as the network holds it.
        version: How often it had been changed in place; None while it is being changed.
        source: What makes it.
    """

    tensor: weakref.ref[Tensor]
    version: int | None
    source: _Normalized


class LeanNorms(TorchFunctionMode):
    """While it is entered, what batch norms and activations make on a CPU is not kept for the gradient.

    It is for the forward pass of a training step; the backward pass comes after it, once.
    """

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[int, _Made] = {}
        self._hooks = saved_tensors_hooks(self._pack, _unpack)

    def __enter__(self) -> Self:
        self._hooks.__enter__()
        super().__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._hooks.__exit__()
        self._made.clear()

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Compute a function of torch; those that are known, in their lean form."""
        kwargs = kwargs or {}
        if func is F.batch_norm:
            return self._batch_norm(*args, **kwargs)
        if func in ACTIVATIONS:
            return self._activate(func, *args, **kwargs)
        if func is F.hardtanh:
            return self._hardtanh(*args, **kwargs)
        return func(*args, **kwargs)

    def _batch_norm(
        self,
        input: Tensor,  # noqa: A002 - the names in torch.nn.functional.batch_norm
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        usual = (input, running_mean, running_var, weight, bias, training, momentum, eps)
        if not training or weight is None or bias is None or input.ndim != 4 or not _is_worth(input):
            return F.batch_norm(*usual)
        result, mean, inverse = torch.native_batch_norm(
            input, weight, bias, running_mean, running_var, True, momentum, eps
        )
        source = _Normalized(input.detach(), (inverse * weight).detach(), mean.detach(), bias.detach())
        self._remember(result, result._version, source)
        return result

    def _activate(
        self,
        function: Callable[..., Tensor],
        input: Tensor,  # noqa: A002 - the name in torch.nn.functional
        inplace: bool = False,
    ) -> Tensor:
        source = self._source(input) if inplace else None
        if source is None:
            return function(input, inplace=inplace)
        activation = ACTIVATIONS[function]
        after = source.activated(activation)
        self._remember(input, None, after)
        result: Tensor = _InPlace.apply(input, activation, source)
        self._remember(result, result._version, after)
        return result

    def _hardtanh(
        self,
        input: Tensor,  # noqa: A002 - the name in torch.nn.functional
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
    ) -> Tensor:
        if (min_val, max_val) == (0, 6):  # so says torch.nn.ReLU6
            return self._activate(F.relu6, input, inplace)
        return F.hardtanh(input, min_val, max_val, inplace)

    def _remember(self, tensor: Tensor, version: int | None, source: _Normalized) -> None:
        self._made[tensor.untyped_storage()._cdata] = _Made(weakref.ref(tensor), version, source)

    def _source(self, tensor: Tensor) -> _Normalized | None:
        """What makes a tensor; None where that isn't known, or where it was changed since."""
        made = self._made.get(tensor.untyped_storage()._cdata)
        # An address alone says nothing: what lay there may be gone, and another in its place.
        owner = None if made is None else made.tensor()
        if made is None or owner is None or made.version not in (None, tensor._version):
            return None
        return made.source if (owner.shape, owner.stride()) == (tensor.shape, tensor.stride()) else None

    def _pack(self, tensor: Tensor) -> Tensor | _Normalized:
        source = self._source(tensor)
        if source is None:
            return tensor
        source.wanted += 1
        return source


def _unpack(kept: Tensor | _Normalized) -> Tensor:
    return kept.value() if isinstance(kept, _Normalized) else kept


def _is_worth(maps: Tensor) -> bool:
    return maps.device.type == "cpu" and maps.requires_grad and maps.numel() * maps.element_size() >= LEAST_BYTES
