"""Pooling to grids: in formats of few digits, and in graphs."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sceneparse.networks.exact import pooling
from sceneparse.networks.exact.pooling import average_pool
from tests.support.gpus import needs_cuda


def products(ones: Tensor, lines: Tensor) -> Tensor:
    """What a GPU computes of 16 bits: exact products, added up in float32."""
    assert ones.dtype == lines.dtype == torch.bfloat16
    return torch.matmul(ones.float(), lines.float())


def random_maps() -> Tensor:
    maps = torch.randn(2, 3, 17, 26, generator=torch.Generator().manual_seed(0)) + 1
    return maps.bfloat16().contiguous(memory_format=torch.channels_last)


def test_sums_of_16_bits_divided_in_float32_are_the_averages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooling, "_adds_in_float32", lambda *_: True)
    monkeypatch.setattr(pooling, "_products_in_float32", products)
    maps, seen = random_maps(), 0
    with torch.no_grad():
        for side, grid in zip((1, 2, 3, 6), average_pool(maps, [1, 2, 3, 6]), strict=True):
            wanted = F.adaptive_avg_pool2d(maps.double(), side)
            assert torch.equal(grid, wanted.bfloat16()) and grid.is_contiguous(memory_format=torch.channels_last)
            seen += 1
        sums = pooling._averages_of_sums(maps, [6], products)[0]
    torch.testing.assert_close(sums.double(), F.adaptive_avg_pool2d(maps.double(), 6), rtol=1e-6, atol=1e-6)
    assert seen == 4


@needs_cuda
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_gpu_adds_16_bits_up_in_float32(dtype: torch.dtype) -> None:
    maps = random_maps().to("cuda", dtype)
    assert pooling._adds_in_float32(maps.device, dtype)
    with torch.no_grad():
        for side, grid in zip((1, 6), average_pool(maps, [1, 6]), strict=True):
            wanted = F.adaptive_avg_pool2d(maps.double(), side)
            torch.testing.assert_close(grid.double(), wanted, rtol=2**-8, atol=2**-10)


def test_maps_of_16_bits_are_pooled_in_float32_and_stay_of_their_type() -> None:
    # 1 + 1/128 is a number of bfloat16; the sum of 27 weights of 1/27, rounded to it, is not 1.
    maps = torch.full((1, 2, 27, 27), 1 + 2**-7, dtype=torch.bfloat16)
    with torch.no_grad():
        for grid in average_pool(maps, [1, 2, 3]):
            assert grid.dtype == torch.bfloat16
            assert (grid == 1 + 2**-7).all()


def test_in_a_graph_all_grids_share_each_operation_and_are_right_at_every_size() -> None:
    class Pool(nn.Module):
        def forward(self, maps: Tensor) -> list[Tensor]:
            return average_pool(maps, [1, 2, 3, 6])

    sides = {2: torch.export.Dim("height", min=2, max=512), 3: torch.export.Dim("width", min=2, max=512)}
    program = torch.export.export(Pool(), (torch.zeros(1, 3, 9, 7),), dynamic_shapes={"maps": sides})
    for size in ((2, 2), (5, 13), (60, 60)):
        maps = torch.rand(1, 3, *size)
        for grid, side in zip(program.module()(maps), [1, 2, 3, 6], strict=True):
            torch.testing.assert_close(grid, F.adaptive_avg_pool2d(maps, side))
    # Exporters take their time for each: 191 where every grid had its own, 56 since.
    assert sum(node.op == "call_function" for node in program.graph.nodes) < 80
