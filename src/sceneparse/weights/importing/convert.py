"""Turn a checkpoint into a filled network, with every key of both accounted for."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sceneparse.arguments import argument
from sceneparse.errors import UserError
from sceneparse.networks import SceneParser
from sceneparse.networks.unfilled import sketched, unfilled
from sceneparse.recipes import as_mapping, from_mapping, to_mapping
from sceneparse.settings import DataSettings
from sceneparse.weights.build import build
from sceneparse.weights.config import ModelConfig
from sceneparse.weights.importing.auxiliary import without_unfit_auxiliary
from sceneparse.weights.importing.channels import with_channels
from sceneparse.weights.importing.families.backbone import BackboneRecognition, recognise_backbone
from sceneparse.weights.importing.families.table import (
    AUTO,
    BACKBONE,
    FAMILIES,
    family_names,
    name_of,
    refuse_unknown_family,
)
from sceneparse.weights.importing.family import Family, Names, Recognition, Shapes, UngivenError, theirs
from sceneparse.weights.importing.folders import FOLDER
from sceneparse.weights.importing.one_logit import HALF, decided_by_sigmoid, with_background
from sceneparse.weights.importing.reading import FLOATS, Checkpoint

COUNTER = "num_batches_tracked"
"""The last part of a key that files from before torch 0.4.1 lack, and nothing here reads."""


@dataclass(frozen=True)
class Recognised:
    """The family that a checkpoint was recognised as, with the name it has on the command line, and what it holds."""

    name: str
    family: Family
    recognition: Recognition


@dataclass(frozen=True)
class Account:
    """What happened to a checkpoint's keys.

    Args:
        used: Number of keys that fill a parameter or a buffer.
        dropped: Reasons for which keys were left, and how many for each.
    """

    used: int
    dropped: tuple[tuple[str, int], ...]


def recognise(checkpoint: Checkpoint, family: str) -> Recognised | BackboneRecognition:
    """Return the family of a checkpoint, and what it holds.

    Args:
        checkpoint: The checkpoint.
        family: A name that `family_names` gives, "backbone", or "auto".

    Raises:
        UserError: It is of none, of several, or not of the one that was named.
    """
    refuse_unknown_family(family)
    matches: list[Recognised] = []
    reasons: list[str] = []
    named = ((key, FAMILIES[key]) for key in FAMILIES if name_of(key) == family)
    for key, member in FAMILIES.usable() if family == AUTO else named:
        name = name_of(key)
        if family == AUTO and member.asked_only and not _is_meant(member, checkpoint):
            continue
        try:
            recognition = member.recognise(checkpoint.shapes)
            if recognition is not None and member.refine is not None:
                recognition = member.refine(recognition, checkpoint.meta, Path(checkpoint.source).name)
        except UserError as error:
            reasons.append(f"it looks like {name}, but {error}")
            continue
        except (LookupError, ValueError, ZeroDivisionError):
            reasons.append(f"it looks like {name}, but keys are missing or shapes are none that {name} writes")
            continue
        if recognition is not None and recognition.num_classes < 1:
            raise UserError(f"{checkpoint.source}: its classifier has no classes")
        if recognition is not None:
            recognition = with_channels(without_unfit_auxiliary(recognition, checkpoint.shapes), checkpoint.shapes)
            matches.append(Recognised(name, member, decided_by_sigmoid(recognition, checkpoint.stated)))
    # Those that a folder's name means look like others, too.
    matches = [one for one in matches if one.family.asked_only] or matches
    if len(matches) > 1:
        names = ", ".join(match.name for match in matches)
        raise UngivenError(f"{checkpoint.source}: fits several families ({names}); say which with --from")
    if matches:
        return matches[0]
    if family in (AUTO, BACKBONE):
        try:
            backbone = recognise_backbone(checkpoint.shapes)
        except UserError as error:
            reasons.append(f"it looks like a bare backbone, but {error}")
        else:
            if backbone is not None and not reasons:
                return backbone
    if reasons:
        raise UserError(f"{checkpoint.source}: {reasons[0]}")
    what = "no family that can be imported" if family == AUTO else f"not {family}"
    raise UserError(
        f"{checkpoint.source}: {what}; its first keys are {_first(list(checkpoint.tensors))}"
        + (f"; families: {', '.join((*family_names(), BACKBONE))}" if family == AUTO else "; try --from auto")
    )


def configure(found: Recognised, changes: Mapping[str, Any]) -> ModelConfig:
    """Return the settings of the model that a checkpoint becomes.

    Args:
        found: What it was recognised as.
        changes: What wins over that, by groups: what keys and shapes cannot tell. A protocol that is given stands in
            place of the family's.

    Raises:
        UserError: An unknown setting or a wrong value.
    """
    recognition = found.recognition
    given = as_mapping(changes.get("backbone", {}))
    if given.get("weights") is not None:
        raise UserError("backbone.weights has no effect: the checkpoint fills the backbone")
    if given.get("frozen", "none") != "none":
        raise UserError("backbone.frozen has no effect: an import trains nothing")
    name = f"{recognition.network.architecture}-{recognition.backbone.name}-{found.name}"
    config = ModelConfig(
        name=name,
        backbone=recognition.backbone,
        network=recognition.network,
        preprocessing=recognition.preprocessing,
        protocol=recognition.protocol,
        data=DataSettings(),
    )
    if not changes:
        return config
    values = to_mapping(config)
    if "protocol" in changes:
        # A family's protocol holds together as it is; parts of two would not.
        values["protocol"] = {}
    return from_mapping(ModelConfig, values, f"what was recognised as {found.name}", changes)


def open_settings(found: Recognised, changes: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a line for each setting that was taken to be what is usual and that is not given.

    Args:
        found: What a checkpoint was recognised as.
        changes: The settings that are given.
    """
    return tuple(f"{one.name}: {one.readings}" for one in found.recognition.open if not _is_given(one.name, changes))


