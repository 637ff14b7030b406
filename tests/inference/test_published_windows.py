"""The sliding windows of the original PyTorch release of PSPNet (github.com/hszhao/semseg, tool/test.py).

The reference values come from running it on a toy model; they lie beside the checkout and are no part of it. That
program normalises the crop it is given in place, and the recording handed it a view of the picture's upper left corner,
twice, before it went on to the scales. So did the reference pictures lose their corner, and so does the one here.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sceneparse.inference import predict, resolve, scores
from sceneparse.networks import normalize
from sceneparse.settings import PreprocessingSettings, ProtocolSettings

PARITY = Path(__file__).parents[2].parent / "shared" / "parity"
pytestmark = pytest.mark.skipif(not (PARITY / "golden.py").exists(), reason="no reference values beside the checkout")


class Toy:
    """Logits at the picture's own size: colours, and the position inside the window."""

    num_classes, align_corners = 5, True
    padding_color = tuple(255 * value for value in PreprocessingSettings().mean)

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self.weight, self.bias = weight, bias

    def __call__(self, images: Tensor) -> Tensor:
        settings = PreprocessingSettings()
        logits = torch.conv2d(normalize(images, settings.mean, settings.std), self.weight, self.bias)
        classes = torch.arange(5).view(5, 1, 1)
        rows, columns = torch.arange(images.shape[-2]).view(-1, 1), torch.arange(images.shape[-1])
        return logits + 0.01 * classes * columns + 0.02 * (4 - classes) * rows


@pytest.fixture(scope="module")
def case() -> dict[str, Any]:
    sys.path.insert(0, str(PARITY))
    try:
        import fill
        import golden
    finally:
        sys.path.remove(str(PARITY))
    manifest, reference = golden.load("semseg_sliding_window")
    given = manifest["inputs"][0]
    image = np.clip(np.round(fill.image(given["shape"], given["seed"])[0] * 40 + 128), 0, 255).astype(np.uint8)
    weights = {name: torch.from_numpy(value) for name, value in fill.state(manifest, "model").items()}
    engine = Toy(weights["toy.weight"], weights["toy.bias"])
    pictures = [torch.from_numpy(image).float()]
    mean, std = (
        255 * torch.tensor(values).view(3, 1, 1)
        for values in (PreprocessingSettings().mean, PreprocessingSettings().std)
    )
    for _ in range(2):
        pictures.append(pictures[-1].clone())
        pictures[-1][:, :33, :41] = (pictures[-1][:, :33, :41] - mean) / std
    return {"golden": golden, "manifest": manifest, "reference": reference, "pictures": pictures, "engine": engine}


def close(case: dict[str, Any], name: str, got: Tensor) -> None:
    array = got.numpy() if got.ndim == 2 else got.permute(1, 2, 0).numpy()
    [(_, difference, limit, ok)] = case["golden"].compare(case["manifest"], case["reference"], {name: array})
    assert ok, f"{name} differs by {difference}, more than {limit}"


@pytest.mark.parametrize(("name", "flip", "normalised"), [("net", True, 0), ("net_noflip", False, 1)])
def test_a_single_window_matches(case: dict[str, Any], name: str, flip: bool, normalised: int) -> None:
    crop = case["pictures"][normalised][:, :33, :41]
    settings = ProtocolSettings("window", window=(33, 41), flip=flip, average="probabilities")
    close(case, name, scores(case["engine"], crop, resolve(settings)))


@pytest.mark.parametrize(("name", "scale"), [("scale_075", 0.75), ("scale_125", 1.25)])
def test_padded_and_overlapping_windows_match_at_each_scale(case: dict[str, Any], name: str, scale: float) -> None:
    settings = ProtocolSettings("semseg", size=80, window=(33, 41), scales=(scale,))
    close(case, name, scores(case["engine"], case["pictures"][2], resolve(settings)))


def test_labels_match(case: dict[str, Any]) -> None:
    settings = ProtocolSettings("semseg", size=80, window=(33, 41), scales=(0.75, 1.25))
    prediction = predict(case["engine"], case["pictures"][2], resolve(settings))
    close(case, "label", prediction.labels.int())
