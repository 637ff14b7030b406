"""What a training has written of its beginning in its run folder, and reads when it goes on: without PyTorch."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from sceneparse.arguments import argument
from sceneparse.errors import UserError, reason_of
from sceneparse.settings import Recipe
from sceneparse.training.length import of_length

BUDGET = "budget.json"
"""How many iterations fit into its minutes, where it has some."""

STARTED = "init.json"
"""What was taken of the model that the training started from."""


def read_budget(out: Path) -> dict[str, Any] | None:
    """Read budget.json of a run folder: minutes, iterations and the seconds that were measured; None without one.

    Raises:
        UserError: It is damaged.
    """
    try:
        value: dict[str, Any] = json.loads((out / BUDGET).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(
            f"{out / BUDGET}: cannot be read ({reason_of(error)}); train into another {argument('out')} folder"
        ) from None
    if not isinstance(value, dict) or not {"minutes", "iterations"} <= value.keys():
        raise UserError(
            f"{out / BUDGET}: is not what a training writes; restore it, or train into another {argument('out')} folder"
        )
    return value


def as_decided(recipe: Recipe, out: Path) -> Recipe:
    """Return a recipe with the iterations that its run folder says for its minutes; as it is where it says nothing."""
    minutes = recipe.training.minutes
    budget = read_budget(out) if minutes is not None else None
    if budget is None or budget["minutes"] != minutes:
        return recipe
    return replace(recipe, training=of_length(recipe.training, budget["iterations"]))


def read_started(run: Path) -> dict[str, Any]:
    """Read init.json of a run folder.

    Raises:
        UserError: It is missing or damaged, so that nobody knows what is new in the network.
    """
    path = run / STARTED
    try:
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(
            f"{path}: cannot be read ({reason_of(error)}); this training started from a model, and goes on only with "
            "that file"
        ) from None
    if not isinstance(value, dict) or not {"made_new", "settings_before"} <= value.keys():
        raise UserError(
            f"{path}: is not what a training writes; restore it, or train into another {argument('out')} folder"
        )
    return value
