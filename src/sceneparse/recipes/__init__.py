"""Recipes: the YAML files beside this one, and how settings are read from YAML, JSON and the command line."""

import dataclasses
import difflib
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import docstring_parser
import yaml

from sceneparse.errors import UserError
from sceneparse.recipes.earlier import is_earlier_and_whole, without_ignored, without_ignored_training
from sceneparse.recipes.reading import RecipeFile, for_arguments, read_file, recipe_names
from sceneparse.recipes.renamed import arguments_with_new_names, with_new_names
from sceneparse.settings import Recipe
from sceneparse.settings.choices import Choice

__all__ = [
    "from_mapping",
    "read_recipe",
    "recipe_names",
    "refuse_unknown_settings",
    "settings_help",
    "to_mapping",
    "to_yaml",
]

Settings = TypeVar("Settings")

MAPPING = "a mapping"
"""How a setting's type is called that holds settings of another package, by names that are known there."""


def to_mapping(settings: Any) -> dict[str, Any]:
    """A settings object as plain dictionaries, lists, strings and numbers, for YAML and JSON."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        return [plain(item) for item in value] if isinstance(value, tuple | list) else value

    result: dict[str, Any] = plain(dataclasses.asdict(settings))
    return result


def from_mapping(kind: type[Settings], mapping: dict[str, Any], where: str, overrides: Sequence[str] = ()) -> Settings:
    """Make settings of a mapping that holds what differs from the defaults, and of `--dotted.name value` arguments.

    Args:
        kind: The settings class.
        mapping: Nested mappings, as read from YAML or JSON.
        where: Where the mapping comes from, for error messages.
        overrides: Command-line arguments, which win over the mapping.

    Raises:
        UserError: An unknown key (the nearest known one is named), or a value of the wrong kind or out of range.
    """
    import jsonargparse

    known = _dotted(kind)
    overrides = arguments_with_new_names(overrides)
    mapping = for_arguments(with_new_names(mapping, where), overrides)
    for key in _keys_of(mapping, known, where):
        _refuse_unknown(key, known, where, "")
    for argument in overrides:
        if argument.startswith("--"):
            _refuse_unknown(argument[2:].split("=")[0], known, "command line", "--")
    parser = jsonargparse.ArgumentParser(exit_on_error=False, add_help=False)
    parser.add_class_arguments(kind, None)
    # jsonargparse asks an object of each group for its defaults, where null has become what it stands for.
    parser.set_defaults(_null_defaults(kind))
    source = where
    try:
        namespace = parser.parse_object(mapping)
        _refuse_null(namespace.as_dict(), known, where)
        source = "command line"
        namespace = parser.parse_args(list(overrides), namespace=namespace)
    except (jsonargparse.ArgumentError, TypeError, ValueError) as error:
        raise UserError(f"{source}: {_one_line(str(error), known)}") from None
    try:
        return kind(**vars(parser.instantiate(namespace)))
    except UserError as error:
        raise UserError(
            f"{where}: {error}" if not overrides else f"{where} with the command line's values: {error}"
        ) from None


def read_recipe(recipe: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe by the name of one that comes with the package, or from a YAML file.

    A recipe that `extends` another says only what differs from that one.

    Args:
        recipe: A name (`recipe_names`) or a path that ends in .yaml or .yml.
        overrides: `--dotted.name value` arguments that win over the file.

    Raises:
        UserError: No such recipe, not YAML, or settings that don't hold together.
    """
    file = read_file(recipe)
    refuse_unknown_settings(file)
    settings = file.settings()
    if is_earlier_and_whole(settings):
        settings = without_ignored_training(without_ignored(settings))
    return from_mapping(Recipe, settings, file.layers[-1][0], overrides)


def refuse_unknown_settings(file: RecipeFile) -> None:
    """Refuse unknown settings, each in the file where it stands.

    Raises:
        UserError: There is one.
    """
    known = _dotted(Recipe)
    for where, mapping in file.layers:
        for key in _keys_of(mapping, known, where):
            _refuse_unknown(key, known, where, "")


def to_yaml(recipe: Recipe) -> str:
    """The whole recipe, defaults included, as YAML."""
    return yaml.safe_dump(to_mapping(recipe), sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)


def settings_help(groups: Sequence[str] | None = None) -> str:
    """Every setting with its default and meaning, for `--help`.

    Args:
        groups: The groups to show; None shows all, and the recipes of the package before them.
    """
    lines = []
    if groups is None:
        lines.append("recipes:")
        width = max(map(len, recipe_names()))
        for name in recipe_names():
            lines.append(f"  {name:<{width}}  {read_file(name).layers[-1][1].get('description', '')}")
    for group in dataclasses.fields(Recipe):
        if groups is not None and group.name not in groups:
            continue
        default = group.default_factory() if callable(group.default_factory) else None
        if default is None:
            continue
        lines += [f"\n{group.name}:", *_help_lines(default, group.name)]
    return "\n".join(lines)


def _help_lines(group: Any, name: str) -> list[str]:
    """A group's settings with their defaults and meanings; what groups inside it hold stands there too."""
    texts = {item.arg_name: item.description for item in docstring_parser.parse(group.__doc__ or "").params}
    hints = get_type_hints(type(group), include_extras=True)
    lines = []
    for item in dataclasses.fields(group):
        inside = getattr(group, item.name)
        text = " ".join((texts.get(item.name) or "").split())
        if dataclasses.is_dataclass(inside):
            lines += [f"  {name}.{item.name}: {text}", *_help_lines(inside, f"{name}.{item.name}")]
            continue
        text += _unmentioned(hints[item.name], text)
        value = yaml.safe_dump(to_mapping(group)[item.name], default_flow_style=True).split("\n")[0]
        wrapped = textwrap.wrap(text, 110, initial_indent="      ", subsequent_indent="      ")
        lines += [f"  --{name}.{item.name} {value}", *wrapped]
    return lines


