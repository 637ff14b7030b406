#!/usr/bin/env bash
# torch 2.14.1: ReLU6(inplace=True) saves no memory in training: each call copies its whole input for the gradient.
#
# An in-place activation is chosen to save memory: ReLU(inplace=True) keeps its result, which the next layer keeps anyway,
# and needs nothing else. The gradient of ReLU6 could be had of the result as well (it is 0 exactly where that is 0 or 6),
# but under autograd the in-place form clones its input first and keeps the clone: what it keeps is no part of the result,
# and a forward pass allocates as much as the form that isn't in place. So do SiLU and Hardswish, whose gradients do need
# the input. In MobileNetV2, where every second layer is such a ReLU6, that is a third of a training's activations.
set -eu
cd "$(mktemp -d)"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.14.1 numpy==2.3.5
venv/bin/python - <<'PY'
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

found = {}
for name, layer in (
    ("ReLU(inplace=True)", nn.ReLU(inplace=True)),
    ("ReLU6(inplace=True)", nn.ReLU6(inplace=True)),
    ("ReLU6(inplace=False)", nn.ReLU6(inplace=False)),
):
    maps = torch.randn(1, 1024, 1024, requires_grad=True) * 4
    address = maps.data_ptr()
    kept = []
    hooks = torch.autograd.graph.saved_tensors_hooks(lambda one: (kept.append(one), one)[1], lambda one: one)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record, hooks:
        result = layer(maps)
    apart = sum(one.numel() * 4 for one in kept if one.data_ptr() != result.data_ptr())
    clones = sum(event.name == "aten::clone" for event in record.events())
    found[name] = (result.data_ptr() == address, apart / 2**20, clones)
    print(f"{name:<22} in place: {found[name][0]!s:<5}  kept apart from the result: {found[name][1]:.0f} MiB, clones: {clones}")

assert found["ReLU(inplace=True)"] == (True, 0.0, 0)
assert found["ReLU6(inplace=True)"] == (True, 4.0, 1), "it no longer copies"
assert found["ReLU6(inplace=False)"][0] is False
print("in place, ReLU6 keeps a copy of its input")
PY
