"""Twins as mmsegmentation builds them (Chu et al., NeurIPS 2021, arXiv 2104.13840).

Where windows do not fill a map, timm pads it and lets the padding take part in the attention. mmsegmentation keeps it
out, though only where a map lacks both rows and columns: where it lacks the one alone, its mask covers everything and
so nothing. And it ends each stage of an SVT in a layer norm, whose result the next stage takes. What a stage cuts into
patches is padded to whole ones, where timm leaves out the rest.
"""

import torch
import torch.nn.functional as F
from timm.models.twins import Block, LocallyGroupedAttn, PatchEmbed, Twins
from torch import Tensor, nn

from sceneparse.networks.backbones.picture_sides import pad_to_multiple

Size = tuple[int, int]

OUTSIDE = -1000.0
"""Added to the scores of pixels and padding for each other, which makes their share nothing."""


class MaskedWindows(LocallyGroupedAttn):
    """Attention in windows whose padding is attended to by padding alone."""

    def forward(self, x: Tensor, size: Size) -> Tensor:
        """Turn (N, rows · columns, channels) into the same shape."""
        count, _, width = x.shape
        rows, columns = size
        side = self.ws
        below, right = -rows % side, -columns % side
        maps = F.pad(x.view(count, rows, columns, width), (0, 0, 0, right, 0, below))
        down, across = maps.shape[1] // side, maps.shape[2] // side
        maps = maps.reshape(count, down, side, across, side, width).transpose(2, 3)
        qkv = self.qkv(maps).reshape(count, down * across, side * side, 3, self.num_heads, width // self.num_heads)
        query, key, value = qkv.permute(3, 0, 1, 4, 2, 5).unbind(0)
        mask = None if not (below and right) else self._mask(rows, columns, down, across, x)
        made = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        made = made.transpose(2, 3).reshape(count, down, across, side, side, width).transpose(2, 3)
        made = made.reshape(count, down * side, across * side, width)[:, :rows, :columns].reshape(count, -1, width)
        projected: Tensor = self.proj_drop(self.proj(made))
        return projected

    def _mask(self, rows: int, columns: int, down: int, across: int, like: Tensor) -> Tensor:
        """Return (windows, 1, pixels, pixels): what is added to the scores."""
        side = self.ws
        outside = torch.ones(down * side, across * side, dtype=like.dtype, device=like.device)
        outside[:rows, :columns] = 0
        windows = outside.reshape(down, side, across, side).transpose(1, 2).reshape(down * across, side * side)
        return ((windows.unsqueeze(1) != windows.unsqueeze(2)).to(like.dtype) * OUTSIDE).unsqueeze(1)


class LastBlock(Block):
    """The last block of a stage, whose result is normalised."""

    stage_norm: nn.LayerNorm

    def forward(self, x: Tensor, size: Size) -> Tensor:
        """Turn (N, rows · columns, channels) into the same shape."""
        normed: Tensor = self.stage_norm(super().forward(x, size))
        return normed


NORM_EPS = 1e-5


def use_masked_windows(body: nn.Module) -> bool:
    """Replace the windows of a Twins-SVT by `MaskedWindows` and end its stages in norms; parameters keep their names.

    Returns:
        Whether it has such windows.
    """
    if not any(isinstance(module, LocallyGroupedAttn) for module in body.modules()):
        return False
    for stages in [module.blocks for module in body.modules() if isinstance(module, Twins)]:
        for stage in stages:
            *_, last = stage.children()
            assert isinstance(last, Block)
            last.__class__ = LastBlock
            last.stage_norm = nn.LayerNorm(last.norm1.normalized_shape, eps=NORM_EPS)
    for module in body.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = NORM_EPS
        if isinstance(module, LocallyGroupedAttn):
            module.__class__ = MaskedWindows
    return True


class WholePatches(PatchEmbed):
    """Patches of which the last row and column are padded with zeros."""

    def forward(self, x: Tensor) -> tuple[Tensor, Size]:
        """Turn maps (N, C, H, W) into tokens, and the number of patches down and across."""
        tokens, size = super().forward(pad_to_multiple(x, self.proj.stride[0]))
        return tokens, size


def use_whole_patches(body: nn.Module) -> bool:
    """Replace the patches of Twins by `WholePatches`; parameters keep their names.

    Returns:
        Whether it is a Twins.
    """
    patches = [module for module in body.modules() if isinstance(module, PatchEmbed)]
    for module in patches:
        module.__class__ = WholePatches
    return bool(patches)
