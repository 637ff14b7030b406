"""What is said where a model and what it is to work on have changed places."""

import argparse
import os
import shlex
from pathlib import Path

from sceneparse.errors import UserError
from sceneparse.paths import expanded_text


def check_order(arguments: argparse.Namespace) -> None:
    """Refuse a model that comes after what it is to parse.

    Args:
        arguments: The command's `model` and `inputs`, and its `command_line`.

    Raises:
        UserError: The first is no model, but one of the others is; the message gives the command in the right order.
    """
    model = arguments.model
    # Not Path's own question, which fails where a name is too long for any file.
    if not os.path.exists(model) or _is_model(model):  # noqa: PTH110
        return
    swapped = next((one for one in arguments.inputs if _is_model(one)), None)
    if swapped is not None:
        line = [expanded_text(word) for word in arguments.command_line]
        line.remove(swapped)
        line.insert(line.index(model), swapped)
        words = shlex.join(["sceneparse", *line])
        raise UserError(f"{model} is no model, but {swapped} is one, and the model comes first: {words}")


def check_model_before_data(arguments: argparse.Namespace) -> None:
    """Refuse a model that is named as the data set.

    Args:
        arguments: The command's `model` and `data`, and its `command_line`.

    Raises:
        UserError: The first is no model, but the second is one; the message gives the command in the right order.
    """
    model, data = arguments.model, arguments.data
    if data is not None and os.path.exists(model) and not _is_model(model) and _is_model(data):  # noqa: PTH110 - see above
        other = {model: data, data: model, f"--data={data}": f"--data={model}"}
        line = map(expanded_text, arguments.command_line)
        words = shlex.join(["sceneparse", *(other.get(word, word) for word in line)])
        raise UserError(f"{model} is no model, but {data} is one: {words}")


def check_recipe_before_data(arguments: argparse.Namespace) -> None:
    """Refuse a folder in front of a recipe, which it is to be trained on.

    Args:
        arguments: The command's `recipe` and `settings`, and its `command_line`.

    Raises:
        UserError: The first is a folder, and a recipe is among the others; the message gives the right command.
    """
    folder = str(arguments.recipe)
    if not os.path.isdir(folder):  # noqa: PTH112 - see above
        return
    recipe = next((one for one in arguments.settings if _is_recipe(one)), None)
    if recipe is not None:
        line = [expanded_text(word) for word in arguments.command_line]
        line.remove(recipe)
        at = line.index(folder)
        line[at : at + 1] = [recipe, "--data.root", folder]
        words = shlex.join(["sceneparse", *line])
        raise UserError(f"{folder} is no recipe, but {recipe} is one, and the recipe comes first: {words}")


def _is_recipe(word: str) -> bool:
    from sceneparse.recipes import recipe_names

    return word in recipe_names() or (word.endswith((".yaml", ".yml")) and os.path.isfile(word))  # noqa: PTH113


def _is_model(source: str) -> bool:
    from sceneparse.settings.engine import is_exported
    from sceneparse.weights.config import CONFIG
    from sceneparse.weights.published.catalogue import find_published
    from sceneparse.weights.run_folder import run_around

    if not os.path.exists(source):  # noqa: PTH110 - see above
        return find_published(source) is not None
    path = Path(source)
    return is_exported(path) or run_around(path) is not None or (path / CONFIG).is_file()
