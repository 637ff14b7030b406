"""Recipe files: where they lie, what they extend, and the published figures that stand in them beside the settings."""

import difflib
import os
import shlex
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

from sceneparse.arguments import argument
from sceneparse.errors import UserError, reason_of, require, some
from sceneparse.paths import expanded, meant
from sceneparse.recipes.layers import layered
from sceneparse.recipes.renamed import with_new_names
from sceneparse.recipes.yaml_text import load_yaml

EXTENDS = "extends"
PUBLISHED = "published"
REPRODUCED = "reproduced"
SUFFIXES = (".yaml", ".yml")
OF_RUN = "recipe.yaml"
"""The recipe in a training's run folder."""


@dataclass(frozen=True)
class Figure:
    """A figure that somebody published or measured, in percent.

    Args:
        source: Where it stands, such as "PSPNet paper, table 3"; for a reproduced one, what produced it.
        test: How the pictures were tested, in a few words: single scale, multi-scale.
        mean_iou: Mean IoU; None if not given.
        pixel_accuracy: Pixel accuracy; None if not given.
    """

    source: str
    test: str
    mean_iou: float | None = None
    pixel_accuracy: float | None = None


@dataclass(frozen=True)
class RecipeFile:
    """A recipe file as it is written, before its settings are checked.

    Args:
        name: Its name, by default the file's.
        layers: What differs from the defaults and where that is written: first the recipe at the bottom, then what each
            one that extends it says, the file itself last.
        published: The figures that its experiment is known for.
        reproduced: The figures that this package got by it.
    """

    name: str
    layers: tuple[tuple[str, dict[str, Any]], ...]
    published: tuple[Figure, ...] = ()
    reproduced: tuple[Figure, ...] = ()

    def settings(self) -> dict[str, Any]:
        """All layers as one mapping. Name and description are the file's own."""
        result: dict[str, Any] = {}
        for _, mapping in self.layers:
            result = layered(result, mapping)
        own = self.layers[-1][1]
        return result | {"name": self.name, "description": own.get("description", "")}


def packaged(folder: Traversable) -> list[str]:
    """Names of the YAML files in a folder of the package."""
    return sorted(file.name.removesuffix(".yaml") for file in folder.iterdir() if file.name.endswith(".yaml"))


def recipe_names() -> list[str]:
    """The recipes that come with the package."""
    return packaged(_folder())


def names_recipe(source: str | Path) -> bool:
    """Return whether a source is the name of a recipe in the package, or a recipe's file."""
    return _is_file(source) or (str(source) in recipe_names() and not Path(source).is_dir())


def read_file(recipe: str | Path) -> RecipeFile:
    """Read a recipe by the name of one that comes with the package, or from a YAML file, and what it extends.

    Args:
        recipe: A name (`recipe_names`) or a path that ends in .yaml or .yml.

    Raises:
        UserError: No such recipe, not YAML, a circle of recipes that extend each other, or malformed figures.
    """
    mapping, where = load(recipe, "recipe", _folder())
    own = dict(mapping)
    figures = {key: read_figures(own.pop(key, []), f"{where}: {key}") for key in (PUBLISHED, REPRODUCED)}
    return RecipeFile(
        name=own.get("name", Path(recipe).stem),
        layers=_layers(recipe, own, where, ()),
        published=figures[PUBLISHED],
        reproduced=figures[REPRODUCED],
    )


def _layers(
    recipe: str | Path, mapping: dict[str, Any], where: str, trail: tuple[str, ...]
) -> tuple[tuple[str, dict[str, Any]], ...]:
    """A recipe's own settings on top of those that it extends."""
    name = str(Path(recipe).resolve()) if _is_file(recipe) else str(recipe)
    if name in trail:
        raise UserError(f"{where}: it extends itself, by way of {' and '.join(trail)}")
    said = {key: value for key, value in mapping.items() if key not in (EXTENDS, PUBLISHED, REPRODUCED)}
    settings = with_new_names(said, where)
    below = mapping.get(EXTENDS)
    if below is None:
        return ((where, settings),)
    if not isinstance(below, str):
        raise UserError(f"{where}: {EXTENDS} is {below!r}, but must be a recipe's name or file")
    source = beside(recipe, below)
    try:
        content, there = load(source, "recipe", _folder())
    except UserError as error:
        raise UserError(f"{where}: {EXTENDS}: {error}") from None
    inherited = _layers(source, content, there, (*trail, name))
    return (*inherited, (where, settings))


