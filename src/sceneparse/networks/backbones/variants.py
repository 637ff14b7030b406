"""Small differences between published networks and timm's models, for weights that were trained with them."""

from timm.layers.norm_act import BatchNormAct2d
from timm.layers.pool2d_same import AvgPool2dSame
from timm.models.efficientnet import EfficientNetFeatures
from timm.models.resnest import ResNestBottleneck
from timm.models.resnet import Bottleneck
from torch import nn

from sceneparse.errors import UserError


def end_behind_last_feature(body: nn.Module) -> None:
    """Remove the blocks behind the last feature, which timm's EfficientNet family keeps and runs."""
    if isinstance(body, EfficientNetFeatures):
        last = max(int(info["stage"]) for info in body.feature_info.get_dicts())
        body.blocks = body.blocks[:last]


def use_relu_in_stem(name: str, body: nn.Module) -> None:
    """Replace the ReLU6 behind MobileNetV2's first convolution by a ReLU.

    Raises:
        UserError: There is no such ReLU6.
    """
    norm = getattr(body, "bn1", None)
    if not isinstance(norm, BatchNormAct2d) or not isinstance(norm.act, nn.ReLU6):
        raise UserError(f"backbone {name}: backbone.stem_activation is relu, but its stem has no ReLU6 to replace")
    norm.act = nn.ReLU(inplace=True)


def move_strides(name: str, body: nn.Module) -> None:
    """Move the stride of each bottleneck from its 3×3 convolution to its first 1×1.

    Raises:
        UserError: Not a ResNet of bottlenecks.
    """
    strided = [module for module in body.modules() if isinstance(module, Bottleneck) and module.conv2.stride == (2, 2)]
    if not strided or any(type(module.conv2) is not nn.Conv2d for module in strided):
        raise UserError(f"backbone {name}: backbone.stride_on is 1x1, but only ResNets of bottlenecks have a choice")
    for module in strided:
        module.conv1.stride, module.conv2.stride = module.conv2.stride, module.conv1.stride


def set_norm_eps(name: str, body: nn.Module, eps: float) -> None:
    """Set what layer norms add to the variance.

    Raises:
        UserError: There are no layer norms.
    """
    norms = [module for module in body.modules() if isinstance(module, nn.LayerNorm)]
    if not norms:
        raise UserError(f"backbone {name}: backbone.norm_eps is {eps}, but it has no layer norms; leave it null")
    for norm in norms:
        norm.eps = eps


def leave_out_shortcut_pools(name: str, body: nn.Module) -> None:
    """Remove the pooling at stride 1 from the shortcuts of a ResNet-D's stages whose stride was removed.

    Raises:
        UserError: There is no such pooling.
    """
    shortcuts = [
        shortcut
        for module in body.modules()
        if isinstance(shortcut := getattr(module, "downsample", None), nn.Sequential)
        and isinstance(shortcut[0], AvgPool2dSame)
    ]
    if not shortcuts:
        raise UserError(
            f"backbone {name}: backbone.shortcut_pool is none, but only a ResNet-D or ResNeSt below output stride 32 "
            "pools there"
        )
    for shortcut in shortcuts:
        shortcut[0] = nn.Identity()
    for module in body.modules():
        # At stride 1 a ResNeSt pools behind the convolution as well.
        if isinstance(module, ResNestBottleneck) and isinstance(module.avd_last, nn.AvgPool2d):
            module.avd_last = module.avd_last if module.avd_last.stride != 1 else None
