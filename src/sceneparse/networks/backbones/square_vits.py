"""Plain ViTs that timm makes for square pictures of one size, or one way of cutting them, for any grid of patches.

ConViT (arXiv 2103.10697) and TNT (arXiv 2103.00112).
"""

from typing import Any

import torch
from timm.models.convit import GPSA
from timm.models.tnt import TNT, PixelEmbed
from torch import Tensor, nn

from sceneparse.networks.backbones.gemma4 import use_any_grid_gemma
from sceneparse.networks.backbones.relative_positions import Grid, OnGrid


class AnyGridGPSA(OnGrid, GPSA):
    """ConViT's gated attention with the offsets of the grid at hand; timm's are those of a square one."""

    def forward(self, x: Tensor) -> Tensor:
        """Turn (N, patches, channels) into the same shape."""
        count, patches, _ = x.shape
        values = self.v(x).reshape(count, patches, self.num_heads, -1).transpose(1, 2)
        mixed: Tensor = self.proj((self.get_attention(x) @ values).transpose(1, 2).reshape(x.shape))
        dropped: Tensor = self.proj_drop(mixed)
        return dropped

    def get_attention(self, x: Tensor) -> Tensor:
        """Return the share (N, heads, patches, patches) of every patch in every other's result."""
        count, patches, _ = x.shape
        query, key = self.qk(x).reshape(count, patches, 2, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        by_content = (query @ key.transpose(-2, -1) * self.scale).softmax(-1)
        by_position = self.pos_proj(offsets_between(self.grid, x)).permute(2, 0, 1).softmax(-1)
        gate = torch.sigmoid(self.gating_param).view(1, -1, 1, 1)
        shares = (1 - gate) * by_content + gate * by_position
        dropped: Tensor = self.attn_drop(shares / shares.sum(-1, keepdim=True))
        return dropped


class AnyGridTNT(OnGrid, TNT):
    """TNT for the grid at hand, where its patches' positions fit it."""

    def forward_intermediates(self, x: Tensor, *arguments: Any, **options: Any) -> Any:
        """Return the maps of blocks, as timm does."""
        rows, columns = self.grid
        embed = self.pixel_embed
        assert isinstance(embed, PixelEmbed)
        self.num_patches = embed.num_patches = rows * columns
        embed.img_size = (x.shape[-2], x.shape[-1])
        return super().forward_intermediates(x, *arguments, **options)


def use_any_grid_vit(module: nn.Module) -> None:
    """Let a part of such a model take any grid; parameters keep their names."""
    if type(module) is GPSA:
        module.__class__ = AnyGridGPSA
    elif type(module) is TNT:
        module.__class__ = AnyGridTNT
    use_any_grid_gemma(module)


def offsets_between(grid: Grid, like: Tensor) -> Tensor:
    """Return columns, rows and squared distance (patches, patches, 3) between every two patches of a grid."""
    rows, columns = grid
    number = torch.arange(rows * columns, device=like.device)
    row = number // columns
    # Not a remainder, which ONNX's exporter does not take of a number known only at run time.
    down, across = (line.to(like.dtype) for line in (row, number - row * columns))
    vertical, horizontal = (line[None, :] - line[:, None] for line in (down, across))
    return torch.stack([horizontal, vertical, horizontal**2 + vertical**2], dim=-1)
