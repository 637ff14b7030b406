"""Options: settings that an entry of a table declares for itself, such as one of another package."""

from collections.abc import Mapping, Sequence
from typing import Any

from sceneparse.errors import UserError
from sceneparse.recipes import from_mapping, help_lines
from sceneparse.recipes.layers import CHOOSERS
from sceneparse.tables import table


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


def options_help(given: Sequence[str]) -> str:
    """Describe the options of what a command line chooses, for its `--help`.

    Args:
        given: The arguments, such as ["--loss.kind", "dice"] or ["--loss.kind=dice"].

    Returns:
        A paragraph for each chosen entry that has options.
    """
    lines = []
    for chooser in CHOOSERS:
        for number, word in enumerate(given):
            option, equals, value = word.partition("=")
            chosen = value if equals else "".join(given[number + 1 : number + 2])
            if option != f"--{chooser.group}.{chooser.name}" or chosen not in table(chooser.table):
                continue
            declared = table(chooser.table)[chosen].options
            if declared is not None:
                own = help_lines(declared(), f"{chooser.group}.{chooser.options}")
                lines += [f"\noptions of {option} {chosen}:", *own, ""]
    return "\n".join(lines)
