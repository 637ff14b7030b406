"""What served models are called."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from sceneparse.errors import UserError
from sceneparse.weights.run_folder import run_around


def names_of(models: Sequence[tuple[str, str, str]]) -> list[str]:
    """Return the names of models: those that they are given, else the recipes', else the runs' or the folders'.

    Args:
        models: Of each the name that it is given, or nothing, what it is loaded from, and its recipe's name.

    Raises:
        UserError: Two have one name, or one that is too long or not printable.
    """
    usual = Counter(given or own for given, _, own in models)
    names: list[str] = []
    for given, model, own in models:
        name = given or (own if usual[own] == 1 else _of_folder(model))
        if not name.isprintable() or len(name) > 100:
            raise UserError(f"model name {name[:100]!r} is too long or not printable: name it, such as mine={model}")
        if name in names:
            raise UserError(f"two models are called '{name}': give each a name of its own, such as second={model}")
        names.append(name)
    return names


def _of_folder(model: str) -> str:
    """The name of the run that a model is of, or of its folder or file."""
    run = run_around(Path(model))
    return run.resolve().name if run is not None else Path(model).stem
