"""Settings that had other names: recipes, run folders, model folders and commands with the old ones still work."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from sceneparse.errors import UserError
from sceneparse.settings.data import data_of_kind

RENAMED = {
    "data.size": "data.toyworld.size",
    "data.train_count": "data.toyworld.train_count",
    "data.eval_count": "data.toyworld.eval_count",
    "data.columns": "data.huggingface.columns",
    "data.subset": "data.huggingface.subset",
    "data.modalities": "data.nifti.modalities",
    "data.truth": "data.nifti.truth",
    "data.empty_slices": "data.nifti.empty_slices",
}
"""The new name of each old one."""


def with_new_names(settings: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Settings with each old name replaced by the new one.

    A file that has all the old names was written by an earlier version, with every setting in it. Those that its kind
    of data never used, which are refused now, are left out.

    Args:
        settings: Nested mappings, as read from YAML or JSON.
        where: Where they come from, for messages.

    Raises:
        UserError: A setting stands there under both names.
    """
    renamed: dict[str, Any] = dict(settings)
    old = [name for name in RENAMED if _holds(settings, name)]
    for name in old:
        group, leaf = name.split(".")
        _, below, new = RENAMED[name].split(".")
        if _holds(settings, RENAMED[name]):
            raise UserError(f"{where}: {name} is now called {RENAMED[name]}, and is set under both names: remove one")
        values = dict(renamed[group])
        inside = values.get(below) or {}
        values[below] = {**inside, new: values.pop(leaf)}
        renamed[group] = values
    if len(old) == len(RENAMED):
        renamed["data"] = data_of_kind(renamed["data"], renamed["data"].get("kind", "folder"))
    return renamed


def new_name(setting: str) -> str:
    """The name that a dotted setting has now."""
    return RENAMED.get(setting, setting)


def arguments_with_new_names(arguments: Sequence[str]) -> list[str]:
    """Replace each old name in `--dotted.name value` and `--dotted.name=value` arguments by the new one.

    Raises:
        UserError: A setting is given under both names.
    """
    given = {argument.partition("=")[0] for argument in arguments if argument.startswith("--")}
    for old, new in RENAMED.items():
        if {f"--{old}", f"--{new}"} <= given:
            raise UserError(f"command line: --{old} is now called --{new}, and is given under both names: remove one")
    renamed = []
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if name == "--data" and equals:
            argument = f"--data={_group_with_new_names(value)}"
        elif name.startswith("--"):
            argument = f"--{new_name(name[2:])}{equals}{value}"
        renamed.append(argument)
    return renamed


def _group_with_new_names(text: str) -> str:
    """The settings of data as one argument; text that is no mapping is left for the reader of settings to refuse."""
    try:
        group = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    if not isinstance(group, dict):
        return text
    return json.dumps(with_new_names({"data": group}, "command line")["data"])


def _holds(settings: Any, name: str) -> bool:
    for key in name.split("."):
        if not isinstance(settings, Mapping) or key not in settings:
            return False
        settings = settings[key]
    return True
