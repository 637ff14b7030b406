"""The windows of Swin transformers over maps of any size (Liu et al., ICCV 2021, arXiv 2103.14030, section 3.2).

timm shifts a map and pads it then to whole windows, and leaves the shift out where a stage of its training size is one
window. The release for dense prediction, and with it mmsegmentation and transformers, pads first, so that what is
shifted round is padding, and always shifts. Weights of scene parsers are right only under the latter.
"""

import torch.nn.functional as F
from timm.layers.patch_embed import PatchEmbed
from timm.models.swin_transformer import SwinTransformerBlock
from torch import Tensor, nn


class PaddedWindowsBlock(SwinTransformerBlock):
    """A Swin block whose map is padded to whole windows before it is shifted."""

    def _attn(self, x: Tensor) -> Tensor:
        height, width = x.shape[1:3]
        rows, columns = self.window_size
        whole: Tensor = super()._attn(F.pad(x, (0, 0, 0, -width % columns, 0, -height % rows)))
        return whole[:, :height, :width].contiguous()


def use_padded_windows(body: nn.Module) -> bool:
    """Replace the blocks of a Swin transformer by `PaddedWindowsBlock`, shifted at every size.

    It takes pictures of any size then: each layer pads what it is given to what it needs.

    Args:
        body: A model, whose parameters keep their names.

    Returns:
        Whether it has such blocks.
    """
    for module in body.modules():
        if isinstance(module, SwinTransformerBlock):
            module.__class__ = PaddedWindowsBlock
        if isinstance(module, PatchEmbed):
            module.dynamic_img_pad = True
    return shift_all_windows(body)


def shift_all_windows(body: nn.Module) -> bool:
    """Shift the windows of a Swin transformer in every stage, as timm does where all maps are larger than a window.

    Returns:
        Whether it has windows.
    """
    blocks = [module for module in body.modules() if isinstance(module, SwinTransformerBlock)]
    for block in blocks:
        block.set_input_size(block.input_resolution, block.window_size, always_partition=True)  # type: ignore[arg-type]
    return bool(blocks)
