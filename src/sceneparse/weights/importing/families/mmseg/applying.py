"""Change what keys and shapes were recognised as by what is known of a file beside them, or say what stays open."""

from collections.abc import Mapping
from dataclasses import replace
from math import prod

from torch import Tensor

from sceneparse.arguments import argument, together
from sceneparse.errors import UserError
from sceneparse.settings import BackboneSettings, NetworkSettings, PreprocessingSettings, ProtocolSettings
from sceneparse.settings.backbone import Dilation
from sceneparse.weights.importing.families.mmseg.convolutional import FoundBackbone
from sceneparse.weights.importing.families.mmseg.facts import Facts, Numbers, differences
from sceneparse.weights.importing.families.mmseg.pipeline import TestedSize
from sceneparse.weights.importing.family import Adapt, OpenSetting, Recognition

DILATED = ("pspnet", "fcn", "deeplabv3")
"""Architectures whose backbone may be dilated."""

RESNET_DILATIONS: Mapping[Numbers, Numbers] = {
    (1, 2, 1, 1): (1, 1, 2, 4),
    (1, 2, 2, 1): (1, 1, 1, 2),
    (1, 2, 2, 2): (1, 1, 1, 1),
}
"""The dilations that keep the kernels' reach, by the strides of a ResNet's stages."""

MOBILENET_DILATIONS: Mapping[Numbers, Numbers] = {
    (1, 2, 2, 1, 1, 1, 1): (1, 1, 1, 2, 2, 4, 4),
    (1, 2, 2, 2, 1, 1, 1): (1, 1, 1, 1, 1, 2, 2),
    (1, 2, 2, 2, 1, 2, 1): (1, 1, 1, 1, 1, 1, 1),
}
"""The same of MobileNetV2's groups."""

KEPT: Numbers = (1, 1, 2, 4)
"""Dilations of a ResNet that keeps its strides nonetheless."""

RATES = {8: (1, 12, 24, 36), 16: (1, 6, 12, 18)}
"""Dilations of the atrous pyramid by output stride; the first is that of the 1×1 convolution."""


def usual(found: FoundBackbone, network: NetworkSettings) -> BackboneSettings:
    """Return the backbone as nearly all published configurations have it: at output stride 8 but under UPerNet."""
    return _dilated(found, network.stride)


def _dilated(found: FoundBackbone, stride: int) -> BackboneSettings:
    settings = found.settings
    if stride == 32 or found.kind == "other":
        return settings
    if found.kind == "mobilenet":
        return replace(settings, dilation="leading")
    pools = found.kind == "resnest" or settings.name.endswith("d")
    return replace(settings, dilation="half_conv1" if found.basic else "half", shortcut_pool="none" if pools else "own")


def with_strides(
    found: FoundBackbone, network: NetworkSettings, facts: Facts
) -> tuple[BackboneSettings, NetworkSettings]:
    """Return the backbone and the network with the strides and dilations that a configuration says.

    Raises:
        UserError: They are none that can be built.
    """
    strides, dilations = facts.strides, facts.dilations
    if found.plain:
        return _with_blocks(found.settings, facts), network
    if found.kind == "other" or strides is None or dilations is None:
        return usual(found, network), network  # of a dilated network a warning says so, see `still_open`
    table = MOBILENET_DILATIONS if found.kind == "mobilenet" else RESNET_DILATIONS
    stride = (2 if found.kind == "mobilenet" else 4) * prod(strides)
    right = table.get(strides) == dilations
    kept = found.kind == "resnet" and not found.basic and strides == (1, 2, 2, 2) and dilations == KEPT
    if not right and not (kept and facts.contract):
        raise UserError(f"its configuration has strides {strides} with dilations {dilations}, which cannot be built")
    if network.architecture == "upernet" and (stride != 32 or kept):
        raise UserError(
            f"its configuration dilates the backbone under UPerNet (strides {strides}), as nobody publishes"
        )
    if network.architecture in DILATED and stride != network.stride:
        network = replace(network, output_stride=stride)  # type: ignore[arg-type]  # a known one, as the table says
    settings = replace(_dilated(found, stride), dilation=_placement(found, facts, stride, kept))
    if facts.caffe and found.kind == "resnet" and not found.basic:
        settings = replace(settings, stride_on="1x1")
    return settings, network


def _with_blocks(settings: BackboneSettings, facts: Facts) -> BackboneSettings:
    """Return a plain transformer with the blocks that a configuration takes."""
    if facts.out_indices is None or len(facts.out_indices) != 4:
        raise UserError(f"its configuration takes the blocks {facts.out_indices}; only four can be imported")
    if settings.final_norm and facts.out_indices[-1] != settings.blocks[-1]:  # type: ignore[index]
        raise UserError(f"its configuration takes the blocks {facts.out_indices}, but norms the last of all")
    return replace(settings, blocks=facts.out_indices)


