"""MMSegmentation's files say in their configuration what no key tells; it is read, and nothing of it is run."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from sceneparse.errors import UserError
from sceneparse.inference.protocol import resolve
from sceneparse.settings import BackboneSettings, NetworkSettings, ProtocolSettings
from sceneparse.weights.build import build
from sceneparse.weights.importing.checkpoint import ImportedModel, import_checkpoint
from sceneparse.weights.importing.families.mmseg.configuration import configuration_in, parse
from sceneparse.weights.importing.families.mmseg.published import published_facts
from sceneparse.weights.importing.family import theirs
from tests.weights.importing.test_mmseg import names_of

FCN_D6 = """
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(type='ResNetV1c', depth=18, dilations=(1, 1, 1, 2), strides=(1, 2, 2, 1), style='pytorch',
                  norm_cfg=norm_cfg, contract_dilation=True),
    decode_head=dict(type='FCNHead', in_channels=512, num_convs=2, concat_input=True, align_corners=True, dilation=6),
    test_cfg=dict(mode='slide', crop_size=(769, 769), stride=(513, 513)))
img_norm_cfg = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)
data = dict(test=dict(type='CityscapesDataset', pipeline=[
    dict(type='LoadImageFromFile'),
    dict(type='MultiScaleFlipAug', img_scale=(2049, 1025), flip=False, transforms=[
        dict(type='Resize', keep_ratio=True), dict(type='Normalize')])]))
