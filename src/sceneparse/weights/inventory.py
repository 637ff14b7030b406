"""List the networks that can be built, with their parameters and multiply-adds."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from rich.table import Table
from torch import Tensor

from sceneparse.networks.backbones import Backbone
from sceneparse.networks.backbones.timm_models import weights_licence
from sceneparse.networks.cost import multiply_adds, without_batch_norms
from sceneparse.networks.unfilled import sketched
from sceneparse.progress import progress_bar, results_console
from sceneparse.settings.backbone import BackboneSettings
from sceneparse.settings.network import NetworkSettings
from sceneparse.weights.architectures import ARCHITECTURES, computed_as
from sceneparse.weights.build import build_backbone, build_on

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


class Inventory:
    """Measures networks with default settings, each backbone once; nothing is computed, no weight takes memory."""

    def __init__(self) -> None:
        self._backbones: dict[tuple[str, int], Backbone] = {}
        self._maps: dict[tuple[str, int, int], tuple[list[Tensor], int]] = {}

    def measure(self, architecture: str, backbone: str) -> Row:
        """Measure one network; see `measure`."""
        exact = NetworkSettings(architecture=architecture, aux=False)
        side = ARCHITECTURES[architecture].side
        parameters, plain_sum = self._size(backbone, computed_as(exact, "plain"), side)
        _, exact_sum = self._size(backbone, exact, side)
        return Row(
            architecture=architecture,
            backbone=backbone,
            output_stride=exact.stride,
            input_size=side,
            parameters=round(parameters / 1e6, 2),
            multiply_adds=round(plain_sum / 1e9, 2),
            exact_multiply_adds=round(exact_sum / 1e9, 2),
            licence=weights_licence(backbone),
        )

    def _size(self, name: str, network: NetworkSettings, side: int) -> tuple[int, int]:
        """Return the parameters and the multiply-adds of a network on a backbone."""
        key = (name, network.stride)
        with sketched():
            if key not in self._backbones:
                self._backbones[key] = build_backbone(BackboneSettings(name), network).eval()
            backbone = self._backbones[key]
            if (*key, side) not in self._maps:
                with torch.no_grad(), without_batch_norms(backbone):
                    maps = backbone(torch.empty(1, 3, side, side))
                self._maps[*key, side] = maps, multiply_adds(backbone, 3, (side, side))
            maps, counted = self._maps[*key, side]
            built = build_on(backbone, network, CLASSES).eval()
        parameters = sum(weight.numel() for weight in built.parameters())
        # What the backbone does is counted already.
        backbone.forward = lambda _: list(maps)  # type: ignore[assignment,method-assign]
        try:
            return parameters, counted + multiply_adds(built, 3, (side, side))
        finally:
            del backbone.forward


def inventory(progress: bool = False) -> list[Row]:
    """Measure every architecture with a selection of backbones.

    Args:
        progress: Whether to show a progress bar.
    """
    pairs = [(name, backbone) for name, known in ARCHITECTURES.usable() for backbone in known.backbones]
    measuring, rows = Inventory(), []
    with progress_bar(progress, len(pairs), "measuring networks") as advance:
        for architecture, backbone in pairs:
            rows.append(measuring.measure(architecture, backbone))
            advance()
    return rows


def measure(architecture: str, backbone: str) -> Row:
    """Measure one network with default settings.

    Raises:
        UserError: A backbone that does not exist or cannot be used like this.
    """
    return Inventory().measure(architecture, backbone)


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
