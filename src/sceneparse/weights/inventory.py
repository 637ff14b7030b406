"""List the networks that can be built, with their parameters and multiply-adds."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from rich.table import Table

from sceneparse.networks.backbones.timm_models import weights_licence
from sceneparse.networks.cost import multiply_adds
from sceneparse.progress import results_console
from sceneparse.settings.backbone import BackboneSettings
from sceneparse.settings.network import NetworkSettings
from sceneparse.weights.architectures import ARCHITECTURES, computed_as
from sceneparse.weights.build import build

CLASSES = 150
"""Number of classes that sizes are counted with: ADE20K's."""


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
        licence: Of the backbone's pretrained weights, as timm states it.
    """

    architecture: str
    backbone: str
    output_stride: int
    input_size: int
    parameters: float
    multiply_adds: float
    exact_multiply_adds: float
    licence: str = "not stated"

    def to_json(self) -> dict[str, Any]:
        """The row as JSON."""
        return asdict(self)


def inventory() -> list[Row]:
    """Measure every architecture with a selection of backbones; nothing is computed, and no weight takes memory."""
    return [measure(name, backbone) for name, known in ARCHITECTURES.usable() for backbone in known.backbones]


def measure(architecture: str, backbone: str) -> Row:
    """Measure one network with default settings.

    Raises:
        UserError: A backbone that does not exist or cannot be used like this.
    """
    known = ARCHITECTURES[architecture]
    exact_settings = NetworkSettings(architecture=architecture, aux=False)
    plain_settings = computed_as(exact_settings, "plain")
    with torch.device("meta"):
        network, exact = (
            build(BackboneSettings(backbone), settings, CLASSES).eval() for settings in (plain_settings, exact_settings)
        )
    side = known.side
    return Row(
        architecture=architecture,
        backbone=backbone,
        output_stride=exact_settings.stride,
        input_size=side,
        parameters=round(sum(weight.numel() for weight in network.parameters()) / 1e6, 2),
        multiply_adds=round(multiply_adds(network, 3, (side, side)) / 1e9, 2),
        exact_multiply_adds=round(multiply_adds(exact, 3, (side, side)) / 1e9, 2),
        licence=weights_licence(backbone),
    )


def print_inventory(rows: Sequence[Row]) -> None:
    """Print the rows as a table on the terminal."""
    table = Table(
        title=f"Networks with {CLASSES} classes, in evaluation",
        caption="parameters in millions; multiply-adds in billions, as the papers write it and as it is computed; "
        "any timm model with features at strides 4, 8, 16 and 32 can be a backbone, and any plain ViT; licences "
        "are those that timm states for the backbone's pretrained weights",
    )
    table.add_column("architecture")
    table.add_column("backbone", overflow="fold")
    for name in ("stride", "input", "parameters", "multiply-adds", "exact"):
        table.add_column(name, justify="right")
    table.add_column("licence of the weights", overflow="fold")
    for row in rows:
        table.add_row(
            row.architecture,
            row.backbone,
            str(row.output_stride),
            f"{row.input_size}²",
            f"{row.parameters:.1f}",
            f"{row.multiply_adds:.1f}",
            f"{row.exact_multiply_adds:.1f}",
            row.licence,
        )
    results_console().print(table)
