"""What tells the backbones of published re-implementations apart."""

from typing import Any

import pytest
import torch
from torch import nn

from sceneparse.errors import UserError
from sceneparse.networks.backbones import make_backbone


@pytest.mark.parametrize(("name", "channels"), [("resnet18", [64, 128]), ("mobilenetv2_100", [24, 32])])
def test_a_backbone_of_two_stages_gives_the_first_two_of_four_and_has_no_others(name: str, channels: list[int]) -> None:
    short, whole = make_backbone(name, output_stride=8, stages=2).eval(), make_backbone(name).eval()
    assert short.channels == channels and list(short.strides) == [4, 8]
    keys = short.body.state_dict().keys()
    short.body.load_state_dict({key: value for key, value in whole.body.state_dict().items() if key in keys})
    images = torch.randn(1, 3, 65, 97)
    for got, expected in zip(short(images), whole(images), strict=False):
        torch.testing.assert_close(got, expected)
    assert len(keys) < len(whole.body.state_dict())


def test_a_backbone_of_three_stages_can_be_dilated() -> None:
    backbone = make_backbone("resnet18", output_stride=8, stages=3, dilation="none").eval()
    assert [tuple(maps.shape[2:]) for maps in backbone(torch.randn(1, 3, 64, 64))] == [(16, 16), (8, 8), (8, 8)]
    dilations = [m.dilation[0] for m in backbone.body.get_submodule("layer3").modules() if isinstance(m, nn.Conv2d)]
    assert sorted(set(dilations)) == [1, 2]


def test_the_stem_of_mobilenet_can_have_a_relu() -> None:
    own, relu = (make_backbone("mobilenetv2_100", stem_activation=kind).eval() for kind in ("own", "relu"))
    relu.load_state_dict(own.state_dict())
    images = 50 * torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        stems = [body.get_submodule("bn1")(body.get_submodule("conv_stem")(images)) for body in (own.body, relu.body)]
    assert float(stems[0].max()) == 6 < float(stems[1].max())
    torch.testing.assert_close(stems[0], stems[1].clamp(max=6))
    inner = [module for module in relu.body.get_submodule("blocks").modules() if isinstance(module, nn.ReLU)]
    assert not inner
    with pytest.raises(UserError, match="no ReLU6"):
        make_backbone("resnet18", stem_activation="relu")


def test_strides_can_be_moved_to_the_first_convolution() -> None:
    usual, moved = (make_backbone("resnet26", output_stride=8, stride_on=place).eval() for place in ("3x3", "1x1"))
    moved.load_state_dict(usual.state_dict())
    entry: Any = moved.body.get_submodule("layer2.0")
    assert (entry.conv1.stride, entry.conv2.stride) == ((2, 2), (1, 1))
    images = torch.randn(1, 3, 65, 65)
    got, expected = moved(images), usual(images)
    assert [maps.shape for maps in got] == [maps.shape for maps in expected]
    torch.testing.assert_close(got[0], expected[0])
    with pytest.raises(UserError, match="bottlenecks"):
        make_backbone("resnet18", stride_on="1x1")
