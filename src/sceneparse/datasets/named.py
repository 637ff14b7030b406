"""The data set that somebody names to look at: by its folder, a kind without one, a recipe, or settings."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sceneparse.arguments import argument, check_type, together
from sceneparse.datasets.kinds import KINDS
from sceneparse.datasets.recognising import recognise
from sceneparse.errors import UserError, require
from sceneparse.paths import expanded_text
from sceneparse.recipes import GIVEN, from_mapping, read_recipe, to_mapping
from sceneparse.recipes.known import GROUP, dotted_settings
from sceneparse.recipes.reading import names_recipe
from sceneparse.settings import AugmentationSettings, DataSettings, PreprocessingSettings, Recipe, SamplingSettings
from sceneparse.tables import require_known

Named = str | Path | DataSettings | Recipe
"""What names a data set: its folder, a kind that has none ("toyworld"), a recipe's name or file, or settings."""


def named_data(
    data: Named,
    kind: str | None = None,
    *,
    root: str | None = None,
    changes: Mapping[str, Any] | None = None,
    where: str = GIVEN,
    shown: bool = True,
) -> tuple[Recipe, int]:
    """Return the recipe of a data set that was named, and how many channels its pictures have.

    Args:
        data: The data set.
        kind: Its kind. Default: what its folder looks like, which a line on standard error says.
        root: Of a recipe: the folder that its data lie in.
        changes: Settings that win over all others, by group; no kind and no root of data among them.
        where: What messages call the place of what is given.
        shown: Whether a kind that was recognised is said.

    Raises:
        UserError: Another thing, a kind or a folder that says the same twice, or nothing that can be recognised.
    """
    what = "the data set's folder, a kind without one, a recipe, or DataSettings"
    check_type("data", data, (str, Path, DataSettings, Recipe), what)
    check_type("kind", kind, (str, type(None)), "a name or None")
    if kind is not None:
        require_known("datasets", kind, argument("kind"))
    if isinstance(data, DataSettings | Recipe):
        recipe = data if isinstance(data, Recipe) else Recipe(data=data)
        own = recipe.data.kind
        require(kind in (None, own), f"kind is '{kind}', but data.kind is '{own}': leave kind out")
        return recipe, _channels(recipe, of_recipe=data is recipe)
    require(str(data) != "", "data is empty: name the data set's folder")
    text = expanded_text(str(data))
    recipe = _recipe_on(text, kind, root, dict(changes or {}), where, shown=shown)
    return recipe, _channels(recipe, of_recipe=names_recipe(text))


def _channels(recipe: Recipe, *, of_recipe: bool) -> int:
    """The channels of a recipe's network; of data that were named alone, as many as pictures of the kind usually have.

    Args:
        recipe: The recipe.
        of_recipe: Whether that is what was named.
    """
    return recipe.backbone.in_channels if of_recipe else KINDS[recipe.data.kind].channels(recipe.data)


def _recipe_on(
    data: str, kind: str | None, root: str | None, changes: dict[str, Any], where: str, *, shown: bool
) -> Recipe:
    """The recipe that is named, or one of the data set that is, whose kind is recognised where it is not named."""
    own, known = dict(changes.get("data", {})), None if kind is None else KINDS[kind]
    if data in KINDS and KINDS[data].root == "none":
        require(kind in (None, data), f"{data} is a kind itself: leave out kind {kind}")
        require(root is None, f"kind {data} has no folder: leave out root {root}")
        kind = data
    elif known is not None and known.root == "none":
        raise UserError(f"kind {kind} has no folder: give {kind} in place of {data}")
    elif names_recipe(data) if known is None else known.mixes:
        given = own if root is None else {**own, "root": root}
        recipe = read_recipe(data, **changes | ({"data": given} if given else {}))
        if known is not None and not KINDS[recipe.data.kind].mixes:
            raise UserError(f"{data}: its data are of kind {recipe.data.kind}, not a mixture")
        return recipe
    else:
        kind = kind or _recognised(Path(data), own, shown=shown)
        require(root is None, f"root {root} has no effect, since the kind is {kind}: give the folder itself")
        root = data
    return from_mapping(Recipe, {"data": {"kind": kind, "root": root}}, where, changes)


def _recognised(root: Path, own: Mapping[str, Any], *, shown: bool) -> str:
    """The kind that a folder has the look of; a line says it, if it isn't the kind `folder` alone.

    Args:
        root: The folder.
        own: The settings of the data that are given, which a training needs, too.
        shown: Whether the line is printed.
    """
    found = recognise(root)
    if shown and (found.kind != "folder" or found.others):
        values = {"data.kind": found.kind, **dict(_each(own, dotted_settings(DataSettings)))}
        print(f"{found.describe()}; to train on it: {together(values)}", file=sys.stderr)
    return found.kind


def _each(given: Mapping[str, Any], known: Mapping[str, str], group: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the settings of the data that are given, each by its dotted name with its value."""
    for key, value in given.items():
        name = f"{group}{key}"
        if isinstance(value, Mapping) and (known.get(name) == GROUP or name == "options"):
            yield from _each(value, known, f"{name}.")
        else:
            yield f"data.{name}", value


def look_of(
    recipe: str | Path | Recipe | None,
    *,
    augmentation: Mapping[str, Any] | AugmentationSettings | None = None,
    sampling: Mapping[str, Any] | SamplingSettings | None = None,
    preprocessing: Mapping[str, Any] | PreprocessingSettings | None = None,
) -> dict[str, Any]:
    """Return the settings by which a training would draw and change samples, to look at some.

    Args:
        recipe: Whose they are, by name, file or itself; None for the standard ones.
        augmentation: What differs from its own, or all of it. Without a recipe what differs stays a mapping, since the
            size of crops is then the pictures'.
        sampling: Likewise.
        preprocessing: Likewise.

    Returns:
        The three by their names; None for what neither says.

    Raises:
        UserError: No such recipe, or settings that don't hold together.
    """
    given: dict[str, Any] = {"augmentation": augmentation, "sampling": sampling, "preprocessing": preprocessing}
    changes = {name: value for name, value in given.items() if value is not None}
    if recipe is None:
        for name, kind in (("sampling", SamplingSettings), ("preprocessing", PreprocessingSettings)):
            if isinstance(given[name], Mapping):
                given[name] = from_mapping(kind, changes[name], GIVEN)
        return given
    if isinstance(recipe, Recipe):
        found = from_mapping(Recipe, to_mapping(recipe), "recipe", changes)
    else:
        found = read_recipe(recipe, **changes)
    return {name: getattr(found, name) for name in given}
