"""The UPerNet that concatenates: what we import gives the scores recorded, and those of its own wiring."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from sceneparse.networks import ConcatUPerNet
from sceneparse.weights.importing.convert import Recognised, configure, convert, recognise
from sceneparse.weights.importing.reading import Checkpoint
from tests.support.golden_cases import golden_case
from tests.support.published import as_if_trained, imported, network_of


def test_scores_are_those_recorded(shared: Path) -> None:
    case = golden_case(shared, "seed001_upernet50")
    checkpoint = Checkpoint(case.weights(), "checkpoint")
    found = recognise(checkpoint, "auto")
    assert isinstance(found, Recognised)
    network, _ = convert(checkpoint, found, configure(found, {}))
    assert isinstance(network, ConcatUPerNet)
    with torch.inference_mode():
        features = network.backbone(case.image())
        case.compare({"logits": network.decode(features), "decoder_sub": network.fuse(features)[:, :, ::5, ::7]})


def layer(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 1), nn.BatchNorm2d(after), nn.ReLU())


def enlarge(maps: Tensor, size: tuple[int, ...]) -> Tensor:
    return F.interpolate(maps, size, mode="bilinear", align_corners=True)


class Decoder(nn.Module):
    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.PPMHead: Any = nn.Module()
        self.PPMHead.psp_modules = nn.ModuleList(
            nn.Sequential(nn.AdaptiveMaxPool2d(side), nn.Conv2d(width, channels, 1)) for side in (1, 2, 3, 6)
        )
        self.PPMHead.final = layer(width + 4 * channels, width)
        for number in (1, 2, 3):
            own = width // 2**number
            setattr(self, f"Conv_fuse{number}", layer(own, own))
            setattr(self, f"Conv_fuse{number}_", layer(3 * own, own))
        self.fuse_all = layer(width * 15 // 8, channels)

    def forward(self, features: list[Tensor]) -> Tensor:
        top = features[-1]
        grids = [enlarge(branch(top), top.shape[2:]) for branch in self.PPMHead.psp_modules]
        levels = [self.PPMHead.final(torch.cat([*grids, top], 1))]
        for number in (1, 2, 3):
            maps = features[3 - number]
            own = getattr(self, f"Conv_fuse{number}")(maps)
            both = torch.cat([enlarge(levels[-1], maps.shape[2:]), own], 1)
            levels.append(getattr(self, f"Conv_fuse{number}_")(both))
        return self.fuse_all(torch.cat([enlarge(level, levels[-1].shape[2:]) for level in levels], 1))


class Peer(nn.Module):
    def __init__(self, depth: int, classes: int) -> None:
        super().__init__()
        self.backbone = getattr(torchvision.models, f"resnet{depth}")(weights=None)
        for stage, dilation in ((self.backbone.layer2, 1), (self.backbone.layer3, 2), (self.backbone.layer4, 4)):
            for number, block in enumerate(stage):
                block.conv2.dilation = block.conv2.padding = (dilation * (2 if number else 1),) * 2
        self.decoder = Decoder(2048, 32)
        self.cls_seg = nn.Sequential(nn.Conv2d(32, classes, 3, padding=1))

    def forward(self, images: Tensor) -> Tensor:
        body = self.backbone
        maps = body.maxpool(body.relu(body.bn1(body.conv1(images))))
        features = [maps := stage(maps) for stage in (body.layer1, body.layer2, body.layer3, body.layer4)]
        fused = self.decoder(features)
        return self.cls_seg(enlarge(fused, images.shape[2:]))


@pytest.mark.parametrize("depth", [50, 101])
def test_imported_networks_score_like_their_own_wiring(depth: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    peer = as_if_trained(Peer(depth, 5))
    model = imported(peer.state_dict(), tmp_path)
    images = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        torch.testing.assert_close(network_of(model)(images).logits, peer(images), rtol=1e-4, atol=1e-4)
    assert model.family == "upernet-concat" and model.model.config.backbone.name == f"resnet{depth}"
    assert model.account.dropped == (("the classifier of ImageNet, which nothing uses", 2),)
