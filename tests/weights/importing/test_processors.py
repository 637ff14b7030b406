"""What stands beside others' weights is what the network is given: mean, deviation, scale and size."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from sceneparse.errors import UserError
from sceneparse.settings import ProtocolSettings
from sceneparse.weights.importing.checkpoint import ImportedModel, import_checkpoint
from sceneparse.weights.importing.processors import Beside, read_beside
from tests.support.smp_folder import write_smp_folder
from tests.weights.importing.test_stated import smp_state

SAID = {"do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": [0.5] * 3, "image_std": [0.2] * 3}


def of_processor(folder: Path, **said: Any) -> Beside:
    (folder / "preprocessor_config.json").write_text(json.dumps({**SAID, "size": 512, **said}))
    return read_beside(folder)


@pytest.mark.parametrize(
    ("said", "mean", "std"),
    [
        ({}, 0.5, 0.2),
        ({"do_normalize": False}, 0.0, 1.0),
        ({"do_rescale": False, "image_mean": 127.5, "image_std": 51.0}, 0.5, 0.2),
        ({"rescale_factor": 1 / 127.5, "image_mean": [1.0] * 3}, 0.5, 0.1),
        ({"do_rescale": False, "do_normalize": False}, 0.0, 1 / 255),
    ],
)
def test_values_reach_the_network_as_the_processor_scales_and_normalises_them(
    said: dict[str, Any], mean: float, std: float, tmp_path: Path
) -> None:
    found = of_processor(tmp_path, **said).preprocessing
    assert found is not None
    assert found.mean == pytest.approx((mean,) * 3) and found.std == pytest.approx((std,) * 3)


@pytest.mark.parametrize(
    ("size", "protocol"),
    [
        (512, ProtocolSettings("whole", resize="square", size=512)),
        ({"height": 640, "width": 640}, ProtocolSettings("whole", resize="square", size=640)),
        ({"shortest_edge": 512}, ProtocolSettings("whole", resize="short", size=512)),
        (
            {"shortest_edge": 512, "longest_edge": 2048},
            ProtocolSettings("whole", resize="short", size=512, max_long=2048),
        ),
        ({"longest_edge": 800}, ProtocolSettings("whole", resize="long", size=800)),
        ({"height": 512, "width": 1024}, ProtocolSettings("whole", resize="fixed", size=(512, 1024))),
    ],
)
def test_pictures_are_tested_at_the_processors_size(size: Any, protocol: ProtocolSettings, tmp_path: Path) -> None:
    found = of_processor(tmp_path, size=size)
    assert found.protocol == replace(protocol, antialias=True, upsampling="twice") and found.open == ()


SHORT, SQUARE = (
    lambda side, kind=kind: ProtocolSettings("whole", resize=kind, size=side) for kind in ("short", "square")
)


@pytest.mark.parametrize(
    ("kind", "said", "protocol"),
    [
        # What each class resizes a picture of 480 x 640 to: 384 x 384; 256 x 341; 288 x 384 (crop_pct 0.78).
        ("ConvNextImageProcessor", {"size": {"shortest_edge": 384}}, SQUARE(384)),
        ("ConvNextImageProcessorFast", {"size": {"shortest_edge": 224}, "crop_pct": 0.875}, SHORT(256)),
        ("ConvNextFeatureExtractor", {"size": 224}, SHORT(256)),
        ("ConvNextImageProcessor", {"size": {"shortest_edge": 225}, "crop_pct": 0.78}, SHORT(288)),
        ("PoolFormerImageProcessor", {"size": {"shortest_edge": 224}, "crop_pct": 0.9}, SHORT(248)),
        ("LevitImageProcessor", {"size": {"shortest_edge": 224}}, SHORT(256)),
        ("CLIPImageProcessor", {"size": 224}, SHORT(224)),
        ("SegformerImageProcessor", {"size": 224}, SQUARE(224)),
        ("DPTImageProcessor", {"size": {"height": 190, "width": 190}, "ensure_multiple_of": 32}, SQUARE(192)),
        ("DPTImageProcessor", {"size": 192, "keep_aspect_ratio": True, "ensure_multiple_of": 32}, SHORT(192)),
    ],
)
def test_a_processors_class_says_what_its_size_means(
    kind: str, said: dict[str, Any], protocol: ProtocolSettings, tmp_path: Path
) -> None:
    key = "feature_extractor_type" if "Extractor" in kind else "image_processor_type"
    found = of_processor(tmp_path, **{key: kind, **said})
    assert found.protocol == replace(protocol, antialias=True, upsampling="twice")
    assert any("crops the middle 22" in note for note in found.notes) == (
        "ConvNext" in kind and protocol.resize == "short"
    )
    warned = [one.name for one in found.open]
    assert warned == (["protocol"] if said.get("keep_aspect_ratio") else [])


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            {"size": {"max_height": 512, "max_width": 512}},
            r"its size .*max_height.* cannot be followed; the short side",
        ),
        ({"size": None}, "its size null cannot be followed"),
        ({"size": {"height": 512, "width": 1024}, "keep_aspect_ratio": True}, "cannot be followed"),
        ({"keep_aspect_ratio": True, "ensure_multiple_of": 32}, "brings that side to 512 .*multiples of 32; here"),
        ({"do_pad": True, "size_divisor": 32}, "do_pad is left out; where"),
        ({"size_divisor": 32}, "size_divisor 32 is left out"),
        ({"do_image_splitting": True}, "do_image_splitting is left out"),
    ],
)
def test_what_a_processor_does_that_no_protocol_does_is_warned_of(
    said: dict[str, Any], words: str, tmp_path: Path
) -> None:
    [found] = of_processor(tmp_path, **said).open
    assert found.name == "protocol" and re.search(words, found.readings)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"image_processor_type": "GLPNImageProcessor", "size_divisor": 32}, "size_divisor 32 is left out"),
        ({"image_processor_type": "VitMatteImageProcessor", "do_pad": True, "size_divisor": 32}, "do_pad is left out"),
        ({"image_processor_type": "Swin2SRImageProcessor", "do_pad": True, "pad_size": 8}, "do_pad is left out"),
        ({"image_processor_type": "OwnImageProcessor", "size_divisor": 16, "size": None}, "size_divisor 16 is left"),
    ],
)
def test_a_processor_without_a_size_keeps_pictures_own(said: dict[str, Any], words: str, tmp_path: Path) -> None:
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({**SAID, **said}))
    found = read_beside(tmp_path)
    assert found.protocol == ProtocolSettings("whole") and "pictures are tested at their own size" in found.notes[1]
    assert [words in one.readings and "512" not in one.readings for one in found.open] == [True]


def test_another_interpolation_than_bilinear_is_said(tmp_path: Path) -> None:
    assert not any("resample" in note for note in of_processor(tmp_path, resample=2).notes)
    notes = of_processor(tmp_path, resample=3).notes
    assert any("resample 3 is none that a protocol here has" in note for note in notes)


def test_without_resizing_pictures_keep_their_size_and_a_crop_is_left_out_with_a_word(tmp_path: Path) -> None:
    found = of_processor(tmp_path, do_resize=False, do_center_crop=True)
    assert found.protocol == ProtocolSettings("whole")
    assert "do_center_crop is left out" in found.notes[-1]


def test_what_no_setting_does_is_refused_with_the_file_and_the_key(tmp_path: Path) -> None:
    for said, reason in (
        ({"do_flip_channel_order": True}, "takes BGR"),
        ({"image_mean": [300.0] * 3}, "normalisation cannot be taken"),
        ({"rescale_offset": True}, "rescale_offset"),
        ({"rescale_factor": "half"}, "rescale_factor is 'half'"),
        ({"image_std": []}, "image_std is"),
    ):
        with pytest.raises(UserError, match=f"preprocessor_config.json: .*{reason}"):
            of_processor(tmp_path, **said)


def test_steps_of_albumentations_are_taken_or_named(tmp_path: Path) -> None:
    steps = [
        {"__class_fullname__": "albumentations.SmallestMaxSize", "max_size": 256},
        {"__class_fullname__": "CLAHE"},
        {"__class_fullname__": "Normalize", "mean": [0.5] * 3, "std": [0.2] * 3, "max_pixel_value": 255.0},
    ]
    content = {"transform": {"__class_fullname__": "Compose", "transforms": steps}}
    (tmp_path / "albumentations_config_eval.json").write_text(json.dumps(content))
    found = read_beside(tmp_path)
    assert found.preprocessing is not None and found.preprocessing.std == pytest.approx((0.2,) * 3)
    assert found.protocol == ProtocolSettings("whole", resize="short", size=256)
    assert any("CLAHE is left out" in note for note in found.notes)


def of_steps(folder: Path, *steps: dict[str, Any]) -> Beside:
    content = {"transform": {"__class_fullname__": "Compose", "transforms": steps}}
    (folder / "albumentations_config_eval.json").write_text(json.dumps(content))
    return read_beside(folder)


NORMALIZE = {"__class_fullname__": "Normalize", "mean": [0.5] * 3, "std": [0.2] * 3}


@pytest.mark.parametrize(
    ("steps", "mean", "std"),
    [
        # ToFloat divides by what its type can hold at most, or by what it is given.
        ([{"__class_fullname__": "ToFloat"}, NORMALIZE | {"max_pixel_value": 1.0}], 0.5, 0.2),
        ([{"__class_fullname__": "ToFloat"}, NORMALIZE | {"max_pixel_value": None}], 0.5, 0.2),
        ([{"__class_fullname__": "ToFloat", "max_value": 127.5}, NORMALIZE | {"max_pixel_value": 1.0}], 0.25, 0.1),
        ([NORMALIZE | {"max_pixel_value": None}], 0.5, 0.2),
        ([NORMALIZE | {"normalization": "standard"}], 0.5, 0.2),
        ([{"__class_fullname__": "albumentations.ToFloat", "max_value": 255.0}], 0.0, 1.0),
    ],
)
def test_albumentations_scales_pictures_before_it_normalises_them(
    steps: list[dict[str, Any]], mean: float, std: float, tmp_path: Path
) -> None:
    found = of_steps(tmp_path, *steps)
    assert found.preprocessing is not None and found.open == ()
    assert found.preprocessing.mean == pytest.approx((mean,) * 3)
    assert found.preprocessing.std == pytest.approx((std,) * 3)


@pytest.mark.parametrize("kind", ["image", "image_per_channel", "min_max", "min_max_per_channel"])
def test_a_normalisation_by_each_pictures_own_values_is_refused_until_another_is_given(
    kind: str, tmp_path: Path
) -> None:
    [said] = of_steps(tmp_path, NORMALIZE | {"normalization": kind, "mean": None, "std": None}).open
    assert said.must and f"has normalization '{kind}', by each picture's own values" in said.readings
    folder = write_smp_folder(tmp_path / "peer")
    (tmp_path / "albumentations_config_eval.json").rename(folder / "albumentations_config_eval.json")
    with pytest.raises(UserError, match=r"own values, which no setting here does: .*; give preprocessing\.mean"):
        import_checkpoint(folder)
    given = import_checkpoint(folder, preprocessing={"mean": [0.5] * 3, "std": [0.5] * 3})
    assert isinstance(given, ImportedModel) and given.model.config.preprocessing.mean == (0.5,) * 3


def test_a_mean_that_is_null_is_said_as_the_file_has_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="mean is null, but must be a number for each channel"):
        of_steps(tmp_path, NORMALIZE | {"mean": None})


def test_albumentations_may_have_a_value_for_each_of_four_channels(tmp_path: Path) -> None:
    state = smp_state(3)
    stem = state["encoder.conv1.weight"]
    state |= {"encoder.conv1.weight": torch.cat((stem, stem[:, :1]), 1)}
    save_file({key: value.contiguous() for key, value in state.items()}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"encoder_name": "resnet18", "in_channels": 4}))
    step = {"__class_fullname__": "Normalize", "mean": [0.406, 0.456, 0.485, 0.5], "std": [0.2] * 4}
    content = {"transform": {"__class_fullname__": "Compose", "transforms": [step]}}
    (tmp_path / "albumentations_config_eval.json").write_text(json.dumps(content))
    found = import_checkpoint(tmp_path)
    assert isinstance(found, ImportedModel)
    assert found.model.config.preprocessing.mean == (0.406, 0.456, 0.485, 0.5)


def test_an_encoder_of_timms_with_weights_is_given_what_timm_gives_it(tmp_path: Path) -> None:
    config = {"encoder_name": "tu-vit_tiny_patch16_224", "encoder_weights": "imagenet"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    found = read_beside(tmp_path)
    assert found.preprocessing is not None and found.preprocessing.mean == (0.5, 0.5, 0.5) and found.protocol is None
    (tmp_path / "config.json").write_text(json.dumps(config | {"encoder_weights": None}))
    assert read_beside(tmp_path) == Beside()
