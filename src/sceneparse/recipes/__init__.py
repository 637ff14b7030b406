"""Recipes: the YAML files beside this one, and how settings are read from YAML, JSON and typed values."""

import dataclasses
import os
import re
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, Unpack, get_args, get_origin, get_type_hints

import docstring_parser
import yaml

from sceneparse.arguments import check_type
from sceneparse.calls import by_name
from sceneparse.errors import UserError
from sceneparse.recipes.changes import Changes
from sceneparse.recipes.earlier import is_earlier_and_whole, without_ignored, without_ignored_training
from sceneparse.recipes.hints import GIVEN
from sceneparse.recipes.keywords import in_changes
from sceneparse.recipes.known import (
    defaults_of_groups,
    dotted_settings,
    keys_of,
    one_line,
    refuse_null,
    refuse_unknown,
    refuse_unknown_in_lists,
    settings_parser,
)
from sceneparse.recipes.layers import layered, merged
from sceneparse.recipes.reading import RecipeFile, read_file, recipe_names
from sceneparse.recipes.renamed import with_new_names
from sceneparse.settings import Recipe
from sceneparse.settings.choices import Choice

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

__all__ = [
    "GIVEN",
    "as_mapping",
    "from_mapping",
    "read_recipe",
    "recipe_names",
    "refuse_unknown_settings",
    "settings_help",
    "to_mapping",
    "to_yaml",
]

Settings = TypeVar("Settings")

_PARSERS = RLock()
"""Held where a parser is used: each is made once, for all threads. Settings may have others parsed within."""


def to_mapping(settings: Any) -> dict[str, Any]:
    """A settings object as plain dictionaries, lists, strings and numbers, for YAML and JSON."""
    result: dict[str, Any] = _plain(dataclasses.asdict(settings))
    return result


