"""Dilate the convolutions of stages whose stride was removed.

A stage that gives up its stride of 2 is dilated so that its kernels see the same context. What happens in its first
block differs between published codes, and weights are right only under their own placement:

- "first": the first block is dilated like the rest (stage 3: 2, 2, …; stage 4: 4, 4, …; original PSPNet release);
- "half": the convolution that gave up its stride has half of it (stage 3: 1, 2, …; stage 4: 2, 4, …; torchvision,
  mmseg, timm);
- "none": the first block is not dilated at all (stage 3: 1, 2, …; stage 4: 1, 4, …; several re-implementations);
- "doubled": no stage gives up its stride, yet bottlenecks are dilated, twice as much from the second block of each
  stage on (stage 2: 1, 2, …; stage 3: 2, 4, …; stage 4: 4, 8, …; one re-implementation of UPerNet);
- "kept": no stage gives up its stride, yet bottlenecks of stages 3 and 4 are dilated as by half (stage 3: 1, 2, …;
  stage 4: 2, 4, …; mmsegmentation's D32);
- "half_conv1": as "half", but of a basic block the first convolution alone is dilated (mmsegmentation's ResNet-18);
- "multi_grid": the three bottlenecks of stage 4 have 1, 2 and 4, at output stride 16 (mmsegmentation's MG124);
- "leading": of a group of inverted residuals the first block alone is dilated, by all of it (stage 3: 2, 1, …;
  stage 4: 4, 1, …; mmsegmentation's MobileNetV2).
"""

from collections.abc import Sequence

from timm.layers.conv2d_same import Conv2dSame
from timm.models.efficientnet import EfficientNetFeatures
from timm.models.resnest import ResNestBottleneck
from timm.models.resnet import BasicBlock, Bottleneck
from torch import nn

from sceneparse.errors import UserError
from sceneparse.networks.backbones.base import STRIDES
from sceneparse.networks.backbones.timm_models import CANNOT
from sceneparse.settings.backbone import Dilation


def dilate_first_blocks(name: str, body: nn.Module, undilated: nn.Module, factor: int, dilation: Dilation) -> None:
    """Set the dilation of the first block of every stage whose stride was removed.

    timm dilates the convolution that gave up its stride by half of what the rest of the stage has.

    Args:
        name: The backbone's name, for messages.
        body: The dilated model, which is changed.
        undilated: The same model without dilation.
        factor: Product of all strides that were given up: 2 or 4.
        dilation: Where the dilation is to stand.

    Raises:
        UserError: The model cannot be dilated.
    """
    if any(isinstance(module, ResNestBottleneck) for module in body.modules()):
        # Its stride is a pooling behind the convolution, which timm leaves with half of the dilation.
        _require_half_of_resnest(name, dilation)
        return
    before = {path: module for path, module in undilated.named_modules() if isinstance(module, nn.Conv2d)}
    after = {path: module for path, module in body.named_modules() if isinstance(module, nn.Conv2d)}
    entries = [path for path, module in after.items() if module.stride != before[path].stride and _spatial(module)]
    full = {2 * after[path].dilation[0] for path in entries}
    expected = {4: {2, 4}, 2: {2}}[factor]
    if full != expected:
        raise UserError(
            f"backbone {name}: {CANNOT['output_stride']}; timm dilates it otherwise than by the strides given up"
        )
    even = [path for path in entries if max(after[path].kernel_size) % 2 == 0]
    if even:
        _require_exact_even_kernels(name, [after[path] for path in even], dilation)
    for path in entries:
        if path in even:
            continue  # it stands between two stages, and the first block behind it is dilated like the rest
        if dilation in ("first", "leading"):
            _dilate(after[path], 2 * after[path].dilation[0])
        elif dilation == "none":
            block = path.rpartition(".")[0]
            for other, module in after.items():
                if other.startswith(f"{block}.") and _spatial(module):
                    _dilate(module, 1)


def _require_exact_even_kernels(name: str, convolutions: Sequence[nn.Conv2d], dilation: Dilation) -> None:
    """Refuse even kernels between stages (ConvNeXt) where timm's dilated ones read other cells than the strided ones.

    A kernel of 2 reads a cell and the next. Dilated by 2 it should read a cell and the next but one, but timm, which
    pads both sides alike, has it read the cell before and the one behind.
    """
    side = max(convolutions[0].kernel_size)
    if any(max(convolution.dilation) > 1 for convolution in convolutions):
        raise UserError(
            f"backbone {name}: at output stride 8 its features lie one cell off from those that its weights were "
            f"trained for: timm pads the {side}×{side} convolution before stage 4, dilated by 2, on both sides; use "
            "network.output_stride 16, where they are the same, or 32"
        )
    if dilation != "first":
        raise UserError(
            f"backbone {name}: backbone.dilation is {dilation}, which has no effect: its stages begin with "
            f"{side}×{side} convolutions, which stay as they are; leave it at first"
        )