def _placement(found: FoundBackbone, facts: Facts, stride: int, kept: bool) -> Dilation:
    """Return where the dilation stands."""
    if facts.multi_grid is not None:
        if stride != 16 or facts.multi_grid != (1, 2, 4) or found.kind != "resnet" or found.basic:
            raise UserError(
                f"its configuration has multi_grid {facts.multi_grid}, which can be built at stride 16 only"
            )
        return "multi_grid"
    if kept:
        return "kept"
    placed = _dilated(found, stride).dilation
    if facts.contract or placed in ("first", "leading"):
        return placed
    if placed == "half_conv1" or found.kind == "resnest":
        raise UserError("its configuration has contract_dilation False with basic blocks or a ResNeSt, as nobody has")
    return "first"


def still_open(found: Recognition, facts: Facts) -> tuple[OpenSetting, ...]:
    """Return what was open by the keys and of which a configuration says nothing that can be read."""
    said = {
        "network.align_corners": facts.align_corners,
        "network.output_stride": None if facts.strides is None or facts.dilations is None else facts.strides,
        "network.head_dilation": facts.head_dilation,
        "network.bins": facts.bins,
    }
    return tuple(one for one in found.open if said.get(one.name, one) is None)


def differing(facts: Facts, published: Facts) -> tuple[OpenSetting, ...]:
    """Return a warning for each setting of which a file's own configuration and its published name differ."""
    return tuple(
        OpenSetting(
            setting,
            f"the configuration in the file has {name} {one}, that of {published.source.removeprefix('the ')} {other}: "
            "the file's own is taken",
        )
        for setting, name, one, other in differences(facts, published)
    )


def with_head(network: NetworkSettings, facts: Facts) -> NetworkSettings:
    """Return the network with what a configuration says of its decode head.

    Raises:
        UserError: It cannot be built.
    """
    if facts.align_corners is not None:
        network = replace(network, align_corners=facts.align_corners)
    if network.architecture == "fcn" and facts.head_dilation is not None and not network.concat_stages:
        network = replace(network, head_dilation=facts.head_dilation)
    if network.architecture == "deeplabv3" and facts.rates != RATES.get(network.stride):
        raise UserError(
            f"its configuration has an atrous pyramid of dilations {facts.rates} at output stride {network.stride}; "
            f"only {RATES[8]} at 8 and {RATES[16]} at 16 can be built"
        )
    if network.architecture in ("pspnet", "upernet") and facts.bins not in (None, network.bins):
        assert facts.bins is not None
        if len(facts.bins) != len(network.bins):
            raise UserError(f"its configuration has {len(facts.bins)} grids, but its keys {len(network.bins)}")
        network = replace(network, bins=facts.bins)
    return network


def preprocessing(facts: Facts, channels: int) -> PreprocessingSettings | None:
    """Return what the network sees of a picture, of three channels as RGB; None where it is not known.

    Args:
        facts: What is known of the file.
        channels: What its first convolution takes.
    """
    if facts.mean is None or facts.std is None:
        return None
    # Whether there are as many as channels is seen later, see `channels.fitted`.
    count = max(len(facts.mean), len(facts.std))
    count = channels if count == 1 else count
    mean, std = (side * count if len(side) == 1 else side for side in (facts.mean, facts.std))
    if len(mean) != len(std):
        return None
    if takes_bgr(facts, channels):
        mean, std = mean[::-1], std[::-1]
    return PreprocessingSettings(
        tuple(round(value / 255, 9) for value in mean), tuple(round(value / 255, 9) for value in std)
    )


def takes_bgr(facts: Facts, channels: int) -> bool:
    """Return whether a network takes BGR; of other than three channels none are turned, whatever is said."""
    return facts.bgr and channels == 3


