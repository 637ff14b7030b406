"""From settings to a network: the one place where architectures have names."""

from collections.abc import Callable

from torch import nn

from sceneparse.networks import (
    FCN,
    Backbone,
    ConcatUPerNet,
    DeepLabV3,
    MultiLabelPSPNet,
    PSPNet,
    SceneParser,
    UnifiedUPerNet,
    UPerNet,
)
from sceneparse.networks.backbones import make_backbone
from sceneparse.settings import BackboneSettings, NetworkSettings


def build(backbone: BackboneSettings, network: NetworkSettings, num_classes: int) -> SceneParser:
    """A network with random weights, in training mode; a padding of None means "symmetric".

    Raises:
        UserError: A backbone that does not exist or cannot be used like this.
    """
    built = ARCHITECTURES[network.architecture](backbone, network, num_classes)
    if network.norm_momentum is not None:
        for module in built.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = network.norm_momentum
    return built


def _pspnet(backbone: BackboneSettings, network: NetworkSettings, num_classes: int) -> SceneParser:
    return PSPNet(
        _backbone(backbone, network.output_stride, network.stages),
        num_classes,
        channels=network.channels,
        bins=network.bins,
        pool=network.pool,
        reduce=network.reduce,
        branch_channels=network.branch_channels,
        branch=network.branch,
        kernel=network.kernel,
        classifier_kernel=network.classifier_kernel,
        aux=network.aux,
        aux_channels=network.aux_channels,
        dropout=network.dropout,
        align_corners=network.align_corners,
        resampling=network.resampling,
    )


def _pspnet_multilabel(backbone: BackboneSettings, network: NetworkSettings, num_classes: int) -> SceneParser:
    return MultiLabelPSPNet(
        _backbone(backbone, network.output_stride),
        num_classes,
        channels=network.channels,
        bins=network.bins,
        pool=network.pool,
        reduce=network.reduce,
        branch_channels=network.branch_channels,
        branch=network.branch,
        aux=network.aux,
        aux_channels=network.aux_channels,
        dropout=network.dropout,
        align_corners=network.align_corners,
        resampling=network.resampling,
    )


def _deeplabv3(backbone: BackboneSettings, network: NetworkSettings, num_classes: int) -> SceneParser:
    return DeepLabV3(
        _backbone(backbone, network.output_stride),
        num_classes,
        channels=network.channels,
        aux=network.aux,
        aux_channels=network.aux_channels,
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
        branch_channels=network.branch_channels,
        resize_first=network.resize_first,
        feature_norm=network.feature_norm,
        feature_norm_eps=network.feature_norm_eps,
        aux=network.aux,
        aux_channels=network.aux_channels,
        dropout=network.dropout,
        align_corners=network.align_corners,
        align_logits=network.align_logits,
        resampling=network.resampling,
        finest=network.finest,
        fuse=network.fuse,
    )


def _upernet_concat(backbone: BackboneSettings, network: NetworkSettings, num_classes: int) -> SceneParser:
    return ConcatUPerNet(
        _backbone(backbone, 32),
        num_classes,
        channels=network.channels,
        bins=network.bins,
        pool=network.pool,
        branch_channels=network.branch_channels,
        branch=network.branch,
        aux=network.aux,
        aux_channels=network.aux_channels,
        dropout=network.dropout,
        align_corners=network.align_corners,
        resampling=network.resampling,
    )


def _upernet_unified(backbone: BackboneSettings, network: NetworkSettings, num_classes: int) -> SceneParser:
    tasks = network.tasks
    if tasks.from_data:
        raise ValueError("network.tasks.from_data must be settled before a network is built")
    return UnifiedUPerNet(
        _backbone(backbone, 32),
        num_classes,
        scenes=tasks.scenes,
        parts=sum(tasks.parts),
        materials=tasks.materials,
        textures=tasks.textures,
        scene_head=tasks.scene_head,
        channels=network.channels,
        bins=network.bins,
        pool=network.pool,
        branch_channels=network.branch_channels,
        resize_first=network.resize_first,
        feature_norm=network.feature_norm,
        feature_norm_eps=network.feature_norm_eps,
        dropout=network.dropout,
        align_corners=network.align_corners,
        align_logits=network.align_logits,
        resampling=network.resampling,
    )


def _fcn(backbone: BackboneSettings, network: NetworkSettings, num_classes: int) -> SceneParser:
    return FCN(
        _backbone(backbone, network.output_stride),
        num_classes,
        channels=network.channels,
        convolutions=network.convolutions,
        concat_input=network.concat_input,
        aux=network.aux,
        aux_channels=network.aux_channels,
        dropout=network.dropout,
        align_corners=network.align_corners,
    )


def _backbone(settings: BackboneSettings, output_stride: int, stages: int = 4) -> Backbone:
    return make_backbone(
        settings.name,
        output_stride=output_stride,
        dilation=settings.dilation,
        padding=settings.padding or "symmetric",
        in_channels=settings.in_channels,
        stages=stages,
        stem_activation=settings.stem_activation,
        stride_on=settings.stride_on,
        stage3_end=settings.stage3_end,
        shortcut_pool=settings.shortcut_pool,
        windows=settings.windows,
    )


ARCHITECTURES: dict[str, Callable[[BackboneSettings, NetworkSettings, int], SceneParser]] = {
    "pspnet": _pspnet,
    "upernet": _upernet,
    "upernet_concat": _upernet_concat,
    "upernet_unified": _upernet_unified,
    "fcn": _fcn,
    "pspnet_multilabel": _pspnet_multilabel,
    "deeplabv3": _deeplabv3,
}
"""Builder of each architecture, by the name that `network.architecture` gives it."""
