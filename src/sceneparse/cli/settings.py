"""Settings on the command line: `--dotted.name value` arguments, read as typed values."""

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import yaml

from sceneparse.errors import UserError
from sceneparse.recipes.hints import of_group
from sceneparse.recipes.known import (
    GROUP,
    dotted_settings,
    keys_of,
    one_line,
    refuse_unknown,
    refuse_unknown_in_lists,
    settings_parser,
)
from sceneparse.recipes.renamed import RENAMED, new_name, with_new_names
from sceneparse.recipes.yaml_text import TwiceError, load_yaml

CLASSES = "data.classes"
"""A group that was a file, which is still taken there."""

WHERE = "command line"
"""How messages call where arguments stand."""

Pair = tuple[str, str | None]
"""A setting's name and its value; None where it is missing."""


def parted(arguments: Sequence[str], options: Collection[str]) -> tuple[list[str], list[str]]:
    """Part a command's arguments into its own and the settings, each with its value.

    Args:
        arguments: What follows the command.
        options: The command's own options, such as "--out".

    Returns:
        The command's own arguments, and what looks like settings, known or not.
    """
    from sceneparse.settings import Recipe

    own: list[str] = []
    settings: list[str] = []
    known = None
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        option, equals, _ = word.partition("=")
        named = option.startswith("--") and option not in options and len(option) > 2
        if named and "." not in option:
            known = known or dotted_settings(Recipe)
            named = option[2:] in known
        if not named:
            own.append(word)
            continue
        settings.append(word)
        if not equals and rest and not _is_option(rest[0]):
            settings.append(rest.pop(0))
    return own, settings


def _is_option(word: str) -> bool:
    return word.startswith("--") or word == "-h"


def given_settings(kind: type, arguments: Sequence[str]) -> dict[str, Any]:
    """Read `--dotted.name value` and `--dotted.name=value` arguments.

    Args:
        kind: The settings class that the names are below.
        arguments: The arguments.

    Returns:
        What is given and nothing else: nested mappings, each value of its setting's type.

    Raises:
        UserError: An unknown setting (the nearest known one is named), or a value of the wrong type.
    """
    import jsonargparse

    known = dotted_settings(kind)
    pairs = _with_new_names(list(_pairs(arguments)))
    for name, value in pairs:
        refuse_unknown(name, known, WHERE, "--")
        if value is None:
            raise UserError(f"{WHERE}: --{name} has no value: it must be {known.get(name, 'a value')}")
        if known.get(name) == GROUP:
            _check_group(name, value, known)
        if "{" in value:
            refuse_unknown_in_lists(kind, _nested(name, _loaded(name, value)), WHERE)
    try:
        words = [f"--{name}={value}" for name, value in pairs]
        read = settings_parser(kind).parse_args(words, defaults=False)
    except (jsonargparse.ArgumentError, TypeError, ValueError) as error:
        raise UserError(f"{WHERE}: {one_line(str(error), known, typed=True)}") from None
    found: dict[str, Any] = _plain(read)
    return found


def _pairs(arguments: Sequence[str]) -> Iterator[Pair]:
    """The name and the value of each setting that is given; None where a value is missing.

    Raises:
        UserError: An argument that is neither.
    """
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if not argument.startswith("--"):
            blanks = "" if argument.startswith("-") else ", and a value or name with blanks in quotes"
            raise UserError(f"{WHERE}: unexpected '{argument}'; a setting is given as --name value{blanks}")
        name, equals, value = argument[2:].partition("=")
        if not equals:
            yield name, None if not rest or _is_option(rest[0]) else rest.pop(0)
        else:
            yield name, value


def _check_group(name: str, value: str, known: dict[str, str]) -> None:
    """Refuse what is no mapping of a group's settings."""
    group = _loaded(name, value)
    if not isinstance(group, dict):
        raise UserError(of_group(name, value, known, WHERE, typed=True))
    for key in keys_of(group, known, WHERE, f"{name}."):
        refuse_unknown(key, known, WHERE, "--")


def _loaded(name: str, text: str) -> Any:
    """What a setting's value holds, text that is no YAML as it is.

    Raises:
        UserError: A key stands twice in it.
    """
    try:
        return load_yaml(text)
    except TwiceError as error:
        raise UserError(f"{WHERE}: --{name}: {error.problem}") from None
    except yaml.YAMLError:
        return text


def _nested(name: str, value: Any) -> Any:
    for part in reversed(name.split(".")):
        value = {part: value}
    return value


def _plain(value: Any) -> Any:
    """What was read with mappings in place of jsonargparse's namespaces."""
    import jsonargparse

    if isinstance(value, jsonargparse.Namespace):
        value = value.as_dict()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _with_new_names(pairs: Sequence[Pair]) -> list[Pair]:
    """Replace each old name of a setting by the new one.

    Raises:
        UserError: A setting is given under both names.
    """
    given = {name for name, _ in pairs}
    for old, new in RENAMED.items():
        if {old, new} <= given:
            raise UserError(f"{WHERE}: --{old} is now called --{new}, and is given under both names: remove one")
    renamed = []
    for name, value in pairs:
        if name == CLASSES and not isinstance(_loaded(name, value or ""), dict):
            name = f"{CLASSES}.file"
        elif name == "data" and value is not None:
            value = _group_with_new_names(value)
        renamed.append((new_name(name), value))
    return renamed


def _group_with_new_names(text: str) -> str:
    """The settings of data as one argument; text that is no mapping is left to be refused."""
    group = _loaded("data", text)
    if not isinstance(group, dict):
        return text
    return json.dumps(with_new_names({"data": group}, WHERE)["data"])