def _require_half_of_resnest(name: str, dilation: Dilation) -> None:
    if dilation != "half":
        raise UserError(f"backbone {name}: backbone.dilation is {dilation}, but a ResNeSt is dilated by half alone")


UNSTRIDED: dict[Dilation, int] = {"doubled": 1, "kept": 2}
"""Dilations of ResNets whose strides all stay, and the index of the first stage that is dilated."""


def dilate_unstrided(name: str, body: nn.Module, output_stride: int, dilation: Dilation) -> None:
    """Double the dilation of bottlenecks from stage to stage, while all stages keep their stride.

    Raises:
        UserError: Not a ResNet of bottlenecks, or another output stride than 32.
    """
    stages = [[block for block in stage if isinstance(block, Bottleneck)] for stage in _resnet_stages(body)]
    if output_stride != STRIDES[-1] or not all(stages):
        raise UserError(
            f"backbone {name}: backbone.dilation is {dilation}, but only a ResNet of bottlenecks at output stride 32 "
            "can be dilated like this"
        )
    factor = 1
    for first, *others in stages[UNSTRIDED[dilation] :]:
        _dilate(first.conv2, factor)
        factor *= 2
        for block in others:
            _dilate(block.conv2, factor)


def undilate_second_convolutions(name: str, body: nn.Module) -> None:
    """Leave only the first convolution of each basic block dilated.

    Raises:
        UserError: Not a ResNet of basic blocks.
    """
    blocks = [module for module in body.modules() if isinstance(module, BasicBlock)]
    if not blocks:
        raise UserError(f"backbone {name}: backbone.dilation is half_conv1, but it has no basic blocks (ResNet-18, 34)")
    for block in blocks:
        _dilate(block.conv2, 1)


def dilate_by_grid(name: str, body: nn.Module, output_stride: int) -> None:
    """Dilate the bottlenecks of stage 4 by `GRID`, and no others (Chen et al., 2017, arXiv 1706.05587, section 3.2).

    Raises:
        UserError: Not a ResNet with three bottlenecks in stage 4, or another output stride than 16.
    """
    last = [block for block in _resnet_stages(body)[-1] if isinstance(block, Bottleneck)]
    if output_stride != 16 or len(last) != len(GRID):
        raise UserError(
            f"backbone {name}: backbone.dilation is multi_grid, but only a ResNet with three bottlenecks in stage 4 at "
            "output stride 16 can be dilated like this"
        )
    for block, factor in zip(last, GRID, strict=True):
        _dilate(block.conv2, factor)


GRID = (1, 2, 4)
"""Dilations of the blocks of stage 4 under "multi_grid"."""


def undilate_later_blocks(name: str, body: nn.Module) -> None:
    """Leave only the first block of each group of inverted residuals dilated.

    Raises:
        UserError: Not a MobileNet or EfficientNet.
    """
    if not isinstance(body, EfficientNetFeatures):
        raise UserError(
            f"backbone {name}: backbone.dilation is leading, but only MobileNets and EfficientNets have such blocks"
        )
    for group in body.blocks.children():
        for block in list(group.children())[1:]:
            for module in block.modules():
                if isinstance(module, nn.Conv2d) and _spatial(module):
                    _dilate(module, 1)


def _resnet_stages(body: nn.Module) -> list[nn.Sequential]:
    stages = (getattr(body, f"layer{number}", None) for number in (1, 2, 3, 4))
    return [stage if isinstance(stage, nn.Sequential) else nn.Sequential() for stage in stages]


def _spatial(module: nn.Conv2d) -> bool:
    return max(module.kernel_size) > 1


def _dilate(module: nn.Conv2d, dilation: int) -> None:
    """Change a convolution's dilation and keep the size of its output."""
    module.dilation = (dilation, dilation)
    # Conv2dSame has no padding of its own: it works it out from the dilation for each picture.
    if not isinstance(module, Conv2dSame):
        rows, columns = module.kernel_size
        module.padding = (dilation * (rows // 2), dilation * (columns // 2))
