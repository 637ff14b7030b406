"""What differs between timm's backbones and MMSegmentation's, module by module, as its own modules compute it."""

import pytest
import torch
import torch.nn.functional as F
from timm.models.swin_transformer import PatchMerging
from torch import nn

from sceneparse.errors import UserError
from sceneparse.networks.backbones import make_backbone
from sceneparse.networks.backbones.twins_windows import MaskedWindows
from sceneparse.settings.backbone import Dilation, Sides
from sceneparse.weights.importing.families.mmseg.hierarchical import adapt_merging
from sceneparse.weights.importing.families.mmseg.plain import adapt_plain


def dilations(name: str, stride: int, dilation: Dilation, layer: str) -> list[tuple[int, int]]:
    """Stride and dilation of each 3×3 convolution in a layer of the backbone."""
    with torch.device("meta"):
        body = make_backbone(name, output_stride=stride, dilation=dilation).body
    found = body.get_submodule(layer).named_modules()
    return [
        (one.stride[0], one.dilation[0]) for _, one in found if isinstance(one, nn.Conv2d) and one.kernel_size == (3, 3)
    ]


@pytest.mark.parametrize(
    ("name", "stride", "dilation", "layer", "expected"),
    [
        ("resnet50", 32, "kept", "layer2", [(2, 1), (1, 1), (1, 1), (1, 1)]),
        ("resnet50", 32, "kept", "layer4", [(2, 2), (1, 4), (1, 4)]),
        ("resnet18", 8, "half_conv1", "layer4", [(1, 2), (1, 1), (1, 4), (1, 1)]),
        ("resnet50", 16, "multi_grid", "layer4", [(1, 1), (1, 2), (1, 4)]),
        ("mobilenetv2_100", 8, "leading", "blocks.3", [(1, 2), (1, 1), (1, 1), (1, 1)]),
        ("mobilenetv2_100", 8, "leading", "blocks.5", [(1, 4), (1, 1), (1, 1)]),
    ],
)
def test_dilation_stands_where_mmsegmentation_puts_it(
    name: str, stride: int, dilation: Dilation, layer: str, expected: list[tuple[int, int]]
) -> None:
    assert dilations(name, stride, dilation, layer) == expected


@pytest.mark.parametrize(
    ("name", "stride", "dilation"),
    [
        ("resnet18", 32, "kept"),
        ("resnet50", 8, "kept"),
        ("resnet50", 8, "half_conv1"),
        ("resnet50", 8, "multi_grid"),
        ("resnet50", 8, "leading"),
        ("resnest14d", 8, "first"),
    ],
)
def test_a_placement_of_another_backbone_is_refused(name: str, stride: int, dilation: Dilation) -> None:
    with pytest.raises(UserError, match=rf"backbone\.dilation is {dilation}"):
        make_backbone(name, output_stride=stride, dilation=dilation)


def test_a_dilated_resnest_pools_at_no_stride() -> None:
    with torch.device("meta"):
        body = make_backbone("resnest14d", output_stride=8, dilation="half", shortcut_pool="none").body
    assert body.get_submodule("layer2.0").avd_last is not None
    assert body.get_submodule("layer4.0").avd_last is None
    assert isinstance(body.get_submodule("layer4.0.downsample.0"), nn.Identity)


def test_merging_takes_the_pixels_that_unfold_gives() -> None:
    torch.manual_seed(0)
    maps = torch.randn(1, 6, 8, 4)
    norm, reduction = torch.randn(16), torch.randn(8, 16)
    # MMCV's PatchMerging: unfold, norm, reduce.
    unfolded = F.unfold(maps.permute(0, 3, 1, 2), 2, stride=2).transpose(1, 2)
    expected = F.layer_norm(unfolded, (16,), norm) @ reduction.T
    keys = ("backbone.stages.0.downsample.norm.weight", "backbone.stages.0.downsample.reduction.weight")
    adapted = adapt_merging(dict(zip(keys, (norm, reduction), strict=True)))
    ours = PatchMerging(4)
    ours.load_state_dict(
        {"norm.weight": adapted[keys[0]], "norm.bias": torch.zeros(16), "reduction.weight": adapted[keys[1]]}
    )
    torch.testing.assert_close(ours(maps).flatten(1, 2), expected)


def test_biases_of_keys_change_no_attention() -> None:
    torch.manual_seed(0)
    bias, tokens = torch.randn(24), torch.randn(5, 8)
    state = {
        "backbone.patch_embed.projection.weight": torch.zeros(8, 3, 16, 16),
        "backbone.layers.0.ln1.weight": torch.ones(8),
        "backbone.layers.0.attn.qkv.bias": bias,
    }
    adapted = adapt_plain(state)
    query, key, value = (tokens + part for part in bias.chunk(3))
    expected = F.scaled_dot_product_attention(query, key, value)
    q_bias, v_bias = (adapted[f"backbone.layers.0.attn.{name}_bias"] for name in "qv")
    torch.testing.assert_close(F.scaled_dot_product_attention(tokens + q_bias, tokens, tokens + v_bias), expected)
    assert adapted["backbone.patch_embed.projection.bias"].shape == (8,)


