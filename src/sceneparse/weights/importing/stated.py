"""What a training says of itself beside its weights: hyper-parameters, arguments and configurations, flattened."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sceneparse.weights.importing.pickles import Inert, TensorRecord
from sceneparse.weights.importing.standing import KINDS

GROUPS = (
    "hyper_parameters",
    "datamodule_hyper_parameters",
    "hparams",
    "args",
    "config",
    "cfg",
    "opt",
    "params",
    "model_config",
    "config.json",
)
"""Where training scripts put their settings, in this order; groups by other names come after them."""

OTHERS = re.compile(
    r"^(\w*_)?(optim\w*|lr|scheduler\w*|sched|callbacks?|trainer|early_stop\w*|logger|loss(es)?|criterion|teacher|"
    r"aug\w*|train_transforms?|checkpoint\w*)(_\w+)?$"
)
"""Groups of settings whose names mean something else than of a network, such as a scheduler's threshold."""

NUMBERS = re.compile(r"^(pixel_|image_|img_|input_|norm_|norm_?ali[sz]e_|rgb_|dataset_|data_)?(mean|std)s?$")
"""What training scripts call a mean or a standard deviation of pictures, which may also be a tensor."""

NORMALISES = re.compile(r"(^|[._])norm(ali[sz]e|ali[sz]ation|ali[sz]er)?$", re.IGNORECASE)
"""What a mean and a deviation are called that stand without names of their own, one after the other."""

SCHEDULERS = frozenset({"patience", "threshold_mode", "param_groups", "_step_count", "last_epoch"})
"""What stands in the states of schedulers and optimisers, whatever a training calls them."""

DEEPEST, MOST = 8, 20_000
"""Groups in groups, and settings, that are looked at."""


@dataclass(frozen=True)
class Stated:
    """A setting that a file gives.

    Args:
        path: Where it stands, such as "hyper_parameters.model.threshold".
        value: Its value.
    """

    path: str
    value: Any

    @property
    def key(self) -> str:
        """Its own name, in lower case."""
        return self.path.rpartition(".")[2].lower()

    @property
    def group(self) -> str:
        """Where its neighbours stand; "" beside the weights themselves."""
        return self.path.rpartition(".")[0]

    @property
    def of_network(self) -> bool:
        """Whether it does not stand among an optimiser's, a scheduler's or a loss's settings."""
        return not any(OTHERS.match(part.lower()) for part in self.group.split("."))


def stated_in(content: Mapping[Any, Any]) -> tuple[Stated, ...]:
    """Return the settings in a file's content, those of the outer groups first.

    Args:
        content: What a torch file holds, or groups by name.
    """
    found = [Stated(key, value) for key, value in _items(content) if _is_value(value) or _is_names(value)]
    # Among a network's own tensors, a mean is a buffer.
    if not _is_network(content):
        found += [Stated(key, value) for key, value in _items(content) if _is_numbers(key, value)]
    found += [one for key, value in _items(content) for one in _pair(key, value)]
    known = [(key, content[key]) for key in GROUPS if key in content]
    others = [
        one
        for key, value in _items(content)
        if key not in GROUPS and not OTHERS.match(key.lower())
        for one in _groups(key, value)
        if not _is_scheduler(one[1])
    ]
    for level in (known, others):
        found += _below(level, MOST - len(found))
    return tuple(found)


def _below(level: list[tuple[str, Any]], most: int) -> list[Stated]:
    """Return the settings in groups and the groups in them, at most so many."""
    found: list[Stated] = []
    for _ in range(DEEPEST):
        below: list[tuple[str, Any]] = []
        for path, group in level:
            for key, value in _items(group):
                if len(found) + len(below) > most:
                    return found
                below += _groups(f"{path}.{key}", value)
                found += _pair(f"{path}.{key}", value)
                if _is_value(value) or isinstance(value, Mapping) or _is_numbers(key, value):
                    found.append(Stated(f"{path}.{key}", value))
        level = below
    return found


