"""Where a keyword belongs that a call in Python doesn't have: in a protocol, in a recipe, or in another call."""

import dataclasses
import re
from collections.abc import Callable, Collection
from typing import Any

from sceneparse.arguments import shown
from sceneparse.calls import Elsewhere
from sceneparse.recipes.hints import ELSEWHERE, MEANT
from sceneparse.recipes.known import GROUP, dotted_settings
from sceneparse.settings import DataSettings, ProtocolSettings, Recipe

OF_LOAD = ("engine", "device", "precision", "protocol", "tasks")
"""What a parser is loaded with, and no call of it is given."""

NAMED = 3
"""Groups at most that are named where several have a setting of one name."""

COMMANDS = {"rival": "comparison"}
"""Options of commands that have another name in Python."""


def in_protocol(call: str, own: Collection[str] = ()) -> Elsewhere:
    """Return what says of a keyword that it is a setting of the protocol.

    Args:
        call: What takes the protocol.
        own: The call's other names for options of the command, of those in `COMMANDS`.
    """

    def elsewhere(keyword: str, value: object) -> str | None:
        if COMMANDS.get(keyword) in own:
            return f"did you mean {COMMANDS[keyword]}={shown(value)}?"
        if keyword not in _of_protocol():
            return None
        return f"it is a setting of the protocol: {call}(…, protocol={{{keyword!r}: {shown(value)}}})"

    return elsewhere


def in_load(keyword: str, value: object) -> str | None:
    """Say of a keyword that a parser is loaded with it."""
    if keyword in OF_LOAD:
        return f"a parser is loaded with it: sceneparse.load(…, {keyword}={shown(value)})"
    return in_protocol("sceneparse.load")(keyword, value)


def in_data(call: str) -> Elsewhere:
    """Return what says of a keyword that it is a setting of the data.

    Args:
        call: What takes the settings.
    """

    def elsewhere(keyword: str, value: object) -> str | None:
        if keyword not in {one.name for one in dataclasses.fields(DataSettings)}:
            return None
        others = "" if keyword == "root" else ", root='DIR'"
        given = f"DataSettings('folder'{others}, {keyword}={shown(value)})"
        return f"it is a setting of the data: {call}({given}), with DataSettings of sceneparse.settings"

    return elsewhere


def in_recipe(keyword: str, value: object) -> str | None:
    """Say of a keyword that it is a setting of a recipe, or which is meant by a word of another package."""
    if dotted_settings(Recipe).get(keyword) == GROUP:
        given = shown(value) if not isinstance(value, str) else f"{{{MEANT.get(keyword, 'name')!r}: {value!r}}}"
        return f"it is a part of a recipe: train(read_recipe('…', {keyword}={given}))"
    return _in_group(keyword, value, lambda changes: f"train(read_recipe('…', {changes}))")


def in_changes(keyword: str, value: object) -> str | None:
    """Say of a keyword of `read_recipe` that it is a setting in a group, and stands in a mapping."""
    if keyword in {one.name for one in dataclasses.fields(Recipe)}:
        return None
    return _in_group(keyword, value, lambda changes: f"read_recipe('…', {changes})")


def _in_group(keyword: str, value: object, call: Callable[[str], str]) -> str | None:
    """What is said of a setting by its bare name, which may stand in several groups; None of what is none.

    Args:
        keyword: The name.
        value: What it is given.
        call: The call with that in place, written as changes of a recipe.
    """
    known = dotted_settings(Recipe)
    called = [name for name in known if "." in name and name.rpartition(".")[2] == keyword]
    # A group inside a group is meant less often than what stands in one itself.
    found = [name for name in called if name.count(".") == 1] or called
    said = "it is a setting of a recipe"
    for words, text in () if found else ELSEWHERE.items():
        if keyword.lower() in words and "{" not in text:
            found = [name for name in re.findall("<(.*?)>", text) if name.count(".") == 1]
            said = re.sub("<(.*?)>", r"\1", text) if not text.startswith("<") or len(found) > 1 else f"it is {found[0]}"
            value = _unit_changed(keyword, value)
    if not found:
        return None
    given = "…" if value is None else shown(value)
    return f"{said}: {' or '.join(call(_as_change(name, given)) for name in found[:NAMED])}"


def _as_change(name: str, given: str) -> str:
    """A setting with its value as a change of a recipe: "training={'iterations': 500}"."""
    first, *others = name.split(".")
    for part in reversed(others):
        given = f"{{{part!r}: {given}}}"
    return f"{first}={given}"


def _unit_changed(keyword: str, value: object) -> Any:
    """The value of a setting by another package's word; None where it counts something else."""
    return None if "epoch" in keyword or keyword in ("imgsz", "img_size", "image_size", "input_size") else value


def _of_protocol() -> set[str]:
    return {one.name for one in dataclasses.fields(ProtocolSettings)} - {"name"}
