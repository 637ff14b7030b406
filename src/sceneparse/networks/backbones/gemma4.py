"""Gemma 4's encoder for any grid of patches."""

from typing import Any

from timm.models.gemma4_vit import Gemma4VitClassifier, Gemma4VitEncoder
from torch import Tensor, nn

from sceneparse.networks.backbones.relative_positions import OnGrid


class AnyGridGemma(OnGrid, Gemma4VitEncoder):
    """Gemma 4's encoder, whose maps have the grid at hand; timm reads it from the values of a tensor."""

    # ONNX's exporter writes a graph whose nodes are out of order.
    unexportable = "Gemma 4's encoder cannot be exported"

    def forward_intermediates(self, *arguments: Any, **options: Any) -> Any:
        """Return the maps of blocks (N, channels, rows, columns), and no more than these."""
        tokens: list[Tensor] = super().forward_intermediates(*arguments, **options | {"output_fmt": "NLC"})  # type: ignore[assignment]
        return [own.transpose(1, 2).unflatten(-1, self.grid) for own in tokens]


def use_any_grid_gemma(module: nn.Module) -> None:
    """Let a part of Gemma 4's encoder take any grid; parameters keep their names."""
    if type(module) is Gemma4VitEncoder:
        module.__class__ = AnyGridGemma
        # Its pooling wants multiples of three patches, and comes after the maps.
        module.global_pool = "none"
    elif isinstance(module, Gemma4VitClassifier):
        # It stands behind the pooling, and so is none of the blocks' maps.
        module.norm = nn.Identity()
