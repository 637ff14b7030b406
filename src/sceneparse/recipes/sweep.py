"""Sweeps: a table of settings, each row to be trained with several seeds; read and checked before anything runs."""

import difflib
import itertools
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Unpack

from sceneparse.errors import UserError, require
from sceneparse.recipes import GIVEN, as_mapping, from_mapping, refuse_unknown_settings, to_mapping
from sceneparse.recipes.changes import Changes
from sceneparse.recipes.layers import layered, merged
from sceneparse.recipes.reading import (
    PUBLISHED,
    Figure,
    RecipeFile,
    beside,
    load,
    packaged,
    read_figures,
    read_file,
)
from sceneparse.recipes.renamed import new_name, with_new_names
from sceneparse.settings import ProtocolSettings, Recipe

KEYS = ("description", "base", "set", "rows", "grid", "seeds", "tests", "groups")


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Args:
        name: What it is called.
        folder: The folder of its runs, below the sweep's.
        recipe: Its settings; each run has its own seed.
        tests: How it is tested in the end, by the tests' names.
        published: What others got by it.
    """

    name: str
    folder: str
    recipe: Recipe
    tests: dict[str, ProtocolSettings]
    published: tuple[Figure, ...] = ()

    def published_as(self, test: str) -> Figure | None:
        """The figure that was published for a test."""
        return next((figure for figure in self.published if figure.test == test), None)


@dataclass(frozen=True)
class Run:
    """One training of a sweep: a row with a seed.

    Args:
        row: The row.
        seed: The seed.
    """

    row: Row
    seed: int

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.row.name}, seed {self.seed}"

    @property
    def folder(self) -> str:
        """Its run folder, below the sweep's."""
        return f"{self.row.folder}/seed{self.seed}"

    @property
    def recipe(self) -> Recipe:
        """The row's recipe with this seed."""
        recipe = self.row.recipe
        return replace(
            recipe,
            name=f"{self.row.folder}-seed{self.seed}",
            training=replace(recipe.training, seed=self.seed),
        )


@dataclass(frozen=True)
class Sweep:
    """A table of settings.

    Args:
        name: Its name; names its folder.
        description: One line about it.
        rows: The rows; gains are counted from the first.
        seeds: Each row is trained with each of them.
        groups: Classes whose mean IoU is reported beside the mean over all, by the group's name.
    """

    name: str
    description: str
    rows: tuple[Row, ...]
    seeds: tuple[int, ...]
    groups: dict[str, tuple[str, ...]]

    @property
    def tests(self) -> tuple[str, ...]:
        """Names of the tests; the first is the one that pictures show."""
        return tuple(self.rows[0].tests)

    def runs(self) -> list[Run]:
        """All runs: every row with the first seed, then with the second, so that an early end leaves whole tables."""
        return [Run(row, seed) for seed in self.seeds for row in self.rows]


def sweep_names() -> list[str]:
    """The sweeps that come with the package."""
    return packaged(_folder())


def load_sweep(sweep: str | Path) -> dict[str, Any]:
    """A sweep's file as it is written, unchecked.

    Raises:
        UserError: No such sweep, or not YAML.
    """
    return load(sweep, "sweep", _folder())[0]


