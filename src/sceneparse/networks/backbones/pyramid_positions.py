"""Positions of hierarchical models that timm makes for one size of picture, for pictures of any.

CoaT (arXiv 2104.06399), whose positions are convolutions, but whose stages have the grid of one size; and CoAtNet
(arXiv 2106.04803), whose last two stages attend to the whole map, with a bias for every offset.
"""

from timm.layers.patch_embed import PatchEmbed
from timm.models.coat import CoaT
from timm.models.maxxvit import Attention2d, TransformerBlock2d
from torch import Tensor, nn

from sceneparse.networks.backbones.relative_positions import set_grid, use_any_grid_bias


class AnySizePatches(PatchEmbed):
    """The patches of one of CoaT's stages, which says what grid they make."""

    def forward(self, x: Tensor) -> Tensor:
        """Turn maps (N, channels, rows, columns) into patches (N, patches, channels)."""
        self.grid_size = self.dynamic_feat_size((x.shape[-2], x.shape[-1]))
        patches: Tensor = super().forward(x)
        return patches


class AnySizeAttention(Attention2d):
    """CoAtNet's attention over a whole map, of any size."""

    def forward(self, x: Tensor, shared_rel_pos: Tensor | None = None) -> Tensor:
        """Turn maps (N, channels, rows, columns) into the same shape."""
        set_grid(self, (x.shape[-2], x.shape[-1]))
        return super().forward(x, shared_rel_pos)


def use_any_size(model: nn.Module) -> None:
    """Let such a model take pictures of any size; parameters keep their names."""
    for module in model.modules():
        if isinstance(module, CoaT):
            for embed in module.children():
                if type(embed) is PatchEmbed:
                    embed.__class__ = AnySizePatches
        elif isinstance(module, TransformerBlock2d) and type(module.attn) is Attention2d:
            for inner in module.attn.modules():
                use_any_grid_bias(inner)
            module.attn.__class__ = AnySizeAttention
