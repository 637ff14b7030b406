"""timm's residual blocks with a last convolution that adds the shortcut itself."""

from timm.models.resnet import BasicBlock as BasicBlock
from timm.models.resnet import Bottleneck as Bottleneck
from torch import Tensor, nn

from sceneparse.networks.exact.full_bias import FullBiasConv2d


class AddingBasicBlock(BasicBlock):
    """A block of two convolutions, the second one a `FullBiasConv2d`."""

    def forward(self, x: Tensor) -> Tensor:
        """Turn maps (N, C, h, w) into the block's."""
        return _added(self, x, ("conv1", "bn1", "drop_block", "act1", "aa"), self.conv2)


class AddingBottleneck(Bottleneck):
    """A block of three convolutions, the third one a `FullBiasConv2d`."""

    def forward(self, x: Tensor) -> Tensor:
        """Turn maps (N, C, h, w) into the block's."""
        return _added(self, x, ("conv1", "bn1", "act1", "conv2", "bn2", "drop_block", "act2", "aa"), self.conv3)


def _added(block: BasicBlock | Bottleneck, x: Tensor, before: tuple[str, ...], last: nn.Module) -> Tensor:
    assert isinstance(last, FullBiasConv2d)
    shortcut = x if block.downsample is None else block.downsample(x)
    for name in before:
        x = getattr(block, name)(x)
    return last.with_shortcut(x, shortcut)