def encoder_settings(stated: Iterable[Stated]) -> tuple[str, dict[str, Any]]:
    """Return where an encoder is named, as segmentation_models_pytorch does it, and what stands beside its name."""
    group = next((one.group for one in stated if one.key == "encoder_name" and isinstance(one.value, str)), None)
    if group is None:
        return "", {}
    return group, {one.key: one.value for one in stated if one.group == group}


def named(stated: Iterable[Stated], *keys: str) -> list[Stated]:
    """Return the settings of the network with one of these names."""
    return [one for one in stated if one.key in keys and one.of_network]


def _items(group: Any) -> Iterator[tuple[str, Any]]:
    """Yield what has a name in a dictionary, or in an object that was left inert: a Namespace, a DictConfig."""
    if isinstance(group, Inert):
        # OmegaConf's containers keep their values in `_content`.
        inner = group.attributes.get("_content")
        group = inner if isinstance(inner, Mapping) else group.attributes
    if isinstance(group, Mapping):
        for key, value in group.items():
            if isinstance(key, str) and (not key.startswith("_") or key in KINDS):
                yield key, _plain(value)


def _plain(value: Any) -> Any:
    """Return the value in OmegaConf's nodes and lists."""
    if isinstance(value, Inert):
        if "_val" in value.attributes:
            return value.attributes["_val"]
        inner = value.attributes.get("_content")
        return [_plain(one) for one in inner] if isinstance(inner, list) else value
    return value


def _groups(path: str, value: Any, deep: int = 2) -> list[tuple[str, Any]]:
    """Return a group with its path, or those in a list, each with its place; nothing for anything else.

    Args:
        path: Where the value stands.
        value: A setting's value.
        deep: In how many lists, one in the other, groups are looked for.
    """
    if isinstance(value, list | tuple) and deep and not _is_value(value):
        return [one for index, inner in enumerate(value) for one in _groups(f"{path}.{index}", inner, deep - 1)]
    return [(path, value)] if isinstance(value, Mapping | Inert) and not _is_network(value) else []


def _pair(path: str, value: Any) -> list[Stated]:
    """Return the mean and the deviation of a pair such as `normalize: ([0.5], [0.5])`; nothing for anything else."""
    if not NORMALISES.search(path) or not isinstance(value, list | tuple) or len(value) != 2:
        return []
    if not all(isinstance(side, list | tuple) and side and _is_value(side) for side in value):
        return []
    return [Stated(f"{path}.{name}", side) for name, side in zip(("mean", "std"), value, strict=True)]


def _is_network(group: Any) -> bool:
    """Return whether a group is a state_dict: tensors under keys with dots, or little else than weights.

    Beside settings and beside a state_dict, a tensor may be a class's weight or a score.
    """
    if any(isinstance(value, Mapping) and _has_dotted(value) for _, value in _items(group)):
        return False
    tensors = [
        key for key, value in _items(group) if isinstance(value, TensorRecord) and not NUMBERS.match(key.lower())
    ]
    return _has_dotted(group) or 2 * len(tensors) > sum(1 for _ in _items(group))


def _has_dotted(group: Any) -> bool:
    return any(isinstance(value, TensorRecord) and "." in key for key, value in _items(group))


def _is_scheduler(group: Any) -> bool:
    names = group.attributes if isinstance(group, Inert) else group
    return any(key in SCHEDULERS for key in names)


def _is_numbers(key: str, value: Any) -> bool:
    """Return whether a value is a mean or a deviation that is no plain one: a tensor, or what was an array of NumPy."""
    unread = isinstance(value, TensorRecord | Inert) or (isinstance(value, list | tuple) and not _is_value(value))
    return unread and NUMBERS.match(key.lower()) is not None


def _is_names(value: Any) -> bool:
    """Return whether a mapping may be from classes to names."""
    return isinstance(value, Mapping) and all(isinstance(one, str | int) or one is None for one in value.values())


def _is_value(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(one is None or isinstance(one, bool | int | float | str) for one in value)
    return isinstance(value, bool | int | float | str)
