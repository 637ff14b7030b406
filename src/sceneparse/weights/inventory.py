"""What can be built, and what it costs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from sceneparse.networks.cost import multiply_adds
from sceneparse.settings import BackboneSettings, NetworkSettings
from sceneparse.weights.build import build

CLASSES = 150
"""Number of classes that sizes are counted with: ADE20K's."""

RESNETS = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnet50s", "resnet101s", "mobilenetv2_100")

SELECTION: dict[str, tuple[str, ...]] = {
    "pspnet": RESNETS,
    "upernet": (*RESNETS, "convnext_tiny", "swin_tiny_patch4_window7_224"),
    "upernet_concat": RESNETS,
    "upernet_unified": RESNETS,
    "fcn": RESNETS,
    "pspnet_multilabel": (*RESNETS, "squeezenet1_1_stride8", "densenet121_stride8"),
    "deeplabv3": RESNETS,
}
"""Backbones shown with each architecture; any timm model with features at strides 4, 8, 16 and 32 can be built."""

SIDES = {
    "pspnet": 473,
    "upernet": 512,
    "upernet_concat": 512,
    "upernet_unified": 512,
    "fcn": 473,
    "pspnet_multilabel": 473,
    "deeplabv3": 513,
}
"""Side of the square input that multiply-adds are counted at."""


@dataclass(frozen=True)
class Row:
    """One network and its size.

    Args:
        architecture: Name in `network.architecture`.
        backbone: Name in `backbone.name`.
        output_stride: Stride of the backbone's last features.
        input_size: Side of the square input in pixels.
        parameters: Number of parameters in evaluation, in millions (10⁶); the auxiliary head is left out.
        multiply_adds: Multiply-adds of the convolutions and matrix products in one picture's forward pass in
            evaluation, computed as the papers write it, in billions (10⁹): what is comparable with published figures.
        exact_multiply_adds: The same as it is really computed unless `network.resampling` is "plain".
    """

    architecture: str
    backbone: str
    output_stride: int
    input_size: int
    parameters: float
    multiply_adds: float
    exact_multiply_adds: float

    def to_json(self) -> dict[str, Any]:
        """The row as JSON."""
        return asdict(self)


def inventory() -> list[Row]:
    """Sizes of a selection of networks with 150 classes; nothing is computed and no memory is taken for weights."""
    return [measure(architecture, backbone) for architecture in SELECTION for backbone in SELECTION[architecture]]


def measure(architecture: str, backbone: str) -> Row:
    """The size of one network with default settings.

    Raises:
        UserError: A backbone that does not exist or cannot be used like this.
    """
    stride = 32 if architecture.startswith("upernet") else 8
    plain = NetworkSettings(architecture=architecture, aux=False, resampling="plain")  # type: ignore[arg-type]
    side = SIDES[architecture]
    with torch.device("meta"):
        network, exact = (
            build(BackboneSettings(backbone), settings, CLASSES).eval()
            for settings in (plain, replace(plain, resampling="exact"))
        )
    return Row(
        architecture=architecture,
        backbone=backbone,
        output_stride=stride,
        input_size=side,
        parameters=round(sum(weight.numel() for weight in network.parameters()) / 1e6, 2),
        multiply_adds=round(multiply_adds(network, 3, (side, side)) / 1e9, 2),
        exact_multiply_adds=round(multiply_adds(exact, 3, (side, side)) / 1e9, 2),
    )


def print_inventory(rows: Sequence[Row]) -> None:
    """Print the rows as a table on the terminal."""
    table = Table(
        title=f"Networks with {CLASSES} classes, in evaluation",
        caption="parameters in millions; multiply-adds in billions, as the papers write it and as it is computed; "
        "any timm model with features at strides 4, 8, 16 and 32 can be a backbone",
    )
    table.add_column("architecture")
    table.add_column("backbone", overflow="fold")
    for name in ("stride", "input", "parameters", "multiply-adds", "exact"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row.architecture,
            row.backbone,
            str(row.output_stride),
            f"{row.input_size}²",
            f"{row.parameters:.1f}",
            f"{row.multiply_adds:.1f}",
            f"{row.exact_multiply_adds:.1f}",
        )
    Console().print(table)
