from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from sceneparse.networks.exact.precise_pooling import precise_pool, precise_pool_regions
from tests.support.golden_cases import golden_case


def test_bins_are_those_of_the_published_operator(shared: Path) -> None:
    case = golden_case(shared, "prroi_pool")
    maps = {source["name"]: case.image(index) for index, source in enumerate(case.manifest["inputs"])}
    regions = torch.tensor([[1, 0.3, 1.25, 4.8, 4.5], [0, -1, -0.5, 3, 6]])
    got = {
        "general_3x2": precise_pool_regions(maps["a"], regions, (3, 2)),
        "general_scaled_2x2": precise_pool_regions(maps["a"], regions, (2, 2), scale=0.5),
    }
    got |= {f"{name}_{bins}": precise_pool(value, bins) for name, value in maps.items() for bins in (1, 2, 3, 6)}
    case.compare(got)


def test_four_pixels_in_one_bin_weigh_an_eighth_and_three_quarters() -> None:
    maps = torch.eye(4, dtype=torch.float64).view(4, 1, 1, 4)
    assert torch.equal(precise_pool(maps, 1).flatten() * 4, torch.tensor([0.5, 1, 1, 1], dtype=torch.float64) * 0.5)


@pytest.mark.parametrize(("size", "bins"), [((5, 7), 3), ((2, 3), 6), ((13, 11), 2)])
def test_it_is_the_integral_of_the_bilinear_interpolation(size: tuple[int, int], bins: int) -> None:
    """Summed over many points of each bin; the map is padded with the zeros that lie beyond it."""
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(1, 2, *size, dtype=torch.float64, generator=generator)
    padded = F.pad(maps, (0, 1, 0, 1))
    points = 240
    at = [(torch.arange(bins * points) + 0.5) * side / (bins * points) for side in size]
    rows, columns = (2 * p.double() / side - 1 for p, side in zip(at, size, strict=True))
    grid = torch.stack(torch.meshgrid(rows, columns, indexing="ij")[::-1], dim=-1)[None]
    dense = F.grid_sample(padded, grid, mode="bilinear", align_corners=True)
    expected = F.avg_pool2d(dense, points)
    torch.testing.assert_close(precise_pool(maps, bins), expected, rtol=0, atol=2e-4)


def test_a_region_that_is_the_whole_map_is_the_whole_map() -> None:
    maps = torch.randn(2, 3, 9, 6)
    regions = torch.tensor([[0, 0, 0, 6, 9], [1, 0, 0, 6, 9]])
    torch.testing.assert_close(precise_pool_regions(maps, regions, (3, 3)), precise_pool(maps, 3))


def test_a_region_without_area_gives_zeros() -> None:
    regions = torch.tensor([[0, 2.0, 1.0, 2.0, 4.0]])
    assert not precise_pool_regions(torch.ones(1, 1, 5, 5), regions, (2, 2)).any()


def test_gradients_are_right() -> None:
    maps = torch.randn(1, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    regions = torch.tensor([[0, 0.5, -0.5, 3.25, 2.0]])
    assert torch.autograd.gradcheck(lambda value: precise_pool(value, 3), maps)
    assert torch.autograd.gradcheck(lambda value: precise_pool_regions(value, regions, (2, 3)), maps)


def test_an_export_with_free_sizes_is_right_at_others() -> None:
    class Pool(torch.nn.Module):
        def forward(self, maps: torch.Tensor) -> torch.Tensor:
            return precise_pool(maps, 6)

    free = {2: torch.export.Dim("h", min=2, max=200), 3: torch.export.Dim("w", min=2, max=200)}
    exported = torch.export.export(Pool(), (torch.randn(1, 2, 16, 20),), dynamic_shapes=(free,)).module()
    for size in ((16, 20), (5, 7), (33, 2), (60, 61)):
        maps = torch.randn(1, 2, *size)
        torch.testing.assert_close(exported(maps), precise_pool(maps, 6))
