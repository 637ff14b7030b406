"""Checks of a function of tensors that has gradients of its own."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Form = Callable[..., Tensor]
"""Takes maps, weight and bias."""


def check_like(ours: Form, plain: Form, inputs: Sequence[Tensor]) -> None:
    """Check that two forms of a function give the same result and the same gradients, but for float64's rounding."""
    results = ours(*inputs), plain(*inputs)
    torch.testing.assert_close(*results, rtol=1e-12, atol=1e-12)
    seed = torch.randn_like(results[1])
    for mine, theirs in zip(*(torch.autograd.grad(one, inputs, seed) for one in results), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)


def check_asked_for(ours: Form, inputs: Sequence[Tensor], wanted: Sequence[int]) -> None:
    """Check that there are just the gradients that are asked for."""
    for index in wanted:
        inputs[index].requires_grad_()
    ours(*inputs).sum().backward()
    assert [one.grad is not None for one in inputs] == [index in wanted for index in range(len(inputs))]


def depthwise_inputs(size: tuple[int, int], kernel: int) -> tuple[Tensor, Tensor, Tensor]:
    """Maps, weight and bias of a depthwise convolution in float64."""
    torch.manual_seed(0)
    shapes = ((2, 6, *size), (6, 1, kernel, kernel), (6,))
    maps, weight, bias = (torch.randn(*shape, dtype=torch.float64, requires_grad=True) for shape in shapes)
    return maps, weight, bias
