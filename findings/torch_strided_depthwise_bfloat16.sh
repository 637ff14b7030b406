#!/usr/bin/env bash
# torch 2.14.1 (oneDNN), CPUs with AVX512-BF16 or AMX: in bfloat16 the gradient of a strided depthwise convolution with
# respect to its input takes many times as long as in float32.
#
# bfloat16 halves the bytes, and the other pieces of a 3x3 depthwise convolution are as fast in it or faster: the result,
# the gradient of the weights, and with stride 1 that of the input too. With a stride the latter goes to oneDNN's general
# kernel (ONEDNN_VERBOSE=1 says brgconv_strided, where float32 has jit_dw), which takes it channel by channel. MobileNetV2
# has four such layers, on its largest maps. With zeros put between the pixels of the result's gradient, an ordinary
# depthwise convolution of stride 1 by the mirrored kernel gives the same numbers quickly.
set -eu
cd "$(mktemp -d)"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.14.1 numpy==2.3.5
venv/bin/python - <<'PY'
import sys
import time

import torch
import torch.nn.functional as F

if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
    sys.exit("this processor computes no bfloat16: nothing to see here")
torch.set_num_threads(1)
torch.manual_seed(0)
CHANNELS = 96
maps = torch.randn(4, CHANNELS, 144, 192).contiguous(memory_format=torch.channels_last)
weight = torch.randn(CHANNELS, 1, 3, 3)


def gradient(stride, dtype):
    x, w = maps.to(dtype), weight.to(dtype)
    seed = torch.ones_like(F.conv2d(x, w, None, stride, 1, 1, CHANNELS))
    again = lambda: torch.ops.aten.convolution_backward(
        seed, x, w, None, [stride] * 2, [1, 1], [1, 1], False, [0, 0], CHANNELS, [True, False, False]
    )[0]
    again()
    times = []
    for _ in range(7):
        began = time.perf_counter()
        result = again()
        times.append(time.perf_counter() - began)
    return 1000 * min(times), result


def zeros_between(dtype):
    spread = torch.zeros(4, 144, 192, CHANNELS, dtype=dtype).permute(0, 3, 1, 2)
    times = []
    for _ in range(7):
        began = time.perf_counter()
        spread[:, :, ::2, ::2] = 1
        result = F.conv2d(spread, weight.to(dtype).flip(-1, -2), padding=1, groups=CHANNELS)
        times.append(time.perf_counter() - began)
    return 1000 * min(times), result


ratios = {}
for stride in (1, 2):
    (plain, _), (low, found) = gradient(stride, torch.float32), gradient(stride, torch.bfloat16)
    ratios[stride] = low / plain
    print(f"stride {stride}: float32 {plain:6.1f} ms, bfloat16 {low:6.1f} ms, {ratios[stride]:.1f} times as long")
quick, same = zeros_between(torch.bfloat16)
print(f"stride 2, zeros between: bfloat16 {quick:6.1f} ms")
torch.testing.assert_close(same, found, rtol=0.02, atol=0.05)
assert ratios[1] < 2
assert ratios[2] > 3, "it is fast now"
PY
