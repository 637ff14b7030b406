"""timm's models as encoders of segmentation_models_pytorch: their names begin with tu-, and config.json has them.

Below `encoder.model.` lie timm's own keys, so that any model will do that can be a backbone here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import timm

from sceneparse.errors import UserError
from sceneparse.networks.backbones import natural_padding
from sceneparse.settings import BackboneSettings, Padding
from sceneparse.settings.backbone import Windows
from sceneparse.weights.importing.family import Recognition, Shapes

KEYS, MARK = "encoder.model.", "tu-"
"""What timm's keys begin with, and the encoders' names."""

COARSEST = 32
"""Stride of the map whose windows a Swin transformer may be too small for."""

USUAL_DEPTH = 3
"""PSPNet's `encoder_depth` where the file says none."""


@dataclass(frozen=True)
class Unnamed:
    """A timm encoder that keys and shapes do not name.

    Args:
        reason: Why not, for people.
        by_depth: Whether its stages follow from `encoder_depth` (PSPNet).
    """

    reason: str
    by_depth: bool = False


def has_timm_encoder(shapes: Shapes) -> bool:
    """Return whether a checkpoint's encoder is timm's own."""
    return any(key.startswith(KEYS) for key in shapes)


def refine(found: Recognition, meta: Mapping[str, Any], file: str) -> Recognition:  # noqa: ARG001 - the family's form
    """Take the encoder from the config.json beside the weights, or from the settings of a training.

    Raises:
        UserError: Neither keys nor a config.json name it, or it is one that cannot be imported.
    """
    where = "config.json" if "config.json" in meta else "its settings"
    config = meta.get("config.json", meta.get("encoder"))
    encoder = config.get("encoder_name") if isinstance(config, Mapping) else None
    if not isinstance(encoder, str) or not encoder.startswith(MARK) or not _has_names(found):
        if isinstance(found.found, Unnamed):
            raise UserError(f"{found.found.reason}; no config.json beside it names a timm encoder (tu-…)")
        return found
    assert isinstance(config, Mapping)
    name = encoder.removeprefix(MARK)
    # Of models that come from TensorFlow, the padding is theirs.
    padding: Padding | None = "same" if natural_padding(name) == "same" else None
    backbone = replace(found.backbone, name=name, padding=padding, windows=_windows(name, config))
    why = (*found.why, f"{where}: its encoder is {encoder}")
    if not isinstance(found.found, Unnamed) or not found.found.by_depth:
        return replace(found, backbone=backbone, why=why)
    depth = config.get("encoder_depth", USUAL_DEPTH)
    if depth not in (3, 4, 5):
        raise UserError(f"its config.json has encoder_depth {depth!r}; a pyramid on depth 3, 4 or 5 can be imported")
    network = replace(found.network, stages=depth - 1, output_stride=2**depth)
    return replace(found, backbone=backbone, network=network, why=why)


def unnamed() -> BackboneSettings:
    """Return what stands for a backbone until `refine` names it."""
    return BackboneSettings(name="")


def _has_names(found: Recognition) -> bool:
    """Return whether the encoder's keys are timm's own."""
    return any(theirs == KEYS for _, theirs in found.names)


def _windows(name: str, config: Mapping[str, Any]) -> Windows:
    """Return how a Swin transformer's windows lie, which follows from the size that it was made for.

    Raises:
        UserError: The size is none that it can have here.
    """
    if not name.startswith("swin_"):
        return "own"
    known = timm.get_pretrained_cfg(name)
    size = config.get("img_size")
    sides = size if isinstance(size, list) else [size]
    own = None if known is None else known.input_size[-1]
    if size is None or set(sides) == {own}:
        return "own"
    # timm's names say the window; where the coarsest map is larger, windows are shifted in every stage.
    window = name.partition("_window")[2].partition("_")[0]
    if window.isdigit() and all(isinstance(side, int) and side > COARSEST * int(window) for side in sides):
        return "shifted"
    raise UserError(
        f"its config.json has img_size {size}, of which the coarsest map is no larger than a window of {name}; {own} "
        f"and whatever is above {COARSEST} times its window can be imported"
    )
