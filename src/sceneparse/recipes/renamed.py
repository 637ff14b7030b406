"""Settings that had other names: recipes, run folders, model folders and commands with the old ones still work."""

from collections.abc import Mapping
from typing import Any

from sceneparse.errors import UserError
from sceneparse.settings.classes import as_group
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
        UserError: A setting stands there under both names, or a class has a colour that is none.
    """
    renamed: dict[str, Any] = dict(settings)
    data = renamed.get("data")
    if isinstance(data, Mapping) and "classes" in data:
        try:
            settings = renamed = {**renamed, "data": {**data, "classes": as_group(data["classes"])}}
        except UserError as error:
            raise UserError(f"{where}: {error}") from None
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


def _holds(settings: Any, name: str) -> bool:
    for key in name.split("."):
        if not isinstance(settings, Mapping) or key not in settings:
            return False
        settings = settings[key]
    return True
