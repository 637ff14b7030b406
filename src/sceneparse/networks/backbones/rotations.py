"""DINOv3's rotary positions (arXiv 2508.10104) for grids whose sides are known only at run time.

timm computes them with the sides as Python numbers, which fixes them in an exported program.
"""

import torch
from timm.layers.pos_embed_sincos import RotaryEmbeddingDinoV3
from torch import Tensor, nn

from sceneparse.networks.backbones.relative_positions import Grid
from sceneparse.networks.exact.matrices import in_graph


class AnyGridRotations(RotaryEmbeddingDinoV3):
    """DINOv3's rotary positions, computed from whole numbers where a graph is made."""

    def _create_embed(self, feat_shape: Grid, no_aug: bool = False) -> Tensor:  # type: ignore[override]
        if not in_graph() or (self.training and self.aug_active and not no_aug):
            return super()._create_embed(list(feat_shape), no_aug)
        periods = self.periods
        assert isinstance(periods, Tensor)
        # In whole numbers up to the division: a runtime may compute in a format that holds few of them.
        offset = int(self.grid_offset) if float(self.grid_offset).is_integer() else self.grid_offset
        rows, columns = (
            (2 * (torch.arange(side, device=periods.device) + offset) + 1 - side).to(periods.dtype) / side
            for side in feat_shape
        )
        grid = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1)
        return torch.cat(self._get_pos_embed_from_coords(grid.flatten(0, 1)), dim=-1)


def use_any_grid_rotations(module: nn.Module) -> None:
    """Let DINOv3's rotary positions be part of an exported program."""
    if type(module) is RotaryEmbeddingDinoV3 and module.normalize_coords == "separate" and module.grid_indexing == "ij":
        module.__class__ = AnyGridRotations
