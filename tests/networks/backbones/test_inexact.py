"""A dilated backbone's features, sampled, are those that its weights were trained for, or it says why they are not."""

import pytest
import torch
from torch import nn

from sceneparse.errors import UserError
from sceneparse.networks.backbones import Backbone, make_backbone
from tests.support.slow import slow_unless

GLOBAL = ("SEModule", "SqueezeExcite", "EffectiveSEModule", "EcaModule", "GlobalResponseNorm")
"""Means over the whole picture, which a map of more cells changes a little, and which say nothing of positions."""

EXACT = {
    "resnet18": (16, 8),
    "resnet18d": (16,),
    "seresnext26d_32x4d": (16,),
    "mobilenetv2_050": (16, 8),
    "efficientnet_b0": (8,),
    "regnety_002": (16, 8),
    "repvgg_a0": (8,),
    "xception41": (8,),
    "darknet17": (8,),
    "convnext_atto": (16,),
    "convnextv2_atto": (16,),
    "inception_next_atto": (16,),
    "nf_regnet_b0": (16,),
}
"""Output strides at which features are the same, by architecture."""

INEXACT = {
    "resnet18d": (8, "averages cells next to each other"),
    "seresnext26d_32x4d": (8, "averages cells next to each other"),
    "res2net50_14w_8s": (8, "averages cells next to each other"),
    "nf_regnet_b0": (8, "averages cells next to each other"),
    "gernet_s": (16, "leaves convolutions behind the first of its stages undilated"),
}
"""Those at which they are not, and why."""


def without_global_means(backbone: Backbone) -> Backbone:
    for module in list(backbone.modules()):
        for name, child in list(module.named_children()):
            if type(child).__name__ in GLOBAL:
                setattr(module, name, nn.Identity())
    return backbone.eval()


def difference(name: str, stride: int) -> tuple[float, str | None]:
    """The largest difference of stage 4's features, in their standard deviations, and what the backbone says.

    All weights are far from where they start: the last norm of a residual branch starts at zero, and a layer scale near
    it, so that nothing would be seen of the branch.
    """
    torch.manual_seed(0)
    dilation = "first" if "next_atto" in name or "convnextv2" in name else "half"
    dilated = make_backbone(name, output_stride=stride, dilation=dilation)  # type: ignore[arg-type]
    whole = make_backbone(name)
    with torch.no_grad():
        for parameter in dilated.parameters():
            if parameter.ndim == 1:
                parameter.uniform_(0.5, 1.5)
        whole.load_state_dict(dilated.state_dict())
        images = torch.randn(1, 3, 96, 128)
        found = without_global_means(dilated)(images)[3][..., :: 32 // stride, :: 32 // stride]
        expected = without_global_means(whole)(images)[3]
    assert found.shape == expected.shape
    return float((found - expected).abs().max() / expected.std()), dilated.inexact


@pytest.mark.parametrize(
    ("name", "stride"),
    # Of two strides, 8 dilates one stage more than 16.
    [slow_unless(stride == min(many), name, stride) for name, many in EXACT.items() for stride in many],
)
def test_weights_mean_the_same_at_another_stride(name: str, stride: int) -> None:
    error, said = difference(name, stride)
    assert error < 1e-4 and said is None


@pytest.mark.parametrize(("name", "stride", "why"), [(name, *value) for name, value in INEXACT.items()])
def test_a_backbone_says_why_its_weights_mean_something_else(name: str, stride: int, why: str) -> None:
    error, said = difference(name, stride)
    assert error > 0.05 and said is not None and why in said


def test_without_averaging_shortcuts_there_is_nothing_to_say() -> None:
    with torch.device("meta"):
        assert make_backbone("resnet18d", output_stride=8, dilation="half", shortcut_pool="none").inexact is None
        assert make_backbone("resnet18d").inexact is None


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("convnext_tiny", {"output_stride": 8}, "at output stride 8 its features lie one cell off"),
        ("convnextv2_atto", {"output_stride": 8}, "use network.output_stride 16, where they are the same, or 32"),
        ("convnext_tiny", {"output_stride": 16, "dilation": "half"}, "is half, which has no effect.*leave it at first"),
        ("skresnet18", {"output_stride": 16}, "timm dilates it otherwise than by the strides given up"),
        ("densenet121", {"output_stride": 16}, "it cannot be dilated"),
    ],
)
def test_the_true_reason_is_said_of_what_is_refused(name: str, options: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=words), torch.device("meta"):
        make_backbone(name, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(80, 112), (224, 224), (97, 65)])
def test_a_dinov3_vit_takes_multiples_of_its_patches_and_pads_the_rest(size: tuple[int, int]) -> None:
    with torch.device("meta"):
        backbone = make_backbone("vit_small_patch16_dinov3", output_stride=16)
        shapes = [tuple(maps.shape[2:]) for maps in backbone(torch.empty(1, 3, *size))]
    assert shapes == [(-(-size[0] // 16), -(-size[1] // 16))] * 4
