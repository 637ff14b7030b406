"""Make timm's models as feature extractors, and refuse in one line what they cannot do."""

from collections.abc import Iterable
from contextlib import suppress
from functools import cache, lru_cache
from typing import Any

import timm
from timm.layers.conv2d_same import Conv2dSame
from timm.models import FeatureInfo
from torch import nn

from sceneparse.errors import UserError
from sceneparse.networks.backbones.published_vits import make_known
from sceneparse.networks.backbones.pyramid_positions import use_any_size
from sceneparse.networks.unfilled import sketched
from sceneparse.settings.backbone import Padding
from sceneparse.settings.backbone_names import unknown_backbone

Options = dict[str, Any]
"""Arguments of timm's for making a model."""

CANNOT = {
    "output_stride": "it cannot be dilated; use it at output stride 32 (architecture upernet), or choose a ResNet",
    "pad_type": "it has no choice of padding; leave backbone.padding null",
    "drop_path_rate": "it has no blocks that could be dropped; leave backbone.drop_path at 0",
}
"""What to say of a model that does not know an argument of timm's."""

FAILURES = (TypeError, AssertionError, NotImplementedError, RuntimeError, ValueError)
"""How timm says that it cannot make a model."""


def natural_padding(name: str) -> Padding:
    """Return the padding with which timm builds a model: "same" for those that come from TensorFlow.

    Raises:
        UserError: No such model.
    """
    refuse_unknown(name)
    with sketched():
        return "same" if _pads_same(create(name, _size_options(name))) else "symmetric"


@cache
def usual_padding(name: str) -> Padding:
    """Return the padding of a model that nobody chose one for: "symmetric", unless it has its own alone.

    Raises:
        UserError: No such model.
    """
    return "same" if _pads_same(with_padding(name, None, 3)[1]) else "symmetric"


def with_padding(
    name: str, padding: Padding | None, in_channels: int, drop_path: float = 0.0
) -> tuple[Options, nn.Module]:
    """Return timm's arguments for a padding, channels and any input size, and the undilated model without weights.

    A padding of None is "symmetric", or timm's own where there is no choice. The model is made once for equal
    arguments, so it is for looking at: whoever changes it changes a copy.

    Raises:
        UserError: No such model, or one that has no choice of padding, or no blocks to drop.
    """
    refuse_unknown(name)
    options, model = _sketch(name, padding, in_channels, drop_path)
    return dict(options), model


SKETCHES = 16
"""Undilated models without weights that are kept: they take no memory for numbers, but some for their modules."""


@lru_cache(SKETCHES)
def _sketch(name: str, padding: Padding | None, in_channels: int, drop_path: float) -> tuple[Options, nn.Module]:
    """What `with_padding` returns."""
    options = _size_options(name) | {"in_chans": in_channels}
    if drop_path:
        options["drop_path_rate"] = drop_path
    with sketched():
        model = create(name, options)
        if _pads_same(model) != (padding == "same"):
            try:
                changed = options | {"pad_type": "same" if padding == "same" else ""}
                other = create(name, changed)
                if _pads_same(other) != (padding == "same"):
                    raise UserError(f"backbone {name}: {CANNOT['pad_type']}")
                options, model = changed, other
            except UserError:
                if padding is not None:
                    raise
    take_any_size(model)
    return options, model


@cache
def _size_options(name: str) -> Options:
    """Return the arguments that make a timm model of one input size take any, as far as it knows of any."""
    known = timm.get_pretrained_cfg(name)
    if known is None or not known.fixed_input_size:
        return {}
    for options in ({"strict_img_size": False}, {"dynamic_img_size": True}):
        with suppress(*FAILURES), sketched():
            _create(name, options)
            return options
    return {}


def take_any_size(model: nn.Module) -> None:
    """Let a model take pictures of other sizes than the one that it was made for, as far as it is known how."""
    for module in model.modules():
        if getattr(module, "strict_img_size", False) is True:
            module.strict_img_size = False  # type: ignore[assignment]
    use_any_size(model)


def weights_licence(name: str) -> str:
    """Return the licence of a model's pretrained weights as timm states it, or that it has none."""
    known = timm.get_pretrained_cfg(name) if timm.is_model(name) else None
    if known is None or not known.has_weights:
        return "no weights"
    return known.license or "not stated"


def weights_repository(name: str) -> str | None:
    """Return where a model's pretrained weights lie on the Hugging Face hub ("timm/resnet50.a1_in1k"), if they do."""
    known = timm.get_pretrained_cfg(name) if timm.is_model(name) else None
    return None if known is None else known.hf_hub_id or None


def takes_padding(name: str, padding: Padding) -> bool:
    """Return whether a model can be built with this padding.

    Raises:
        UserError: No such model.
    """
    refuse_unknown(name)
    with suppress(UserError):
        with_padding(name, padding, 3)
        return True
    return False


def refuse_unknown(name: str, others: Iterable[str] = ()) -> None:
    """Refuse a name that timm does not know, or not with this tag.

    Args:
        name: A model's name, with or without the tag of its pretrained weights.
        others: Names of backbones that are not timm's, which may have been meant.

    Raises:
        UserError: There is no such model; the message names near ones.
    """
    if not make_known(name):
        raise unknown_backbone(name, [*timm.list_models(), *others])
    architecture, _, tag = name.partition(".")
    tags = [known.partition(".")[2] for known in timm.list_pretrained(f"{architecture}.*")]
    if tag and tag not in tags:
        raise UserError(
            f"backbone '{name}': timm has no '{tag}' for {architecture}; it has {', '.join(tags) or 'none'}"
        )


def create(name: str, options: dict[str, Any]) -> nn.Module:
    """Return timm's feature extractor with random weights.

    Args:
        name: A model's name.
        options: Arguments of timm's.

    Raises:
        UserError: The model does not know one of the arguments, or has no features.
    """
    try:
        return _create(name, options)
    except FAILURES as error:
        if (key := _refused(name, options)) is not None:
            raise UserError(f"backbone {name}: {CANNOT[key]}") from None
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"backbone {name}: timm cannot make a feature extractor of it ({reason}); choose another, such as resnet50"
        ) from None


def _create(name: str, options: dict[str, Any]) -> nn.Module:
    model: nn.Module = timm.create_model(name, pretrained=False, features_only=True, **options)
    return model


def _refused(name: str, options: dict[str, Any]) -> str | None:
    """Return the argument without which timm makes the model; None if no single one is to blame."""
    for key in CANNOT.keys() & options.keys():
        with suppress(*FAILURES), sketched():
            _create(name, {other: value for other, value in options.items() if other != key})
            return key
    return None


def _pads_same(model: nn.Module) -> bool:
    return any(isinstance(module, Conv2dSame) for module in model.modules())


def feature_info(model: nn.Module) -> FeatureInfo:
    """Return the channels and strides that timm gives for a feature extractor's maps."""
    info = model.feature_info
    assert isinstance(info, FeatureInfo)
    return info
