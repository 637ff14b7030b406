"""From settings to a network: the one place where architectures have names."""

from collections.abc import Callable

from sceneparse.networks import FCN, Backbone, PSPNet, SceneParser, UPerNet
from sceneparse.settings import BackboneSettings, NetworkSettings


def build(backbone: BackboneSettings, network: NetworkSettings, num_classes: int) -> SceneParser:
    """A network with random weights, in training mode; a padding of None means "symmetric".

    Raises:
        UserError: A backbone that does not exist or cannot be used like this.
    """
    return ARCHITECTURES[network.architecture](backbone, network, num_classes)


def _pspnet(backbone: BackboneSettings, network: NetworkSettings, num_classes: int) -> SceneParser:
    return PSPNet(
        _backbone(backbone, network.output_stride),
        num_classes,
        channels=network.channels,
        bins=network.bins,
        pool=network.pool,
        reduce=network.reduce,
        aux=network.aux,
        dropout=network.dropout,
        align_corners=network.align_corners,
        resampling=network.resampling,
    )


def _upernet(backbone: BackboneSettings, network: NetworkSettings, num_classes: int) -> SceneParser:
    return UPerNet(
        _backbone(backbone, 32),
        num_classes,
        channels=network.channels,
        bins=network.bins,
        pool=network.pool,
        aux=network.aux,
        dropout=network.dropout,
        align_corners=network.align_corners,
        resampling=network.resampling,
    )


def _fcn(backbone: BackboneSettings, network: NetworkSettings, num_classes: int) -> SceneParser:
    return FCN(
        _backbone(backbone, network.output_stride),
        num_classes,
        channels=network.channels,
        aux=network.aux,
        dropout=network.dropout,
        align_corners=network.align_corners,
    )


def _backbone(settings: BackboneSettings, output_stride: int) -> Backbone:
    return Backbone(
        settings.name,
        output_stride=output_stride,
        dilation=settings.dilation,
        padding=settings.padding or "symmetric",
        in_channels=settings.in_channels,
    )


ARCHITECTURES: dict[str, Callable[[BackboneSettings, NetworkSettings, int], SceneParser]] = {
    "pspnet": _pspnet,
    "upernet": _upernet,
    "fcn": _fcn,
}
"""Builder of each architecture, by the name that `network.architecture` gives it."""
