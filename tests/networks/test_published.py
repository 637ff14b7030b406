"""Scores of the published implementations, reproduced; skipped where their recorded cases are not beside the checkout.

The weights of a case follow from the names that its implementation gives them; each table below says how those names
are made from ours.
"""

import importlib.util
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from sceneparse.networks import FCN, PSPNet, SceneParser, UPerNet, resize
from sceneparse.networks.backbones import make_backbone

Names = list[tuple[str, str | Callable[[re.Match[str]], str]]]


def module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def layer(ours: str, conv: str, norm: str) -> Names:
    return [(rf"^{ours}\.conv\.", conv), (rf"^{ours}\.norm\.", norm)]


def head(ours: str, conv: str, norm: str, classifier: str) -> Names:
    return [*layer(rf"{ours}\.layer", conv, norm), (rf"^{ours}\.classifier\.", classifier)]


SEMSEG: Names = [
    (r"^backbone\.body\.conv1\.", "layer0."),
    (r"^backbone\.body\.bn1\.", "layer0.7."),
    (r"^backbone\.body\.", ""),
    *layer(r"pyramid\.branches\.(\d)", r"ppm.features.\1.1.", r"ppm.features.\1.2."),
    *head("head", "cls.0.", "cls.1.", "cls.4."),
    *head("aux_head", "aux.0.", "aux.1.", "aux.4."),
]

PSP = "decode_head.psp_modules"

MMSEG: Names = [
    (r"^backbone\.body\.conv1\.", "backbone.stem."),
    (r"^backbone\.body\.bn1\.", "backbone.stem.7."),
    (r"^backbone\.body\.", "backbone."),
    *layer(r"pyramid\.branches\.(\d)", rf"{PSP}.\1.1.conv.", rf"{PSP}.\1.1.bn."),
    *head("head", "decode_head.bottleneck.conv.", "decode_head.bottleneck.bn.", "decode_head.conv_seg."),
    *head("aux_head", "auxiliary_head.convs.0.conv.", "auxiliary_head.convs.0.bn.", "auxiliary_head.conv_seg."),
]

TORCHVISION: Names = [
    (r"^backbone\.body\.", "backbone."),
    *head("head", "classifier.0.", "classifier.1.", "classifier.4."),
    *head("aux_head", "aux_classifier.0.", "aux_classifier.1.", "aux_classifier.4."),
]

PARTS = {"conv": "convolution", "bn": "normalization", "0": "convolution", "1": "normalization"}


def hugging_face_block(match: re.Match[str]) -> str:
    stage, block, part, number = match.groups()
    return f"backbone.encoder.stages.{int(stage) - 1}.layers.{block}.layer.{int(number) - 1}.{PARTS[part]}."


def hugging_face_shortcut(match: re.Match[str]) -> str:
    stage, block, part = match.groups()
    return f"backbone.encoder.stages.{int(stage) - 1}.layers.{block}.shortcut.{PARTS[part]}."


def hugging_face_layer(ours: str, theirs: str) -> Names:
    return layer(ours, f"{theirs}.conv.", f"{theirs}.batch_norm.")


HUGGING_FACE: Names = [
    (r"^backbone\.body\.conv1\.", "backbone.embedder.embedder.convolution."),
    (r"^backbone\.body\.bn1\.", "backbone.embedder.embedder.normalization."),
    (r"^backbone\.body\.layer(\d)\.(\d+)\.(conv|bn)(\d)\.", hugging_face_block),
    (r"^backbone\.body\.layer(\d)\.(\d+)\.downsample\.(\d)\.", hugging_face_shortcut),
    *hugging_face_layer(r"pyramid\.branches\.(\d)", rf"{PSP}.\1.1"),
    *hugging_face_layer("top", "decode_head.bottleneck"),
    *hugging_face_layer(r"laterals\.(\d)", r"decode_head.lateral_convs.\1"),
    *hugging_face_layer(r"levels\.(\d)", r"decode_head.fpn_convs.\1"),
    *hugging_face_layer(r"head\.layer", "decode_head.fpn_bottleneck"),
    *hugging_face_layer(r"aux_head\.layer", "auxiliary_head.convs.0"),
    (r"^head\.classifier\.", "decode_head.classifier."),
    (r"^aux_head\.classifier\.", "auxiliary_head.classifier."),
]


def theirs(name: str, names: Names) -> str:
    for ours, other in names:
        renamed = re.sub(ours, other, name)
        if renamed != name:
            return renamed
    return name


@pytest.mark.parametrize(
    ("case", "make", "names", "outputs"),
    [
        (
            "semseg_pspnet50_eval",
            lambda: PSPNet(make_backbone("resnet50s", output_stride=8, dilation="first"), 7, align_corners=True),
            SEMSEG,
            ("logits", "cls_raw", "aux_raw"),
        ),
        (
            "mmseg_pspnet_r50v1c",
            lambda: PSPNet(make_backbone("resnet50c", output_stride=8, dilation="half"), 7),
            MMSEG,
            ("logits", "raw", "aux_raw"),
        ),
        (
            "torchvision_fcn_resnet50",
            lambda: FCN(make_backbone("resnet50", output_stride=8, dilation="half"), 7),
            TORCHVISION,
            ("out", "raw", "aux_raw"),
        ),
        (
            "hf_upernet_resnet18",
            lambda: UPerNet(make_backbone("resnet18"), 7, channels=128),
            HUGGING_FACE,
            ("logits", "raw", "aux_raw"),
        ),
    ],
    ids=["semseg", "mmseg", "torchvision", "transformers"],
)
def test_scores_are_those_of_the_published_implementation(
    case: str, make: Callable[[], SceneParser], names: Names, outputs: Sequence[str], shared: Path
) -> None:
    fill, golden = module(shared / "parity" / "fill.py"), module(shared / "parity" / "golden.py")
    manifest, reference = golden.load(case)
    weights: dict[str, Any] = fill.state(manifest)
    network = make().eval()
    renamed = {name: theirs(name, names) for name in network.state_dict()}
    assert sorted(renamed.values()) == sorted(weights)
    network.load_state_dict({name: torch.from_numpy(weights[other]) for name, other in renamed.items()})
    source = manifest["inputs"][0]
    images = torch.from_numpy(fill.image(source["shape"], source["seed"]))
    with torch.inference_mode():
        features = network.backbone(images)
        logits = network.decode(features)
        assert network.aux_head is not None
        aux = network.aux_head(features[2])
        full = resize(logits, (images.shape[2], images.shape[3]), network.align_corners)
    got = {name: value.numpy() for name, value in zip(outputs, (full, logits, aux), strict=True)}
    rows = golden.compare(manifest, reference, got)
    assert len(rows) == 3
    assert [row for row in rows if not row[3]] == []
