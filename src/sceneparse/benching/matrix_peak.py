"""Measure how fast a machine multiplies matrices, to compare a network's speed with."""

import time

import torch

from sceneparse.benching.timing import wait
from sceneparse.inference.precision import DTYPES

SIDES = {"cpu": (1024, 2048), "cuda": (4096, 8192)}
"""Sides of the square matrices that are tried, by the device's type."""


@torch.inference_mode()
def matrix_peak(device: torch.device, precision: str, repeats: int = 4) -> float:
    """Measure PyTorch's multiply-adds a second for products of two large square matrices; the best counts.

    On a GPU float32 is computed as its convolutions are: in TF32 unless `torch.backends.cudnn.allow_tf32` says no.

    Args:
        device: Where.
        precision: float32, bfloat16 or float16.
        repeats: Measured products of each size, after one other.
    """
    best = 0.0
    kept = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32
    try:
        for side in SIDES[device.type]:
            left, right = (torch.rand(side, side).to(device, DTYPES[precision]) for _ in range(2))
            out = torch.empty_like(left)
            for turn in range(repeats + 1):
                wait(device)
                start = time.perf_counter()
                torch.mm(left, right, out=out)
                wait(device)
                if turn:
                    best = max(best, side**3 / (time.perf_counter() - start))
    finally:
        torch.backends.cuda.matmul.allow_tf32 = kept
    return best
