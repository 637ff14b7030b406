"""The accuracy of our networks beside segmentation_models_pytorch's, trained and tested alike.

    PYTHONPATH=PEERS python benchmarks/accuracy_peers.py --data CamVid --backbone.weights=FILE
    python benchmarks/accuracy_peers.py --data CamVid --training.iterations=5000 --json accuracy.json

Each is a decoder over the same MobileNetV2 from the same ImageNet weights, trained by `sceneparse train`'s loop by the
same recipe (--recipe): the same crops, batches, steps, schedule, losses and class weights, in the same order. Then
`sceneparse evaluate`'s protocol scores each on the test split. The peers' decoders are the package's own, at its own
widths, and its logits are resized as it resizes them; ours is the recipe's network. Settings of the recipe hold for all
of them. A network that the recipe's settings have no effect on, such as an auxiliary head that it lacks, goes without.

DeepLabV3+ reads the backbone at stride 16, PSPNet at stride 8 after its second stage, as they do there.
"""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional as F

from command_line import command_line, note, parsed_with_settings, recipe_of, write_figures
from sceneparse.datasets.testing import open_for_testing
from sceneparse.evaluation import evaluate
from sceneparse.inference import TorchEngine, resolve
from sceneparse.networks import resize
from sceneparse.networks.backbones import Backbone
from sceneparse.networks.base import Output, SceneParser
from sceneparse.networks.cost import multiply_adds
from sceneparse.settings import LossSettings, NetworkSettings, Recipe
from sceneparse.training.loop import train
from sceneparse.weights.architectures import ARCHITECTURES, Architecture
from sceneparse.weights.model import load_model

MULTIPLE = 32
"""The peers take pictures whose sides are multiples of this."""

UNREAD = (3, 16)
"""Channels of the picture and of MobileNetV2's map at stride 2, which the decoders here want to know and don't read."""


class Peer(SceneParser):
    """A decoder and a classifier of segmentation_models_pytorch on one of our backbones."""

    def __init__(self, backbone: Backbone, num_classes: int, *, stages: int = 4) -> None:
        super().__init__(backbone, num_classes, aux=False, aux_channels=None, dropout=0.0, align_corners=True)
        self.decoder, width = self.make([*UNREAD, *backbone.channels[:stages]])
        kernel = 3 if isinstance(self, PeerPSPNet) else 1
        self.classifier = nn.Conv2d(width, num_classes, kernel, padding=kernel // 2)
        self._stages = stages

    def make(self, channels: list[int]) -> tuple[nn.Module, int]:
        """Make the decoder of maps of so many channels at strides 1, 2, 4, …; returns it and its width."""
        raise NotImplementedError

    def forward(self, images: Tensor) -> Output:
        """Turn normalised pictures (N, channels, H, W) into logits."""
        height, width = images.shape[-2:]
        bottom, right = -height % MULTIPLE, -width % MULTIPLE
        if not bottom and not right:
            return super().forward(images)
        # The package takes whole multiples alone: what is missing is padded, and cut off from the resized scores.
        whole = (height + bottom, width + right)
        logits = super().forward(F.pad(images, (0, right, 0, bottom))).logits
        return Output(resize(logits, whole, self.align_corners)[..., :height, :width], None)

    def decode(self, features: list[Tensor]) -> Tensor:
        """Turn the features of stages 1 to 4 into logits."""
        # The first two are not read.
        logits: Tensor = self.classifier(self.decoder([features[0], features[0], *features[: self._stages]]))
        return logits


class PeerUPerNet(Peer):
    """smp.UPerNet."""

    def make(self, channels: list[int]) -> tuple[nn.Module, int]:
        """See `Peer`."""
        from segmentation_models_pytorch.decoders.upernet.decoder import UPerNetDecoder

        return UPerNetDecoder(channels, encoder_depth=5, decoder_channels=256), 256


class PeerFPN(Peer):
    """smp.FPN."""

    def make(self, channels: list[int]) -> tuple[nn.Module, int]:
        """See `Peer`."""
        from segmentation_models_pytorch.decoders.fpn.decoder import FPNDecoder

        return FPNDecoder(channels), 128


class PeerDeepLabV3Plus(Peer):
    """smp.DeepLabV3Plus."""

    def make(self, channels: list[int]) -> tuple[nn.Module, int]:
        """See `Peer`."""
        from segmentation_models_pytorch.decoders.deeplabv3.decoder import DeepLabV3PlusDecoder

        return DeepLabV3PlusDecoder(channels, 5, 256, (12, 24, 36), 16, False, 0.5), 256


class PeerPSPNet(Peer):
    """smp.PSPNet, which ends after stage 2."""

    def __init__(self, backbone: Backbone, num_classes: int) -> None:
        super().__init__(backbone, num_classes, stages=2)

    def make(self, channels: list[int]) -> tuple[nn.Module, int]:
        """See `Peer`."""
        from segmentation_models_pytorch.decoders.pspnet.decoder import PSPDecoder

        return PSPDecoder(channels), 512


PEERS: dict[str, tuple[type[Peer], int]] = {
    "UPerNet": (PeerUPerNet, 32),
    "PSPNet": (PeerPSPNet, 32),
    "DeepLabV3Plus": (PeerDeepLabV3Plus, 16),
    "FPN": (PeerFPN, 32),
}
"""The peers, and the output stride at which each reads the backbone."""


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--recipe", default="camvid-upernet-mobilenetv2", help="the recipe that all are trained by")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the data set's folder")
    parser.add_argument("--networks", nargs="+", default=["ours", *PEERS], choices=["ours", *PEERS])
    given, words = parsed_with_settings(parser, {"recipe": "toy-pspnet", "networks": ["ours", "FPN"]})
    recipe = recipe_of(given.recipe, words)
    if given.data is not None:
        recipe = replace(recipe, data=replace(recipe.data, root=given.data))
    if given.quick:
        recipe = shortened(recipe)
    rows = []
    with TemporaryDirectory(prefix="sceneparse-peers-") as name:
        for network in given.networks:
            note(f"training {network}")
            rows.append(tested(network, of_network(recipe, network), Path(name) / network))
    write_figures(rows, given.json, lambda: report(rows))


