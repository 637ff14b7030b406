"""What is said where a model and what it is to work on have changed places."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from sceneparse.errors import UserError


def check_order(command: str, model: str, inputs: Sequence[str]) -> None:
    """Refuse a model that comes after what it is to parse.

    Args:
        command: Such as "predict".
        model: What stands where the model belongs.
        inputs: What stands where the inputs belong.

    Raises:
        UserError: The first is no model, but one of the others is; the message gives the right order.
    """
    # Not Path's own question, which fails where a name is too long for any file.
    if not os.path.exists(model) or _is_model(model):  # noqa: PTH110
        return
    swapped = next((one for one in inputs if _is_model(one)), None)
    if swapped is not None:
        others = [model, *(one for one in inputs if one != swapped)]
        words = shlex.join(["sceneparse", command, swapped, *others])
        raise UserError(f"{model} is no model, but {swapped} is one, and the model comes first: {words}")


def check_model_before_data(command: str, model: str, data: str | None) -> None:
    """Refuse a model that is named as the data set.

    Args:
        command: Such as "evaluate".
        model: What stands where the model belongs.
        data: What stands where the data set belongs, if anything.

    Raises:
        UserError: The first is no model, but the second is one; the message gives the right order.
    """
    if data is not None and os.path.exists(model) and not _is_model(model) and _is_model(data):  # noqa: PTH110 - see above
        words = shlex.join(["sceneparse", command, data, "--data", model])
        raise UserError(f"{model} is no model, but {data} is one: {words}")


def _is_model(source: str) -> bool:
    from sceneparse.settings.engine import is_exported
    from sceneparse.weights.config import CONFIG
    from sceneparse.weights.published.catalogue import find_published
    from sceneparse.weights.run_folder import run_around

    if not os.path.exists(source):  # noqa: PTH110 - see above
        return find_published(source) is not None
    path = Path(source)
    return is_exported(path) or run_around(path) is not None or (path / CONFIG).is_file()
