"""The small map as the kernels of losses read it: log-probabilities to the base 2, classes last, without a remainder.

Softmax is blind to what is added to all scores of a pixel, and interpolation is linear: so log-probabilities do for
logits, and what of float32 would go into a common offset is left to differences. To the base 2 they are for exp2, which
GPUs have an instruction for.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from sceneparse.networks.exact.kernels.sides import on

MULTIPLE = 8
"""What the number of classes is filled up to a multiple of, with classes of no probability."""

LOG2E = tl.constexpr(1.4426950408889634)
NEVER = tl.constexpr(-3e38)
"""The score of what fills up: finite, so that interpolating it gives itself."""


def normalised(logits: Tensor) -> Tensor:
    """Return the log-probabilities (N, h, w, classes filled up) to the base 2 of logits (N, C, h, w), float32.

    Where a logit isn't finite, all scores of its pixel are NaN.
    """
    count, classes, height, width = logits.shape
    filled = -(-classes // MULTIPLE) * MULTIPLE
    scores = torch.empty(count, height, width, filled, dtype=torch.float32, device=logits.device)
    block = min(triton.next_power_of_2(filled), 256)
    pixels = max(1, 1024 // block)
    with on(logits):
        _normalised[(triton.cdiv(count * height * width, pixels),)](
            logits,
            scores,
            count * height * width,
            classes,
            filled,
            height,
            width,
            *logits.stride(),
            PIXELS=pixels,
            BLOCK=block,
            num_warps=4,
        )
    return scores


@triton.jit(
    do_not_specialize=["count", "classes", "height", "width", "picture_stride", "row_stride", "column_stride"],
)
def _normalised(
    logits: tl.tensor,
    scores: tl.tensor,
    count: tl.tensor,
    classes: tl.tensor,
    filled: tl.tensor,
    height: tl.tensor,
    width: tl.tensor,
    picture_stride: tl.tensor,
    class_stride: tl.tensor,
    row_stride: tl.tensor,
    column_stride: tl.tensor,
    PIXELS: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    pixel = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    line = pixel // width
    picture = line // height
    start = logits + picture.to(tl.int64) * picture_stride
    start += (line - picture * height).to(tl.int64) * row_stride + (pixel - line * width).to(tl.int64) * column_stride
    known = (pixel < count)[:, None]
    number = tl.arange(0, BLOCK)

    peak = tl.full([PIXELS], float("-inf"), tl.float32)
    total = tl.zeros([PIXELS], tl.float32)
    # 0 if all logits are finite, else NaN.
    odd = tl.zeros([PIXELS], tl.float32)
    for first in range(0, classes, BLOCK):
        inside = known & (first + number < classes)[None, :]
        offset = (first + number).to(tl.int64) * class_stride
        logit = tl.load(start[:, None] + offset[None, :], mask=inside, other=0.0).to(tl.float32)
        odd += tl.sum(logit * 0.0, axis=1)
        logit = tl.where((first + number < classes)[None, :], logit, float("-inf"))
        higher = tl.maximum(peak, tl.max(logit, axis=1))
        total = total * tl.exp(peak - higher) + tl.sum(tl.exp(logit - higher[:, None]), axis=1)
        peak = higher
    rest = tl.log(total) + odd
    for first in range(0, filled, BLOCK):
        inside = known & (first + number < classes)[None, :]
        offset = (first + number).to(tl.int64) * class_stride
        logit = tl.load(start[:, None] + offset[None, :], mask=inside, other=0.0).to(tl.float32)
        score = tl.where(inside, (logit - peak[:, None] - rest[:, None]) * LOG2E, NEVER)
        there = known & (first + number < filled)[None, :]
        tl.store(scores + pixel.to(tl.int64)[:, None] * filled + (first + number)[None, :], score, mask=there)
