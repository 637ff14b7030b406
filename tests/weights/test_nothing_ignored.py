"""Every setting of network and backbone, under every architecture, changes what is built or is refused."""

from dataclasses import fields, replace
from functools import cache
from typing import Any

import pytest
import torch
from torch import nn

from sceneparse.errors import UserError
from sceneparse.networks.base import SceneParser
from sceneparse.settings import BackboneSettings, NetworkSettings, TaskSettings
from sceneparse.settings.sight import NEUTRAL, SEEN, UNSEEN, sight_of
from sceneparse.weights.architectures import ARCHITECTURES
from sceneparse.weights.build import build
from tests.support.slow import slow_unless

NETWORK: dict[str, list[Any]] = {
    "output_stride": [16, 32],
    "channels": [24],
    "bins": [(1, 2), ()],
    "pool": ["max", "precise"],
    "resize_first": [True],
    "feature_norm": [True],
    "feature_norm_eps": [1e-5],
    "finest": [8],
    "fuse": [False],
    "stages": [2, 3],
    "branch": ["norm_but_one", "bias", "linear"],
    "kernel": [1],
    "classifier_kernel": [3],
    "reduce": [False],
    "branch_channels": [5],
    "aux": [False, True],
    "aux_channels": [5],
    "convolutions": [2],
    "concat_input": [True],
    "head_dilation": [2],
    "concat_stages": [True],
    "project": [False],
    "layers": [4],
    "dropout": [0.3],
    "norm_momentum": [0.3],
    "align_corners": [True],
    "align_logits": [True],
    "threshold": [0.3],
    "tasks": [
        TaskSettings(scenes=3),
        TaskSettings(parts=(2, 3)),
        TaskSettings(materials=4),
        TaskSettings(textures=2),
    ],
    "resampling": ["plain"],
    "options": [{"depth": 2}],
}

BACKBONE: dict[str, list[Any]] = {
    "dilation": ["half", "none", "doubled", "kept", "half_conv1", "multi_grid", "leading"],
    "padding": ["same"],
    "in_channels": [4],
    "stem_activation": ["relu"],
    "stride_on": ["1x1"],
    "stage3_end": ["next_block"],
    "shortcut_pool": ["none"],
    "windows": ["padded", "shifted"],
    "sides": ["patches", "cut"],
    "norm_eps": [1e-4],
    "blocks": [(0, 1, 2, 3)],
    "neck": ["simple"],
    "final_norm": [True],
    "drop_path": [0.1],
}

BACKBONES = ("resnet26d", "mobilenetv2_035", "squeezenet1_1_stride8")


def usual(architecture: str) -> dict[str, Any]:
    """Settings of a small network."""
    known = ARCHITECTURES[architecture]
    width = {"channels": 16} if "channels" in known.settings else {}
    return {"architecture": architecture, "aux": known.auxiliary, **width}


def built(backbone: BackboneSettings, network: NetworkSettings) -> dict[str, Any]:
    """All that makes a network what it is: its modules with what each knows, and the shapes of its tensors."""
    with torch.device("meta"):
        made = build(backbone, network, 2)
    found: dict[str, Any] = {name: value.shape for name, value in made.state_dict().items()}
    for path, module in made.named_modules():
        found[f"{path}:"] = (type(module), *known(module))
    return found


def known(module: nn.Module) -> list[tuple[str, Any]]:
    """What a module knows in numbers and words: strides, dilations, probabilities, forms of computing."""
    own = [(name, value) for name, value in vars(module).items() if not name.startswith("_")]
    return sorted((name, repr(value)) for name, value in own if isinstance(value, bool | int | float | str | tuple))


@cache
def base(backbone: str, architecture: str) -> dict[str, Any]:
    return built(BackboneSettings(backbone), NetworkSettings(**usual(architecture)))


CASES = [(name, value) for name, values in NETWORK.items() for value in values]


def shapes(found: dict[str, Any]) -> dict[str, Any]:
    """Of what `built` gives, the names and shapes of the tensors."""
    return {name: value for name, value in found.items() if not name.endswith(":")}


def test_every_setting_says_whether_weights_show_it() -> None:
    for known in (*fields(NetworkSettings), *fields(BackboneSettings)):
        assert sight_of(known) in (SEEN, UNSEEN, NEUTRAL)


