"""Measure how fast a machine multiplies matrices, to compare a network's speed with."""

import time

import torch

from sceneparse.devices import DTYPES, float32_products, wait

CPU_SIDES, GPU_SIDES = (1024, 2048), (4096, 8192)
"""Sides of the square matrices that are tried."""


@torch.inference_mode()
def matrix_peak(device: torch.device, precision: str, repeats: int = 4) -> float:
    """Measure PyTorch's multiply-adds a second for products of two large square matrices; the best counts.

    Args:
        device: Where.
        precision: float32, tf32, bfloat16 or float16.
        repeats: Measured products of each size, after one other.
    """
    best = 0.0
    with float32_products(precision):
        for side in CPU_SIDES if device.type == "cpu" else GPU_SIDES:
            left, right = (torch.rand(side, side).to(device, DTYPES[precision]) for _ in range(2))
            out = torch.empty_like(left)
            for turn in range(repeats + 1):
                wait(device)
                start = time.perf_counter()
                torch.mm(left, right, out=out)
                wait(device)
                if turn:
                    best = max(best, side**3 / (time.perf_counter() - start))
    return best
