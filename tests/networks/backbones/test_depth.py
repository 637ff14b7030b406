"""Backbones say which of their parameters each stage adds, and hold the first of them."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from sceneparse.errors import UserError
from sceneparse.networks.backbones import Backbone, make_backbone
from sceneparse.networks.fcn import FCN
from sceneparse.settings import OptimizerSettings
from sceneparse.training.optimizer import rate_factors


def firsts(backbone: Backbone) -> list[str]:
    """The first parameter of each group; every parameter that pretrained weights fill is in exactly one."""
    names = {id(parameter): name for name, parameter in backbone.named_parameters()}
    groups = backbone.depth_groups()
    members = [id(parameter) for group in groups for parameter in group]
    assert sorted(members) == sorted(id(one) for one in backbone.pretrained_parameters())
    return [names[id(group[0])] for group in groups]


def test_a_pyramids_groups_are_its_stages_whatever_its_layers_are_called() -> None:
    assert firsts(make_backbone("resnet10t")) == [
        "body.conv1.0.weight",
        *(f"body.layer{stage}.0.conv1.weight" for stage in (2, 3, 4)),
    ]
    assert firsts(make_backbone("mobilenetv2_035", output_stride=8)) == [
        "body.conv_stem.weight",
        *(f"body.blocks.{block}.0.conv_pw.weight" for block in (2, 3, 5)),
    ]
    assert firsts(make_backbone("squeezenet1_1_stride8", output_stride=8, in_channels=4)) == [
        "body.features.0.weight",
        *(f"body.features.{layer}.squeeze.weight" for layer in (6, 7, 9)),
    ]


def test_looking_at_the_depth_changes_nothing() -> None:
    backbone = make_backbone("resnet10t").train()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    backbone.depth_groups()
    assert backbone.training and all(module.training for module in backbone.modules())
    assert all(torch.equal(value, before[name]) for name, value in backbone.state_dict().items())


def test_a_plain_vits_groups_are_its_blocks_and_its_neck_is_in_none() -> None:
    backbone = make_backbone("vit_tiny_patch16_224")
    assert firsts(backbone)[1:] == [f"body.blocks.{block}.norm1.weight" for block in range(12)]
    backbone.freeze(2)
    backbone.train()
    blocks = list(backbone.body.get_submodule("blocks").children())
    assert [any(one.requires_grad for one in block.parameters()) for block in blocks] == 6 * [False] + 6 * [True]
    assert [block.training for block in blocks] == 6 * [False] + 6 * [True]
    backbone.freeze(None)
    learning = {name.partition(".")[0] for name, one in backbone.named_parameters() if one.requires_grad}
    assert learning == {"neck"}


class Plain(Backbone):
    """A backbone of another package, which says nothing of its depth."""

    def __init__(self) -> None:
        super().__init__("plain", nn.Conv2d(3, 8, 4, 4), channels=4 * [8], strides=(4, 4, 4, 4))

    def forward(self, images: Tensor) -> list[Tensor]:
        maps: Tensor = self.body(images)
        return 4 * [maps]

    def pretrained_parameters(self) -> Iterator[nn.Parameter]:
        return self.body.parameters()


def test_a_backbone_that_says_nothing_of_its_depth_is_frozen_whole_or_not_at_all() -> None:
    network = FCN(Plain(), 2, channels=4)
    with pytest.raises(UserError, match=r"backbone\.frozen is 1, but it can be frozen as a whole only \(all\)"):
        network.backbone.freeze(1)
    with pytest.raises(UserError, match=r"optimizer\.layer_decay has no effect: it does not tell its layers apart"):
        rate_factors(network, OptimizerSettings(layer_decay=0.9))
    network.backbone.freeze(None)
    assert not any(parameter.requires_grad for parameter in network.backbone.parameters())