"""
PUBLISHED = "fcn_r18-d8_769x769_80k_cityscapes_20201225_021451-9739d1b8.pth"


@cache
def weights() -> dict[str, Tensor]:
    """An FCN on ResNet-18 V1c, under the keys of mmsegmentation."""
    torch.manual_seed(0)
    settings = NetworkSettings(architecture="fcn", channels=8, convolutions=2, concat_input=True)
    ours = build(BackboneSettings("resnet18c"), settings, 19)
    return {theirs(key, names_of("resnet18c", settings)): value for key, value in ours.state_dict().items()}


def imported(folder: Path, meta: dict[str, Any], name: str = "iter_80000.pth", **changes: Any) -> ImportedModel:
    torch.save({"meta": meta, "state_dict": weights()}, folder / name)
    found = import_checkpoint(folder / name, **changes)
    assert isinstance(found, ImportedModel)
    return found


@pytest.mark.parametrize("key", ["cfg", "config"])
def test_a_file_is_what_its_configuration_says(tmp_path: Path, key: str) -> None:
    found = imported(tmp_path, {key: FCN_D6})
    network, protocol = found.model.config.network, resolve(found.model.config.protocol)
    assert (network.align_corners, network.head_dilation, network.output_stride) == (True, 6, 16)
    assert found.model.config.backbone.dilation == "half_conv1"
    assert (protocol.window, protocol.size, protocol.max_long) == ((769, 769), 1025, 2049)
    assert round(769 * protocol.stride) == 513
    assert found.warnings == ()


NEW_STEPS = "test_pipeline = [dict(type='LoadImageFromFile'), {}, dict(type='PackSegInputs')]\n"
OLD_STEPS = (
    "test_pipeline = [dict(type='LoadImageFromFile'), dict(type='MultiScaleFlipAug', flip=False, {}, transforms=[{}"
    "dict(type='RandomFlip'), dict(type='Collect', keys=['img'])])]\n"
)
SHORT_256 = ProtocolSettings("whole", resize="short", size=256, upsampling="twice")
SQUARE_256 = ProtocolSettings("whole", resize="square", size=256, upsampling="twice")


def protocol_of(folder: Path, steps: str, *, slides: bool = False) -> tuple[ProtocolSettings, tuple[str, ...]]:
    """The protocol and the warnings of a file whose test pipeline is this."""
    text = FCN_D6[: FCN_D6.index("data = dict(")] + steps
    found = imported(folder, {"cfg": text if slides else text.replace("mode='slide'", "mode='whole'")})
    assert not any(note.startswith("protocol: nothing in the file says") for note in found.notes)
    return found.model.config.protocol, found.warnings


@pytest.mark.parametrize(
    ("steps", "protocol"),
    [
        ("dict(type='LoadAnnotations')", ProtocolSettings("whole")),
        ("dict(type='Resize', scale=(2048, 512), keep_ratio=True)", ProtocolSettings("mmseg")),
        # As Cityscapes' own configurations have it: pictures of other sizes are brought to that one.
        (
            "dict(type='Resize', scale=(2048, 1024), keep_ratio=True)",
            ProtocolSettings("mmseg", size=1024, max_long=2048),
        ),
        ("dict(type='mmcv.LoadImageFromFile'), dict(type='mmseg.Resize', scale=(256, 256))", SQUARE_256),
        ("dict(type='mmcv.transforms.processing.Resize', scale=(256, 256))", SQUARE_256),
        (
            "dict(type='Resize', scale=(384, 256), keep_ratio=True)",
            ProtocolSettings("mmseg", size=256, max_long=384),
        ),
        ("dict(type='Resize', scale=(float('inf'), 256), keep_ratio=True)", SHORT_256),
        ("dict(type='Resize', scale=(inf, 256), keep_ratio=True)", SHORT_256),
        # MMCV 2 keeps no proportions unless it is told to.
        ("dict(type='Resize', scale=(256, 256), keep_ratio=False)", SQUARE_256),
        ("dict(type='Resize', scale=(256, 256))", SQUARE_256),
        ("dict(type='Resize', scale=256)", SQUARE_256),
        (
            "dict(type='Resize', scale=(1024, 512))",
            ProtocolSettings("whole", resize="fixed", size=(512, 1024), upsampling="twice"),
        ),
        (
            "dict(type='Resize', scale_factor=0.5, keep_ratio=True)",
            ProtocolSettings("whole", scales=(0.5,), upsampling="twice"),
        ),
        (
            "dict(type='ResizeShortestEdge', scale=224, max_size=2048)",
            ProtocolSettings("mmseg", size=224, max_long=2048),
        ),
    ],
)
def test_pictures_are_tested_at_the_size_of_the_configurations_pipeline(
    steps: str, protocol: ProtocolSettings, tmp_path: Path
) -> None:
    assert protocol_of(tmp_path, NEW_STEPS.format(steps)) == (protocol, ())


@pytest.mark.parametrize(
    ("scale", "resize", "protocol"),
    [
        ("img_scale=(2048, 512)", "dict(type='Resize', keep_ratio=True), ", ProtocolSettings("mmseg")),
        ("img_scale=(2048, 512)", "dict(type='Resize'), ", ProtocolSettings("mmseg")),
        ("img_scale=[(2048, 512)]", "dict(type='Resize'), ", ProtocolSettings("mmseg")),
        ("img_scale=(256, 256)", "dict(type='Resize', keep_ratio=False), ", SQUARE_256),
        ("img_scale=(2048, 256)", "dict(type='Resize', keep_ratio=True, min_size=256), ", SHORT_256),
        # Its scale is for a Resize alone.
        ("img_scale=(256, 256)", "", ProtocolSettings("whole")),
        (
            "img_scale=None, img_ratios=0.5",
            "dict(type='Resize'), ",
            ProtocolSettings("whole", scales=(0.5,), upsampling="twice"),
        ),
        (
            "img_scale=(512, 256), img_ratios=[0.5]",
            "dict(type='mmseg.Resize'), ",
            ProtocolSettings("mmseg", size=128, max_long=256),
        ),
        ("img_scale=(2048, 512), img_ratios=1.0", "dict(type='Resize'), ", ProtocolSettings("mmseg")),
    ],
)
def test_in_the_first_versions_the_scale_stands_around_the_resize(
    scale: str, resize: str, protocol: ProtocolSettings, tmp_path: Path
) -> None:
    assert protocol_of(tmp_path, OLD_STEPS.format(scale, resize)) == (protocol, ())


@pytest.mark.parametrize(
    ("ratios", "short", "taken"), [("[0.5, 0.75]", 256, 0.5), ("[0.5, 0.75, 1.0, 1.25]", 512, 1.0)]
)
def test_of_several_ratios_the_one_that_is_named_is_taken(
    ratios: str, short: int, taken: float, tmp_path: Path
) -> None:
    steps = OLD_STEPS.format(f"img_scale=(2048, 512), img_ratios={ratios}", "dict(type='Resize'), ")
    found, [warning] = protocol_of(tmp_path, steps)
    assert resolve(found).size == short and f"several sizes (img_ratios), of which that of {taken} is taken" in warning


def test_the_advice_on_a_size_keeps_the_windows(tmp_path: Path) -> None:
    steps = NEW_STEPS.format("dict(type='Resize', scale=other)")
    found, [warning] = protocol_of(tmp_path, steps, slides=True)
    text = FCN_D6[: FCN_D6.index("data = dict(")] + steps
    given = dict(re.findall(r"'(window|stride)': (\[[^]]*\]|[\d.]+)", warning))
    assert set(given) == {"window", "stride"}
    values = {"name": "whole", "size": 256, **{key: json.loads(value) for key, value in given.items()}}
    followed = imported(tmp_path, {"cfg": text}, protocol=values)
    protocol = followed.model.config.protocol
    assert protocol.window == found.window == (769, 769) and protocol.size == 256 and followed.warnings == ()
    assert protocol.stride == pytest.approx(found.stride, abs=1e-4)


def test_uneven_steps_are_said_without_advice_that_cannot_help(tmp_path: Path) -> None:
    steps = NEW_STEPS.format("dict(type='Resize', scale=(256, 256))")
    text = (FCN_D6[: FCN_D6.index("data = dict(")] + steps).replace("stride=(513, 513)", "stride=(513, 769)")
    [warning] = imported(tmp_path, {"cfg": text}).warnings
    assert "step by 513 down and 769 across; here by one share of their sides, 0.6671, as" in warning
    assert "give" not in warning and "protocol.size" not in warning


def test_windows_slide_over_the_size_of_the_pipeline(tmp_path: Path) -> None:
    found, warnings = protocol_of(tmp_path, NEW_STEPS.format("dict(type='LoadAnnotations')"), slides=True)
    assert (found.name, found.window, warnings) == ("window", (769, 769), ())
    assert resolve(found).input_size((300, 400), 1.0) == (300, 400)
    found, _ = protocol_of(tmp_path, NEW_STEPS.format("dict(type='Resize', scale=(640, 512))"), slides=True)
    assert resolve(found).input_size((300, 400), 1.0) == (512, 640) and found.window == (769, 769)


def test_the_datas_pipeline_counts_and_not_a_variable_that_it_was_not_made_from(tmp_path: Path) -> None:
    steps = NEW_STEPS.format("dict(type='Resize', scale=(256, 256))")
    loader = "test_dataloader = dict(dataset=dict(type='A', dataset=dict(pipeline=test_pipeline)))\n"
    found, _ = protocol_of(tmp_path, steps + loader + NEW_STEPS.format("dict(type='LoadAnnotations')"))
    assert found == SQUARE_256


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ("test_pipeline = base + more", "its test pipeline cannot be read; pictures keep their own size, as most"),
        (NEW_STEPS.format("dict(type='Resize', scale=other)"), r"Resize\(\) cannot be followed; pictures"),
        (NEW_STEPS.format("dict(type='Resize', scale=(256, 256), keep_ratio=maybe)"), "cannot be followed"),
        (NEW_STEPS.format("dict(type='Resize', scale=(512, 512), interpolation='bicubic')"), "'bicubic'; here"),
        (NEW_STEPS.format("dict(type='ResizeToMultiple', size_divisor=32)"), "ResizeToMultiple.size_divisor=32. is"),
        (NEW_STEPS.format("dict(type='CenterCrop', crop_size=(64, 64))"), "CenterCrop.* is left out"),
        (NEW_STEPS.format("*base"), "one of its steps cannot be read; pictures keep"),
        (OLD_STEPS.format("img_scale=[(512, 512), (256, 256)]", "dict(type='Resize'), "), "at several sizes"),
        (
            OLD_STEPS.format("img_scale=(512, 512), flip=True", "dict(type='Resize'), ").replace("flip=False, ", ""),
            "mirror",
        ),
        (
            NEW_STEPS.format("dict(type='LoadAnnotations')")
            + "data_preprocessor = dict(mean=[0.0] * 3, test_cfg=dict(size_divisor=32))",
            "pads test pictures",
        ),
    ],
)
def test_what_of_a_pipeline_is_not_done_is_warned_of_until_a_protocol_is_given(
    steps: str, words: str, tmp_path: Path
) -> None:
    _, [warning] = protocol_of(tmp_path, steps)
    assert warning.startswith(("protocol: its ", "protocol: one of its "))
    assert re.search(words, warning)
    text = FCN_D6[: FCN_D6.index("data = dict(")] + steps
    assert imported(tmp_path, {"cfg": text}, protocol={"size": "own"}).warnings == ()


def test_a_stripped_file_is_what_its_published_name_says(tmp_path: Path) -> None:
    found = imported(tmp_path, {}, PUBLISHED)
    assert found.model.config.network.align_corners is True
    assert any("published name" in line for line in found.describe())
    assert found.warnings == ()


def test_what_nothing_tells_is_warned_of_until_it_is_given(tmp_path: Path) -> None:
    found = imported(tmp_path, {})
    assert [warning.partition(":")[0] for warning in found.warnings] == [
        "network.align_corners",
        "network.output_stride",
        "network.head_dilation",
    ]
    assert any(line.startswith("warning: network.align_corners: taken as false") for line in found.describe())
    given = imported(tmp_path, {}, network={"align_corners": True, "output_stride": 16, "head_dilation": 6})
    assert given.warnings == ()


def test_a_network_that_takes_bgr_is_turned_to_rgb(tmp_path: Path) -> None:
    bgr = FCN_D6.replace("to_rgb=True", "to_rgb=False").replace("[123.675, 116.28, 103.53]", "[102.0, 51.0, 25.5]")
    found = imported(tmp_path, {"config": bgr})
    assert found.model.config.preprocessing.mean == (0.1, 0.2, 0.4)
    first = found.model.network.state_dict()["backbone.body.conv1.0.weight"]
    torch.testing.assert_close(first, weights()["backbone.stem.0.weight"].flip(1))


NEWER = "data_preprocessor = dict(type='SegDataPreProcessor', {})\n"
NORMALISED = "img_norm_cfg = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)\n"


@pytest.mark.parametrize(
    ("new", "mean", "std", "turned"),
    [
        # Values of 0..255 as they are: 0.x hands on BGR, 1.x what bgr_to_rgb says.
        ("", 0.0, 1 / 255, True),
        (NEWER.format("bgr_to_rgb=True"), 0.0, 1 / 255, False),
        (NEWER.format("mean=None, std=None"), 0.0, 1 / 255, True),
        (NEWER.format("mean=[51.0] * 3, std=[25.5] * 3, bgr_to_rgb=True"), None, None, False),
        (NEWER.format("mean=[51.0, 51.0, 51.0], std=[25.5, 25.5, 25.5], bgr_to_rgb=True"), 0.2, 0.1, False),
    ],
)
def test_the_configurations_normalisation_is_taken_also_if_it_is_none(
    new: str, mean: float | None, std: float | None, turned: bool, tmp_path: Path
) -> None:
    text = FCN_D6.replace(NORMALISED, new).replace("dict(type='Normalize')", "dict(type='ImageToTensor')")
    found = imported(tmp_path, {"cfg": text})
    settings = found.model.config.preprocessing
    usual = type(settings)()
    assert settings.mean == pytest.approx(usual.mean if mean is None else (mean,) * 3)
    assert settings.std == pytest.approx(usual.std if std is None else (std,) * 3)
    first = found.model.network.state_dict()["backbone.body.conv1.0.weight"]
    own = weights()["backbone.stem.0.weight"]
    torch.testing.assert_close(first, own.flip(1) if turned else own)
    # What is only usual is said.
    assert any(note.startswith("preprocessing: nothing in the file says it") for note in found.notes) == (mean is None)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("ResNetV1c", "HRNet", "its configuration is of FCNHead on HRNet, but its keys"),
        ("dilations=(1, 1, 1, 2)", "dilations=(1, 1, 3, 5)", "with dilations .1, 1, 3, 5., which cannot be built"),
        ("contract_dilation=True", "multi_grid=(1, 2, 4)", "multi_grid"),
    ],
)
def test_a_configuration_that_cannot_be_built_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        imported(tmp_path, {"cfg": FCN_D6.replace(old, new)})


def test_the_first_versions_wrote_several_files_one_after_another() -> None:
    text = """/home/me/configs/_base_/models/fcn.py
