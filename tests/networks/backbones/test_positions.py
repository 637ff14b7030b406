"""Positions of models that timm makes for one size of picture, at other sizes."""

from typing import Any

import pytest
import timm
import torch
from timm.layers.pos_embed import resample_abs_pos_embed
from torch import Tensor, nn
from torch.export import Dim

from sceneparse.errors import UserError
from sceneparse.networks.backbones import make_backbone
from sceneparse.networks.backbones.picture_sides import pad_to_multiple
from sceneparse.networks.backbones.square_vits import offsets_between
from sceneparse.networks.backbones.timm_models import take_any_size
from sceneparse.networks.backbones.vit_positions import BlockReader, embedding_name, use_any_grid

Size = tuple[int, int]

SMALL: dict[str, dict[str, Any]] = {
    "convit_tiny": {"embed_dim": 8, "num_heads": 4, "depth": 3, "local_up_to_layer": 2},
    "tnt_s_patch16_224": {"embed_dim": 24, "inner_dim": 8, "depth": 2, "num_heads_inner": 2, "num_heads_outer": 2},
    "gemma4_vit_167m": {
        "embed_dim": 24,
        "depth": 2,
        "num_heads": 2,
        "head_dim": 12,
        "intermediate_size": 48,
        "position_embedding_size": 16,
    },
    "vit_relpos_small_patch16_224": {"embed_dim": 24, "depth": 2, "num_heads": 2},
    "vit_small_patch16_dinov3": {"embed_dim": 24, "depth": 2, "num_heads": 2},
    "beit_base_patch16_224": {"embed_dim": 24, "depth": 2, "num_heads": 2},
    "coat_mini": {"embed_dims": (16,) * 4, "num_heads": 8, "parallel_depth": 1},
    "coatnet_rmlp_nano_rw_224": {"embed_dim": (32, 32, 64, 64), "depths": (1, 1, 1, 1)},
    "coatnet_nano_rw_224": {"embed_dim": (32, 32, 64, 64), "depths": (1, 1, 1, 1)},
}
"""timm's models, and the arguments that make them small."""

BASE = (64, 64)
"""The size that models are made for."""


def made(name: str, size: Size = BASE, **options: Any) -> nn.Module:
    """A model of timm's for a size, with random weights."""
    torch.manual_seed(0)
    model: nn.Module = timm.create_model(name, img_size=size, **SMALL[name] | options).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.1)
    return model


def vit_maps(model: nn.Module, images: Tensor) -> Tensor:
    """What timm's plain ViT says that its block 1 gives."""
    maps: list[Tensor] = model.forward_intermediates(images, indices=[1], intermediates_only=True)  # type: ignore[operator]
    return maps[0]


