from dataclasses import replace

import pytest
import torch

from sceneparse.errors import UserError
from sceneparse.networks import FCN, PSPNet, UPerNet
from sceneparse.networks.exact.convolution import ConcatConv2d
from sceneparse.recipes import to_mapping
from sceneparse.settings import BackboneSettings, NetworkSettings
from sceneparse.weights.build import build


@pytest.mark.parametrize(("name", "kind"), [("pspnet", PSPNet), ("upernet", UPerNet), ("fcn", FCN)])
def test_an_architecture_is_built_by_its_name(name: str, kind: type) -> None:
    network = build(BackboneSettings("resnet10t"), NetworkSettings(architecture=name, channels=16), 4)
    assert type(network) is kind and network.training and network.num_classes == 4


def test_every_setting_reaches_the_network() -> None:
    backbone = BackboneSettings("mobilenetv2_035", dilation="none", padding="same", in_channels=2)
    settings = NetworkSettings(
        output_stride=16,
        channels=24,
        bins=(1, 4),
        pool="max",
        aux=False,
        dropout=0.3,
        align_corners=True,
        resampling="plain",
    )
    network = build(backbone, settings, 4)
    assert isinstance(network, PSPNet)
    assert network.aux_head is None and network.align_corners and network.head.dropout.p == 0.3
    assert network.pyramid.bins == (1, 4) and network.pyramid.pool == "max"
    assert network.head.layer.conv.align_corners and network.head.layer.conv.resampling == "plain"
    assert network.pyramid.branches[0].get_parameter("conv.weight").shape[0] == 112 // 2
    assert network.head.layer.conv.out_channels == 24
    assert network.eval()(torch.randn(1, 2, 64, 64)).logits.shape == (1, 4, 4, 4)
    unreduced = build(backbone, NetworkSettings(reduce=False), 4)
    assert isinstance(unreduced, PSPNet) and unreduced.pyramid.channels == [112] * 5


@pytest.mark.parametrize("name", ["pspnet", "upernet"])
def test_resampling_is_exact_unless_plain_is_asked_for(name: str) -> None:
    for options, expected in (({}, "exact"), ({"resampling": "plain"}, "plain")):
        settings = NetworkSettings(architecture=name, channels=16, **options)  # type: ignore[arg-type]
        network = build(BackboneSettings("resnet10t"), settings, 4)
        assert {m.resampling for m in network.modules() if isinstance(m, ConcatConv2d)} == {expected}


def test_an_output_stride_that_nobody_asked_for_follows_the_architecture() -> None:
    assert replace(NetworkSettings(), architecture="upernet") == NetworkSettings("upernet", output_stride=32)
    assert replace(NetworkSettings("upernet"), architecture="fcn").output_stride == 8
    assert type(to_mapping(NetworkSettings("upernet"))["output_stride"]) is int
    with pytest.raises(UserError, match="output_stride is 16, but upernet has no choice"):
        replace(NetworkSettings(output_stride=16), architecture="upernet")


def test_upernet_has_output_stride_32_and_no_other() -> None:
    settings = NetworkSettings(architecture="upernet", channels=16)
    assert settings.output_stride == 32
    with pytest.raises(UserError, match="output_stride is 8, but upernet has no choice"):
        NetworkSettings(architecture="upernet", output_stride=8)
    assert build(BackboneSettings("resnet10t"), settings, 4).backbone.strides == (4, 8, 16, 32)
