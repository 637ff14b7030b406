"""What lies among a network's tensors and is no part of it: losses, metrics, counters, and copies of the network."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

ROOTS = frozenset(
    {"backbone", "encoder", "decoder", "decode_head", "classifier", "head", "features", "feats", "psp", "psp_layer"}
)
"""First parts of the keys of networks themselves, which are no wrapper's."""

PATTERNS = (
    (re.compile(r"^n_averaged$"), "a counter of averaged weights"),
    (re.compile(r"(^|\.)(\w*_)?(loss|losses|criterion|criterions)(_\w+)?(\.|$)"), "a loss"),
    (
        re.compile(rf"^(?!({'|'.join(sorted(ROOTS))})\.)(\w+\.)?(\w+_)?(class|cls|pos|neg|ce|label)_?weights?$"),
        "a loss",
    ),
    (re.compile(r"^(\w*_)?metrics?(_\w+)?\."), "a metric"),
)
"""What is no part of a network by its name, and whose it is."""

STATES = frozenset(
    {"confmat", "tp", "fp", "tn", "fn", "mean_value", "sum_value", "max_value", "min_value", "iou_sum"}
    | {"true_positives", "false_positives", "false_negatives", "true_negatives"}
)
"""States of torchmetrics that no layer has."""

SHARED = frozenset(
    {"total", "correct", "weight", "value", "preds", "target", "support", "numerator", "denominator", "score"}
    | {"num_batches", "union", "intersection", "samples", "measures"}
)
"""States of theirs whose names others may have: a metric's beside one of `STATES`, or under a metric's name."""

METRIC = re.compile(
    r"^(\w*_)?m?(iou|acc|accuracy|f1|f1_?score|fbeta|dice|dice_?score|jaccard|jaccard_?index|precision|recall|auroc|"
    r"confusion_?matrix|confmat|stat_?scores|specificity|kappa|mae|mse)(_\w+)?$",
    re.IGNORECASE,
)

COUNTER, MOVING = "num_batches_tracked", "running_mean"

COPY = re.compile(r"(^|_)(ema|teacher|swa|averaged?|avg|momentum|shadow)(_|$)")
"""What a second copy of a network is called."""

WRAPPED = "_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module"
"""What torch.compile and FSDP add to keys, which no network has of its own."""

FALLING = re.compile(rf"(^|\.)(module|{WRAPPED})(?=\.)")
"""What wrappers add to the keys of a copy."""


def left_out(keys: Mapping[str, Any]) -> Iterator[tuple[list[str], str]]:
    """Yield keys that are no part of a network, with whose they are.

    Args:
        keys: All keys, at the level of the network or of its wrapper.
    """
    rest = dict(keys)
    for pattern, whose in PATTERNS:
        if found := [key for key in rest if pattern.search(key)]:
            yield found, whose
            rest = {key: value for key, value in rest.items() if key not in found}
    if found := _metrics(rest):
        yield found, "a metric"
    if found := [key for key in rest if _is_alone(key, rest)]:
        yield found, "a counter of batches"


def copies(keys: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield the first parts of the keys of copies of the network that lies unwrapped beside them, and these keys.

    A copy has each key of the network, and no other.
    """
    groups = {key.partition(".")[0] for key in keys}
    if not ROOTS & groups:
        return
    named = sorted(group for group in groups if COPY.search(group))
    own = {key for key in keys if key.partition(".")[0] not in named}
    for group in named:
        theirs = [key for key in keys if key.startswith(f"{group}.") or key == group]
        inner = {FALLING.sub("", f".{key.removeprefix(f'{group}.')}").lstrip(".") for key in theirs}
        # The counters of averages are in neither.
        if inner - {"n_averaged"} == own or {_inner(key) for key in inner - {"n_averaged"}} == own:
            yield group, theirs


def _inner(key: str) -> str:
    return key.partition(".")[2] if key.partition(".")[0] in ("model", "net", "network") else key


def _metrics(keys: Mapping[str, Any]) -> list[str]:
    """Return the states of metrics: what lies together with one that no layer has, outside of a network's own parts."""
    parents: dict[str, set[str]] = {}
    for key in keys:
        parent, _, last = key.rpartition(".")
        parents.setdefault(parent, set()).add(last)
    metrics = set()
    for parent, names in parents.items():
        parts = parent.split(".")
        if not parent or ROOTS & set(parts) or not names <= STATES | SHARED:
            continue
        if names & STATES or (METRIC.match(parts[-1]) and names - {"weight", "score", "value"}):
            metrics.add(parent)
    return [key for key in keys if key.rpartition(".")[0] in metrics]


def _is_alone(key: str, keys: Mapping[str, Any]) -> bool:
    """Return whether a key counts batches, but no normalisation's: there is nothing else that it could belong to."""
    parent, _, last = key.rpartition(".")
    return last == COUNTER and f"{parent}.{MOVING}" not in keys