def test_twins_pad_what_they_cut_into_patches_and_norm_with_their_own_epsilon() -> None:
    torch.manual_seed(0)
    own = make_backbone("twins_pcpvt_small", sides="patches", norm_eps=1e-5).eval()
    assert {one.eps for one in own.modules() if isinstance(one, nn.LayerNorm)} == {1e-5}
    picture = torch.randn(1, 3, 33, 70)
    with torch.inference_mode():
        maps = own(picture)
        whole = F.pad(picture, (0, 2, 0, 3))
        assert [tuple(one.shape[2:]) for one in maps] == [(9, 18), (5, 9), (3, 5), (2, 3)]
        torch.testing.assert_close(own(whole)[3], maps[3], msg="the first stage pads to multiples of 4")
        padded = make_backbone("twins_pcpvt_small", norm_eps=1e-5).eval()
        padded.load_state_dict(own.state_dict())
        assert not torch.allclose(padded(picture)[3], maps[3], atol=1e-3), "padding the picture is another thing"


@pytest.mark.parametrize(
    ("name", "sides", "expected"),
    [
        ("convnext_atto", "cut", [(24, 32), (12, 16), (6, 8), (3, 4)]),
        ("convnext_atto", "padded", [(25, 33), (13, 17), (7, 9), (4, 5)]),
        ("vit_small_patch16_48", "patches", [(28, 36), (14, 18), (7, 9), (3, 4)]),
        ("vit_small_patch16_48", "cut", [(24, 32), (12, 16), (6, 8), (3, 4)]),
        ("vit_small_patch16_48", "padded", [(25, 33), (13, 17), (7, 9), (4, 5)]),
    ],
)
def test_rows_that_fill_no_patch_are_cut_or_padded_as_is_asked(
    name: str, sides: Sides, expected: list[tuple[int, int]]
) -> None:
    with torch.device("meta"):
        backbone = make_backbone(name, sides=sides).eval()
        maps = backbone(torch.empty(1, 3, 98, 131))
    assert [tuple(one.shape[2:]) for one in maps] == expected


@pytest.mark.parametrize(
    ("name", "sides", "line"),
    [
        ("resnet18", "cut", "no effect on a model that takes every size"),
        ("convnext_atto", "patches", "only Twins and plain ViTs can pad their patches"),
        ("swin_tiny_patch4_window7_224", "cut", "multiples of 32 only"),
    ],
)
def test_sides_that_a_model_cannot_have_are_refused(name: str, sides: Sides, line: str) -> None:
    with pytest.raises(UserError, match=line):
        make_backbone(name, sides=sides)


@pytest.mark.parametrize("name", ["vit_small_patch16_50", "vit_small_patch16_99984", "vit_tiny_patch16_48"])
def test_plain_vits_are_known_for_every_side_of_whole_patches_alone(name: str) -> None:
    with pytest.raises(UserError, match="is not a timm model"):
        make_backbone(name)


def test_padding_of_a_twins_window_is_masked_where_rows_and_columns_lack() -> None:
    torch.manual_seed(0)
    windows = MaskedWindows(8, num_heads=2, ws=3).eval()
    maps = torch.randn(1, 4, 5, 8)
    whole = windows(maps.reshape(1, 20, 8), (4, 5)).reshape(4, 5, 8)
    # The window of the upper left corner is full; that of the lower right one has a row of two pixels alone.
    alone = windows.proj(attended(windows, maps[0, 3:, 3:].reshape(2, 8)))
    torch.testing.assert_close(whole[3:, 3:].reshape(2, 8), alone)
    full = windows.proj(attended(windows, maps[0, :3, :3].reshape(9, 8)))
    torch.testing.assert_close(whole[:3, :3].reshape(9, 8), full)


def attended(windows: MaskedWindows, tokens: torch.Tensor) -> torch.Tensor:
    """Attention among these tokens alone."""
    query, key, value = windows.qkv(tokens).reshape(len(tokens), 3, 2, 4).permute(1, 2, 0, 3)
    return F.scaled_dot_product_attention(query, key, value).transpose(0, 1).reshape(len(tokens), 8)


def test_the_branches_of_an_hrnet_come_at_any_size() -> None:
    backbone = make_backbone("hrnetv2_w18_small").eval()
    with torch.inference_mode():
        maps = backbone(torch.randn(1, 3, 70, 97))
    assert [tuple(one.shape[1:]) for one in maps] == [(18, 18, 25), (36, 9, 13), (72, 5, 7), (144, 3, 4)]
