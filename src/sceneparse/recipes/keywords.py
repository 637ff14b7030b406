"""Where a keyword belongs that a call in Python doesn't have: in a protocol, in a recipe, or in another call."""

import dataclasses
import re
from collections.abc import Collection
from typing import Any

from sceneparse.arguments import shown
from sceneparse.calls import Elsewhere
from sceneparse.recipes.hints import ELSEWHERE, MEANT
from sceneparse.recipes.known import GROUP, dotted_settings
from sceneparse.settings import DataSettings, ProtocolSettings, Recipe

OF_LOAD = ("engine", "device", "precision", "protocol", "tasks")
"""What a parser is loaded with, and no call of it is given."""

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
    known = dotted_settings(Recipe)
    if known.get(keyword) == GROUP:
        given = shown(value) if not isinstance(value, str) else f"{{{MEANT.get(keyword, 'name')!r}: {value!r}}}"
        return f"it is a part of a recipe: train(read_recipe('…', {keyword}={given}))"
    found = [name for name in known if name.count(".") == 1 and name.rpartition(".")[2] == keyword]
    said = "it is a setting of a recipe"
    for words, text in () if found else ELSEWHERE.items():
        if keyword.lower() in words and "{" not in text:
            found = [name for name in re.findall("<(.*?)>", text) if name.count(".") == 1]
            said = re.sub("<(.*?)>", r"\1", text) if not text.startswith("<") or len(found) > 1 else f"it is {found[0]}"
            value = _unit_changed(keyword, value)
    if not found:
        return None
    calls = []
    for group, setting in (name.split(".") for name in found):
        given = "…" if value is None else shown(value)
        calls.append(f"train(read_recipe('…', {group}={{{setting!r}: {given}}}))")
    return f"{said}: {' or '.join(calls[:2])}"


def _unit_changed(keyword: str, value: object) -> Any:
    """The value of a setting by another package's word; None where it counts something else."""
    return None if "epoch" in keyword or keyword in ("imgsz", "img_size", "image_size", "input_size") else value


def _of_protocol() -> set[str]:
    return {one.name for one in dataclasses.fields(ProtocolSettings)} - {"name"}
