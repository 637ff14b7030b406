#!/usr/bin/env bash
# OpenVINO 2026.4.1, CPU: with INFERENCE_PRECISION_HINT=bf16 the biases of convolutions are rounded to bfloat16 as well.
#
# oneDNN, which computes the convolution, sums bfloat16 products in float32 and takes a float32 bias, so that one would
# expect the bias to stay whole. But OpenVINO converts the constant, and a bias of 1.00390625 is added as 1.0: the same
# error at every pixel of a map, which no later average removes, as large as the rounding of the sums. A second constant
# behind the first is no help, since both are folded into one. With something between the two that has no effect, the
# second is computed with the convolution, in float32, and the error is gone.
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

BIAS = 1 + 2**-8  # between two numbers of bfloat16, 1 and 1.0078125
ROUNDED, REST = 1.0, 2**-8


def mean_of(add):
    """The mean of a map of zeros, convolved and shifted, over values that have room for the bias's digits."""
    images = ops.parameter([1, 16, 8, 8], np.float32)
    weight = ops.constant(np.full((16, 16, 1, 1), 1 / 16, np.float32))
    products = ops.convolution(images, weight, [1, 1], [0, 0], [0, 0], [1, 1])
    again = ops.convolution(ops.relu(add(products)), weight, [1, 1], [0, 0], [0, 0], [1, 1])
    model = ov.Model([again], [images], "biases")
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "bf16"})
    # -1 + bias: of the bias, only the last digits are left, and bfloat16 holds these.
    return float(compiled([np.full((1, 16, 8, 8), -1, np.float32)])[0].mean())


def shift(value):
    return ops.constant(np.full((1, 16, 1, 1), value, np.float32))


cases = {
    "one bias": lambda maps: ops.add(maps, shift(BIAS)),
    "in two steps": lambda maps: ops.add(ops.add(maps, shift(ROUNDED)), shift(REST)),
    "two steps, clamp between": lambda maps: ops.add(ops.clamp(ops.add(maps, shift(ROUNDED)), -3e38, 3e38), shift(REST)),
}
found = {name: mean_of(add) for name, add in cases.items()}
for name, mean in found.items():
    print(f"{name:<26} -1 + {BIAS} = {mean:.8f} (right: {BIAS - 1:.8f})")
assert found["one bias"] == 0.0, "the bias is no longer rounded"
assert found["in two steps"] == 0.0, "the two are no longer folded"
assert found["two steps, clamp between"] == BIAS - 1
print("the bias's last digits are lost")
PY
