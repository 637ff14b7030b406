from typing import Any

import pytest

from sceneparse.errors import UserError
from sceneparse.networks import ConcatUPerNet, UnifiedUPerNet, UPerNet
from sceneparse.settings import BackboneSettings, NetworkSettings, TaskSettings
from sceneparse.weights.build import build

BACKBONE = BackboneSettings("resnet10t")


def test_every_setting_of_upernet_reaches_it() -> None:
    settings = NetworkSettings(
        architecture="upernet",
        channels=16,
        pool="precise",
        branch_channels=8,
        resize_first=True,
        feature_norm=True,
        aux_channels=12,
        dropout=0.3,
        align_corners=False,
        align_logits=True,
    )
    network = build(BACKBONE, settings, 4)
    assert isinstance(network, UPerNet) and network.norms is not None and network.aux_head is not None
    assert network.pyramid is not None
    assert network.align_corners and not network.align_maps and not network.pyramid.align_corners
    assert network.pyramid.pool == "precise" and network.pyramid.resize_first
    assert network.pyramid.channels == [512, 8, 8, 8, 8]
    assert network.aux_head.layer.conv.out_channels == 12 and network.head.dropout.p == 0.3


def test_every_setting_of_the_concatenating_upernet_reaches_it() -> None:
    settings = NetworkSettings(
        architecture="upernet_concat",
        channels=16,
        bins=(1, 3),
        pool="max",
        branch="bias",
        branch_channels=8,
        aux=False,
        dropout=0.2,
        align_corners=True,
        resampling="plain",
    )
    network = build(BACKBONE, settings, 4)
    assert isinstance(network, ConcatUPerNet) and network.aux_head is None and network.align_corners
    assert network.pyramid.pool == "max" and network.pyramid.channels == [512, 8, 8]
    assert "conv.bias" in network.pyramid.branches[0].state_dict() and network.dropout.p == 0.2
    assert network.fusion.conv.out_channels == 16 and network.resampling == "plain"


def test_every_setting_of_the_unified_upernet_reaches_it() -> None:
    tasks = TaskSettings(scenes=6, parts=(3, 2), materials=4, textures=7, scene_head="convolution")
    settings = NetworkSettings(
        architecture="upernet_unified", channels=16, feature_norm=True, aux=False, dropout=0.2, tasks=tasks
    )
    network = build(BACKBONE, settings, 4)
    assert isinstance(network, UnifiedUPerNet) and network.norms is not None
    heads: tuple[Any, ...] = (network.scene_head, network.part_head, network.material_head, network.texture_head)
    assert [head.classifier.out_channels for head in heads] == [6, 5, 4, 7]
    assert network.object_head.dropout.p == 0.2 and heads[0].layer.conv.out_channels == 16


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"architecture": "pspnet", "resize_first": True}, "network.resize_first"),
        ({"architecture": "fcn", "feature_norm": True}, "network.feature_norm"),
        ({"architecture": "upernet_concat", "align_logits": True}, "network.align_logits"),
        ({"architecture": "upernet", "tasks": TaskSettings(scenes=3)}, "network.tasks"),
        ({"architecture": "upernet_unified"}, "network.aux"),
        ({"architecture": "upernet", "branch": "bias"}, "network.branch"),
    ],
)
def test_settings_that_would_do_nothing_are_refused(options: dict[str, object], named: str) -> None:
    with pytest.raises(UserError, match=named):
        NetworkSettings(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{"scenes": -1}, {"parts": (3, 1)}, {"scene_head": "convolution"}])
def test_tasks_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UserError, match=r"network\.tasks"):
        TaskSettings(**options)  # type: ignore[arg-type]