def beside(file: str | Path, named: str) -> str | Path:
    """Return what a file refers to: a recipe of the package, or a file relative to the referring one's folder."""
    return Path(file).parent / expanded(named) if _is_file(named) and _is_file(file) else named


def _is_file(recipe: str | Path) -> bool:
    return str(recipe).endswith(SUFFIXES)


def load(source: str | Path, what: str, folder: Traversable) -> tuple[dict[str, Any], str]:
    """Read a YAML file: return its mapping, and its name for messages.

    Args:
        source: A name of the package's, or a path that ends in .yaml or .yml.
        what: recipe or sweep.
        folder: Where the package's lie.

    Raises:
        UserError: There is no such file, or no mapping in it.
    """
    text = where = str(source)
    names = packaged(folder)
    if _is_file(source):
        try:
            content = expanded(source).read_text(encoding="utf-8")
        except FileNotFoundError:
            bare = text.rpartition(".")[0]
            packaged_one = f"; the one of the package is named without its ending: {bare}" if bare in names else ""
            hint = packaged_one or meant(source) or f"; {what}s in the package: {', '.join(names)}"
            raise UserError(f"{where}: no such {what} file{hint}") from None
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{where}: cannot be read ({reason_of(error)})") from None
    else:
        if text not in names:
            refuse_folder(text, what)
            files = [f"{text}{suffix}" for suffix in SUFFIXES if Path(f"{text}{suffix}").is_file()]
            near = files or difflib.get_close_matches(text, names, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"give a .yaml file or one of: {', '.join(names)}"
            raise UserError(f"no {what} named '{text}'; {hint}")
        content = (folder / f"{text}.yaml").read_text(encoding="utf-8")
        where = f"{what} {text}"
    try:
        mapping = load_yaml(content)
    except yaml.YAMLError as error:
        raise UserError(f"{where}: not valid YAML ({reason_of(error)})") from None
    if mapping is None:
        mapping = {}
    if not isinstance(mapping, dict):
        raise UserError(
            f"{where}: expected settings such as 'network: {{architecture: pspnet}}', found {type(mapping).__name__}"
        )
    return mapping, where


def refuse_folder(text: str, what: str) -> None:
    """Refuse a folder in place of a recipe or a sweep; of a training's the message says how to go on with it.

    Args:
        text: What was named.
        what: recipe or sweep.

    Raises:
        UserError: It is a folder.
    """
    if not os.path.isdir(text):  # noqa: PTH112 - Path's own question fails where a name is too long for any file
        return
    folder, said = Path(text), f"{text} is a folder, not a {what}"
    if what == "recipe" and (own := folder / OF_RUN).is_file():
        resume = argument("resume", True, option="--resume")
        raise UserError(
            f"{said}: to go on with the training in it, give {own} with {argument('out', text)} and {resume}; to train "
            f"anew by its recipe, {own} with another {argument('out')}"
        )
    if what == "recipe" and (folder / "config.json").is_file():
        init = argument("init.model", text, option=f"--init {shlex.quote(text)}")
        raise UserError(f"{said}: to start from the model in it, give a {what} and {init}")
    files = sorted(str(file) for suffix in SUFFIXES for file in folder.glob(f"*{suffix}"))
    raise UserError(f"{said}: " + (f"name a file in it, {some(files)}" if files else "give a .yaml file or a name"))


def read_figures(value: Any, where: str) -> tuple[Figure, ...]:
    """Figures of a YAML list.

    Args:
        value: The list, each item with source, test, mean_iou and pixel_accuracy (in percent; one may be missing).
        where: How messages call it.

    Raises:
        UserError: Not such a list.
    """
    require(isinstance(value, list), f"{where} is {value!r}, but must be a list of figures")
    figures = []
    for item in value:
        known = Figure.__dataclass_fields__
        require(
            isinstance(item, dict) and {"source", "test"} <= item.keys() <= known.keys(),
            f"{where}: {item!r} is no figure: give source, test, and mean_iou or pixel_accuracy in percent",
        )
        numbers = [item[key] for key in ("mean_iou", "pixel_accuracy") if item.get(key) is not None]
        require(
            bool(numbers) and all(isinstance(number, int | float) and 0 <= number <= 100 for number in numbers),
            f"{where}: {item!r} needs mean_iou or pixel_accuracy, in percent",
        )
        figures.append(Figure(**item))
    return tuple(figures)


def _folder() -> Traversable:
    return resources.files("sceneparse") / "recipes"
