"""The multi-label PSPNet of Lextal/pspnet-pytorch as its facts describe it, with its keys; written for comparison."""

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn


def _resnet(name: str) -> nn.Module:
    """torchvision's, its last two stages without strides: dilation 1 in their first block, 2 and 4 in the others."""
    body = getattr(torchvision.models, name)(weights=None)
    del body.fc
    for stage, dilation in ((body.layer3, 2), (body.layer4, 4)):
        for number, block in enumerate(stage):
            for conv in (block.conv1, block.conv2):
                conv.stride = (1, 1)
                if conv.kernel_size == (3, 3) and number > 0:
                    conv.dilation = conv.padding = (dilation, dilation)
            if block.downsample is not None:
                block.downsample[0].stride = (1, 1)
    return body


class SqueezeNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layers = torchvision.models.squeezenet1_1(weights=None).features
        layers[0].padding = (1, 1)
        for index, dilation in ((6, 2), (7, 2), (9, 4), (10, 4), (11, 4), (12, 4)):
            layers[index].expand3x3.dilation = layers[index].expand3x3.padding = (dilation, dilation)
        self.feat_1 = nn.Sequential(layers[0], nn.ReLU())
        self.feat_2 = nn.Sequential(nn.MaxPool2d(3, 2, 1), layers[3], layers[4])
        self.feat_3 = nn.Sequential(nn.MaxPool2d(3, 2, 1), layers[6], layers[7])
        self.feat_4 = nn.Sequential(*layers[9:13])


class DenseNet(nn.Module):
    """Its blocks stand in it twice, and their layers are numbered behind a dot."""

    def __init__(self) -> None:
        super().__init__()
        layers = torchvision.models.densenet121(weights=None).features
        layers.transition2.pool = layers.transition3.pool = nn.Identity()
        self.layers = layers
        names = [name for name, _ in layers.named_children() if "block" in name or "transition" in name]
        self.order = {name: index for index, name in enumerate(names)}


def _features(feats: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    if isinstance(feats, SqueezeNet):
        third = feats.feat_3(feats.feat_2(feats.feat_1(images)))
        return feats.feat_4(third), third
    if isinstance(feats, DenseNet):
        third = feats.layers[:-2](images)
        return feats.layers.get_submodule("denseblock4")(third), third
    assert isinstance(feats, torchvision.models.ResNet)
    maps = feats.maxpool(feats.relu(feats.bn1(feats.conv1(images))))
    third = feats.layer3(feats.layer2(feats.layer1(maps)))
    return feats.layer4(third), third


class PSPNet(nn.Module):
    """The published network: scores of the picture's pixels, and of the whole picture."""

    def __init__(self, backbone: str, classes: int, width: int, deep: int):
        super().__init__()
        others = {"squeezenet": SqueezeNet, "densenet": DenseNet}
        self.feats = others[backbone]() if backbone in others else _resnet(backbone)
        self.stages = nn.ModuleList(nn.Conv2d(width, width, 1, bias=False) for _ in range(4))
        self.bottleneck = nn.Conv2d(5 * width, 1024, 1)
        sizes = ((1024, 256), (256, 64), (64, 64))
        self.up = nn.ModuleList(
            nn.Sequential(nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.PReLU())
            for before, after in sizes
        )
        self.final = nn.Conv2d(64, classes, 1)
        self.classifier = nn.Sequential(nn.Linear(deep, 256), nn.ReLU(), nn.Linear(256, classes))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        maps, third = _features(self.feats, images)
        size = maps.shape[-2:]
        pooled = [
            F.interpolate(conv(F.adaptive_avg_pool2d(maps, side)), size, mode="bilinear", align_corners=True)
            for conv, side in zip(self.stages, (1, 2, 3, 6), strict=True)
        ]
        maps = F.relu(self.bottleneck(torch.cat([*pooled, maps], 1)))
        for step in self.up:
            maps = step(F.interpolate(maps, scale_factor=2, mode="bilinear", align_corners=True))
        return self.final(maps), self.classifier(third.amax((2, 3)))

    def published_state(self) -> dict[str, Tensor]:
        """The weights as train.py saves them."""
        published: dict[str, Tensor] = {}
        for key, value in self.state_dict().items():
            head, _, rest = key.partition(".")
            number, _, tail = rest.partition(".")
            if head == "stages":
                published[f"psp.stages.{number}.1.{tail}"] = value
            elif head == "up":
                published[f"up_{int(number) + 1}.conv.{tail}"] = value
            elif head == "bottleneck":
                published[f"psp.bottleneck.{rest}"] = value
            elif head == "final":
                published[f"final.0.{rest}"] = value
            elif isinstance(self.feats, DenseNet) and head == "feats":
                published |= self._densenet(self.feats, key.removeprefix("feats.layers."), value)
            else:
                published[key] = value
        return {f"module.{key}": value for key, value in published.items()}

    def _densenet(self, feats: DenseNet, key: str, value: Tensor) -> dict[str, Tensor]:
        part, _, rest = key.partition(".")
        if part == "norm5":
            return {}
        if part not in feats.order:
            return {f"feats.start_features.{key}": value}
        if part.startswith("dense"):
            for name in ("norm1", "conv1", "norm2", "conv2"):
                rest = rest.replace(f".{name}.", f".{name[:-1]}.{name[-1]}.")
        return {f"feats.blocks.{feats.order[part]}.{rest}": value, f"feats.{part}.{rest}": value}
