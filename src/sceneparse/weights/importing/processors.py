"""The preprocessing that other libraries write beside their weights: transformers' image processor, albumentations."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sceneparse.arguments import argument
from sceneparse.errors import UserError, reason_of
from sceneparse.settings import PreprocessingSettings, ProtocolSettings
from sceneparse.weights.importing.family import OpenSetting
from sceneparse.weights.importing.processor_sizes import processor_size, protocol_of_size, size_note
from sceneparse.weights.paths import ALBUMENTATIONS, PROCESSOR

IMAGENET = PreprocessingSettings()

STEP = re.compile(r"checkpoint-\d+")
"""What a Trainer calls the folders of its checkpoints."""

_BILINEAR = 2
"""Pillow's number, which image processors give as `resample`."""


@dataclass(frozen=True)
class Beside:
    """What a file beside the weights says of a network's input.

    Args:
        preprocessing: What the network saw of a picture; None where the file doesn't say.
        protocol: To what size a picture was brought; None where the file doesn't say, or says what no protocol does.
        notes: What was taken from it, and what was not, for people.
        open: What it does that no setting here does; a user is warned of it.
        of_wrapper: Whether the preprocessing is for pictures in 0..1, by buffers `mean` and `std` of what wraps the
            network, whose code may give it others.
        unread: A normalisation that is not taken, and why, as the notes say it; "" where there is none.
    """

    preprocessing: PreprocessingSettings | None = None
    protocol: ProtocolSettings | None = None
    notes: tuple[str, ...] = ()
    open: tuple[OpenSetting, ...] = ()
    of_wrapper: bool = False
    unread: str = ""


def read_beside(folder: Path) -> Beside:
    """Return what stands beside the weights in a folder; nothing where there is no such file.

    Raises:
        UserError: A file that is damaged, or that describes an input which no setting here does.
    """
    if (path := processor_of(folder)) is not None:
        found = _of_processor(read_object(path), path)
        above = (f"{path.name}: that of the training's folder, {path.parent.name}",) if path.parent != folder else ()
        return replace(found, notes=(*found.notes, *above))
    if (path := folder / ALBUMENTATIONS).is_file():
        return _of_albumentations(read_object(path), path)
    config = folder / "config.json"
    return of_encoder(read_object(config), config.name) if config.is_file() else Beside()


def processor_of(folder: Path) -> Path | None:
    """Return the image processor that belongs to a folder's weights; of a Trainer's checkpoint-500 maybe one up."""
    if (own := folder / PROCESSOR).is_file():
        return own
    above = folder.resolve().parent / PROCESSOR
    return above if STEP.fullmatch(folder.resolve().name) and above.is_file() else None


