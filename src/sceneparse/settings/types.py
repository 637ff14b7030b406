"""Types of settings: whoever writes Python has no reader of recipes before them, which would refuse wrong ones."""

import dataclasses
import os
import sys
from collections.abc import Mapping
from functools import cache
from numbers import Integral, Real
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from sceneparse.arguments import argument, shown
from sceneparse.errors import require
from sceneparse.paths import expanded_text

COUNTS = ("no", "one", "two", "three", "four")
ONE: dict[Any, str] = {int: "a whole number", float: "a number", bool: "True or False", str: "text", NoneType: "None"}
SEVERAL: dict[Any, str] = {int: "whole numbers", float: "numbers", str: "names"}
"""How messages call types."""

PATH: Mapping[str, bool] = MappingProxyType({"path": True})
"""Marks a setting that may be a path: `check_types` puts the home folder in it for "~"."""


def check_types(settings: object, group: str) -> None:
    """Refuse settings of which one has another type than it is declared with. Paths become text, "~" the home folder.

    Infinity and NaN are refused in every setting and in whatever options there are inside it: none gives them a
    meaning, and a training would go wrong by them far from here.

    Args:
        settings: A dataclass of settings.
        group: What stands before their names in messages, such as "data.toyworld"; may be empty.

    Raises:
        UserError: A value that no recipe could hold.
    """
    kind: Any = type(settings)
    for name, hint in _hints(kind).items():
        value = getattr(settings, name)
        if isinstance(value, os.PathLike) and str in _forms(hint):
            value = os.fspath(value)
            object.__setattr__(settings, name, value)
        if isinstance(value, str) and name in _paths(kind):
            object.__setattr__(settings, name, expanded_text(value))
        elif not fits(value, hint):
            said = argument(f"{group}.{name}" if group else name)
            quotes = quotes_needed(value) if _lists_text(value, hint) else ""
            require(False, f"{said} is {shown(value)}, but must be {_in_words(hint)}{quotes}")
        elif (found := _not_finite(value, f"{group}.{name}" if group else name)) is not None:
            said, odd = found
            must = "finite numbers" if isinstance(odd, list | tuple) else "a finite number"
            require(False, f"{argument(said)} is {shown(odd)}, but must be {must}")


def fits(value: object, hint: Any) -> bool:
    """Return whether a value is of a type, as hints write it; a list is taken for a tuple, a whole number for any."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return fits(value, inner[0])
    if origin in (Union, UnionType):
        return any(fits(value, one) for one in inner)
    if origin is Literal:
        # True == 1, but is none of 1 and 3.
        return any(value == one and isinstance(value, type(one)) and not isinstance(value, bool) for one in inner)
    if origin is tuple:
        if not isinstance(value, tuple | list):
            return False
        if inner[-1] is Ellipsis:
            return all(fits(one, inner[0]) for one in value)
        return len(value) == len(inner) and all(map(fits, value, inner))
    if origin is dict:
        return isinstance(value, Mapping) and all(
            fits(key, inner[0]) and fits(one, inner[1]) for key, one in value.items()
        )
    if hint is Any:
        return True
    if hint in (int, float):
        return isinstance(value, Integral if hint is int else Real) and not isinstance(value, bool)
    return isinstance(value, hint)


def _not_finite(value: object, name: str) -> tuple[str, object] | None:
    """Return the dotted name and the value of a number, or a list with one, that is beyond floats; None without one."""
    if isinstance(value, Mapping):
        return next((found for key, one in value.items() if (found := _not_finite(one, f"{name}.{key}"))), None)
    if isinstance(value, list | tuple):
        found = next((found for one in value if (found := _not_finite(one, name))), None)
        return (name, value) if found and found[0] == name else found
    number: Any = value
    # NaN is below nothing, and a whole number may be too large for a float.
    return (name, value) if isinstance(value, Real) and not abs(number) <= sys.float_info.max else None


def quotes_needed(value: object) -> str:
    """Say how a name is written that YAML takes for something else, such as 12, on or no: the end of a message.

    Args:
        value: What a recipe holds where text is wanted.

    Returns:
        The words; empty where there is nothing in it that quotes would make text.
    """
    if isinstance(value, Mapping):
        return quotes_needed([*value, *value.values()])
    if isinstance(value, list | tuple):
        return next((said for one in value if (said := quotes_needed(one))), "")
    if not isinstance(value, bool | int | float):
        return ""
    return '; names such as 12, on and no are text in quotes: "12", "on", "no"'


def _lists_text(value: object, hint: Any) -> bool:
    """Whether texts are wanted in a list or a mapping, and a value is one."""
    containers = {tuple: list | tuple, dict: Mapping}
    return any(isinstance(value, containers.get(get_origin(form), ())) and _holds_text(form) for form in _forms(hint))


def _holds_text(hint: Any) -> bool:
    return hint is str or any(map(_holds_text, get_args(hint)))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


@cache
def _paths(kind: type) -> frozenset[str]:
    """The settings that `PATH` marks."""
    declared: Any = kind
    return frozenset(item.name for item in dataclasses.fields(declared) if item.metadata.get("path", False))


def _forms(hint: Any) -> tuple[Any, ...]:
    """The types of which a value may be any."""
    if get_origin(hint) is Annotated:
        return _forms(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return tuple(form for one in get_args(hint) for form in _forms(one))
    return (hint,)


def _in_words(hint: Any) -> str:
    return " or ".join(dict.fromkeys(map(_one_in_words, _forms(hint))))


def _one_in_words(hint: Any) -> str:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return f"one of {', '.join(map(str, inner))}" if len(inner) > 1 else str(inner[0])
    if origin is tuple:
        several = SEVERAL.get(inner[0], "values")
        if get_origin(inner[0]) is tuple:
            several = f"items, each {_in_words(inner[0])}"
        if inner[-1] is Ellipsis:
            return f"a list of {several}"
        return f"{COUNTS[len(inner)]} {several}{', the last maybe None,' if NoneType in _forms(inner[-1]) else ''}"
    if origin is dict:
        return "a mapping"
    return ONE.get(hint) or str(hint.__name__)
