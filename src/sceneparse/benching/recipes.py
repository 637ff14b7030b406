"""The recipe that is to be measured, read without its data, before PyTorch is loaded."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Unpack

from sceneparse.datasets.kinds import KINDS
from sceneparse.errors import UserError
from sceneparse.recipes import read_recipe, recipe_names
from sceneparse.recipes.changes import Changes
from sceneparse.recipes.layers import layered
from sceneparse.recipes.reading import read_file
from sceneparse.settings import Recipe
from sceneparse.weights.finding import is_model_name


def refuse_nothing(source: str) -> None:
    """Refuse what is neither there nor a name of anything that can be measured.

    Raises:
        UserError: It is neither.
    """
    if not Path(source).exists() and not is_model_name(source):
        raise UserError(
            f"no model folder, published checkpoint, exported file or recipe {source}; recipes in the package: "
            f"{', '.join(recipe_names())}"
        )


def recipe_to_measure(source: str | Path, **changes: Unpack[Changes]) -> Recipe:
    """Read a recipe of which no picture is read, so that its data set's folder need not be there, nor be named.

    Args:
        source: What `names_recipe` takes for one.
        **changes: As in `read_recipe`.

    Raises:
        UserError: As `read_recipe`.
    """
    data = changes.get("data", {})
    if isinstance(data, Mapping):
        chosen = layered(read_file(source).settings(), {"data": data}).get("data", {})
        name = chosen.get("kind", "folder") if isinstance(chosen, Mapping) else "folder"
        # A kind that isn't there is refused where the settings are read.
        if name in KINDS and KINDS[name].root != "none":
            changes["data"] = {"root": os.devnull, **data}
    return read_recipe(source, **changes)