def _plain(value: Any) -> Any:
    """A value with lists for tuples, and whole numbers of int itself, of which alone YAML is written."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value


def from_mapping(
    kind: type[Settings], mapping: Mapping[str, Any], where: str, changes: Mapping[str, Any] | None = None
) -> Settings:
    """Make settings of a mapping that holds what differs from the defaults.

    Args:
        kind: The settings class.
        mapping: Nested mappings, as read from YAML or JSON.
        where: Where the mapping comes from, for error messages.
        changes: What wins over the mapping: nested mappings too, or for a group an object of its settings class, which
            stands in place of all that the mapping says of the group.

    Raises:
        UserError: An unknown key (the nearest known one is named), or a value of the wrong kind or out of range.
    """
    known = dotted_settings(kind)
    values = merged(defaults_of_groups(kind), _checked_keys(mapping, known, where))
    refuse_unknown_in_lists(kind, values, where)
    parser = settings_parser(kind)
    if changes:
        given = _checked_keys({name: as_mapping(value) for name, value in changes.items()}, known, GIVEN)
        _parsed(parser, values, known, where)  # what is wrong already is not the changes' mistake
        refuse_unknown_in_lists(kind, given, GIVEN)
        values = layered(values, given)
        values |= {name: given[name] for name, value in changes.items() if dataclasses.is_dataclass(value)}
    namespace = _parsed(parser, values, known, GIVEN if changes else where)
    try:
        with _PARSERS:
            return kind(**vars(parser.instantiate(namespace)))
    except UserError as error:
        raise UserError(f"{where} with the {GIVEN}: {error}" if changes else f"{where}: {error}") from None


def _checked_keys(mapping: Mapping[str, Any], known: dict[str, str], where: str) -> dict[str, Any]:
    """The mapping with the names that settings have now, of which none is unknown."""
    renamed = with_new_names(mapping, where)
    for key in keys_of(renamed, known, where):
        refuse_unknown(key, known, where)
    return renamed


def _parsed(parser: "ArgumentParser", mapping: dict[str, Any], known: dict[str, str], where: str) -> "Namespace":
    """The mapping's values, each of its setting's type."""
    import jsonargparse

    try:
        with _PARSERS:
            # jsonargparse checks each default as long as it checks what is given: those of the class itself hold.
            namespace = parser.parse_object(mapping, defaults=False)
    except (jsonargparse.ArgumentError, TypeError, ValueError) as error:
        raise UserError(f"{where}: {one_line(str(error), known)}") from None
    refuse_null(namespace.as_dict(), known, where)
    return namespace


def as_mapping(value: Any) -> Any:
    """A settings object as `to_mapping` gives it, any other value as a recipe's file may hold it.

    Paths become text, numpy's scalars those of Python.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = to_mapping(value)
    if isinstance(value, Mapping):
        return {key: as_mapping(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(as_mapping, value))
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    # Told by its class, without an import of numpy.
    scalar = any((one.__module__, one.__name__) == ("numpy", "generic") for one in type(value).__mro__)
    return value.item() if scalar else value


@by_name("read_recipe", elsewhere=in_changes)
def read_recipe(recipe: str | Path, **changes: Unpack[Changes]) -> Recipe:
    """Read a recipe by the name of one that comes with the package, or from a YAML file.

    A recipe that `extends` another says only what differs from that one.

        read_recipe("toy-pspnet", network={"pool": "max"}, training={"iterations": 500})

    Args:
        recipe: A name (`recipe_names`) or a path that ends in .yaml or .yml.
        **changes: What wins over the file, by the groups of `Recipe`: of each a mapping with the settings that
            differ, or an object of the group's settings class, which replaces the whole group.

    Raises:
        UserError: No such recipe, not YAML, or settings that don't hold together.
    """
    check_type("recipe", recipe, (str, Path), "the name of a recipe or a .yaml file")
    file = read_file(recipe)
    refuse_unknown_settings(file)
    settings = file.settings()
    if is_earlier_and_whole(settings):
        settings = without_ignored_training(without_ignored(settings))
    return from_mapping(Recipe, settings, file.layers[-1][0], changes)


def refuse_unknown_settings(file: RecipeFile) -> None:
    """Refuse unknown settings, each in the file where it stands.

    Raises:
        UserError: There is one.
    """
    known = dotted_settings(Recipe)
    for where, mapping in file.layers:
        for key in keys_of(mapping, known, where):
            refuse_unknown(key, known, where)


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
        lines += [f"\n{group.name}:", *help_lines(default, group.name)]
    return "\n".join(lines)


def help_lines(group: Any, name: str) -> list[str]:
    """Describe a group's settings with their defaults and meanings; what groups inside it hold stands there too.

    Args:
        group: The group, or the options of a kind, with their defaults.
        name: Its dotted name.
    """
    texts = {item.arg_name: item.description for item in docstring_parser.parse(group.__doc__ or "").params}
    hints = get_type_hints(type(group), include_extras=True)
    lines = []
    for item in dataclasses.fields(group):
        inside = getattr(group, item.name)
        text = " ".join((texts.get(item.name) or "").split())
        if dataclasses.is_dataclass(inside):
            lines += [f"  {name}.{item.name}: {text}", *help_lines(inside, f"{name}.{item.name}")]
            continue
        text += _unmentioned(hints[item.name], text)
        # As it is declared: what null stands for is the text's to say.
        default = item.default if item.default is not dataclasses.MISSING else to_mapping(group)[item.name]
        value = yaml.safe_dump(_plain(default), default_flow_style=True, width=1000).split("\n")[0]
        wrapped = textwrap.wrap(text, 110, initial_indent="      ", subsequent_indent="      ")
        lines += [f"  --{name}.{item.name} {value}", *wrapped]
    return lines


def _unmentioned(hint: Any, text: str) -> str:
    """The values of a setting that its text doesn't name: what was added to its table since, or by other packages."""
    marks = [mark for mark in get_args(hint)[1:] if isinstance(mark, Choice)] if get_origin(hint) is Annotated else []
    names = [name for mark in marks for name in mark.names() if not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)]
    return f" Also: {', '.join(names)}." if names else ""
