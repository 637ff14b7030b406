"""What `peers.py` compares: our networks, the same as the papers write them, and those of other packages."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sceneparse.benching.breakdown import boundary_share
from sceneparse.networks import SceneParser, cost, normalize, resize
from sceneparse.networks.heads import auxiliary_channels
from sceneparse.settings import BackboneSettings, Dilation, NetworkSettings, PreprocessingSettings, Resampling
from sceneparse.weights.build import build

PREPROCESSING = PreprocessingSettings()
OURS: dict[str, Resampling] = {"sceneparse": "exact", "plain": "plain"}
"""Our networks, by the name that their rows have, and how they convolve resized maps."""

BOUNDARY = 0.43
"""Share of the cells that a network's labels have on a boundary: that of the real prediction in docs/performance.md."""


class Case(NamedTuple):
    """A network of ours: what it is made of, the side of its pictures, and the packages that have it too."""

    name: str
    architecture: str
    side: int
    peers: tuple[str, ...]
    dilation: Dilation = "first"
    backbone: str = "resnet50"
    channels: int = 512
    classes: int = 150

    def quick(self) -> "Case":
        """A small one of the same form. torchvision has no dilated ResNet-18, so what is compared with it stays."""
        backbone = self.backbone if self.architecture == "fcn" else "resnet18"
        channels = self.channels if self.architecture == "fcn" else 64
        return self._replace(side=64, backbone=backbone, channels=channels, classes=12)

    def ours(self, resampling: Resampling) -> SceneParser:
        """Our network with random weights, in training mode."""
        return build(
            BackboneSettings(self.backbone, dilation=self.dilation),
            NetworkSettings(self.architecture, channels=self.channels, resampling=resampling),
            self.classes,
        )

    def picture(self, count: int = 1) -> Tensor:
        """Made-up pictures of smooth regions with some noise, (N, 3, side, side) uint8."""
        generator = torch.Generator().manual_seed(0)
        regions = resize(torch.randn(count, 3, 8, 8, generator=generator), (self.side, self.side), False)
        noise = torch.randn(count, 3, self.side, self.side, generator=generator)
        return (127 + 60 * regions + 12 * noise).clamp(0, 255).to(torch.uint8)


CASES = {
    case.name: case
    for case in (
        Case("pspnet50", "pspnet", 473, ("smp PSPNet",)),
        Case("upernet50", "upernet", 512, ("transformers UperNet", "smp UPerNet")),
        Case("fcn50", "fcn", 512, ("torchvision FCN", "torchvision DeepLabV3"), dilation="half"),
    )
}


class Peer(NamedTuple):
    """A network of another package.

    Args:
        package: What is imported.
        make: The network with random weights, in training mode.
        rename: Our parameters' names to its own, where it is the same network: pairs of a pattern and what replaces it.
        differs: In what it is another network than ours; empty where it has our weights.
        multiple: Its pictures' sides are multiples of this.
    """

    package: str
    make: Callable[[Case], nn.Module]
    rename: tuple[tuple[str, str], ...] = ()
    differs: str = ""
    multiple: int = 1

    def load(self, network: nn.Module, state: Mapping[str, Tensor]) -> None:
        """Give its network our weights, all of them, where it is the same one."""
        if self.rename:
            network.load_state_dict({renamed(name, self.rename): value for name, value in state.items()})


