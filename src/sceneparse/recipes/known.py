"""What settings there are under a settings class, and what is said of a key or a value that is none of them."""

import dataclasses
import difflib
import re
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import yaml

from sceneparse.arguments import argument, yaml_list
from sceneparse.errors import UserError
from sceneparse.recipes.hints import called_elsewhere, of_group
from sceneparse.recipes.yaml_text import load_yaml
from sceneparse.settings.choices import Choice
from sceneparse.settings.types import quotes_needed

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

GROUP = "settings"
"""How the type of a setting is called that is a group of others."""

MAPPING = "a mapping"
"""How a setting's type is called that holds settings of another package, by names that are known there."""


def dotted_settings(kind: Any, prefix: str = "") -> dict[str, str]:
    """Every dotted key under a settings class, with its type as a reader would write it."""
    keys = {}
    hints = get_type_hints(kind, include_extras=True)
    for item in dataclasses.fields(kind):
        hint = hints[item.name]
        keys[prefix + item.name] = GROUP if dataclasses.is_dataclass(hint) else _readable(hint)
        if dataclasses.is_dataclass(hint):
            keys |= dotted_settings(hint, f"{prefix}{item.name}.")
    return keys


def settings_parser(kind: Any) -> "ArgumentParser":
    """Return the parser of all settings under a settings class, made once; it raises its errors."""
    return _made_parser(kind)


@cache
def _made_parser(kind: type) -> "ArgumentParser":
    import jsonargparse

    parser = jsonargparse.ArgumentParser(exit_on_error=False, add_help=False)
    parser.add_class_arguments(kind, None)
    return parser


def defaults_of_groups(kind: Any) -> dict[str, Any]:
    """Return what a settings class gives its groups as defaults other than those of their own classes."""
    return _defaults_of_groups(kind)


@cache
def _defaults_of_groups(kind: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    hints = get_type_hints(kind)
    for item in dataclasses.fields(kind):
        hint = hints[item.name]
        if not dataclasses.is_dataclass(hint):
            continue
        if item.default is not dataclasses.MISSING:
            found[item.name] = dataclasses.asdict(item.default)
        elif item.default_factory not in (hint, dataclasses.MISSING):
            found[item.name] = dataclasses.asdict(item.default_factory())
        elif inside := _defaults_of_groups(hints[item.name]):
            found[item.name] = inside
    return found


def _readable(hint: Any) -> str:
    if get_origin(hint) is Annotated:
        chosen = [mark for mark in get_args(hint)[1:] if isinstance(mark, Choice)]
        inner = get_args(hint)[0]
        if not chosen:
            return _readable(inner)
        some = "one of " + ", ".join(chosen[0].names())
        return f"a list of names, each {some}" if get_origin(inner) is tuple else some
    if get_origin(hint) is dict:
        return MAPPING
    if get_origin(hint) is tuple:
        return _readable_list(get_args(hint))
    text = hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint)
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(str(value) for value in get_args(hint))
    if get_origin(hint) in (Union, UnionType):
        if {int, float} <= set(get_args(hint)):
            return " or ".join(["a number", *["null"] * (NoneType in get_args(hint))])
        return " or ".join("null" if part is NoneType else _readable(part) for part in get_args(hint))
    return {"int": "a whole number", "float": "a number", "str": "text", "bool": "true or false"}.get(text, text)


def _readable_list(items: tuple[Any, ...]) -> str:
    """A list's type, such as "a list of whole numbers" or "a list of 2 numbers"."""
    names = {int: "whole numbers", float: "numbers", str: "texts"}
    many = "" if Ellipsis in items else f"{len(items)} "
    if dataclasses.is_dataclass(items[0]):
        return f"a list of {many}mappings"
    if NoneType in get_args(items[-1]):
        return f"{_readable_list((*items[:-1], items[0]))}, the last maybe null,"
    return f"a list of {many}{names.get(items[0], f'items, each {_readable(items[0])}')}"


def keys_of(mapping: Any, known: dict[str, str], where: str, prefix: str = "") -> list[str]:
    """The dotted keys that a mapping sets, groups before what is in them."""
    keys = []
    for key, value in mapping.items():
        dotted = f"{prefix}{key}"
        keys.append(dotted)
        if known.get(dotted) == GROUP and not isinstance(value, dict):
            raise UserError(of_group(dotted, value, known, where))
        if isinstance(value, dict) and known.get(dotted) == GROUP:
            keys += keys_of(value, known, where, f"{dotted}.")
    return keys


