"""Take a network's weights out of what training scripts wrap around them: dictionaries, prefixes, losses, averages."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from sceneparse.errors import UserError
from sceneparse.weights.importing.left_out import COPY, ROOTS, WRAPPED, copies, left_out
from sceneparse.weights.importing.normalisation import is_buffer
from sceneparse.weights.importing.one_logit import THRESHOLD
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

ENCODERS = frozenset({"encoder", "backbone"})
HEADS = frozenset({"decoder", "decode_head", "classifier", "segmentation_head", "head"})
"""What a network with an encoder has beside it."""

ANYWHERE = re.compile(rf"(^|\.)({WRAPPED})(?=\.)")
"""What is added where a part of a network was wrapped."""

UNREAD = re.compile(r"^torch\.((_utils|_tensor)\._rebuild_|(storage\.)?\w+Storage$)")
"""What stands for a tensor that was left inert: sparse, quantised, or of a type that weights do not have."""

AVERAGED = ("state_dict_ema", "ema_state_dict", "model_ema", "ema_model", "ema", "teacher")
"""Of `NESTS`, averages of the weights."""

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
        # Settings of a model may stand where others have its weights.
        taken = next((key for key in nests if _holds_tensors(content[key])), nests[0])
        if others := [str(key)[:40] for key in content if key != taken]:
            notes.append(f"weights taken from '{taken}', beside it: {_some(others)}")
        if averaged := [key for key in nests if key != taken and key in AVERAGED and taken not in AVERAGED]:
            notes.append(_of_average(content, averaged[0], taken))
        content = content[taken]
    records = {key: value for key, value in content.items() if isinstance(key, str) and isinstance(value, TensorRecord)}
    others = [key for key in content if key not in records]
    wrong = next((key for key in others if not _is_aside(key, content[key])), None)
    if wrong is not None or (others and not records):
        key = others[0] if wrong is None else wrong
        if _is_unread(content[key]):
            raise UserError(f"'{str(key)[:60]}' is {kind_of(content[key])}: save it as a plain tensor")
        if objects := [content[one] for one in (*NESTS, *others) if isinstance(content.get(one), Inert)]:
            raise UserError(no_plain_file(objects[0].name or "an object"))
        raise UserError(f"it holds no weights alone: '{str(key)[:60]}' is {kind_of(content[key])}; save the state_dict")
    if not records:
        raise UserError("it holds no weights")
    if others:
        notes.append(f"beside the weights, and no weights: {_some([str(key)[:40] for key in others])}")
    return records, tuple(notes)


def _holds_tensors(group: Mapping[Any, Any]) -> bool:
    """Return whether there is a tensor in a dictionary, or in one that is in it."""
    seen, left = {id(group)}, [group]
    while left:
        for value in left.pop().values():
            if isinstance(value, TensorRecord):
                return True
            if isinstance(value, Mapping) and id(value) not in seen:
                seen.add(id(value))
                left.append(value)
    return False


def _of_average(content: Mapping[Any, Any], key: str, taken: str) -> str:
    """Return what is to be known of an average beside the weights, and how to have it, for people.

    Args:
        content: What holds both.
        key: The average's.
        taken: The key of the weights that are taken.
    """
    meta = content.get("meta")
    if "message_hub" in content or (isinstance(meta, Mapping) and "mmengine_version" in meta):
        # Its EMAHook swaps the two when it saves (before_save_checkpoint).
        return (
            f"MMEngine saves the averaged weights as '{taken}', which is taken; '{key}' holds those that were trained"
        )
    if not _as_many(content[key], content[taken]):
        return (
            f"the averaged weights in '{key}' were not taken, and are no whole state_dict: to have them, copy them "
            "into the network with the code that trained it (torch_ema: copy_to), and import a file of its state_dict()"
        )
    return (
        f"the averaged weights in '{key}' were not taken: to have them, save what is under '{key}' as a file of its "
        "own and import that"
    )


def _as_many(average: Any, taken: Any) -> bool:
    """Return whether an average is as many weights as those that are taken, so that it can be imported by itself."""
    counts = []
    for content in (average, taken):
        try:
            weights, _ = weights_in(content)
        except UserError:
            return False
        counts.append(sum(not name.endswith("num_batches_tracked") for name in unwrapped(weights)[0]))
    return counts[0] >= counts[1]


def _is_aside(key: Any, value: Any) -> bool:
    """Return whether a value may stand among tensors: a counter, or a module's own state."""
    plain = value is None or isinstance(value, bool | int | float)
    return isinstance(key, str) and (plain or (isinstance(value, Inert) and not _is_unread(value)))


