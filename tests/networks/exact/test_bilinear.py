import pytest
import torch

from sceneparse.networks import resize
from sceneparse.networks.exact.bilinear import neighbours, positions, strips

SIDES = [(4, 13), (1, 7), (6, 6), (11, 4), (7, 1), (1, 1), (60, 473), (2, 3)]


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(("source", "target"), SIDES)
@pytest.mark.parametrize("step", [1, 5, 1000])
def test_strips_put_together_are_the_interpolation(source: int, target: int, step: int, align_corners: bool) -> None:
    line = torch.randn(1, 1, 1, source, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    parts = strips(source, target, align_corners, step, torch.float64, torch.device("cpu"))
    got = torch.cat([part.matrix @ line[0, 0, 0, part.source] for part in parts])
    torch.testing.assert_close(got, resize(line, (1, target), align_corners)[0, 0, 0], rtol=0, atol=1e-13)
    assert [pixel for part in parts for pixel in range(target)[part.target]] == list(range(target))


def test_a_strip_needs_only_the_pixels_around_it() -> None:
    parts = strips(60, 473, False, 32, torch.float32, torch.device("cpu"))
    assert max(part.matrix.shape[1] for part in parts) <= 6


def test_positions_lie_where_the_pixels_centres_or_the_corners_are() -> None:
    assert positions(2, 4, align_corners=False).tolist() == [-0.25, 0.25, 0.75, 1.25]
    assert positions(2, 3, align_corners=True).tolist() == [0, 0.5, 1]


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(("source", "target"), SIDES)
def test_a_pixel_lies_between_its_neighbours(source: int, target: int, align_corners: bool) -> None:
    line = torch.randn(1, 1, 1, source, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    before, after, share = neighbours(source, target, align_corners)
    got = torch.lerp(line[0, 0, 0, before], line[0, 0, 0, after], share)
    torch.testing.assert_close(got, resize(line, (1, target), align_corners)[0, 0, 0], rtol=0, atol=1e-13)
