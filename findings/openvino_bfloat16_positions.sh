#!/usr/bin/env bash
# OpenVINO 2026.4.1, CPU: with INFERENCE_PRECISION_HINT=bf16, positions that a graph computes of a dynamic shape are
# rounded to bfloat16 before they become weights.
#
# Interpolation for a size that is known only at run time is a small matrix, made in the graph of a Range: a position
# p = (i + 0.5) * n / m - 0.5, and weights max(0, 1 - |p - j|). Only the product with the picture is worth computing in
# bfloat16, and the weights, between 0 and 1, would lose nothing by it. But the hint reaches all arithmetic above the
# product: from 64 on bfloat16 has steps of 1/2, from 128 on whole steps, so 127.25 becomes 127, and a map enlarged
# twofold is resized to the nearest pixel towards its end. Nothing is said, small maps look right, and the same graph
# is right in float32. In whole numbers (int64 stays as it is) with one division at the end the weights are right.
set -eu
cd "$(mktemp -d)"
if ! grep -q -E 'avx512_bf16|amx_bf16' /proc/cpuinfo; then
  echo "this processor does not compute in bfloat16: nothing to see here"
  exit 0
fi
python3 -m venv venv
venv/bin/pip install --quiet openvino==2026.4.1 numpy==2.3.5
venv/bin/python - <<'PY'
import numpy as np
import openvino as ov
from openvino import opset13 as ops


def number(value, kind=np.float32):
    return ops.constant(np.array(value, kind))


def line(length, kind):
    return ops.range(number(0, np.int64), length, number(1, np.int64), kind)


def as_positions(n, m):
    of, to = ops.convert(n, "f32"), ops.convert(m, "f32")
    i, j = ops.unsqueeze(line(m, "f32"), number(1, np.int64)), line(n, "f32")
    place = ops.subtract(ops.divide(ops.multiply(ops.add(i, number(0.5)), of), to), number(0.5))
    place = ops.minimum(ops.maximum(place, number(0.0)), ops.subtract(of, number(1.0)))
    return ops.relu(ops.subtract(number(1.0), ops.abs(ops.subtract(place, j))))


def as_whole_numbers(n, m):
    two, one = number(2, np.int64), number(1, np.int64)
    unit = ops.multiply(two, m)
    i, j = ops.unsqueeze(line(m, "i64"), one), line(n, "i64")
    place = ops.subtract(ops.multiply(ops.add(ops.multiply(two, i), one), n), m)
    place = ops.minimum(ops.maximum(place, number(0, np.int64)), ops.multiply(ops.subtract(n, one), unit))
    left = ops.subtract(unit, ops.abs(ops.subtract(place, ops.multiply(j, unit))))
    return ops.divide(ops.convert(ops.maximum(left, number(0, np.int64)), "f32"), ops.convert(unit, "f32"))


def enlarged(weights, precision, side):
    """A line of so many pixels, 0 and 1 by turns, enlarged twofold; each pixel is a row of 32 equal values."""
    images = ops.parameter([-1, 32], np.float32)
    n = ops.gather(ops.shape_of(images), number(0, np.int64), number(0, np.int64))
    weight = weights(n, ops.multiply(n, number(2, np.int64)))
    result = ops.matmul(weight, images, False, False)
    compiled = ov.Core().compile_model(
        ov.Model([result], [images], "enlarge"), "CPU", {"INFERENCE_PRECISION_HINT": precision}
    )
    return compiled([np.repeat(np.arange(side) % 2, 32).reshape(side, 32).astype(np.float32)])[0][:, 0]


wrong = {}
for name, weights in (("positions", as_positions), ("whole numbers", as_whole_numbers)):
    for side in (16, 200):
        error = np.abs(enlarged(weights, "bf16", side) - enlarged(weights, "f32", side))
        wrong[name, side] = float(error[-side // 2 :].max())
        print(f"{name:<14} {side:>4} pixels enlarged twofold: {wrong[name, side]:.3f} off at most in the last quarter")
assert wrong["positions", 16] < 0.05 and wrong["positions", 200] >= 0.2, "positions are no longer rounded"
assert wrong["whole numbers", 16] < 0.01 and wrong["whole numbers", 200] < 0.01
print("positions beyond 64 are rounded to halves, beyond 128 to whole pixels")
PY