def refuse_unknown(key: str, known: dict[str, str], where: str, dashes: str = "") -> None:
    """Refuse a dotted key that is no setting; the message names the nearest one.

    Args:
        key: The key.
        known: The settings, from `dotted_settings`.
        where: Where it stands, for the message.
        dashes: What precedes names there.

    Raises:
        UserError: It is none.
    """
    if key in known or _is_free(key, known):
        return
    group = key.rpartition(".")[0]
    if known.get(group, GROUP) != GROUP:
        raise UserError(
            f"{where}: unknown setting '{dashes}{key}': {dashes}{group} is no group, but must be {known[group]}"
        )
    if elsewhere := called_elsewhere(key, known, dashes):
        raise UserError(f"{where}: unknown setting '{dashes}{key}'; {elsewhere}")
    beside = [name for name in known if name.rpartition(".")[0] == group]
    leaf = key.rpartition(".")[2]
    # The same word in another group ("training.lr" for "optimizer.lr") is nearer than a similar word in this one.
    near = difflib.get_close_matches(leaf, [name.rpartition(".")[2] for name in beside], n=1, cutoff=0.7)
    moved = [name for name in known if name.rpartition(".")[2] == leaf]
    close = (
        [f"{group}.{near[0]}".lstrip(".")] if near else moved or difflib.get_close_matches(key, known, n=1, cutoff=0.8)
    )
    hint = (
        "did you mean " + " or ".join(f"'{dashes}{name}'" for name in close) + "?"
        if close
        else f"known here: {', '.join(dashes + name for name in beside or known)}"
    )
    raise UserError(f"{where}: unknown setting '{dashes}{key}'; {hint}")


def refuse_unknown_in_lists(kind: Any, mapping: Any, where: str, prefix: str = "") -> None:
    """Refuse keys that are no settings in the items of lists, such as `data.sources`.

    Args:
        kind: The settings class.
        mapping: What is given of it; values of wrong types are left for others to refuse.
        where: Where it stands, for the message.
        prefix: The dotted name of the group that it is of, with a dot.

    Raises:
        UserError: There is one.
    """
    hints = get_type_hints(kind)
    for item in dataclasses.fields(kind):
        hint, value = hints[item.name], mapping.get(item.name)
        if dataclasses.is_dataclass(hint) and isinstance(value, dict):
            refuse_unknown_in_lists(hint, value, where, f"{prefix}{item.name}.")
        if get_origin(hint) is not tuple or not isinstance(value, list | tuple):
            continue
        inside = get_args(hint)[0]
        if dataclasses.is_dataclass(inside):
            known = dotted_settings(inside)
            for one in value:
                for key in keys_of(one, known, where) if isinstance(one, dict) else ():
                    refuse_unknown(key, known, f"{where}: {prefix}{item.name}")


def _is_free(key: str, known: dict[str, str]) -> bool:
    """Whether a key stands in a mapping whose keys are not ours to know."""
    above = key.rpartition(".")[0]
    return bool(above) and (known.get(above) == MAPPING or _is_free(above, known))


def refuse_null(values: dict[str, Any], known: dict[str, str], where: str, prefix: str = "") -> None:
    """jsonargparse lets null pass for every type; "dropout:" with nothing behind it would be a None in a sum."""
    for key, value in values.items():
        dotted = f"{prefix}{key}"
        if known[dotted] == MAPPING:
            continue
        if isinstance(value, dict):
            refuse_null(value, known, where, f"{dotted}.")
        elif value is None and not known[dotted].endswith("null"):
            raise UserError(f"{where}: {dotted} is null, but must be {known[dotted]}")


def one_line(message: str, known: dict[str, str], *, typed: bool = False) -> str:
    """jsonargparse's explanation of a bad value, cut to one line: the setting, the value and what it may be.

    Args:
        message: The explanation.
        known: What each setting may be, in words.
        typed: Whether the value was typed on the command line, so that an example is what is typed there.
    """
    key = re.search(r'Parser key "([^"]+)"', message)
    value = re.search(r"(?:Got value|Given value): ?(.*)", message)
    missing = re.search(r"arguments are required: (.*)", message)
    if key and missing:
        return f"{key.group(1)}: {missing.group(1)} is missing, which has no default"
    if key and value and value.group(1) == "None" and key.group(1) in known:
        return f"{key.group(1)} is null, but must be {known[key.group(1)]}"
    if key and value and key.group(1) in known:
        must = known[key.group(1)]
        quotes = quotes_needed(_loaded(value.group(1))) if must == MAPPING or "text" in must else ""
        example = _example(key.group(1), value.group(1), must, typed=typed)
        return f"{key.group(1)} is {value.group(1)!r}, but must be {must}{example}{quotes}"
    return " ".join(message.split())


def _example(name: str, value: str, must: str, *, typed: bool) -> str:
    """The end of a message about a setting that takes a list, and was given one or several values without brackets."""
    listed = re.search(r"a list of (?:(\d+) )?(whole numbers|numbers|texts)", must)
    if listed is None or isinstance(_loaded(value), dict | list):
        return ""
    texts = [one for part in value.strip("[] ").split(",") if (one := part.strip(" '\""))]
    items: list[Any] = texts if listed[2] == "texts" else [_loaded(one) for one in texts]
    wanted = {"whole numbers": int, "numbers": int | float, "texts": str}[listed[2]]
    count = int(listed[1] or len(items))
    if len(items) == 1:
        items *= count
    if not items or len(items) != count or not all(isinstance(one, wanted) for one in items):
        return ""
    return f", such as {argument(name, items) if typed else yaml_list(items)}"


def _loaded(text: str) -> Any:
    """What a message calls a value, which is YAML where it came from YAML."""
    try:
        return load_yaml(text)
    except yaml.YAMLError:
        return text
