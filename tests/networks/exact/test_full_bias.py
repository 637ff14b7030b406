"""Convolutions in a 16-bit format with biases in float32."""

import pytest
import torch
from torch import nn

from sceneparse.networks.exact import full_bias
from sceneparse.networks.exact.full_bias import FullBiasConv2d


@pytest.mark.parametrize("one_dnn", [True, False], ids=["oneDNN", "elsewhere"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": 2, "padding": 1},
        {"dilation": 2, "padding": 2, "groups": 4},
        {"padding": "same"},
        {"padding": 1, "padding_mode": "reflect"},
        {"padding": 1, "bias": False},
    ],
)
def test_a_bias_keeps_its_digits(options: dict[str, object], one_dnn: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not one_dnn:
        monkeypatch.setattr(full_bias, "_in_one_dnn", lambda _: False)
    torch.manual_seed(0)
    convolution = nn.Conv2d(8, 12, 3, **options).eval()  # type: ignore[arg-type]
    if convolution.bias is not None:
        # Between two numbers of bfloat16, and as large as the products.
        nn.init.constant_(convolution.bias, 1 + 2**-9)
    maps = torch.randn(2, 8, 9, 11).bfloat16()
    with torch.no_grad():
        convolution.weight.copy_(convolution.weight.bfloat16().float())
        expected = convolution(maps.float())
        FullBiasConv2d.become(convolution, torch.bfloat16)
        found = convolution(maps)
    assert found.dtype == torch.bfloat16
    error = (found.float() - expected).mean().abs()
    assert found.shape == expected.shape
    assert error < 2e-4  # the bias's own rounding would be 2e-3, at every pixel


def test_a_compiled_convolution_keeps_it_too() -> None:
    convolution = nn.Conv2d(4, 4, 1).eval()
    assert convolution.bias is not None
    nn.init.zeros_(convolution.weight)
    nn.init.constant_(convolution.bias, 1 + 2**-9)
    FullBiasConv2d.become(convolution, torch.bfloat16)
    maps = torch.zeros(1, 4, 3, 3, dtype=torch.bfloat16)
    compiled = torch.compile(convolution, backend="eager", fullgraph=True)
    with torch.no_grad():
        torch.testing.assert_close(compiled(maps), convolution(maps))


def test_no_map_is_a_map_too() -> None:
    convolution = nn.Conv2d(4, 4, 1)
    FullBiasConv2d.become(convolution, torch.bfloat16)
    with torch.no_grad():
        assert convolution(torch.zeros(0, 4, 3, 3)).shape == (0, 4, 3, 3)
