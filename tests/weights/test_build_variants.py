"""Settings of published re-implementations: each reaches the network, and none is accepted where it does nothing."""

from typing import Any

import pytest
import torch

from sceneparse.errors import UserError
from sceneparse.networks import DeepLabV3, MultiLabelPSPNet, PSPNet
from sceneparse.settings import BackboneSettings, NetworkSettings
from sceneparse.weights.build import build


@pytest.mark.parametrize(("name", "kind"), [("deeplabv3", DeepLabV3), ("pspnet_multilabel", MultiLabelPSPNet)])
def test_an_architecture_is_built_by_its_name(name: str, kind: type) -> None:
    network = build(BackboneSettings("resnet10t"), NetworkSettings(architecture=name, channels=16), 4)
    assert type(network) is kind


def test_settings_of_the_pyramid_and_the_head_reach_pspnet() -> None:
    settings = NetworkSettings(
        stages=2, aux=False, branch="norm_but_one", kernel=1, classifier_kernel=3, channels=16, branch_channels=5
    )
    network = build(BackboneSettings("resnet18"), settings, 4)
    assert isinstance(network, PSPNet)
    assert network.backbone.channels == [64, 128] and network.pyramid.channels == [128, 5, 5, 5, 5]
    assert network.head.layer.conv.kernel_size == (1, 1) and network.head.classifier.kernel_size == (3, 3)
    assert "conv.bias" in network.pyramid.branches[0].state_dict()
    assert network.eval()(torch.randn(1, 3, 40, 48)).logits.shape == (1, 4, 5, 6)


def test_settings_of_the_backbone_reach_it() -> None:
    moved = build(BackboneSettings("resnet26", stride_on="1x1"), NetworkSettings(channels=16), 4)
    assert moved.backbone.body.layer2[0].conv1.stride == (2, 2)  # type: ignore[union-attr,index]
    relu = build(BackboneSettings("mobilenetv2_035", stem_activation="relu"), NetworkSettings(channels=16), 4)
    assert type(relu.backbone.body.bn1.act) is torch.nn.ReLU  # type: ignore[union-attr]


def test_settings_reach_the_multilabel_network() -> None:
    settings = NetworkSettings(
        architecture="pspnet_multilabel", channels=64, branch="linear", branch_channels=7, aux_channels=9, dropout=0.4
    )
    network = build(BackboneSettings("resnet10t"), settings, 4)
    assert isinstance(network, MultiLabelPSPNet) and network.image_head is not None
    steps: list[Any] = list(network.steps)
    assert [step.conv.out_channels for step in steps] == [16, 4, 4]
    assert network.pyramid.channels == [512, 7, 7, 7, 7] and "conv.bias" not in network.pyramid.branches[0].state_dict()
    assert network.image_head.hidden.out_features == 9 and network.mix_dropout.p == 0.4


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"architecture": "fcn", "stages": 3}, "network.stages"),
        ({"stages": 2}, "no stage 3"),
        ({"stages": 2, "aux": False, "output_stride": 16}, "end at stride 8"),
        ({"architecture": "upernet", "kernel": 1}, "network.kernel"),
        ({"architecture": "deeplabv3", "classifier_kernel": 3}, "network.classifier_kernel"),
        ({"reduce": False, "branch": "bias"}, "network.branch"),
        ({"architecture": "deeplabv3", "branch_channels": 8}, "network.branch_channels"),
        ({"architecture": "deeplabv3", "output_stride": 32}, "8 and 16"),
    ],
)
def test_a_setting_that_would_do_nothing_is_refused(options: dict[str, Any], word: str) -> None:
    with pytest.raises(UserError, match=word):
        NetworkSettings(**options)


def test_the_momentum_reaches_every_batch_norm_of_backbone_and_head() -> None:
    settings = NetworkSettings(channels=16, norm_momentum=0.25)
    network = build(BackboneSettings("mobilenetv2_035"), settings, 4)
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert {norm.momentum for norm in norms} == {0.25}
    with pytest.raises(UserError, match="norm_momentum is 0"):
        NetworkSettings(norm_momentum=0.0)


def test_settings_of_windows_and_shortcuts_are_refused_where_there_are_none() -> None:
    with pytest.raises(UserError, match=r"backbone\.windows is padded"):
        build(BackboneSettings("resnet18", windows="padded"), NetworkSettings(architecture="upernet", channels=8), 4)
    with pytest.raises(UserError, match=r"backbone\.shortcut_pool is none"):
        build(BackboneSettings("resnet18", shortcut_pool="none"), NetworkSettings(channels=8), 4)
    with pytest.raises(UserError, match=r"feature_norm_eps has no effect"):
        NetworkSettings(architecture="upernet", feature_norm_eps=1e-5)
