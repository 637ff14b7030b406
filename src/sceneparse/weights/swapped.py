"""A model and what it is to work on that have changed places."""

import os
from collections.abc import Sequence
from pathlib import Path

from sceneparse.errors import UserError
from sceneparse.paths import expanded_text
from sceneparse.settings.engine import is_exported
from sceneparse.weights.config import CONFIG
from sceneparse.weights.published.catalogue import find_published
from sceneparse.weights.run_folder import run_around


def is_model(source: str) -> bool:
    """Return whether a text names a model, as far as that shows in a moment: a folder or a file here, or by its name.

    Args:
        source: A home folder stands in it already (`expanded_text`).
    """
    # Not Path's own question, which fails where a name is too long for any file.
    if not os.path.exists(source):  # noqa: PTH110
        return find_published(source) is not None
    path = Path(source)
    return is_exported(path) or run_around(path) is not None or (path / CONFIG).is_file()


def model_among(model: str, others: Sequence[str]) -> str | None:
    """Return the first model among others, where what stands in a model's place is there and is none; else None.

    Args:
        model: What stands in the model's place.
        others: What it is to work on.
    """
    if not os.path.exists(model) or is_model(model):  # noqa: PTH110 - see above
        return None
    return next((one for one in others if is_model(one)), None)


def refuse_swapped(call: str, model: object, others: object) -> None:
    """Refuse a call that names what a model is to work on before the model.

    Args:
        call: What is called, such as "evaluate".
        model: What stands in the model's place; no path is left to others to refuse.
        others: What it is to work on: a path, or several in a list; of anything else nothing is said.

    Raises:
        UserError: The first is no model, but one of the others is; the message gives the call in the right order.
    """
    several = others if isinstance(others, list | tuple) else [others]
    if not all(isinstance(one, str | Path) for one in (model, *several)):
        return
    first, *rest = (expanded_text(str(one)) for one in (model, *several))
    if (found := model_among(first, rest)) is None:
        return
    at = rest.index(found)
    right = [str(model if place == at else one) for place, one in enumerate(several)]
    shown = repr(right if several is others else right[0])
    raise UserError(
        f"{model} is no model, but {several[at]} is one, and the model comes first: "
        f"{call}({str(several[at])!r}, {shown}, …)"
    )
