"""CSAIL's encoders and decoders as their facts describe them, with their keys; written for comparison."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

DEPTHS = {18: (BasicBlock, [2, 2, 2, 2]), 50: (Bottleneck, [3, 4, 6, 3])}


def dilate(convolutions: Iterable[nn.Module], dilation: int) -> None:
    for module in convolutions:
        if isinstance(module, nn.Conv2d):
            strided = module.stride == (2, 2)
            module.stride = (1, 1)
            if module.kernel_size == (3, 3):
                module.dilation = module.padding = (dilation // 2,) * 2 if strided else (dilation, dilation)


class DeepResNet(ResNet):
    def __init__(self, depth: int, dilated: bool) -> None:
        block, layers = DEPTHS[depth]
        super().__init__(block, layers)
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 3, 2, 1, bias=False), nn.BatchNorm2d(64)
        self.conv2, self.bn2 = nn.Conv2d(64, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64)
        self.conv3, self.bn3 = nn.Conv2d(64, 128, 3, 1, 1, bias=False), nn.BatchNorm2d(128)
        self.inplanes = 128
        self.layer1 = self._make_layer(block, 64, layers[0])
        del self.fc
        if dilated:
            dilate(self.layer3.modules(), 2)
            dilate(self.layer4.modules(), 4)

    def forward(self, images: Tensor) -> list[Tensor]:
        maps = images
        for conv, norm in ((self.conv1, self.bn1), (self.conv2, self.bn2), (self.conv3, self.bn3)):
            maps = norm(conv(maps)).relu()
        maps = self.maxpool(maps)
        return [maps := stage(maps) for stage in (self.layer1, self.layer2, self.layer3, self.layer4)]


class Inverted(nn.Module):
    def __init__(self, before: int, after: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = before * expansion
        layers: list[nn.Module] = []
        if expansion != 1:
            layers = [nn.Conv2d(before, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU6()]
        layers += [nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False), nn.BatchNorm2d(hidden)]
        layers += [nn.ReLU6(), nn.Conv2d(hidden, after, 1, bias=False), nn.BatchNorm2d(after)]
        self.conv = nn.Sequential(*layers)
        self.adds = stride == 1 and before == after

    def forward(self, maps: Tensor) -> Tensor:
        return maps + self.conv(maps) if self.adds else self.conv(maps)


class MobileNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        features: list[nn.Module] = [
            nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6())
        ]
        before = 32
        table = (
            (1, 16, 1, 1),
            (6, 24, 2, 2),
            (6, 32, 3, 2),
            (6, 64, 4, 2),
            (6, 96, 3, 1),
            (6, 160, 3, 2),
            (6, 320, 1, 1),
        )
        for expansion, width, count, stride in table:
            for index in range(count):
                features.append(Inverted(before, width, stride if index == 0 else 1, expansion))
                before = width
        self.features = nn.Sequential(*features)
        dilate(self.features[7:14].modules(), 2)
        dilate(self.features[14:].modules(), 4)

    def forward(self, images: Tensor) -> list[Tensor]:
        maps, taken = images, []
        for index, block in enumerate(self.features):
            maps = block(maps)
            if index in (2, 4, 7, 14):
                taken.append(maps)
        return [*taken, maps]


def layer(before: int, after: int, kernel: int = 3) -> nn.Sequential:
    conv = nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(after), nn.ReLU())


def enlarge(maps: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(maps, like.shape[2:], mode="bilinear", align_corners=False)


class Plain(nn.Module):
    """ppm, c1, and both with deep supervision. Forward gives logits and, with that, those of the auxiliary head."""

    def __init__(self, kind: str, width: int, classes: int) -> None:
        super().__init__()
        self.kind = kind
        if kind.startswith("ppm"):
            self.ppm = nn.ModuleList(
                nn.Sequential(nn.AdaptiveAvgPool2d(s), *layer(width, 512, 1)) for s in (1, 2, 3, 6)
            )
            self.conv_last: nn.Module = nn.Sequential(
                *layer(width + 2048, 512), nn.Dropout2d(0.1), nn.Conv2d(512, classes, 1)
            )
        else:
            self.cbr, self.conv_last = layer(width, width // 4), nn.Conv2d(width // 4, classes, 1)
        if kind.endswith("deepsup"):
            self.cbr_deepsup = layer(width // 2, width // 4)
            self.conv_last_deepsup = nn.Conv2d(width // 4, classes, 1)

    def forward(self, features: list[Tensor]) -> tuple[Tensor, Tensor | None]:
        top = features[-1]
        if self.kind.startswith("ppm"):
            logits = self.conv_last(torch.cat([top, *(enlarge(branch(top), top) for branch in self.ppm)], 1))
        else:
            logits = self.conv_last(self.cbr(top))
        deep = self.kind.endswith("deepsup")
        return logits, self.conv_last_deepsup(self.cbr_deepsup(features[-2])) if deep else None


class Pyramid(nn.Module):
    """upernet, and upernet_lite if 256 wide."""

    def __init__(self, widths: list[int], width: int, classes: int) -> None:
        super().__init__()
        self.ppm_conv = nn.ModuleList(layer(widths[-1], 512, 1) for _ in range(4))
        self.ppm_last_conv = layer(widths[-1] + 2048, width)
        self.fpn_in = nn.ModuleList(layer(before, width, 1) for before in widths[:-1])
        self.fpn_out = nn.ModuleList(nn.Sequential(layer(width, width)) for _ in range(3))
        self.conv_last = nn.Sequential(layer(4 * width, width), nn.Conv2d(width, classes, 1))

    def forward(self, features: list[Tensor]) -> tuple[Tensor, None]:
        top = features[-1]
        grids = (enlarge(F.adaptive_avg_pool2d(top, side), top) for side in (1, 2, 3, 6))
        maps = self.ppm_last_conv(torch.cat([top, *(conv(g) for conv, g in zip(self.ppm_conv, grids, strict=True))], 1))
        levels = [maps]
        for index in (2, 1, 0):
            lateral = self.fpn_in[index](features[index])
            maps = lateral + enlarge(maps, lateral)
            levels.insert(0, self.fpn_out[index](maps))
        return self.conv_last(torch.cat([enlarge(level, levels[0]) for level in levels], 1)), None
