"""What is said where a model and what it is to work on have changed places."""

import argparse
import os
import shlex

from sceneparse.errors import UserError
from sceneparse.paths import expanded_text


def check_order(arguments: argparse.Namespace) -> None:
    """Refuse a model that comes after what it is to parse.

    Args:
        arguments: The command's `model` and `inputs`, and its `command_line`.

    Raises:
        UserError: The first is no model, but one of the others is; the message gives the command in the right order.
    """
    from sceneparse.weights.swapped import model_among

    model = arguments.model
    swapped = model_among(model, arguments.inputs)
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
    from sceneparse.weights.swapped import model_among

    model, data = arguments.model, arguments.data
    if data is not None and model_among(model, [data]) is not None:
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
    # Not Path's own question, which fails where a name is too long for any file.
    if not os.path.isdir(folder):  # noqa: PTH112
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