def _is_unread(value: Any) -> bool:
    return isinstance(value, Inert) and UNREAD.match(value.name) is not None


def kind_of(value: Any) -> str:
    """Return what a value is, for people."""
    if isinstance(value, TensorRecord):
        return "a tensor"
    if _is_unread(value):
        return f"a tensor in a form that is not read ({value.name[:100]})"
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
        The network's own tensors; what says how it is used, which lay beside it or in it: means and standard
        deviations (`normalisation.is_buffer`), thresholds (`one_logit.THRESHOLD`); notes for people.
    """
    kept: dict[str, Value] = dict(tensors)
    aside: dict[str, Value] = {}
    notes: list[str] = []
    while True:
        for found, whose in left_out(kept):
            notes.append(f"left out: {_some(found)}: of {whose}, not of the network")
            kept = {key: value for key, value in kept.items() if key not in found}
        for group, found in copies(kept):
            notes.append(f"left out: {group}: a copy of the network, which is taken itself")
            kept = {key: value for key, value in kept.items() if key not in found}
        said = {key: value for key, value in kept.items() if is_buffer(key) or THRESHOLD.match(key)}
        aside |= said
        kept = {key: value for key, value in kept.items() if key not in said}
        groups = list(dict.fromkeys(key.partition(".")[0] for key in kept))
        chosen = _wrapper(groups, kept)
        if chosen is None:
            return _without_inner(kept), aside, tuple(notes)
        if others := [group for group in groups if group != chosen]:
            notes.append(f"weights taken from keys that begin with '{chosen}.', beside them: {_some(others)}")
            notes += _unknown(others, kept)
        kept = {key.removeprefix(f"{chosen}."): value for key, value in kept.items() if key.startswith(f"{chosen}.")}


def _without_inner(kept: dict[str, Value]) -> dict[str, Value]:
    """Return tensors without what wrappers of parts add to keys, where all stay different."""
    renamed = {ANYWHERE.sub("", key).lstrip("."): value for key, value in kept.items()}
    # Of a part, DataParallel adds "module." to all of its keys.
    for part in {key.partition(".")[0] for key in renamed} & ROOTS:
        own = [key for key in renamed if key.startswith(f"{part}.")]
        if all(key.startswith(f"{part}.module.") for key in own):
            renamed = {
                key.replace(f"{part}.module.", f"{part}.", 1) if key in own else key: value
                for key, value in renamed.items()
            }
    return renamed if len(renamed) == len(kept) else kept


def _unknown(others: list[str], kept: Mapping[str, Any]) -> list[str]:
    """Return a line on modules beside the network that are no copies and nothing else that is known."""
    unknown = [name for name in others if name not in NETWORKS and not COPY.search(name)]
    if not (modules := [name for name in unknown if any(key.startswith(f"{name}.") for key in kept)]):
        return []
    return [f"{_some(modules)}: not imported; if your network needs it for its output, that will differ"]


def _wrapper(groups: list[str], keys: Mapping[str, object]) -> str | None:
    """Return the first part of the keys that is a wrapper's and falls away; None if there is none."""
    below = {group for group in groups if any(key.startswith(f"{group}.") for key in keys)}
    if len(groups) == 1:
        [only] = groups
        deep = only in below and all(key.count(".") > 1 for key in keys)
        if only in below and only not in ROOTS and (only in NETWORKS or deep):
            return only
    if wholes := [group for group in groups if group in ROOTS & below and _is_whole(keys, f"{group}.")]:
        return wholes[0]
    if ROOTS & set(groups):
        return None
    return next((name for name in NETWORKS if name in below), None)


def _is_whole(keys: Iterable[str], prefix: str) -> bool:
    """Return whether a whole network lies below a prefix that may also be a part's: it has an encoder and a head."""
    inner = [key.removeprefix(prefix) for key in keys if key.startswith(prefix)]
    groups = {key.partition(".")[0] for key in inner}
    if len(groups) == 1 and inner and all("." in key for key in inner):
        return _is_whole(inner, f"{inner[0].partition('.')[0]}.")
    return bool(groups & ENCODERS and groups & HEADS)


def _some(names: list[str]) -> str:
    return ", ".join(name[:60] for name in names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