def _unmentioned(hint: Any, text: str) -> str:
    """The values of a setting that its text doesn't name: what was added to its table since, or by other packages."""
    marks = [mark for mark in get_args(hint)[1:] if isinstance(mark, Choice)] if get_origin(hint) is Annotated else []
    names = [name for mark in marks for name in mark.names() if not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)]
    return f" Also: {', '.join(names)}." if names else ""


def _dotted(kind: Any, prefix: str = "") -> dict[str, str]:
    """Every dotted key under a settings class, with its type as a reader would write it."""
    keys = {}
    hints = get_type_hints(kind, include_extras=True)
    for item in dataclasses.fields(kind):
        hint = hints[item.name]
        keys[prefix + item.name] = "settings" if dataclasses.is_dataclass(hint) else _readable(hint)
        if dataclasses.is_dataclass(hint):
            keys |= _dotted(hint, f"{prefix}{item.name}.")
    return keys


def _null_defaults(kind: Any, prefix: str = "") -> dict[str, None]:
    """The dotted settings under a settings class that are null unless they are given."""
    found: dict[str, None] = {}
    hints = get_type_hints(kind)
    for item in dataclasses.fields(kind):
        if dataclasses.is_dataclass(hints[item.name]):
            found |= _null_defaults(hints[item.name], f"{prefix}{item.name}.")
        elif item.default is None:
            found[prefix + item.name] = None
    return found


def _readable(hint: Any) -> str:
    if get_origin(hint) is Annotated:
        chosen = [mark for mark in get_args(hint)[1:] if isinstance(mark, Choice)]
        return "one of " + ", ".join(chosen[0].names()) if chosen else _readable(get_args(hint)[0])
    if get_origin(hint) is dict:
        return MAPPING
    text = hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint)
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(str(value) for value in get_args(hint))
    if get_origin(hint) in (Union, UnionType):
        return " or ".join("null" if part is NoneType else _readable(part) for part in get_args(hint))
    return {"int": "a whole number", "float": "a number", "str": "text", "bool": "true or false"}.get(
        text, text.replace("tuple[", "list [").replace("int", "whole number").replace("float", "number")
    )


def _keys_of(mapping: Any, known: dict[str, str], where: str, prefix: str = "") -> list[str]:
    """The dotted keys that a mapping sets, groups before what is in them."""
    keys = []
    for key, value in mapping.items():
        dotted = f"{prefix}{key}"
        keys.append(dotted)
        if known.get(dotted) == "settings" and not isinstance(value, dict):
            raise UserError(f"{where}: {dotted} is {value!r}, but it is a group: give its settings below it")
        if isinstance(value, dict) and known.get(dotted) == "settings":
            keys += _keys_of(value, known, where, f"{dotted}.")
    return keys


def _refuse_unknown(key: str, known: dict[str, str], where: str, dashes: str) -> None:
    if key in known or _is_free(key, known):
        return
    group = key.rpartition(".")[0]
    beside = [name for name in known if name.rpartition(".")[0] == group]
    leaf = key.rpartition(".")[2]
    # The same word in another group ("training.lr" for "optimizer.lr") is nearer than a similar word in this one.
    near = difflib.get_close_matches(leaf, [name.rpartition(".")[2] for name in beside], n=1, cutoff=0.7)
    moved = [name for name in known if name.rpartition(".")[2] == leaf]
    close = (
        [f"{group}.{near[0]}".lstrip(".")] if near else moved or difflib.get_close_matches(key, known, n=1, cutoff=0.8)
    )
    hint = (
        f"did you mean '{dashes}{close[0]}'?"
        if close
        else f"known here: {', '.join(dashes + name for name in beside or known)}"
    )
    raise UserError(f"{where}: unknown setting '{dashes}{key}'; {hint}")


def _is_free(key: str, known: dict[str, str]) -> bool:
    """Whether a key stands in a mapping whose keys are not ours to know."""
    above = key.rpartition(".")[0]
    return bool(above) and (known.get(above) == MAPPING or _is_free(above, known))


def _refuse_null(values: dict[str, Any], known: dict[str, str], where: str, prefix: str = "") -> None:
    """jsonargparse lets null pass for every type; "dropout:" with nothing behind it would be a None in a sum."""
    for key, value in values.items():
        dotted = f"{prefix}{key}"
        if known[dotted] == MAPPING:
            continue
        if isinstance(value, dict):
            _refuse_null(value, known, where, f"{dotted}.")
        elif value is None and not known[dotted].endswith("null"):
            raise UserError(f"{where}: {dotted} is null, but must be {known[dotted]}")


def _one_line(message: str, known: dict[str, str]) -> str:
    """jsonargparse's explanation of a bad value, cut to one line: the setting, the value and what it may be."""
    key = re.search(r'Parser key "([^"]+)"', message)
    value = re.search(r"(?:Got value|Given value): ?(.*)", message)
    if key and value and key.group(1) in known:
        return f"{key.group(1)} is {value.group(1)!r}, but must be {known[key.group(1)]}"
    return " ".join(message.split())