def test_every_setting_is_among_those_that_are_tried() -> None:
    assert {"architecture", *NETWORK} == {known.name for known in fields(NetworkSettings)}
    assert {"name", "weights", "frozen", "final_norm_on", *BACKBONE} == {
        known.name for known in fields(BackboneSettings)
    }


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(("name", "value"), CASES, ids=[f"{name}={value}" for name, value in CASES])
def test_a_setting_of_the_network_changes_it_or_is_refused(architecture: str, name: str, value: Any) -> None:
    if usual(architecture).get(name) == value:
        pytest.skip("as it is without")
    try:
        settings = NetworkSettings(**{**usual(architecture), name: value})
    except UserError as error:
        assert f"network.{name}" in str(error) or (name, value) == ("stages", 2)  # the auxiliary head needs three
        if "has no effect on" in str(error):
            assert name not in ARCHITECTURES[architecture].settings
        return
    assert name in ARCHITECTURES[architecture].settings
    if settings == NetworkSettings(**usual(architecture)):
        return  # what null stands for
    changed = built(BackboneSettings("resnet10t"), settings)
    assert changed != base("resnet10t", architecture)
    sight = sight_of(next(known for known in fields(NetworkSettings) if known.name == name))
    assert (shapes(changed) != shapes(base("resnet10t", architecture))) == (sight == SEEN)


# Heads of one stage, of all of them and of one without an auxiliary head: the others meet a backbone as these do.
@pytest.mark.parametrize(
    "architecture", [slow_unless(name in ("pspnet", "upernet", "linear"), name) for name in ARCHITECTURES]
)
@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("name", BACKBONE)
def test_a_setting_of_the_backbone_changes_it_or_is_refused(architecture: str, backbone: str, name: str) -> None:
    network = NetworkSettings(**usual(architecture))
    for value in BACKBONE[name]:
        settings = BackboneSettings(backbone, **{name: value})
        try:
            changed = built(settings, network)
        except UserError as error:
            assert f"backbone {backbone}: " in str(error)
            continue
        assert changed != base(backbone, architecture)
        if shapes(changed) == shapes(base(backbone, architecture)) and name != "drop_path":
            sight = sight_of(next(known for known in fields(BackboneSettings) if known.name == name))
            assert sight == UNSEEN


ONE_TASK_ALONE: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in ARCHITECTURES),
    ("fcn", {"concat_stages": True}),
    ("linear", {"layers": 4}),
]


@pytest.mark.parametrize(("architecture", "settings"), ONE_TASK_ALONE)
def test_an_architecture_reads_the_stages_that_it_says(architecture: str, settings: dict[str, Any]) -> None:
    network = NetworkSettings(**{**usual(architecture), **settings, "aux": False})
    made = build(BackboneSettings("resnet10t"), network, 3).eval()
    reads = ARCHITECTURES[architecture].reads
    first = 4 - (4 if reads is None else reads(network))
    assert [reads_stage(made, stage) for stage in range(4)] == [stage >= first for stage in range(4)]


def reads_stage(network: SceneParser, stage: int) -> bool:
    """Whether what a network says depends on the map of a stage, counted from 0."""

    def poison(_: nn.Module, __: Any, features: list[torch.Tensor]) -> list[torch.Tensor]:
        return [maps * torch.nan if index == stage else maps for index, maps in enumerate(features)]

    hook = network.backbone.register_forward_hook(poison)
    with torch.inference_mode():
        outputs = network(torch.zeros(1, 3, 64, 64))
    hook.remove()
    return any(bool(output.isnan().any()) for output in outputs if isinstance(output, torch.Tensor))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(
    "backbone",
    [
        BackboneSettings("mobilenetv2_035", stage3_end="next_block"),
        BackboneSettings("test_vit", final_norm=True, final_norm_on="last"),
    ],
)
def test_a_setting_of_stages_that_are_not_read_is_refused(architecture: str, backbone: BackboneSettings) -> None:
    declared = ARCHITECTURES[architecture]
    network = NetworkSettings(**{**usual(architecture), "aux": False})
    if declared.reads is None:
        declared.refuse_unread(backbone, network)
        return
    with pytest.raises(UserError, match=r"is (next_block|last), which has no effect: .* reads the last stage alone"):
        build(backbone, network, 3)
    if declared.auxiliary:
        declared.refuse_unread(backbone, replace(network, aux=True))


def test_windows_of_a_swin_transformer_can_be_laid_otherwise() -> None:
    network, name = NetworkSettings("upernet", channels=16, aux=False), "swin_tiny_patch4_window7_224"
    usual = built(BackboneSettings(name), network)
    assert built(BackboneSettings(name, windows="padded"), network) != usual
    assert built(BackboneSettings(name, windows="shifted"), network) != usual


@pytest.mark.parametrize("name", BACKBONE)
def test_a_setting_of_a_plain_vit_changes_it_or_is_refused(name: str) -> None:
    network = NetworkSettings("upernet", channels=16, aux=False)
    usual = built(BackboneSettings("test_vit"), network)
    for value in BACKBONE[name]:
        try:
            changed = built(BackboneSettings("test_vit", **{name: value}), network)
        except UserError as error:
            assert "backbone test_vit: " in str(error)
            continue
        assert changed != usual


def test_one_network_is_like_another_of_the_same_settings() -> None:
    for architecture in ARCHITECTURES:
        again = built(BackboneSettings("resnet10t"), NetworkSettings(**usual(architecture)))
        assert again == base("resnet10t", architecture)
