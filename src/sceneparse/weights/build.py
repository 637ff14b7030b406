"""From settings to a network."""

from dataclasses import fields
from pkgutil import resolve_name
from typing import Any

from torch import nn

from sceneparse.arguments import check_number, check_type
from sceneparse.calls import by_name
from sceneparse.errors import UserError
from sceneparse.networks.backbones import Backbone
from sceneparse.networks.base import SceneParser
from sceneparse.settings.backbone import BackboneSettings
from sceneparse.settings.network import NetworkSettings
from sceneparse.weights.architectures import architecture_of

NO_ARGUMENTS = ("name", "weights", "frozen")
"""Settings of the backbone that are not keyword arguments of its class: the name, and what comes after it is made."""


@by_name("build")
def build(backbone: BackboneSettings, network: NetworkSettings, num_classes: int) -> SceneParser:
    """Build a network with random weights, in training mode.

    Args:
        backbone: The feature extractor; a padding of None means "symmetric" where there is a choice.
        network: The network on top of it.
        num_classes: Number of classes.

    Raises:
        UserError: A backbone that does not exist or cannot be used like this.
    """
    check_type("backbone", backbone, BackboneSettings, "BackboneSettings of sceneparse.settings")
    check_type("backbone.name", backbone.name, str, "a name")
    check_type("network", network, NetworkSettings, "NetworkSettings of sceneparse.settings")
    check_number("num_classes", num_classes, least=1, whole=True)
    architecture_of(network).refuse_unread(backbone, network)
    return build_on(build_backbone(backbone, network), network, num_classes)


def build_on(backbone: Backbone, network: NetworkSettings, num_classes: int) -> SceneParser:
    """Build a network with random weights on a backbone that is made already, by `build_backbone`; see `build`."""
    if network.threshold != 0.5 and num_classes != 2:
        raise UserError(
            f"network.threshold is {network.threshold}, but there are {num_classes} classes: it decides between two; "
            "leave it at 0.5"
        )
    architecture = architecture_of(network)
    arguments = architecture.arguments(network)
    built: SceneParser = resolve_name(architecture.network)(backbone, num_classes, **arguments)
    built.threshold = network.threshold
    if network.norm_momentum is not None:
        for module in built.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = network.norm_momentum
    return built


def build_backbone(settings: BackboneSettings, network: NetworkSettings) -> Backbone:
    """Build the backbone of a network with random weights.

    Args:
        settings: As for `build`.
        network: The network on top of it, of which the output stride and the number of stages count.

    Raises:
        UserError: A backbone that does not exist or cannot be used like this.
    """
    from sceneparse.networks.backbones import make_backbone  # timm, which nothing that is read from a file needs

    arguments: dict[str, Any] = {
        known.name: getattr(settings, known.name) for known in fields(settings) if known.name not in NO_ARGUMENTS
    }
    return make_backbone(settings.name, output_stride=network.stride, stages=network.stages, **arguments)
