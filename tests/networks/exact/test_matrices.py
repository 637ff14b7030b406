import pytest
import torch
import torch.nn.functional as F

from sceneparse.networks.exact.matrices import STRIP, _strips, shifted_interpolation


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (1, 5), (5, 1), (3, 10), (10, 3), (7, 7), (64, 129)])
def test_each_tap_is_the_interpolation_shifted_with_zeros_outside(
    inputs: int, outputs: int, align_corners: bool
) -> None:
    cells = torch.eye(inputs, dtype=torch.float64)[None]
    expected = F.interpolate(cells, size=outputs, mode="linear", align_corners=align_corners)[0].T
    matrices = shifted_interpolation([inputs], outputs, 5, align_corners)
    padded = F.pad(expected, (0, 0, 2, 2))
    for tap in range(5):
        torch.testing.assert_close(matrices[:, tap], padded[tap : tap + outputs], rtol=0, atol=1e-13)


def test_long_matrices_are_cut_into_strips_that_leave_zeros_out() -> None:
    full = shifted_interpolation([300], 600, 3, False).reshape(600, -1)
    strips = _strips(full, torch.float32, torch.device("cpu"))
    assert len(strips) == 600 // STRIP
    maps = torch.randn(2, 900, 4)
    together = torch.cat([torch.bmm(*strip.factors(maps)) for strip in strips], dim=1)
    torch.testing.assert_close(together, full.float() @ maps)
    assert sum(strip.matrix.numel() for strip in strips) < full.numel() / 3
    assert [strip.rows for strip in strips] == [slice(150 * i, 150 * (i + 1)) for i in range(4)]


@pytest.mark.parametrize("shape", [(2 * STRIP - 1, 900), (900, STRIP)])
def test_small_matrices_stay_whole(shape: tuple[int, int]) -> None:
    (strip,) = _strips(torch.ones(shape), torch.float64, torch.device("cpu"))
    assert strip.used is None and strip.matrix.shape == shape and strip.matrix.dtype == torch.float64
