"""Options: settings that an entry of a table declares for itself, such as one of another package."""

from collections.abc import Mapping
from typing import Any

from sceneparse.errors import UserError
from sceneparse.recipes import from_mapping


def read_options(declared: type | None, given: Mapping[str, Any], setting: str, owner: str) -> Any:
    """Read options as the dataclass that declares them.

    Args:
        declared: The dataclass; None of an owner that has no options.
        given: What differs from its defaults.
        setting: The dotted name of the setting that holds them, such as "data.options".
        owner: Whose they are, for messages, such as "kind folder".

    Returns:
        The options; None where none are declared.

    Raises:
        UserError: The owner has none, an unknown one (the nearest known one is named), or a wrong value.
    """
    if declared is None:
        if given:
            raise UserError(f"{setting} has no effect: {owner} has no options; leave it out")
        return None
    return from_mapping(declared, given, setting)
