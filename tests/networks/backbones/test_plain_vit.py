"""Plain ViTs: four blocks' maps, at the strides of a pyramid or of their patches."""

import math
from pathlib import Path

import pytest
import timm
import torch
from timm.layers.drop import DropPath
from torch import Tensor, nn

from sceneparse.errors import UserError
from sceneparse.networks.backbones import Backbone, make_backbone
from sceneparse.networks.backbones.plain_vit import PlainViT
from sceneparse.networks.backbones.timm_models import take_any_size
from sceneparse.networks.backbones.vit_positions import BlockReader, use_any_grid
from sceneparse.settings import BackboneSettings, NetworkSettings
from sceneparse.weights.build import build
from sceneparse.weights.pretrained import load_backbone


def on_meta(name: str, **options: object) -> Backbone:
    with torch.device("meta"):
        return make_backbone(name, **options).eval()  # type: ignore[arg-type]


def shapes(backbone: Backbone, height: int, width: int) -> list[tuple[int, ...]]:
    return [tuple(maps.shape) for maps in backbone(torch.empty(2, 3, height, width, device="meta"))]


def maps_of(model: nn.Module, images: Tensor, **options: object) -> list[Tensor]:
    """What timm itself says that blocks give."""
    found: list[Tensor] = model.forward_intermediates(images, intermediates_only=True, **options)  # type: ignore[operator]
    return found


@pytest.mark.parametrize("neck", ["multilevel", "simple"])
@pytest.mark.parametrize(
    ("name", "strides"),
    [("test_vit", (4, 8, 16, 32)), ("vit_small_patch14_reg4_dinov2", (3.5, 7, 14, 28))],
)
def test_a_pyramid_has_the_powers_of_two_of_the_patch_as_strides(
    name: str, strides: tuple[float, ...], neck: str
) -> None:
    backbone = on_meta(name, neck=neck)
    assert backbone.strides == strides
    for size in ((97, 65), (224, 224), (50, 131)):
        assert shapes(backbone, *size) == [
            (2, channels, *(math.ceil(side / stride) for side in size))
            for channels, stride in zip(backbone.channels, strides, strict=True)
        ]


@pytest.mark.parametrize(("name", "stride"), [("test_vit2", 16), ("vit_small_patch14_dinov2", 14)])
def test_below_stride_32_all_maps_keep_the_stride_of_the_patch(name: str, stride: int) -> None:
    backbone = on_meta(name, output_stride=16)
    assert list(backbone.strides) == [stride] * 4
    rows, columns = math.ceil(97 / stride), math.ceil(65 / stride)
    assert shapes(backbone, 97, 65) == [(2, backbone.channels[0], rows, columns)] * 4
    assert not isinstance(getattr(backbone, "neck", None), nn.Module)


@pytest.mark.parametrize("architecture", ["pspnet", "fcn", "deeplabv3"])
def test_other_architectures_stand_on_the_patches_stride(architecture: str) -> None:
    with torch.device("meta"):
        network = build(BackboneSettings("test_vit"), NetworkSettings(architecture, output_stride=16), 3).train()
        output = network(torch.empty(2, 3, 64, 96, device="meta"))
    assert output.logits.shape == (2, 3, 4, 6)
    assert output.aux is not None and output.aux.shape == (2, 3, 4, 6)


@pytest.mark.parametrize("final_norm", [False, True])
@pytest.mark.parametrize("name", ["test_vit", "test_vit3", "vit_tiny_patch16_dinov3_qkvb"])
def test_maps_are_those_of_timms_blocks(name: str, final_norm: bool) -> None:
    torch.manual_seed(0)
    blocks = [0, 1, 2, 4]
    backbone = make_backbone(name, output_stride=16, blocks=blocks, final_norm=final_norm).eval()
    assert isinstance(backbone, PlainViT)
    model = timm.create_model(name, dynamic_img_size=True).eval()
    found = model.load_state_dict(backbone.body.state_dict(), strict=False)
    assert not found.unexpected_keys
    images = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        wanted = maps_of(model, images, indices=blocks, norm=final_norm)
        for ours, theirs in zip(backbone(images), wanted, strict=True):
            torch.testing.assert_close(ours, theirs)


def test_blocks_are_spaced_evenly_up_to_the_last() -> None:
    backbone = on_meta("vit_tiny_patch16_224")
    assert isinstance(backbone, PlainViT)
    assert backbone.block_numbers == [2, 5, 8, 11]
    early = on_meta("vit_tiny_patch16_224", blocks=[0, 1, 2, 3])
    assert isinstance(early.body.get_submodule("blocks"), nn.Sequential)
    assert len(early.body.get_submodule("blocks")) == 4  # type: ignore[arg-type]


