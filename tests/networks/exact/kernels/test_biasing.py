"""The kernel that adds biases rounds once, as float32's sum does, whatever the numbers of pixels and channels."""

import pytest
import torch
from torch import Tensor

from sceneparse.networks.exact.full_bias import added
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
