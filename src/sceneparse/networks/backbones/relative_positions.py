"""Biases of attention by the offset of two patches, for any grid of patches.

timm keeps them for the one grid that a model was made for: in a table with a row per offset (BEiT, CoAtNet), or as what
a small network makes of each offset.
"""

import torch
import torch.nn.functional as F
from timm.layers.pos_embed_rel import RelPosBias, RelPosMlp, gen_relative_log_coords
from timm.layers.pos_embed_rel import gen_relative_position_index as pair_index
from timm.models.beit import Attention as BeitAttention
from timm.models.beit import gen_relative_position_index as pair_index_with_class
from torch import Tensor, nn

from sceneparse.networks.exact.matrices import in_graph

Grid = tuple[int, int]

CLASS_OFFSETS = 3
"""The last rows of BEiT's table: from the class token to patches, from patches to it, and from it to itself."""


class OnGrid(nn.Module):
    """A module that has to know the grid of patches of the picture at hand.

    Attributes:
        grid: Rows and columns of patches; see `set_grid`.
        unexportable: Why a model with it cannot be exported; None where it can.
    """

    grid: Grid
    unexportable: str | None = None


class AnyGridAttention(OnGrid, BeitAttention):
    """BEiT's attention whose table of offsets is interpolated for the grid at hand.

    Bicubic, as BEiT's own fine-tuning starts from its table; at its own grid the table is taken as it is.
    """

    def _get_rel_pos_bias(self) -> Tensor:
        own: Grid = tuple(self.window_size)  # type: ignore[assignment]
        if _is(self.grid, own):
            return super()._get_rel_pos_bias()
        table = self.relative_position_bias_table
        assert table is not None
        resized = torch.cat([_resized(table[:-CLASS_OFFSETS], own, self.grid), table[-CLASS_OFFSETS:]])
        index = pair_index_with_class(self.grid, device=table.device)
        return resized[index].permute(2, 0, 1).contiguous().unsqueeze(0)


class AnyGridBias(OnGrid, RelPosBias):
    """CoAtNet's table of offsets, interpolated likewise."""

    def get_bias(self) -> Tensor:
        """Return the bias (1, heads, patches, patches) of every pair of patches."""
        own: Grid = tuple(self.window_size)  # type: ignore[assignment]
        if _is(self.grid, own):
            return super().get_bias()
        table = self.relative_position_bias_table
        resized = _resized(table, own, self.grid)
        return resized[pair_index(self.grid, device=table.device)].permute(2, 0, 1).contiguous().unsqueeze(0)


class AnyGridMlpBias(OnGrid, RelPosMlp):
    """Biases that a small network computes of the offsets of the grid at hand."""

    def get_bias(self) -> Tensor:
        """Return the bias (1, heads, tokens, tokens) of every pair of tokens; zero for those that are no patches."""
        kept = self.rel_coords_log
        assert isinstance(kept, Tensor)
        offsets = gen_relative_log_coords(
            self.grid, self.pretrained_window_size, mode=self.mode, device=kept.device, dtype=kept.dtype
        )
        of_offset: Tensor = self.mlp(offsets).flatten(0, 1)
        biases = self.bias_act(of_offset[pair_index(self.grid, device=kept.device)].permute(2, 0, 1))
        if self.bias_gain is not None:
            biases = self.bias_gain * biases
        return F.pad(biases, [self.prefix_tokens, 0, self.prefix_tokens, 0]).contiguous().unsqueeze(0)


def use_any_grid_bias(module: nn.Module) -> None:
    """Let biases by offset fit any grid; parameters keep their names."""
    if type(module) is BeitAttention and module.window_size is not None:
        module.__class__ = AnyGridAttention
    elif type(module) is RelPosBias and not module.prefix_tokens:
        module.__class__ = AnyGridBias
    elif type(module) is RelPosMlp:
        module.__class__ = AnyGridMlpBias


def set_grid(body: nn.Module, grid: Grid) -> None:
    """Set the grid of patches of the picture at hand."""
    for module in body.modules():
        if isinstance(module, OnGrid):
            module.grid = grid


def _is(grid: Grid, own: Grid) -> bool:
    """Return whether a grid is a table's own.

    Never in a graph, which would hold for the one or the other alone; the table is interpolated to itself there.
    """
    return not in_graph() and grid == own


def _resized(table: Tensor, own: Grid, grid: Grid) -> Tensor:
    """Interpolate a table (offsets, heads) of one grid's offsets for another's."""
    maps = table.float().T.reshape(1, -1, *(2 * side - 1 for side in own))
    rows, columns = grid
    maps = F.interpolate(maps, size=(2 * rows - 1, 2 * columns - 1), mode="bicubic", align_corners=False)
    return maps.flatten(2)[0].T.to(table.dtype)
