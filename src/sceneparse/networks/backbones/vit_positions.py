"""Positions of a plain ViT's patches, for pictures of any size.

Most of timm's models see to it themselves: they interpolate what they learnt for one grid, or compute rotations for
any. Others are helped: here those that have a position embedding for one grid (CaiT, VOLO), by `relative_positions` and
`square_vits` the others.
"""

from collections.abc import Callable

import torch
from timm.layers.pos_embed import resample_abs_pos_embed, resample_abs_pos_embed_nhwc
from torch import Tensor, nn

from sceneparse.networks.backbones.relative_positions import Grid, set_grid, use_any_grid_bias
from sceneparse.networks.backbones.rotations import use_any_grid_rotations
from sceneparse.networks.backbones.square_vits import use_any_grid_vit

EMBEDDINGS = {"pos_embed": "patch_embed", "patch_pos": "pixel_embed"}
"""Names that a position embedding may have, and of what cuts the patches that it is for."""


def use_any_grid(body: nn.Module) -> None:
    """Let a plain ViT's parts take any grid of patches; parameters keep their names."""
    for module in body.modules():
        use_any_grid_bias(module)
        use_any_grid_vit(module)
        use_any_grid_rotations(module)


def embedding_name(body: nn.Module) -> str | None:
    """Return the name of a model's position embedding; None where it has none."""
    return next((name for name in EMBEDDINGS if isinstance(getattr(body, name, None), nn.Parameter)), None)


class BlockReader(nn.Module):
    """The maps of a plain ViT's blocks at any size of picture.

    Args:
        body: timm's model.
        blocks: Numbers of the blocks.
        norm: Whether each map goes through the model's final norm.
        interpolates: Whether the model's position embedding, which is for one grid, is interpolated here.
    """

    def __init__(self, body: nn.Module, blocks: list[int], norm: bool, interpolates: bool) -> None:
        super().__init__()
        self.interpolates = interpolates
        self.body = body
        self.blocks = blocks
        self.norm = norm

    def forward(self, images: Tensor) -> list[Tensor]:
        """Turn pictures whose sides are multiples of a patch into a map (N, channels, rows, columns) per block."""
        read: Callable[..., list[Tensor]] = self.body.forward_intermediates  # type: ignore[assignment]
        return read(images, indices=self.blocks, norm=self.norm, output_fmt="NCHW", intermediates_only=True)

    def read(self, images: Tensor, grid: Grid) -> list[Tensor]:
        """Return the maps of pictures that make this grid of patches."""
        set_grid(self.body, grid)
        if not self.interpolates:
            maps: list[Tensor] = self(images)
            return maps
        name = embedding_name(self.body)
        assert name is not None
        embedding = _for_grid(self.body, name, grid)
        found: list[Tensor] = torch.func.functional_call(self, {f"body.{name}": embedding}, (images,))
        return found


def _for_grid(body: nn.Module, name: str, grid: Grid) -> Tensor:
    """Return a model's position embedding, interpolated for a grid."""
    embedding = body.get_parameter(name)
    if embedding.ndim == 4:
        return resample_abs_pos_embed_nhwc(embedding, list(grid))
    patches: Grid = body.get_submodule(EMBEDDINGS[name]).grid_size  # type: ignore[assignment]
    prefix = embedding.shape[1] - patches[0] * patches[1]
    smooth = not getattr(body, "positions_without_antialias", False)
    return resample_abs_pos_embed(
        embedding, list(grid), old_size=list(patches), num_prefix_tokens=prefix, antialias=smooth
    )