def renamed(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    """A parameter's name after all rules, one after the other."""
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def _transformers_upernet(case: Case) -> nn.Module:
    from transformers import ResNetConfig, UperNetConfig, UperNetForSemanticSegmentation

    deep = case.backbone == "resnet50"
    backbone = ResNetConfig(
        depths=[3, 4, 6, 3] if deep else [2, 2, 2, 2],
        hidden_sizes=[256, 512, 1024, 2048] if deep else [64, 128, 256, 512],
        layer_type="bottleneck" if deep else "basic",
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    config = UperNetConfig(
        backbone_config=backbone,
        hidden_size=case.channels,
        auxiliary_in_channels=None,
        auxiliary_channels=auxiliary_channels(backbone.hidden_sizes[2]),
        num_labels=case.classes,
    )
    return UperNetForSemanticSegmentation(config).train()


def _smp(architecture: str) -> Callable[[Case], nn.Module]:
    def make(case: Case) -> nn.Module:
        import segmentation_models_pytorch

        width = {"PSPNet": "psp_out_channels", "UPerNet": "decoder_channels"}[architecture]
        network: nn.Module = getattr(segmentation_models_pytorch, architecture)(
            case.backbone, encoder_weights=None, classes=case.classes, **{width: case.channels}
        )
        return network

    return make


def _torchvision(function: str) -> Callable[[Case], nn.Module]:
    def make(case: Case) -> nn.Module:
        from torchvision.models import segmentation

        network: nn.Module = getattr(segmentation, function)(
            weights=None, weights_backbone=None, num_classes=case.classes, aux_loss=True
        )
        return network

    return make


PEERS = {
    "transformers UperNet": Peer(
        "transformers",
        _transformers_upernet,
        rename=(
            (r"^backbone\.body\.conv1\.", r"backbone.embedder.embedder.convolution."),
            (r"^backbone\.body\.bn1\.", r"backbone.embedder.embedder.normalization."),
            (r"^backbone\.body\.layer1\.", r"backbone.encoder.stages.0.layers."),
            (r"^backbone\.body\.layer2\.", r"backbone.encoder.stages.1.layers."),
            (r"^backbone\.body\.layer3\.", r"backbone.encoder.stages.2.layers."),
            (r"^backbone\.body\.layer4\.", r"backbone.encoder.stages.3.layers."),
            (r"\.downsample\.0\.", r".shortcut.convolution."),
            (r"\.downsample\.1\.", r".shortcut.normalization."),
            (r"\.conv1\.", r".layer.0.convolution."),
            (r"\.conv2\.", r".layer.1.convolution."),
            (r"\.conv3\.", r".layer.2.convolution."),
            (r"\.bn1\.", r".layer.0.normalization."),
            (r"\.bn2\.", r".layer.1.normalization."),
            (r"\.bn3\.", r".layer.2.normalization."),
            (r"^pyramid\.branches\.(\d+)\.", r"decode_head.psp_modules.\1.1."),
            (r"^top\.", r"decode_head.bottleneck."),
            (r"^laterals\.", r"decode_head.lateral_convs."),
            (r"^levels\.", r"decode_head.fpn_convs."),
            (r"^head\.layer\.", r"decode_head.fpn_bottleneck."),
            (r"^head\.", r"decode_head."),
            (r"^aux_head\.layer\.", r"auxiliary_head.convs.0."),
            (r"^aux_head\.", r"auxiliary_head."),
            (r"\.norm\.", r".batch_norm."),
        ),
    ),
    "smp UPerNet": Peer(
        "segmentation_models_pytorch",
        _smp("UPerNet"),
        differs="layer norm on each stage, no auxiliary head",
        multiple=32,
    ),
    "smp PSPNet": Peer(
        "segmentation_models_pytorch",
        _smp("PSPNet"),
        differs="ends after stage 2 at stride 8, 1x1 instead of 3x3 on the pyramid, no auxiliary head",
        multiple=8,
    ),
    "torchvision FCN": Peer(
        "torchvision",
        _torchvision("fcn_resnet50"),
        rename=(
            (r"^backbone\.body\.", r"backbone."),
            (r"^(aux_)?head\.layer\.conv\.", r"\1classifier.0."),
            (r"^(aux_)?head\.layer\.norm\.", r"\1classifier.1."),
            (r"^(aux_)?head\.classifier\.", r"\1classifier.4."),
        ),
    ),
    "torchvision DeepLabV3": Peer(
        "torchvision", _torchvision("deeplabv3_resnet50"), differs="atrous pyramid in place of a head: a neighbour"
    ),
}


class Labeller(nn.Module):
    """uint8 pictures to labels as it is usually written: normalise, network, interpolate, argmax.

    Args:
        network: Any of the networks here, in evaluation mode.
        dtype: What it computes in.
        multiple: Pictures are padded below and to the right to multiples of this.
        until: "labels" returns labels (N, H, W); "all" also the scores (N, C, H, W) whose argmax they are, and the
            network's logits at its own size.
        layout: Of the pixels in memory.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, network: nn.Module, dtype: torch.dtype, multiple: int, until: str, layout: torch.memory_format
    ) -> None:
        super().__init__()
        self.network, self.dtype, self.multiple, self.until, self.layout = network, dtype, multiple, until, layout
        # Constants that are made in the call would be copied to a GPU each time, and keep a compiler from graphs.
        device = next(network.parameters()).device
        for name in ("mean", "std"):
            values = torch.tensor(getattr(PREPROCESSING, name), device=device).mul(255).view(-1, 1, 1)
            self.register_buffer(name, values, persistent=False)

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        """(N, 3, H, W) uint8; see the class."""
        height, width = images.shape[-2], images.shape[-1]
        pixels = ((images.float() - self.mean) / self.std).to(self.dtype)
        pixels = padded(pixels, self.multiple).contiguous(memory_format=self.layout)
        logits = main_logits(self.network(pixels))
        if self.until == "labels":
            return finish(logits, (height, width), self.multiple, "labels")
        scores = finish(logits, (height, width), self.multiple, "scores")
        return scores.argmax(dim=1), scores, logits


def padded(pixels: Tensor, multiple: int) -> Tensor:
    """Pictures (N, C, H, W) with zeros below and to the right, up to sides that are multiples."""
    if multiple == 1:
        return pixels
    return F.pad(pixels, (0, -pixels.shape[-1] % multiple, 0, -pixels.shape[-2] % multiple))


def finish(logits: Tensor, size: tuple[int, int], multiple: int, until: str) -> Tensor:
    """Logits of a padded picture to scores or labels at its own size."""
    height, width = (side + -side % multiple for side in size)
    if logits.shape[-2:] != (height, width):
        logits = resize(logits, (height, width), False)
    scores = logits[..., : size[0], : size[1]]
    return scores.argmax(dim=1) if until == "labels" else scores


def main_logits(output: Any) -> Tensor:
    """What the main head gives, of any of the networks here."""
    if isinstance(output, Tensor):
        return output
    logits: Tensor = output.logits if hasattr(output, "logits") else output["out"]
    return logits


@torch.no_grad()
def imitate_training(network: SceneParser, case: Case) -> dict[str, Tensor]:
    """Make random weights behave like trained ones, and return them.

    The statistics of all batch normalisations become those of made-up pictures, so that values stay in range; the
    classifier prefers some classes to others so far that the boundaries of the labels lie as densely as in a real
    prediction, since there the cell-skipping argmax has its work.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    usual = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    pixels = normalize(case.picture(2), PREPROCESSING.mean, PREPROCESSING.std)
    network.train()(pixels)
    for norm, momentum in zip(norms, usual, strict=True):
        norm.momentum = momentum
    logits = network.eval()(pixels[:1]).logits[0]
    preference = torch.randn(case.classes, generator=torch.Generator().manual_seed(0))
    low, high = 0.0, 8 * float(logits.std())
    for _ in range(20):
        middle = (low + high) / 2
        crowded = boundary_share(logits + middle * preference[:, None, None]) > BOUNDARY
        low, high = (middle, high) if crowded else (low, middle)
    network.head.classifier.bias += high * preference  # type: ignore[union-attr, operator]
    return {name: value.clone() for name, value in network.state_dict().items()}


@cache
def multiply_adds(case: Case, name: str) -> float:
    """Multiply-adds of one picture in inference, in 10⁹, without computing anything.

    Args:
        case: What is compared.
        name: The network, one of `OURS` or `PEERS`.
    """
    peer = PEERS.get(name)
    network = case.ours(OURS[name]) if peer is None else peer.make(case)
    side = case.side if peer is None else case.side + -case.side % peer.multiple
    return cost.multiply_adds(network.eval().to("meta"), 3, (side, side)) / 1e9