def test_a_picture_of_any_size_sees_the_same_patches_as_one_that_is_padded() -> None:
    torch.manual_seed(0)
    backbone = make_backbone("test_vit").eval()
    images = torch.randn(1, 3, 70, 90)
    padded = nn.functional.pad(images, (0, 6, 0, 26))
    with torch.inference_mode():
        for own, whole in zip(backbone(images), backbone(padded), strict=True):
            torch.testing.assert_close(own, whole[..., : own.shape[-2], : own.shape[-1]])


def test_beits_relative_positions_are_interpolated_and_their_own_grid_left_alone() -> None:
    torch.manual_seed(0)
    model = timm.create_model("beit_base_patch16_224", img_size=64, embed_dim=24, depth=4, num_heads=2).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        wanted = maps_of(model, images, indices=[3])[0]
        use_any_grid(model)
        take_any_size(model)
        reader = BlockReader(model, [3], norm=False, interpolates=False)
        torch.testing.assert_close(reader.read(images, (4, 4))[0], wanted)
        assert reader.read(torch.randn(1, 3, 96, 48), (6, 3))[0].shape == (1, 24, 6, 3)
    # The interpolated table still learns.
    reader.read(torch.randn(1, 3, 96, 48), (6, 3))[0].sum().backward()
    table = model.get_parameter("blocks.0.attn.relative_position_bias_table")
    assert table.grad is not None and table.grad.abs().sum() > 0


def test_an_embedding_for_one_grid_is_interpolated() -> None:
    with torch.device("meta"):
        backbone = make_backbone("cait_xxs24_224")
    assert shapes(backbone, 320, 96)[2] == (2, 192, 20, 6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output_stride": 8}, "its maps have the stride of its patches, 16, and network.output_stride is 8"),
        ({"output_stride": 16, "neck": "simple"}, "backbone.neck is simple, which has no effect at output stride 16"),
        ({"blocks": (0, 1)}, "must be 4 numbers, growing, of its blocks 0 to 5"),
        ({"blocks": (0, 1, 2, 9)}, "must be 4 numbers, growing, of its blocks 0 to 5"),
        ({"blocks": (0, 1, 2, 3), "neck": "simple"}, "must be one number of its blocks 0 to 5"),
        ({"dilation": "half"}, "backbone.dilation is half, which has no effect on a plain ViT"),
        ({"stages": 3, "output_stride": 16}, "a plain ViT has no stages to leave out"),
        ({"padding": "same"}, "it has no choice of padding"),
    ],
)
def test_what_a_plain_vit_cannot_do_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        on_meta("test_vit", **options)


def test_a_model_of_one_size_is_refused() -> None:
    with pytest.raises(UserError, match="it takes pictures of one size only"):
        on_meta("resmlp_12_224")


@pytest.mark.parametrize("options", [{"blocks": (0, 1, 2, 3)}, {"neck": "simple"}, {"final_norm": True}])
def test_settings_of_plain_vits_are_refused_elsewhere(options: dict[str, object]) -> None:
    with pytest.raises(UserError, match="only a plain ViT has a use for"):
        on_meta("resnet18", **options)


def published(folder: Path, name: str) -> tuple[Path, dict[str, Tensor]]:
    """A file of random weights with timm's names, as one that is published."""
    torch.manual_seed(1)
    state = timm.create_model(name).state_dict()
    state = {key: torch.randn_like(value) * 0.05 for key, value in state.items()}
    path = folder / "weights.pth"
    torch.save(state, path)
    return path, state


@pytest.mark.parametrize("name", ["test_vit", "test_vit3", "vit_tiny_patch16_dinov3_qkvb"])
def test_pretrained_weights_give_timms_own_features(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _ = published(tmp_path, name)
    overlay = {"file": str(path)}
    model = timm.create_model(name, pretrained=True, dynamic_img_size=True, pretrained_cfg_overlay=overlay).eval()
    original = timm.create_model

    def from_file(*arguments: object, **options: object) -> nn.Module:
        if options.get("pretrained"):
            options["pretrained_cfg_overlay"] = overlay
        made: nn.Module = original(*arguments, **options)  # type: ignore[arg-type]
        return made

    monkeypatch.setattr(timm, "create_model", from_file)
    images = torch.randn(1, 3, 80, 112)
    for weights in ("hub", str(path)):
        settings = BackboneSettings(name, weights=weights)
        network = build(settings, NetworkSettings("fcn", output_stride=16, channels=8), 3).eval()
        load_backbone(network, settings)
        with torch.inference_mode():
            wanted = maps_of(model, images, indices=[-1])[0]
            torch.testing.assert_close(network.backbone(images)[-1], wanted)


def test_drop_path_reaches_the_blocks() -> None:
    backbone = on_meta("test_vit", drop_path=0.2)
    assert max(drop_probabilities(backbone)) == pytest.approx(0.2)
    assert max(drop_probabilities(on_meta("convnext_atto", drop_path=0.1))) == pytest.approx(0.1)


def drop_probabilities(backbone: Backbone) -> list[float]:
    """Of every layer that leaves out blocks."""
    return [float(module.drop_prob) for module in backbone.modules() if isinstance(module, DropPath)]