def refuse_contradictions(found: Recognised, changes: Mapping[str, Any], where: str) -> None:
    """Refuse a file that contradicts itself on a setting which is not given.

    Args:
        found: What it was recognised as.
        changes: The settings that are given.
        where: The file.

    Raises:
        UngivenError: There is such a setting.
    """
    for one in found.recognition.open:
        if one.must and not _is_given(one.name, changes):
            raise UngivenError(f"{where}: {one.readings}; give {argument(one.name)}")


def _is_meant(family: Family, checkpoint: Checkpoint) -> bool:
    """Return whether the name of a pair's folder says that it is of a family that must be named."""
    folder = checkpoint.meta.get(FOLDER)
    return isinstance(folder, str) and family.folder != "" and folder.startswith(family.folder)


def _is_given(name: str, changes: Mapping[str, Any]) -> bool:
    group, _, setting = name.partition(".")
    return setting in as_mapping(changes.get(group, {})) if setting else group in changes


def convert(checkpoint: Checkpoint, found: Recognised, config: ModelConfig) -> tuple[SceneParser, Account]:
    """Build the network and fill all of it with all of the checkpoint.

    Returns:
        The network, in evaluation mode, and where the keys went.

    Raises:
        UserError: A key that fits nothing, one that is missing, or a tensor of another shape or kind.
    """
    recognition, where = found.recognition, checkpoint.source
    tensors = dict(checkpoint.tensors)
    for adapt in (found.family.adapt, recognition.adapt):
        try:
            tensors = tensors if adapt is None else adapt(tensors)
        except (LookupError, ValueError, RuntimeError):
            raise UserError(f"{where}: looks like {found.name}, but its shapes are none that it writes") from None
    # Without memory at first: what does not fit is refused before anything of its claimed size is made.
    with sketched():
        draft = build(config.backbone, replace(config.network, threshold=HALF), recognition.num_classes)
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    keys_of = match_keys(draft, shapes, recognition.names, recognition.dropped, where, found.name)
    state = _fill(draft, tensors, keys_of, where)
    with unfilled():
        network = build(config.backbone, config.network, max(2, recognition.num_classes))
    network.load_state_dict(with_background(state, network) if recognition.num_classes == 1 else state)
    return network.eval(), Account(len(keys_of), _left(shapes, keys_of, recognition.dropped))


