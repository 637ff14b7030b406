"""Checkpoints of MMSegmentation, of a decode head and a backbone that are recognised apart."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from torch import Tensor

from sceneparse.errors import UserError, counted
from sceneparse.networks.backbones import make_backbone
from sceneparse.networks.heads import auxiliary_channels
from sceneparse.networks.unfilled import sketched
from sceneparse.settings import NetworkSettings
from sceneparse.weights.importing.families.mmseg.applying import (
    THRESHOLD,
    differing,
    open_settings,
    preprocessing,
    protocol,
    still_open,
    takes_bgr,
    turning,
    unfollowed,
    usual,
    usual_protocol,
    with_head,
    with_strides,
)
from sceneparse.weights.importing.families.mmseg.configuration import configuration_in
from sceneparse.weights.importing.families.mmseg.convolutional import (
    FoundBackbone,
    find_hrnet,
    find_mobilenetv2,
    find_resnest,
    find_resnet_backbone,
)
from sceneparse.weights.importing.families.mmseg.facts import HEADS, Facts, facts_of
from sceneparse.weights.importing.families.mmseg.fixed import refuse_others
from sceneparse.weights.importing.families.mmseg.heads import DecodeHead, adapt_head, find_head
from sceneparse.weights.importing.families.mmseg.hierarchical import adapt_merging, find_convnext, find_swin
from sceneparse.weights.importing.families.mmseg.plain import adapt_plain, find_plain
from sceneparse.weights.importing.families.mmseg.published import published_facts
from sceneparse.weights.importing.families.mmseg.twins import adapt_twins, find_twins
from sceneparse.weights.importing.family import Family, Recognition, Shapes
from sceneparse.weights.importing.resnets import narrower

BACKBONES: tuple[Callable[[Shapes], FoundBackbone | None], ...] = (
    find_hrnet,
    find_resnest,
    find_resnet_backbone,
    find_mobilenetv2,
    find_swin,
    find_convnext,
    find_plain,
    find_twins,
)
"""What recognises each kind of backbone."""

UNKNOWN = {
    "backbone.encoder.0.": "UNet",
    "backbone.block1.": "MixVisionTransformer (SegFormer)",
    "backbone.stem.conv1.": "BiSeNet, STDC or another of its kind",
}
"""Backbones that cannot be imported, by the beginning of a key."""


def recognise(shapes: Shapes) -> Recognition | None:
    """Recognise an encoder-decoder with decode_head.conv_seg and a backbone that is known."""
    if not _is_mmseg(shapes):
        return None
    head, backbone = find_head(shapes), _backbone(shapes)
    return _assembled(shapes, head, backbone)


def _is_mmseg(shapes: Shapes) -> bool:
    classifier = shapes.get("decode_head.conv_seg.weight", ())
    return len(classifier) == 4 and any(key.startswith("backbone.") for key in shapes)


def _backbone(shapes: Shapes) -> FoundBackbone:
    for find in BACKBONES:
        if (found := find(shapes)) is not None:
            return found
    for beginning, what in UNKNOWN.items():
        if any(key.startswith(beginning) for key in shapes):
            raise UserError(f"its backbone is a {what}, which cannot be imported")
    first = next(key for key in shapes if key.startswith("backbone."))
    raise UserError(f"its backbone (with '{first[:60]}') is none that can be imported")


def _assembled(shapes: Shapes, head: DecodeHead, backbone: FoundBackbone) -> Recognition:
    necks = sorted({key.split(".")[1] for key in shapes if key.startswith("neck.")})
    if necks and not backbone.plain:
        raise UserError(f"it has a neck ({', '.join(necks[:4])}) that cannot be imported")
    classifier = shapes["decode_head.conv_seg.weight"]
    aux = shapes.get("auxiliary_head.convs.0.conv.weight")
    if aux is not None and aux[1] != _channels(backbone.settings.name)[2]:
        aux = None  # on another stage than the third: left out, see `without_unfit_auxiliary`
    channels = shapes[backbone.first][1]
    backbone = replace(backbone, settings=replace(backbone.settings, in_channels=channels))
    taken = (f"its first convolution takes {counted(channels, 'channel')}",) if channels != 3 else ()
    network = replace(
        _standing(head, backbone),
        channels=classifier[1],
        aux=aux is not None,
        aux_channels=None if aux is None else narrower(aux[0], auxiliary_channels(aux[1])),
        align_corners=False,
        **backbone.network,  # type: ignore[arg-type]
    )
    return Recognition(
        backbone=usual(backbone, network),
        network=network,
        num_classes=classifier[0],
        names=[*backbone.names, *head.names],
        why=(head.why, backbone.why, *taken),
        protocol=usual_protocol(classifier[0]),
        dropped=backbone.dropped,
        open=open_settings(backbone, network, classifier[0]),
        threshold=THRESHOLD,
        found=backbone,
    )


@cache
def _channels(name: str) -> tuple[int, ...]:
    """Return the channels of a backbone's stages."""
    with sketched():
        return tuple(make_backbone(name).channels)


