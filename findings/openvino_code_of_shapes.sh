#!/usr/bin/env bash
# OpenVINO 2026.4.1 on the CPU (Linux): memory grows with every new shape of a model's dynamic input, and setting either
# of the two documented caches to zero does not stop it. Code that is generated for a layer and a shape is kept in the
# compiled model's own cache (CPU_RUNTIME_CACHE_CAPACITY, 5,000 entries) and once more in the primitive cache of the
# oneDNN inside it, which belongs to the process (ONEDNN_PRIMITIVE_CACHE_CAPACITY, 1,024 entries, read once, at the first
# computation). An entry of one keeps the code that the other has given up. Only with both at zero memory stays where it
# is. A service that meets pictures of many sizes and batches looks as if it leaked.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet 'openvino==2026.4.1' 'numpy==2.4.6'
cat > grow.py <<'PY'
import re
import sys
from itertools import pairwise

import numpy as np
import openvino
from openvino import opset13 as ops

settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
if sys.argv[1] != "default":
    settings["CPU_RUNTIME_CACHE_CAPACITY"] = int(sys.argv[1])

image = out = ops.parameter([-1, 3, -1, -1], np.float32)
for before, after in pairwise((3, 16, 24, 32, 40, 48, 56, 64, 72, 80)):
    kernel = ops.constant(np.full((after, before, 3, 3), 0.01, np.float32))
    out = ops.relu(ops.convolution(out, kernel, [1, 1], [1, 1], [1, 1], [1, 1]))
request = openvino.Core().compile_model(openvino.Model([out], [image]), "CPU", settings).create_infer_request()


def resident_after(heights):
    for height in heights:
        request.infer([np.zeros((1, 3, height, 16), np.float32)])
    with open("/proc/self/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) / 1024


start = resident_after(range(64, 70))
print(round(resident_after(range(16, 64)) - start, 1))
PY
grown() { venv/bin/python grow.py "$1" 2>/dev/null; }
default=$(grown default)
own=$(grown 0)
onednn=$(ONEDNN_PRIMITIVE_CACHE_CAPACITY=0 grown default)
both=$(ONEDNN_PRIMITIVE_CACHE_CAPACITY=0 grown 0)
echo "MiB more after 48 further shapes, all of them smaller than those before:"
echo "  as it comes $default; CPU_RUNTIME_CACHE_CAPACITY=0 $own; ONEDNN_PRIMITIVE_CACHE_CAPACITY=0 $onednn; both $both"
venv/bin/python - "$default" "$own" "$onednn" "$both" <<'PY'
import sys

default, own, onednn, both = map(float, sys.argv[1:])
assert min(default, own, onednn) > 10, "one of the caches suffices now"
assert both < 6, "memory grows without both caches, too"
PY