def read_object(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises:
        UserError: It is damaged, or holds something else.
    """
    try:
        value = json.loads(path.read_bytes())
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise UserError(f"{path}: not readable as JSON ({reason_of(error)[:150]})") from None
    if not isinstance(value, dict):
        raise UserError(f"{path}: expected an object, found something else")
    return value


def _of_processor(said: Mapping[str, Any], path: Path) -> Beside:
    """Read transformers' image processor: resize, then value * rescale_factor, then (value - mean) / std."""
    if said.get("do_flip_channel_order") is True:
        raise UserError(f"{path}: do_flip_channel_order: the network takes BGR, which is not supported for this family")
    if said.get("rescale_offset") is True:
        raise UserError(f"{path}: rescale_offset: values that are shifted before they are normalised are not supported")
    factor = _number(said.get("rescale_factor", 1 / 255), "rescale_factor", path) if _does(said, "rescale") else 1.0
    normalized = _does(said, "normalize")
    mean = _numbers(said.get("image_mean", IMAGENET.mean), "image_mean", path) if normalized else (0.0,) * 3
    std = _numbers(said.get("image_std", IMAGENET.std), "image_std", path) if normalized else (1.0,) * 3
    preprocessing = _preprocessing(mean, std, 255 * factor, path)
    shown = f"mean {shown_numbers(preprocessing.mean)}, standard deviation {shown_numbers(preprocessing.std)}"
    size = processor_size(said)
    notes = [f"{path.name}: {one}" for one in (shown, *size.notes)]
    protocol = size.protocol
    if _does(said, "resize") and protocol != ProtocolSettings("whole"):
        # These processors resize bytes with antialiasing, and scores from the size that the network gives them at.
        protocol = replace(protocol, antialias=True, upsampling="twice")
        if (resample := said.get("resample", _BILINEAR)) != _BILINEAR:
            notes.append(f"{path.name}: resample {resample!r} is none that a protocol here has: it is bilinear")
    if said.get("do_center_crop") is True:
        notes.append(f"{path.name}: do_center_crop is left out: it would leave the rim of every picture unlabelled")
    return Beside(preprocessing, protocol, tuple(notes), _open(size.unfollowed, path))


def _open(unfollowed: tuple[str, ...], path: Path) -> tuple[OpenSetting, ...]:
    if not unfollowed:
        return ()
    return (
        OpenSetting(
            "protocol",
            f"{path.name}: {'; '.join(unfollowed)}; where that matters, give {argument('protocol.name', 'whole')} and "
            f"{argument('protocol.size')} (own, the short side, or a height and a width)",
        ),
    )


def _does(said: Mapping[str, Any], step: str) -> bool:
    return said.get(f"do_{step}", True) is not False


def _of_albumentations(said: Mapping[str, Any], path: Path) -> Beside:
    """Read what `albumentations.Compose.save_pretrained` writes: Resize, ToFloat and Normalize are understood."""
    transform = said.get("transform")
    steps = transform.get("transforms", [transform]) if isinstance(transform, Mapping) else None
    if not isinstance(steps, list) or not all(isinstance(step, Mapping) for step in steps):
        raise UserError(f"{path}: has no list of transforms; save it again with albumentations' save_pretrained")
    found = Beside(protocol=ProtocolSettings("whole"))
    white = 255.0  # what a value of 255 has become, which ToFloat changes
    for step in steps:
        name = str(step.get("__class_fullname__", "")).rsplit(".", 1)[-1]
        note = ""
        if name == "Normalize" and step.get("normalization", "standard") != "standard":
            found = replace(found, open=(*found.open, _own_normalisation(step, path)))
        elif name == "Normalize":
            mean = _numbers(step.get("mean", IMAGENET.mean), "mean", path)
            std = _numbers(step.get("std", IMAGENET.std), "std", path)
            most = step.get("max_pixel_value", 255.0)
            most = _number(most, "max_pixel_value", path) if most is not None else 255.0 if white == 255 else 1.0
            found = replace(found, preprocessing=_preprocessing(mean, std, white / most, path))
        elif name == "ToFloat":
            most = step.get("max_value")
            white /= 255.0 if most is None else _number(most, "max_value", path)
        elif name in ("Resize", "SmallestMaxSize", "LongestMaxSize"):
            keys = {"SmallestMaxSize": "shortest_edge", "LongestMaxSize": "longest_edge"}
            size = (
                {side: step.get(side) for side in ("height", "width")}
                if name == "Resize"
                else {keys[name]: step.get("max_size")}
            )
            protocol = protocol_of_size(size)
            if protocol is None:
                raise UserError(f"{path}: {name} has the size {json.dumps(size)}, but must have whole numbers from 1")
            note = size_note(protocol)
            found = replace(found, protocol=protocol)
        elif name not in ("ToTensorV2", "NoOp"):
            note = f"{name or 'a step without a name'} is left out: no setting here does it"
        found = replace(found, notes=(*found.notes, *((f"{path.name}: {note}",) if note else ())))
    if found.preprocessing is None and white != 255 and not found.open:
        found = replace(found, preprocessing=_preprocessing((0.0,), (1.0,), white, path))
    if (taken := found.preprocessing) is not None:
        note = f"{path.name}: mean {shown_numbers(taken.mean)}, standard deviation {shown_numbers(taken.std)}"
        found = replace(found, notes=(*found.notes, note))
    return found


def _own_normalisation(step: Mapping[str, Any], path: Path) -> OpenSetting:
    """Return what is said of a normalisation by each picture's own values."""
    return OpenSetting(
        "preprocessing.mean",
        f"{path.name}: Normalize has normalization {step['normalization']!r}, by each picture's own values, which no "
        "setting here does: only a fixed mean and standard deviation can be had",
        must=True,
    )


def of_encoder(config: Mapping[str, Any], where: str) -> Beside:
    """Take the normalisation that segmentation_models_pytorch gives for an encoder of timm's with its weights.

    Args:
        config: Its settings.
        where: Where they stand, for people.
    """
    name, weights = config.get("encoder_name"), config.get("encoder_weights")
    if not isinstance(name, str) or not name.startswith("tu-") or not weights:
        return Beside()
    from timm.models import get_pretrained_cfg

    known = get_pretrained_cfg(name.removeprefix("tu-"), allow_unregistered=True)
    if known is None:
        return Beside()
    preprocessing = PreprocessingSettings(tuple(known.mean), tuple(known.std))
    shown = f"mean {shown_numbers(known.mean)}, standard deviation {shown_numbers(known.std)}"
    note = f"{where}: encoder {name} with pretrained weights: {shown}"
    return Beside(preprocessing, None, (note,))


def _preprocessing(mean: tuple[float, ...], std: tuple[float, ...], scale: float, path: Path) -> PreprocessingSettings:
    """Return (v / 255 * scale - mean) / std as settings.

    Args:
        mean: Mean of the scaled values.
        std: Their standard deviation.
        scale: What a value of 255 becomes before it is normalised.
        path: The file, for messages.
    """
    try:
        if len(mean) == 1:
            mean, std = mean * 3, std * 3
        return PreprocessingSettings(tuple(m / scale for m in mean), tuple(s / scale for s in std))
    except (UserError, ZeroDivisionError) as error:
        raise UserError(f"{path}: its normalisation cannot be taken ({reason_of(error)})") from None


def _number(value: Any, name: str, path: Path) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise UserError(f"{path}: {name} is {_shown(value)}, but must be a positive number")
    return float(value)


def _numbers(value: Any, name: str, path: Path) -> tuple[float, ...]:
    values = [value] if isinstance(value, int | float) else value
    if (
        not isinstance(values, list | tuple)
        or not values
        or not all(isinstance(one, int | float) and not isinstance(one, bool) for one in values)
    ):
        raise UserError(f"{path}: {name} is {_shown(value)}, but must be a number for each channel")
    return tuple(float(one) for one in values)


def _shown(value: Any) -> str:
    return "null" if value is None else repr(value)


def shown_numbers(values: Any) -> str:
    """Return numbers for people, with four digits each."""
    return ", ".join(f"{value:.4g}" for value in values)