def _standing(head: DecodeHead, backbone: FoundBackbone) -> NetworkSettings:
    """Return the network with the stages that the head stands on, which its width tells.

    Raises:
        UserError: It stands on others than can be built.
    """
    channels = _channels(backbone.settings.name)
    network = head.network
    if head.in_channels == channels[-1]:
        return network if backbone.theirs != ("HRNet",) else replace(network, output_stride=32)
    if network.architecture == "fcn" and head.in_channels == sum(channels):
        return replace(network, concat_stages=True, output_stride=32, dropout=0.0)
    raise UserError(
        f"its decode head stands on {head.in_channels} channels, but {backbone.theirs[0]} ends with {channels[-1]}; "
        "a head on another stage cannot be imported"
    )


def refine(found: Recognition, meta: Mapping[str, Any], file: str) -> Recognition:
    """Take from the configuration in a file, or else from its published name, what no key tells.

    Args:
        found: What its keys and shapes were recognised as.
        meta: What the file says beside its weights.
        file: The file's name.

    Raises:
        UserError: The configuration is that of a network that cannot be built, or of another than the keys'.
    """
    backbone = found.found
    assert isinstance(backbone, FoundBackbone)
    facts, published = _known(found, backbone, meta, file)
    if facts is None:
        return replace(
            found, why=(*found.why, "the file has no configuration, and its name is none that was published")
        )
    settings, network = with_strides(backbone, found.network, facts)
    network = with_head(network, facts)
    input_ = preprocessing(facts, backbone.settings.in_channels)
    bgr = takes_bgr(facts, backbone.settings.in_channels)
    return replace(
        found,
        backbone=settings,
        network=network,
        preprocessing=input_ or found.preprocessing,
        says_input=input_ is not None,
        protocol=protocol(facts, found.num_classes),
        why=(*found.why, _why(facts, settings.dilation, network.stride, network.align_corners, bgr)),
        says_size=facts.tested is not None,
        open=(
            *still_open(found, facts),
            *(differing(facts, published) if published is not None else ()),
            *unfollowed(facts, found.num_classes),
        ),
        adapt=turning(backbone.first) if bgr else None,
        threshold=facts.threshold or THRESHOLD,
    )


def _known(
    found: Recognition, backbone: FoundBackbone, meta: Mapping[str, Any], file: str
) -> tuple[Facts | None, Facts | None]:
    """Return what is known of a file: by its configuration, or else its published name; and by that name beside it."""
    published = published_facts(file)
    if published is not None and (
        published.backbone not in backbone.theirs or HEADS.get(published.head or "") != found.network.architecture
    ):
        published = None
    configuration = configuration_in(meta)
    if configuration is None:
        return published, None
    facts = facts_of(configuration)
    wrong = HEADS.get(facts.head or "") != found.network.architecture or facts.backbone not in backbone.theirs
    if wrong:
        raise UserError(
            f"its configuration is of {facts.head} on {facts.backbone}, but its keys are those of "
            f"{found.network.architecture} on {backbone.theirs[0]}"
        )
    refuse_others(configuration["model"], backbone.fixed)
    return facts, published


def _why(facts: Facts, dilation: str, stride: int, aligned: bool, bgr: bool) -> str:
    dilated = f", dilation {dilation}" if dilation != "first" else ""
    corners = "aligned" if aligned else "not aligned"
    turned = ", BGR turned to RGB" if bgr else ""
    return f"from {facts.source}: output stride {stride}{dilated}, corners {corners}{turned}"


def adapt(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Reorder what MMSegmentation takes in another order than the networks here."""
    for change in (adapt_head, adapt_merging, adapt_plain, adapt_twins):
        tensors = change(tensors)
    return tensors


FAMILY = Family("PSPNet, UPerNet, FCN and DeepLabV3 of MMSegmentation", recognise, adapt, refine=refine)
