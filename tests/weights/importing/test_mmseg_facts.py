"""What a configuration of MMSegmentation says is found where its versions have it, and nothing else is taken for it."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from sceneparse.errors import UserError
from sceneparse.settings import BackboneSettings, NetworkSettings
from sceneparse.weights.build import build
from sceneparse.weights.importing.families.mmseg import family
from sceneparse.weights.importing.families.mmseg.applying import with_strides
from sceneparse.weights.importing.families.mmseg.configuration import UNREAD, parse
from sceneparse.weights.importing.families.mmseg.convolutional import FoundBackbone
from sceneparse.weights.importing.families.mmseg.facts import Facts, facts_of
from sceneparse.weights.importing.families.mmseg.fixed import refuse_others
from sceneparse.weights.importing.families.mmseg.plain import fixed_of
from sceneparse.weights.importing.family import Recognition, theirs
from tests.weights.importing.test_mmseg import names_of
from tests.weights.importing.test_mmseg_configurations import FCN_D6, NORMALISED, PUBLISHED, imported, weights

STEM = "backbone.stem.0.weight"
TEST_CFG = "test_cfg=dict(mode='slide', crop_size=(769, 769), stride=(513, 513))"


def facts_in(text: str) -> Facts:
    configuration = parse(text)
    assert configuration is not None
    return facts_of(configuration)


def known(text: str, channels: int = 3) -> Recognition:
    """What the FCN of `weights` with this configuration is, of so many channels."""
    shapes = {key: tuple(value.shape) for key, value in weights().items()}
    shapes[STEM] = (shapes[STEM][0], channels, *shapes[STEM][2:])
    found = family.recognise(shapes)
    assert found is not None
    return family.refine(found, {"cfg": text}, "iter_80000.pth")


@pytest.mark.parametrize("several", [False, True])
def test_the_test_mode_of_the_first_versions_stands_beside_the_model(several: bool) -> None:
    base = FCN_D6.replace(f",\n    {TEST_CFG})", ")\ntest_cfg = dict(mode='whole')")
    assert "slide" not in base
    own = TEST_CFG.replace("test_cfg=", "test_cfg = ")
    text = f"/a/base.py\n{base}\n/a/mine.py\n{own}\n" if several else f"{base}\n{own}\n"
    facts = facts_in(text)
    assert (facts.window, facts.step) == ((769, 769), (513, 513))
    # The test_cfg of 1.x beside the model is that of its loop.
    assert facts_in(FCN_D6 + "test_cfg = dict(type='TestLoop')\n").window == (769, 769)
    assert facts_in(f"{base}\ntest_cfg = dict(type='TestLoop')\n").window is None


def test_a_configuration_that_differs_from_the_published_name_is_warned_of(tmp_path: Path) -> None:
    whole = FCN_D6.replace("mode='slide'", "mode='whole'")
    warnings = imported(tmp_path, {"cfg": whole}, PUBLISHED).warnings
    assert [warning.partition(":")[0] for warning in warnings] == [
        "network.output_stride",
        "network.output_stride",
        "network.head_dilation",
        "protocol",
    ]
    assert "has test_cfg whole pictures, that of published name fcn_r18-d8" in warnings[-1]
    assert "windows of (769, 769) with steps of (513, 513): the file's own is taken" in warnings[-1]


@pytest.mark.parametrize(
    ("normalised", "mean", "bgr"),
    [
        # Normalize turns unless it is told not to, the network of 1.x only if it is told to.
        ("Normalize', mean=[51.0, 25.5, 0.0], std=[51.0] * 3", None, False),
        ("Normalize', mean=[51.0, 25.5, 0.0], std=[51.0, 51.0, 51.0]", (0.2, 0.1, 0.0), False),
        ("Normalize', mean=[51.0, 25.5, 0.0], std=[51.0, 51.0, 51.0], to_rgb=False", (0.0, 0.1, 0.2), True),
        ("Normalize', mean=other, std=other", (0.485, 0.456, 0.406), False),
    ],
)
def test_the_pipelines_normalize_wins_over_the_variable(
    normalised: str, mean: tuple[float, ...] | None, bgr: bool
) -> None:
    found = known(FCN_D6.replace("Normalize'", normalised))
    assert found.says_input == (mean is not None)
    assert found.preprocessing.mean == pytest.approx(mean or (0.485, 0.456, 0.406))
    assert (found.adapt is not None) == bgr


@pytest.mark.parametrize(
    ("said", "bgr"), [("", True), ("bgr_to_rgb=False", True), ("bgr_to_rgb=True", False), ("rgb_to_bgr=True", False)]
)
def test_the_network_of_1_x_turns_colours_if_it_is_told_to(said: str, bgr: bool) -> None:
    new = f"data_preprocessor = dict(mean=[51.0, 25.5, 0.0], std=[51.0, 51.0, 51.0], {said})\n"
    for text in (FCN_D6 + new, FCN_D6.replace(NORMALISED, new)):
        found = known(text)
        assert (found.adapt is not None) == bgr
        assert found.preprocessing.mean == pytest.approx((0.0, 0.1, 0.2) if bgr else (0.2, 0.1, 0.0))


@pytest.mark.parametrize(
    ("channels", "mean", "taken"),
    [
        (4, "[51.0, 25.5, 0.0, 102.0]", (0.2, 0.1, 0.0, 0.4)),
        (4, "[51.0]", (0.2,) * 4),
        (1, "[51.0]", (0.2,)),
        (3, "[51.0]", (0.2,) * 3),
    ],
)
def test_a_network_of_other_than_three_channels_is_never_turned(
    channels: int, mean: str, taken: tuple[float, ...]
) -> None:
    std = mean.replace("25.5", "51.0").replace("0.0,", "51.0,")
    new = f"data_preprocessor = dict(mean={mean}, std={std}, bgr_to_rgb=False)\n"
    found = known(FCN_D6.replace(NORMALISED, new), channels)
    assert (found.adapt is None) == (channels != 3)
    assert found.says_input and found.preprocessing.mean == pytest.approx(taken)


def test_a_file_of_four_bands_keeps_their_order_and_its_own_mean(tmp_path: Path) -> None:
    new = "data_preprocessor = dict(mean=[51.0, 25.5, 0.0, 102.0], std=[51.0, 51.0, 51.0, 51.0])\n"
    own = torch.cat((weights()[STEM], weights()[STEM][:, :1]), 1)
    torch.save(
        {"meta": {"cfg": FCN_D6.replace(NORMALISED, new)}, "state_dict": weights() | {STEM: own}}, tmp_path / "a.pth"
    )
    from sceneparse.weights.importing.checkpoint import ImportedModel, import_checkpoint

    found = import_checkpoint(tmp_path / "a.pth")
    assert isinstance(found, ImportedModel)
    assert found.model.config.preprocessing.mean == (0.2, 0.1, 0.0, 0.4)
    assert torch.equal(found.model.network.state_dict()["backbone.body.conv1.0.weight"], own)


def test_a_mobilenetv2_has_its_classes_strides_where_a_configuration_leaves_them_out() -> None:
    text = "model = dict(backbone=dict(type='MobileNetV2'), decode_head=dict(type='PSPHead'))"
    found = FoundBackbone("mobilenet", BackboneSettings("mobilenetv2_100"), [], "", "", ("MobileNetV2",))
    backbone, network = with_strides(found, NetworkSettings(), facts_in(text))
    assert (network.output_stride, backbone.dilation) == (32, "first")
    _, network = with_strides(found, NetworkSettings(), facts_in(text.replace("V2'", "V2', strides=unread")))
    assert network.output_stride == 8


@pytest.mark.parametrize(
    ("old", "new", "open_"),
    [
        ("strides=(1, 2, 2, 1)", "strides=mine", "network.output_stride"),
        ("dilations=(1, 1, 1, 2)", "dilations=mine", "network.output_stride"),
        ("dilation=6", "dilation=mine", "network.head_dilation"),
        ("align_corners=True", "align_corners=mine", "network.align_corners"),
    ],
)
def test_what_a_configuration_says_but_cannot_be_read_stays_open(old: str, new: str, open_: str) -> None:
    assert [one.name for one in known(FCN_D6.replace(old, new)).open] == [open_]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("dilation=6", "dilation=6, act_cfg=dict(type='LeakyReLU')", "decode_head has act_cfg.type 'LeakyReLU', but"),
        ("dilation=6", "dilation=6, act_cfg=None", "decode_head has act_cfg.type None, but only 'ReLU' can"),
        ("norm_cfg = dict(", "norm_cfg = dict(eps=0.001, ", "backbone has norm_cfg.eps 0.001, but only 1e-05 can"),
        ("dilation=6", "dilation=6, norm_cfg=dict(type='BN', eps=0.001)", "decode_head has norm_cfg.eps 0.001"),
    ],
)
def test_settings_that_no_key_tells_and_that_cannot_be_had_are_refused(old: str, new: str, words: str) -> None:
    with pytest.raises(UserError, match=re.escape(words)):
        known(FCN_D6.replace(old, new))


VIT = {"type": "VisionTransformer", "num_heads": 6, "norm_cfg": {"type": "LN", "eps": 1e-6}}


@pytest.mark.parametrize(
    ("changes", "neck", "words"),
    [
        ({}, {"type": "MultiLevelNeck", "scales": [4, 2, 1, 0.5]}, None),
        ({"num_heads": UNREAD, "norm_cfg": None, "act_cfg": UNREAD}, None, "backbone has norm_cfg.eps 1e-05"),
        ({"num_heads": 12}, None, "backbone has num_heads 12, but only 6 can be imported"),
        ({"with_cls_token": False}, None, "with_cls_token False"),
        ({"interpolate_mode": "bilinear"}, None, "interpolate_mode 'bilinear'"),
        ({"act_cfg": {"type": "QuickGELU"}}, None, "act_cfg.type 'QuickGELU'"),
        ({}, {"type": "MultiLevelNeck"}, r"neck has scales (0.5, 1, 2, 4)"),
    ],
)
def test_a_plain_transformer_must_be_as_it_is_built_here(
    changes: dict[str, Any], neck: dict[str, Any] | None, words: str | None
) -> None:
    model = {"backbone": VIT | changes, "neck": neck}
    if words is None:
        refuse_others(model, fixed_of("vit", 384))
        return
    with pytest.raises(UserError, match=re.escape(words)):
        refuse_others(model, fixed_of("vit", 384))


def test_a_class_with_another_number_of_heads_is_refused_where_it_is_left_out() -> None:
    model = {"backbone": {key: value for key, value in VIT.items() if key != "num_heads"}}
    refuse_others(model, fixed_of("vit", 768))
    with pytest.raises(UserError, match="num_heads 12, but only 6"):
        refuse_others(model, fixed_of("vit", 384))


def test_the_sizes_of_other_than_four_grids_must_be_given_or_stand_in_the_configuration() -> None:
    settings = NetworkSettings(architecture="pspnet", channels=16, bins=(1, 2, 3), branch_channels=16)
    with torch.device("meta"):
        ours = build(BackboneSettings("resnet18c"), settings, 19)
    names = names_of("resnet18c", settings)
    found = family.recognise({theirs(key, names): tuple(value.shape) for key, value in ours.state_dict().items()})
    assert found is not None
    [bins] = [one for one in found.open if one.name == "network.bins"]
    assert bins.must and "has 3 grids, whose sizes no key tells" in bins.readings
    text = "model = dict(backbone=dict(type='ResNetV1c'), decode_head=dict(type='PSPHead', pool_scales={}))"
    refined = family.refine(found, {"cfg": text.format("(1, 2, 4)")}, "a.pth")
    assert refined.network.bins == (1, 2, 4) and not any(one.must for one in refined.open)
    assert any(one.must for one in family.refine(found, {"cfg": text.format("mine")}, "a.pth").open)