def read_sweep(sweep: str | Path, seeds: Sequence[int] | None = None, **changes: Unpack[Changes]) -> Sweep:
    """Read a sweep by the name of one that comes with the package, or from a YAML file.

    The file has these keys:

    - `base`: a recipe of the package, or a file beside the sweep's;
    - `set`: settings of all rows, below their groups as in a recipe;
    - `rows`: a list, each with a `name`, the settings that make the row, and maybe `published` figures;
    - `grid`: lists of values by dotted name, such as `network.bins: [[1], [1, 2, 3, 6]]`. Every combination is a row;
      with `rows`, each of them in every combination;
    - `seeds`: a list of seeds, [0] by default;
    - `tests`: protocols by name, of which each holds what differs from the recipe's; by default the recipe's alone;
    - `groups`: lists of classes by name, whose mean IoU is reported;
    - `description`.

    Args:
        sweep: A name (`sweep_names`) or a path that ends in .yaml or .yml.
        seeds: Seeds instead of the file's.
        **changes: What wins over the files in all rows, as in `read_recipe`.

    Raises:
        UserError: No such sweep, an unknown or bad setting in any row, or a change of what rows vary.
    """
    mapping, where = load(sweep, "sweep", _folder())
    _refuse_unknown_keys(mapping, where)
    require(isinstance(mapping.get("base"), str), f"{where}: base is missing: name a recipe or its file")
    common = mapping.get("set", {})
    variants = _variants(mapping, where)
    _refuse_fixed(common, where)
    common = with_new_names(common, where)
    _refuse_varied(variants, changes)
    file = read_file(beside(sweep, mapping["base"]))
    refuse_unknown_settings(replace(file, layers=(*file.layers, (where, common))))
    name = Path(sweep).stem
    settings = layered(file.settings(), common)
    rows = tuple(_row(name, where, settings, mapping.get("tests"), variant, changes) for variant in variants)
    for what in ("name", "folder"):
        twice = _first_twice([getattr(row, what) for row in rows])
        require(twice is None, f"{where}: two rows have the {what} '{twice}'; name them apart")
    chosen = mapping.get("seeds", [0]) if seeds is None else list(seeds)
    require(
        isinstance(chosen, list) and len(chosen) > 0 and all(type(seed) is int and seed >= 0 for seed in chosen),
        f"{where}: seeds are {chosen!r}, but must be a list of whole numbers from 0",
    )
    require(len(set(chosen)) == len(chosen), f"{where}: seeds {chosen} has one twice")
    return Sweep(name, str(mapping.get("description", "")), rows, tuple(chosen), _groups(mapping, where))


@dataclass(frozen=True)
class _Variant:
    """What makes a row: its name, its settings, and their dotted names."""

    name: str
    settings: dict[str, Any]
    published: tuple[Figure, ...] = ()

    @property
    def keys(self) -> set[str]:
        return set(_dotted_keys(self.settings))


def _row(sweep: str, where: str, common: dict[str, Any], tests: Any, variant: _Variant, changes: Changes) -> Row:
    location = f"{where}, row '{variant.name}'"
    # Checked by itself first, so that a message about a mistake in it names the row.
    refuse_unknown_settings(RecipeFile(variant.name, ((location, variant.settings),)))
    folder = _slug(variant.name)
    settings = layered(common, variant.settings) | {"name": folder, "description": f"sweep {sweep}: {variant.name}"}
    recipe = from_mapping(Recipe, settings, location, changes)
    return Row(variant.name, folder, recipe, _tests(tests, recipe, location), variant.published)


def _slug(name: str) -> str:
    """Return a row's name as one of a folder: small letters (Latin ones without accents), digits and hyphens."""
    letters = map(_plain, unicodedata.normalize("NFKC", name.lower()))
    return re.sub("-+", "-", "".join(letters)).strip("-") or "row"


def _plain(letter: str) -> str:
    base = "".join(one for one in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(one))
    kept = base if base.isascii() else letter
    # The marks of scripts such as Devanagari's are as much of a word as its letters.
    return "".join(one if one.isalnum() or unicodedata.category(one).startswith("M") else "-" for one in kept)


def _tests(given: Any, recipe: Recipe, where: str) -> dict[str, ProtocolSettings]:
    if given is None:
        return {"test": recipe.protocol}
    require(isinstance(given, dict) and bool(given), f"{where}: tests is {given!r}, but must name protocols")
    tests = {}
    for name, changes in given.items():
        require(isinstance(changes, dict), f"{where}: test '{name}' is {changes!r}, but must be protocol settings")
        # A protocol's name starts afresh, as on the command line.
        below = {} if "name" in changes else to_mapping(recipe.protocol)
        tests[str(name)] = from_mapping(ProtocolSettings, below | changes, f"{where}, test '{name}'")
    return tests


