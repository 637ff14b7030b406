"""Pooling to grids in formats of few digits."""

import torch

from sceneparse.networks.exact.pooling import average_pool


def test_maps_of_16_bits_are_pooled_in_float32_and_stay_of_their_type() -> None:
    # 1 + 1/128 is a number of bfloat16; the sum of 27 weights of 1/27, rounded to it, is not 1.
    maps = torch.full((1, 2, 27, 27), 1 + 2**-7, dtype=torch.bfloat16)
    with torch.no_grad():
        for grid in average_pool(maps, [1, 2, 3]):
            assert grid.dtype == torch.bfloat16
            assert (grid == 1 + 2**-7).all()