def convert_backbone(checkpoint: Checkpoint, found: BackboneRecognition) -> tuple[dict[str, Tensor], Account]:
    """Return a bare backbone's weights under timm's names.

    Raises:
        UserError: As `convert`.
    """
    import timm

    from sceneparse.networks.backbones import resnets as resnets  # makes its names known to timm

    with sketched():
        draft = timm.create_model(found.name, pretrained=False, num_classes=0)
    keys_of = match_keys(draft, checkpoint.shapes, found.names, found.dropped, checkpoint.source, BACKBONE)
    state = _fill(draft, checkpoint.tensors, keys_of, checkpoint.source)
    return state, Account(len(keys_of), _left(checkpoint.shapes, keys_of, found.dropped))


def match_keys(
    network: nn.Module,
    shapes: Shapes,
    names: Names,
    dropped: Sequence[tuple[str, str]],
    where: str,
    family: str,
) -> dict[str, str]:
    """Find the key in the checkpoint of every parameter and buffer of a network.

    Counters of batches may be absent, all of them or none.

    Raises:
        UserError: A key that fits nothing, one that is missing, or one with another shape.
    """
    wanted = network.state_dict()
    keys_of = {name: theirs(name, names) for name in wanted}
    if len(set(keys_of.values())) != len(keys_of):
        raise ValueError(f"family {family} gives two of our tensors one key")
    counters = [name for name in wanted if name.endswith(COUNTER)]
    if not any(keys_of[name] in shapes for name in counters):
        keys_of = {name: key for name, key in keys_of.items() if not name.endswith(COUNTER)}
    missing = [key for key in keys_of.values() if key not in shapes]
    known = set(keys_of.values())
    surplus = [key for key in shapes if key not in known and not any(re.search(one, key) for one, _ in dropped)]
    if surplus or missing:
        parts = [f"nothing fits {_count(surplus)} of its keys ({_first(surplus)})"] if surplus else []
        parts += [f"it lacks {_count(missing)} ({_first(missing)})"] if missing else []
        raise UserError(f"{where}: recognised as {family}, but {' and '.join(parts)}")
    for name, key in keys_of.items():
        if tuple(wanted[name].shape) != shapes[key]:
            raise UserError(
                f"{where}: recognised as {family}, but '{key}' is {list(shapes[key])} and should be "
                f"{list(wanted[name].shape)}"
            )
    return keys_of


def _fill(
    network: nn.Module, tensors: Mapping[str, Tensor], keys_of: Mapping[str, str], where: str
) -> dict[str, Tensor]:
    state = {}
    for name, value in network.state_dict().items():
        if name not in keys_of:
            state[name] = torch.zeros(value.shape, dtype=value.dtype)
            continue
        given = tensors[keys_of[name]]
        if value.is_floating_point() != (given.dtype in FLOATS):
            kind = "fractions" if value.is_floating_point() else "whole numbers"
            raise UserError(
                f"{where}: '{keys_of[name]}' is {str(given.dtype).removeprefix('torch.')}, but must be {kind}"
            )
        state[name] = given.to(value.dtype, copy=True).contiguous()
    return state


def _left(
    shapes: Shapes, keys_of: Mapping[str, str], dropped: Sequence[tuple[str, str]]
) -> tuple[tuple[str, int], ...]:
    """Return how many keys were left out, for each reason."""
    used = set(keys_of.values())
    counts: dict[str, int] = {}
    for key in shapes:
        if key not in used:
            reason = next(why for pattern, why in dropped if re.search(pattern, key))
            counts[reason] = counts.get(reason, 0) + 1
    return tuple(counts.items())


def _count(keys: Sequence[str]) -> str:
    return "one" if len(keys) == 1 else str(len(keys))


def _first(keys: Sequence[str]) -> str:
    shown = ", ".join(key[:80] for key in keys[:3])
    return shown if len(keys) <= 3 else f"{shown}, …"