model = dict(backbone=dict(type='ResNetV1c', depth=50), decode_head=dict(type='FCNHead', num_classes=19))
/home/me/configs/fcn/fcn_r101.py
_base_ = ['../_base_/models/fcn.py']
model = dict(backbone=dict(depth=101), decode_head=dict(_delete_=True, type='PSPHead'))
"""
    found = parse(text)
    assert found is not None
    assert found["model"] == {"backbone": {"type": "ResNetV1c", "depth": 101}, "decode_head": {"type": "PSPHead"}}


def test_json_and_dictionaries_are_configurations_too() -> None:
    model = {"model": {"backbone": {"type": "ResNet"}}}
    assert configuration_in({"cfg": '{"model": {"backbone": {"type": "ResNet"}}}'}) == model
    assert configuration_in({"cfg": model}) == model


HOSTILE = [
    "(" * 5000,
    "-" * 60000 + "1",
    "a" + ".b" * 60000,
    "model = " + "[" * 150 + "]" * 150,
    "\0",
    "if 1:\n" * 200,
    "model = open('/tmp/never', 'w')",
    "model = dict(**globals())",
    "model = __import__('os').system('true')",
    "{" * 5000,
    "x" * 2_000_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_text_is_no_configuration_and_runs_nothing(text: str) -> None:
    assert configuration_in({"cfg": text}) in (None, {"model": {}})
    assert not Path("/tmp/never").exists()


def test_a_published_name_stands_for_one_file() -> None:
    facts = published_facts("pspnet_r50-d8_769x769_40k_cityscapes_20200606_112725-86638686.pth")
    assert facts is not None and facts.align_corners is True and facts.window == (769, 769)
    assert published_facts("pspnet_r50-d8_769x769_40k_cityscapes.pth") == facts
    assert published_facts("iter_80000.pth") is None


def test_a_test_size_that_nothing_says_is_said_to_be_assumed(tmp_path: Path) -> None:
    for meta in ({}, {"cfg": FCN_D6[: FCN_D6.index("data = dict(")]}):
        [said] = [note for note in imported(tmp_path, meta).notes if note.startswith("protocol: ")]
        assert "nothing in the file says at which size" in said and "protocol.size: own, the short side" in said
        given = imported(tmp_path, meta, protocol={"size": "own"})
        assert not any(note.startswith("protocol: ") for note in given.notes)
        assert resolve(given.model.config.protocol).keeps((300, 400))
