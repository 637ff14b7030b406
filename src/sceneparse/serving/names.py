"""What served models are called."""

from collections.abc import Sequence

from sceneparse.errors import UserError
from sceneparse.weights.naming import name_of


def names_of(models: Sequence[tuple[str, str]]) -> list[str]:
    """Return the names of models: those that they are given, else what reports call them too (`name_of`).

    Args:
        models: Of each the name that it is given, or nothing, and what it is loaded from.

    Raises:
        UserError: Two have one name, or one that is too long or not printable.
    """
    names: list[str] = []
    for given, model in models:
        name = given or name_of(model)
        if not name.isprintable() or len(name) > 100:
            raise UserError(f"model name {name[:100]!r} is too long or not printable: name it, such as mine={model}")
        if name in names:
            raise UserError(f"two models are called '{name}': give each a name of its own, such as second={model}")
        names.append(name)
    return names
