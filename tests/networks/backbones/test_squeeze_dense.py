import pytest
import torch

from sceneparse.errors import UserError
from sceneparse.networks.backbones import make_backbone
from sceneparse.networks.backbones.table import BACKBONES


@pytest.mark.parametrize("name", BACKBONES)
def test_features_have_strides_4_8_8_8(name: str) -> None:
    backbone = make_backbone(name, output_stride=8, in_channels=4).eval()
    features = backbone(torch.randn(1, 4, 64, 96))
    assert [tuple(maps.shape[1:]) for maps in features] == [
        (channels, 64 // stride, 96 // stride)
        for channels, stride in zip(backbone.channels, backbone.strides, strict=True)
    ]
    assert backbone.strides == (4, 8, 8, 8)


@pytest.mark.parametrize(("name", "expected"), [("squeezenet1_1_stride8", True), ("densenet121_stride8", False)])
def test_squeezenet_is_dilated_and_densenet_is_not(name: str, expected: bool) -> None:
    dilated = {m.dilation[0] for m in make_backbone(name, output_stride=8).modules() if isinstance(m, torch.nn.Conv2d)}
    assert dilated == ({1, 2, 4} if expected else {1})


@pytest.mark.parametrize(
    "options",
    [{"output_stride": 16}, {"output_stride": 8, "dilation": "half"}, {"output_stride": 8, "padding": "same"}],
)
def test_what_cannot_be_chosen_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(UserError, match="made for output stride 8"):
        make_backbone("squeezenet1_1_stride8", **options)  # type: ignore[arg-type]