def of_network(recipe: Recipe, name: str) -> Recipe:
    """The recipe with the network of this name."""
    if name == "ours":
        return recipe
    kind, stride = PEERS[name]
    architecture = f"smp_{name}"
    # As if another package had added it.
    ARCHITECTURES._loaded[architecture] = Architecture(
        network=f"{__name__}:{kind.__name__}", title=f"smp {name}", takes=(), auxiliary=False, strides=(stride,)
    )
    ARCHITECTURES._own[architecture] = ""
    backbone = replace(recipe.backbone, dilation="first")
    network = NetworkSettings(architecture, aux=False)
    loss = replace(recipe.loss, aux_weight=LossSettings().aux_weight)
    return replace(recipe, backbone=backbone, network=network, loss=loss)


def shortened(recipe: Recipe) -> Recipe:
    """The recipe of a few steps on a few scenes."""
    toyworld = replace(recipe.data.toyworld, size=64, train_count=8, eval_count=2)
    training = replace(recipe.training, iterations=2, batch=2, validate_count=1)
    backbone = replace(recipe.backbone, name="mobilenetv2_050", weights=None)
    return replace(recipe, data=replace(recipe.data, toyworld=toyworld), training=training, backbone=backbone)


def tested(name: str, recipe: Recipe, out: Path) -> dict[str, Any]:
    """Train by a recipe, and score the network on the test split."""
    model = load_model(train(recipe, out) / "model")
    engine = TorchEngine(model.network, recipe.preprocessing)
    dataset = open_for_testing(recipe.data, channels=recipe.backbone.in_channels)
    scores = evaluate(engine, dataset, resolve(recipe.protocol)).scores
    height, width = dataset[0].image.shape[-2:] if recipe.augmentation.crop is None else recipe.augmentation.crop
    size = (height + -height % MULTIPLE, width + -width % MULTIPLE)
    return {
        "network": name if name == "ours" else f"smp {name}",
        "parameters": sum(parameter.numel() for parameter in model.network.parameters()),
        "multiply_adds": multiply_adds(model.network, recipe.backbone.in_channels, size),
        "mean_iou": scores.mean_iou,
        "pixel_accuracy": scores.pixel_accuracy,
    }


def report(rows: list[dict[str, Any]]) -> None:
    """Print the figures."""
    table = Table("network", "million parameters", "10⁹ multiply-adds a crop", "mean IoU", "pixel accuracy")
    for row in rows:
        shares = (f"{100 * row[key]:.2f}" for key in ("mean_iou", "pixel_accuracy"))
        cost = f"{row['multiply_adds'] / 1e9:.2f}"
        table.add_row(row["network"], f"{row['parameters'] / 1e6:.2f}", cost, *shares)
    Console().print(table)


if __name__ == "__main__":
    main()
