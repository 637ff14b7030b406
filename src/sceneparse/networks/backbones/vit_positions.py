"""Positions of a plain ViT's patches, for pictures of any size.

Most of timm's models see to it themselves: they interpolate what they learnt for one grid, or compute rotations for any.
Three kinds do not, and are helped here: a position embedding for one grid (CaiT, VOLO), BEiT's bias of every pair of
patches by their offset, of which there is a table for one grid, and biases that a small network computes of offsets.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from timm.layers.pos_embed import resample_abs_pos_embed, resample_abs_pos_embed_nhwc
from timm.layers.pos_embed_rel import RelPosMlp
from timm.models.beit import Attention as BeitAttention
from timm.models.beit import gen_relative_position_index
from torch import Tensor, nn

Grid = tuple[int, int]

CLASS_OFFSETS = 3
"""The last rows of BEiT's table: from the class token to patches, from patches to it, and from it to itself."""


class AnyGridAttention(BeitAttention):
    """BEiT's attention whose table of offsets is interpolated for the grid at hand.

    Bicubic, as BEiT's own fine-tuning starts from its table; at its own grid the table is taken as it is.
    """

    grid: Grid

    def _get_rel_pos_bias(self) -> Tensor:
        own: Grid = tuple(self.window_size)  # type: ignore[arg-type,assignment]
        if self.grid == own:
            return super()._get_rel_pos_bias()
        table = self.relative_position_bias_table
        assert table is not None
        offsets, of_class = table[:-CLASS_OFFSETS], table[-CLASS_OFFSETS:]
        sides = [2 * side - 1 for side in own]
        maps = offsets.float().T.reshape(1, -1, *sides)
        rows, columns = self.grid
        maps = F.interpolate(maps, size=(2 * rows - 1, 2 * columns - 1), mode="bicubic", align_corners=False)
        table = torch.cat([maps.flatten(2)[0].T.to(table.dtype), of_class])
        index = gen_relative_position_index(self.grid, device=table.device)
        return table[index].permute(2, 0, 1).contiguous().unsqueeze(0)


def use_any_grid(body: nn.Module) -> None:
    """Replace BEiT's attention by `AnyGridAttention`; parameters keep their names."""
    for module in body.modules():
        if type(module) is BeitAttention and module.window_size is not None:
            module.__class__ = AnyGridAttention


def set_grid(body: nn.Module, grid: Grid) -> None:
    """Set the grid of patches that relative positions are for."""
    for module in body.modules():
        if isinstance(module, AnyGridAttention):
            module.grid = grid
        elif isinstance(module, RelPosMlp) and tuple(module.window_size) != grid:
            module.set_window_size(grid)


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
        embedding = _for_grid(self.body, grid)
        found: list[Tensor] = torch.func.functional_call(self, {"body.pos_embed": embedding}, (images,))
        return found


def _for_grid(body: nn.Module, grid: Grid) -> Tensor:
    """Return a model's position embedding, interpolated for a grid."""
    embedding = body.pos_embed
    assert isinstance(embedding, Tensor)
    if embedding.ndim == 4:
        return resample_abs_pos_embed_nhwc(embedding, list(grid))
    patches: Grid = body.patch_embed.grid_size  # type: ignore[assignment,union-attr]
    prefix = embedding.shape[1] - patches[0] * patches[1]
    return resample_abs_pos_embed(embedding, list(grid), old_size=list(patches), num_prefix_tokens=prefix)