def our_vit_maps(model: nn.Module, images: Tensor, block: int = 1) -> Tensor:
    """The same, of this or another block, for pictures of any size."""
    use_any_grid(model)
    take_any_size(model)
    reader = BlockReader(model, [block], norm=False, interpolates=embedding_name(model) is not None)
    return reader.read(images, (images.shape[-2] // 16, images.shape[-1] // 16))[0]


@pytest.mark.parametrize("name", [name for name in SMALL if not name.startswith("coat")])
def test_at_its_own_size_a_plain_vit_gives_timms_maps(name: str) -> None:
    model, images = made(name), torch.rand(1, 3, *BASE)
    with torch.no_grad():
        torch.testing.assert_close(our_vit_maps(model, images), vit_maps(made(name), images))


@pytest.mark.parametrize(
    ("name", "size", "options"),
    [
        ("convit_tiny", (96, 96), {"use_pos_embed": False}),
        ("gemma4_vit_167m", (96, 48), {}),
        ("vit_relpos_small_patch16_224", (96, 48), {}),
    ],
)
def test_at_another_size_it_gives_the_maps_of_one_made_for_it(name: str, size: Size, options: dict[str, Any]) -> None:
    images, reference = torch.rand(1, 3, *size), made(name, size, **options)
    model = made(name, **options)
    model.load_state_dict(reference.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(our_vit_maps(model, images), vit_maps(reference, images))


def test_positions_of_tnts_patches_are_interpolated() -> None:
    images, reference = torch.rand(1, 3, 96, 48), made("tnt_s_patch16_224", (96, 48))
    model = made("tnt_s_patch16_224")
    embedding = resample_abs_pos_embed(model.get_parameter("patch_pos"), [6, 3], num_prefix_tokens=1)
    reference.load_state_dict(model.state_dict() | {"patch_pos": embedding})
    with torch.no_grad():
        torch.testing.assert_close(our_vit_maps(model, images), vit_maps(reference, images))


def test_offsets_on_a_grid_that_is_not_square() -> None:
    offsets = offsets_between((2, 3), torch.empty(0))
    # From the first patch to the last: two to the right, one down.
    assert offsets[0, 5].tolist() == [2, 1, 5]
    assert offsets[5, 0].tolist() == [-2, -1, 5]
    assert offsets[2, 3].tolist() == [-2, 1, 5]


class Exportable(nn.Module):
    """The maps of a plain ViT's first block for pictures of any size, as a module."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        return our_vit_maps(self.model, pad_to_multiple(images, 16), block=0)


@pytest.mark.parametrize(
    ("name", "blocks"),
    [
        ("vit_small_patch16_dinov3", {"depth": 1}),
        ("beit_base_patch16_224", {"depth": 1}),
        ("convit_tiny", {"depth": 2, "local_up_to_layer": 1}),
    ],
)
def test_positions_are_right_in_a_program_for_any_size(name: str, blocks: dict[str, Any]) -> None:
    model, sides = (
        Exportable(made(name, **blocks)),
        {2: Dim("height", min=33, max=999), 3: Dim("width", min=33, max=999)},
    )
    with torch.no_grad():
        program = torch.export.export(
            model,
            (torch.zeros(1, 3, 97, 129),),
            dynamic_shapes={"images": sides},
            prefer_deferred_runtime_asserts_over_guards=True,
        ).module()
        for size in ((64, 64), (50, 131)):
            images = torch.rand(1, 3, *size)
            torch.testing.assert_close(program(images), model(images))


@pytest.mark.parametrize("name", ["coat_mini", "coatnet_rmlp_nano_rw_224"])
def test_at_another_size_a_pyramid_gives_the_maps_of_one_made_for_it(name: str) -> None:
    size = (96, 160)
    images, reference = torch.rand(1, 3, *size), made(name, size, features_only=True)
    model = made(name, features_only=True)
    model.load_state_dict(reference.state_dict())
    take_any_size(model)
    with torch.no_grad():
        for ours, theirs in zip(model(images), reference(images), strict=True):
            torch.testing.assert_close(ours, theirs)


def test_coatnets_table_of_offsets_is_interpolated_and_its_own_grid_left_alone() -> None:
    model, reference = (made("coatnet_nano_rw_224", features_only=True) for _ in range(2))
    take_any_size(model)
    images = torch.rand(1, 3, *BASE)
    with torch.no_grad():
        for ours, theirs in zip(model(images), reference(images), strict=True):
            torch.testing.assert_close(ours, theirs)
    last: Tensor = model(torch.rand(1, 3, 96, 160))[-1]
    assert last.shape == (1, 64, 3, 5)
    last.sum().backward()
    tables = [one for name, one in model.named_parameters() if "relative_position_bias_table" in name]
    assert tables
    for table in tables:
        assert table.grad is not None and table.grad.abs().sum() > 0


@pytest.mark.parametrize("name", ["coat_lite_tiny", "coatnet_rmlp_nano_rw_224", "convit_tiny"])
def test_such_a_model_is_a_backbone(name: str) -> None:
    with torch.device("meta"):
        backbone = make_backbone(name).eval()
    maps = backbone(torch.empty(1, 3, 97, 129, device="meta"))
    assert [tuple(one.shape[-2:]) for one in maps] == [(25, 33), (13, 17), (7, 9), (4, 5)]


def test_gemmas_norm_behind_its_pooling_is_none_of_its_blocks() -> None:
    with pytest.raises(UserError, match="it has no norm behind its blocks"), torch.device("meta"):
        make_backbone("gemma4_vit_167m", final_norm=True)