def _variants(mapping: dict[str, Any], where: str) -> list[_Variant]:
    rows, grid = mapping.get("rows"), mapping.get("grid", {})
    require(bool(rows) or bool(grid), f"{where}: it has neither rows nor grid, so there is nothing to compare")
    require(rows is None or isinstance(rows, list), f"{where}: rows is {rows!r}, but must be a list of named settings")
    require(isinstance(grid, dict), f"{where}: grid is {grid!r}, but must give lists of values by dotted name")
    named = [_named(row, where) for row in rows or ()]
    for variant in named:
        _refuse_fixed(variant.settings, f"{where}, row '{variant.name}'")
    for key, values in grid.items():
        require(isinstance(values, list) and len(values) > 0, f"{where}: grid: {key} is {values!r}, but must be a list")
        _refuse_fixed(_nested(key, None), where)
    cells = [_grid_cell(dict(zip(grid, values, strict=True))) for values in itertools.product(*grid.values())]
    if not named:
        return cells
    return [
        _Variant(", ".join(filter(None, (row.name, cell.name))), layered(row.settings, cell.settings), row.published)
        for row in named
        for cell in cells
    ]


def _named(row: Any, where: str) -> _Variant:
    require(
        isinstance(row, dict) and isinstance(row.get("name"), str) and bool(row["name"].strip()),
        f"{where}: row {row!r} has no name",
    )
    settings = {key: value for key, value in row.items() if key not in ("name", PUBLISHED)}
    location = f"{where}, row '{row['name']}'"
    figures = read_figures(row.get(PUBLISHED, []), f"{location}: {PUBLISHED}")
    return _Variant(row["name"].strip(), with_new_names(settings, location), figures)


def _grid_cell(values: Mapping[str, Any]) -> _Variant:
    settings: dict[str, Any] = {}
    for key, value in values.items():
        settings = merged(settings, _nested(new_name(key), value))
    leaves = [key.rpartition(".")[2] for key in values]
    short = len(set(leaves)) == len(leaves)
    names = leaves if short else list(values)
    return _Variant(
        ", ".join(f"{name} {_readable(value)}" for name, value in zip(names, values.values(), strict=True)), settings
    )


def _readable(value: Any) -> str:
    if isinstance(value, list):
        return "[" + " ".join(map(_readable, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "on", False: "off"}[value]
    return str(value)


def _nested(key: str, value: Any) -> dict[str, Any]:
    for part in reversed(str(key).split(".")):
        value = {part: value}
    result: dict[str, Any] = value
    return result


def _dotted_keys(mapping: Mapping[str, Any], prefix: str = "") -> list[str]:
    keys = []
    for key, value in mapping.items():
        keys += _dotted_keys(value, f"{prefix}{key}.") if isinstance(value, Mapping) else [f"{prefix}{key}"]
    return keys


def _refuse_unknown_keys(mapping: dict[str, Any], where: str) -> None:
    for key in mapping:
        if key not in KEYS:
            near = difflib.get_close_matches(str(key), KEYS, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known here: {', '.join(KEYS)}"
            raise UserError(f"{where}: unknown key '{key}'; {hint}")


def _refuse_fixed(settings: Any, where: str) -> None:
    """Refuse what the sweep itself decides."""
    require(isinstance(settings, dict), f"{where}: set is {settings!r}, but must be settings below their groups")
    for key in _dotted_keys(settings):
        require(key != "training.seed", f"{where}: training.seed is set by the sweep: list seeds under 'seeds'")
        require(key not in ("name", "description"), f"{where}: {key} is no setting of a sweep")


def _refuse_varied(variants: Sequence[_Variant], changes: Changes) -> None:
    """Refuse to set for all rows what makes them different."""
    varied = set().union(*(variant.keys for variant in variants)) | {"training.seed"}
    given = with_new_names({name: as_mapping(value) for name, value in changes.items()}, GIVEN)
    for key in _dotted_keys(given):
        if key in varied:
            way = "give seeds (--seeds)" if key == "training.seed" else "it differs from row to row"
            raise UserError(f"{key} cannot be set for all of a sweep's runs: {way}")


def _groups(mapping: dict[str, Any], where: str) -> dict[str, tuple[str, ...]]:
    groups = mapping.get("groups", {})
    fits = isinstance(groups, dict) and all(
        isinstance(names, list) and names and all(isinstance(name, str) for name in names) for names in groups.values()
    )
    require(fits, f"{where}: groups is {groups!r}, but must give lists of class names by the group's name")
    return {str(name): tuple(classes) for name, classes in groups.items()}


def _first_twice(values: Sequence[str]) -> str | None:
    return next((value for index, value in enumerate(values) if value in values[:index]), None)


def _folder() -> Traversable:
    return resources.files("sceneparse") / "recipes" / "sweeps"