def turning(first: str) -> Adapt:
    """Return what turns a first convolution, which takes BGR, to RGB.

    Args:
        first: Its key.
    """

    def turn(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        return tensors | {first: tensors[first].flip(1)}

    return turn


def usual_protocol(classes: int) -> ProtocolSettings:
    """Return how most configurations test."""
    # Its Cityscapes configurations test whole pictures at their own size.
    return ProtocolSettings("whole" if classes == 19 else "mmseg")


def protocol(facts: Facts, classes: int) -> ProtocolSettings:
    """Return how a configuration tests: the size of the picture, and whole or in windows."""
    sized = _sized(facts.tested) if facts.tested is not None else None
    if facts.window is None:
        return sized or usual_protocol(classes)
    sized = replace(sized or usual_protocol(classes), upsampling=None)  # windows' scores have one way
    if sized == ProtocolSettings("whole"):
        sized = ProtocolSettings("window")
    step = facts.step or facts.window
    rows, columns = facts.window
    return replace(sized, window=(rows, columns), stride=min(1.0, max(step[0] / facts.window[0], 1e-3)))


def _sized(tested: TestedSize) -> ProtocolSettings | None:
    """Return the protocol that tests whole pictures at a size; None where the size is not known."""
    match tested:
        case TestedSize("none", factor=1.0):
            return ProtocolSettings("whole")
        case TestedSize("none", factor=factor):
            return ProtocolSettings("whole", scales=(factor,), upsampling="twice")
        case TestedSize("fixed", (height, width)) if height == width:
            return ProtocolSettings("whole", resize="square", size=height, upsampling="twice")
        case TestedSize("fixed", (height, width)):
            return ProtocolSettings("whole", resize="fixed", size=(height, width), upsampling="twice")
        case TestedSize("short", (512,), 2048):
            return ProtocolSettings("mmseg")
        case TestedSize("short", (short,), int(long)):
            return ProtocolSettings("mmseg", size=short, max_long=long)
        case TestedSize("short", (short,)):
            return ProtocolSettings("whole", resize="short", size=short, upsampling="twice")
    return None


def unfollowed(facts: Facts, classes: int) -> tuple[OpenSetting, ...]:
    """Return what of a configuration's test pipeline is not done here."""
    said = list(facts.tested.unread) if facts.tested is not None else []
    opened = []
    if facts.window is not None and facts.step is not None:
        down, across = (step / side for step, side in zip(facts.step, facts.window, strict=True))
        if abs(down - across) > 1e-2:
            # No size mends it, so that there is nothing to be given.
            step = (
                f"its windows step by {facts.step[0]} down and {facts.step[1]} across; here by one share of their "
                f"sides, {protocol(facts, classes).stride:.4g}, as protocol.stride has it, so that labels near the "
                "windows' rims may differ"
            )
            opened.append(OpenSetting("protocol", step))
    if not said:
        return tuple(opened)
    unknown = facts.tested is not None and facts.tested.resize is None
    taken = ""
    if unknown:
        own = usual_protocol(classes).name == "whole"
        kept = "pictures keep their own size" if own else "the short side of pictures is brought to 512"
        taken = f"; {kept}, as most of MMSegmentation's configurations have it"
    kept_windows = ""
    if facts.window is not None:
        share = round(protocol(facts, classes).stride or 1.0, 4)
        windows = together({"protocol.window": list(facts.window), "protocol.stride": share}, between=" and ")
        kept_windows = f", and to keep its windows {windows}"
    advice = (
        f"{'; '.join(said)}{taken}; where that matters, give {argument('protocol.name', 'whole')} and "
        f"{argument('protocol.size')} (own, the short side, or a height and a width){kept_windows}"
    )
    return (OpenSetting("protocol", advice), *opened)


THRESHOLD = 0.3
"""Where MMSegmentation decides on a single logit unless its configuration says otherwise."""


def open_settings(found: FoundBackbone, network: NetworkSettings, classes: int) -> tuple[OpenSetting, ...]:
    """Return what no key tells of a file whose configuration is not known."""
    opened = [
        OpenSetting(
            "network.align_corners",
            "taken as false, as MMSegmentation's own files with crops of 512 and 1024 have it; those with crops of "
            "769 have true: if yours is of these, give --network.align_corners true",
        )
    ]
    if found.kind != "other" and network.architecture in DILATED:
        kept = ", and files named d32 32 with --backbone.dilation kept" if found.kind == "resnet" else ""
        opened.append(
            OpenSetting(
                "network.output_stride",
                "taken as 8, with dilations 2 and 4; files named d16 have --network.output_stride 16" + kept,
            )
        )
    if len(network.bins) != 4:
        opened.append(
            OpenSetting(
                "network.bins",
                f"its pyramid has {len(network.bins)} grids, whose sizes no key tells (the usual four are 1, 2, 3, 6)",
                must=True,
            )
        )
    if found.plain:
        blocks = ", ".join(map(str, found.settings.blocks or ()))
        opened.append(
            OpenSetting(
                "backbone.blocks", f"taken as {blocks}, as in MMSegmentation's own files; give others if yours do"
            )
        )
    if network.architecture == "fcn" and network.concat_input:
        opened.append(
            OpenSetting("network.head_dilation", "taken as 1; files named fcn-d6 have --network.head_dilation 6")
        )
    if classes == 1:
        opened.append(
            OpenSetting(
                "network.threshold",
                f"taken as {THRESHOLD}, MMSegmentation's own of a single logit; if decode_head.threshold was another, "
                "give it",
            )
        )
    return tuple(opened)
