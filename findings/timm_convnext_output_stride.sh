#!/usr/bin/env bash
# timm 1.0.31: convnext_tiny with output_stride=8 is not the same network at a finer stride: it lies one cell off.
#
# A network that keeps its resolution by dilation instead of striding computes, at every position that the strided network
# has too, the same feature: its map, sampled at the strided positions, equals the strided map away from the borders. With
# output_stride=16 timm's ConvNeXt keeps to that. With output_stride=8 the last stage equals the strided network's only
# after a shift by one cell. Nothing says so, and weights that were trained at stride 32 give shifted, worse features.
set -eu
cd "$(mktemp -d)"
python3 -m venv venv
venv/bin/pip install --quiet timm==1.0.31 numpy==2.3.5
venv/bin/python - <<'PY'
import timm
import torch

torch.manual_seed(0)
torch.set_num_threads(2)


def last(stride: int, picture: torch.Tensor) -> torch.Tensor:
    """The last stage's features at an output stride, with the same weights."""
    torch.manual_seed(1)
    model = timm.create_model("convnext_tiny", features_only=True, output_stride=stride).eval()
    with torch.inference_mode():
        return model(picture)[-1][0]


picture = torch.rand(1, 3, 640, 640)
strided = last(32, picture)
nearest = {}
size = strided.shape[-1]
for stride in (16, 8):
    step = 32 // stride
    dilated = last(stride, picture)
    found = {}
    for shift in range(-2, 3):
        inner = torch.arange(8, size - 8)  # borders differ by their padding
        where = inner * step + shift
        found[shift] = float((dilated[:, where][:, :, where] - strided[:, inner][:, :, inner]).abs().mean())
    nearest[stride] = min(found, key=found.get)
    print(f"output_stride {stride:2}: mean difference by shift in cells:", {at: round(by, 4) for at, by in found.items()})
    assert found[nearest[stride]] < 1e-4
assert nearest[16] == 0
assert nearest[8] == 1, "timm changed: output_stride=8 lies elsewhere now"
PY
