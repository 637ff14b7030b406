"""The kernel after convolutions rounds once, as float32's sums do, whatever the numbers of pixels and channels."""

import pytest
import torch
from torch import Tensor

from sceneparse.networks.exact.full_bias import Bounds, added
from sceneparse.networks.exact.kernels.usable import installed
from tests.support.kernels import Run, on_gpu

SHAPES = [(1, 1, 3, 5), (2, 24, 7, 9), (1, 300, 4, 6), (3, 512, 1, 2), (2, 5, 1, 1)]


def rounded(sums: Tensor, dtype: torch.dtype, run: Run) -> Tensor:
    """What sums become in a format; Triton's interpreter cuts bfloat16 off, where a GPU rounds to the nearest."""
    if dtype == torch.bfloat16 and run is not on_gpu:
        return (sums.view(torch.int32) & ~0xFFFF).view(torch.float32).to(dtype)
    return sums.to(dtype)


@pytest.mark.skipif(not installed(), reason="Triton is not installed (Linux on x86-64 has it)")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_adds_as_float32_does(run: Run, shape: tuple[int, int, int, int], dtype: torch.dtype) -> None:
    from sceneparse.networks.exact.kernels.biasing import add_bias_

    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(shape, generator=generator).to(dtype).contiguous(memory_format=torch.channels_last)
    bias = 9 * torch.randn(shape[1], generator=generator)
    maps[-1, -1, -1, -1] = float("inf")
    expected = rounded(maps.float() + bias.view(-1, 1, 1), dtype, run)
    found = run(add_bias_, maps, bias)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_maps_in_any_order_are_added_to(run: Run) -> None:
    maps, bias = torch.randn(2, 6, 4, 5).half(), torch.randn(6)
    expected = (maps.float() + bias.view(-1, 1, 1)).half()
    for one in (maps, maps.contiguous(memory_format=torch.channels_last)):
        torch.testing.assert_close(run(added, one.clone(), bias), expected, rtol=0, atol=0)


@pytest.mark.skipif(not installed(), reason="Triton is not installed (Linux on x86-64 has it)")
@pytest.mark.parametrize("bounds", [Bounds(), Bounds(0.0), Bounds(0.0, 6.0)])
@pytest.mark.parametrize("shape", SHAPES[1:3])
def test_it_adds_a_shortcut_and_cuts_before_it_rounds(
    run: Run, shape: tuple[int, int, int, int], bounds: Bounds
) -> None:
    from sceneparse.networks.exact.kernels.biasing import add_bias_

    generator = torch.Generator().manual_seed(1)
    maps, shortcut = (
        (4 * torch.randn(shape, generator=generator)).half().contiguous(memory_format=torch.channels_last)
        for _ in range(2)
    )
    bias = torch.randn(shape[1], generator=generator)
    maps[0, 0, 0, 0], maps[0, 0, 0, 1], shortcut[0, 0, 0, 2] = float("nan"), float("inf"), float("-inf")
    sums = maps.float() + bias.view(-1, 1, 1) + shortcut.float()
    expected = (sums if bounds == Bounds() else sums.clamp(*bounds)).half()
    torch.testing.assert_close(run(add_bias_, maps, bias, shortcut, *bounds), expected, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_a_shortcut_in_another_order_is_added_too(run: Run, order: torch.memory_format) -> None:
    maps, bias = torch.randn(2, 6, 4, 5).half().contiguous(memory_format=torch.channels_last), torch.zeros(6)
    shortcut = torch.randn(2, 6, 4, 5).half().contiguous(memory_format=order)
    expected = (maps.float() + shortcut.float()).half().clamp(0)
    torch.testing.assert_close(run(added, maps, bias, shortcut, Bounds(0.0)), expected, rtol=0, atol=0)
