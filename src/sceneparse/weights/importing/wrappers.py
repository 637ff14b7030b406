"""Take a network's weights out of what training scripts wrap around them: dictionaries, prefixes, losses, averages."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from sceneparse.errors import UserError
from sceneparse.weights.importing.pickles import Inert, TensorRecord, no_plain_file

NESTS = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "weights",
    "state_dict_ema",
    "ema_state_dict",
    "module",
    "student",
    "model_ema",
    "ema_model",
    "ema",
    "teacher",
)
"""Under which keys training scripts put the weights, in this order."""

NETWORKS = (
    "model",
    "net",
    "network",
    "module",
    "_orig_mod",
    "segmentor",
    "student",
    "model_ema",
    "ema_model",
    "ema",
    "teacher",
)
"""What the one network is called that is taken where several modules lie side by side, in this order."""

ROOTS = frozenset(
    {"backbone", "encoder", "decoder", "decode_head", "classifier", "head", "features", "feats", "psp", "psp_layer"}
)
"""First parts of the keys of networks themselves, which are no wrapper's."""

BESIDE = (
    (re.compile(r"^n_averaged$"), "a counter of averaged weights"),
    (re.compile(r"(^|\.)(\w*_)?(loss|losses|criterion|criterions)(_\w+)?(\.|$)"), "a loss"),
    (re.compile(r"^(\w*_)?metrics?(_\w+)?\."), "a metric"),
)
"""What is no part of a network, and whose it is."""

INPUT = re.compile(r"^(pixel_|image_)?(mean|std)$")
"""Buffers with which a wrapper normalises pictures."""

Value = TypeVar("Value")


def weights_in(content: Any) -> tuple[dict[str, TensorRecord], tuple[str, ...]]:
    """Return the tensors in a torch file's content, and what is left beside them.

    Raises:
        UserError: It holds no dictionary of tensors.
    """
    notes: list[str] = []
    for _ in NESTS:
        if isinstance(content, Inert):
            raise UserError(no_plain_file(content.name or "an object"))
        if not isinstance(content, Mapping):
            raise UserError(
                f"it holds {kind_of(content)}, but weights are a dictionary of tensors; save the state_dict"
            )
        nests = [key for key in NESTS if isinstance(content.get(key), Mapping)]
        if not nests:
            break
        if others := [str(key)[:40] for key in content if key != nests[0]]:
            notes.append(f"weights taken from '{nests[0]}', beside it: {_some(others)}")
        content = content[nests[0]]
    records = {key: value for key, value in content.items() if isinstance(key, str) and isinstance(value, TensorRecord)}
    others = [key for key in content if key not in records]
    wrong = next((key for key in others if not _is_aside(key, content[key])), None)
    if wrong is not None or (others and not records):
        key = others[0] if wrong is None else wrong
        if objects := [content[one] for one in (*NESTS, *others) if isinstance(content.get(one), Inert)]:
            raise UserError(no_plain_file(objects[0].name or "an object"))
        raise UserError(f"it holds no weights alone: '{str(key)[:60]}' is {kind_of(content[key])}; save the state_dict")
    if not records:
        raise UserError("it holds no weights")
    if others:
        notes.append(f"beside the weights, and no weights: {_some([str(key)[:40] for key in others])}")
    return records, tuple(notes)


def _is_aside(key: Any, value: Any) -> bool:
    """Return whether a value may stand among tensors: a counter, or a module's own state."""
    return isinstance(key, str) and (value is None or isinstance(value, bool | int | float | Inert))


def kind_of(value: Any) -> str:
    """Return what a value is, for people."""
    if isinstance(value, TensorRecord):
        return "a tensor"
    if isinstance(value, Inert) and value.name:
        return f"an object of {value.name[:100]}"
    return {dict: "a dictionary", list: "a list", tuple: "a list", str: "a text", int: "a number"}.get(
        type(value), "something else"
    )


def unwrapped(tensors: Mapping[str, Value]) -> tuple[dict[str, Value], dict[str, Value], tuple[str, ...]]:
    """Return the network's tensors without wrappers' prefixes, what normalises its input, and what was left out.

    Args:
        tensors: By the file's keys.

    Returns:
        The network's own tensors; tensors called "mean" and "std" that lay beside it; notes for people.
    """
    kept: dict[str, Value] = dict(tensors)
    aside: dict[str, Value] = {}
    notes: list[str] = []
    while True:
        for pattern, whose in BESIDE:
            if found := [key for key in kept if pattern.search(key)]:
                notes.append(f"left out: {_some(found)}: of {whose}, not of the network")
                kept = {key: value for key, value in kept.items() if key not in found}
        groups = list(dict.fromkeys(key.partition(".")[0] for key in kept if not INPUT.match(key)))
        chosen = _wrapper(groups, kept)
        if chosen is None:
            return kept, aside, tuple(notes)
        aside |= {key.removeprefix("pixel_").removeprefix("image_"): kept[key] for key in kept if INPUT.match(key)}
        if others := [group for group in groups if group != chosen]:
            notes.append(f"weights taken from keys that begin with '{chosen}.', beside them: {_some(others)}")
        kept = {key.removeprefix(f"{chosen}."): value for key, value in kept.items() if key.startswith(f"{chosen}.")}


def _wrapper(groups: list[str], keys: Mapping[str, object]) -> str | None:
    """Return the first part of the keys that is a wrapper's and falls away; None if there is none."""
    below = {group for group in groups if any(key.startswith(f"{group}.") for key in keys)}
    if len(groups) == 1:
        [only] = groups
        deep = only in below and all(key.count(".") > 1 for key in keys if not INPUT.match(key))
        return only if only in below and only not in ROOTS and (only in NETWORKS or deep) else None
    if ROOTS & set(groups):
        return None
    return next((name for name in NETWORKS if name in below), None)


def _some(names: list[str]) -> str:
    return ", ".join(name[:60] for name in names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
