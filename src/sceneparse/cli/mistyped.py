"""Options that a command nearly has."""

import difflib
import re
import shlex
from collections.abc import Collection, Mapping, Sequence

from sceneparse.errors import UserError

SHORTEST = len("--out")
"""An option of so many signs or more is meant by what begins with it, such as --output and --out-dir."""

USUAL = frozenset(("--out", "--data"))
"""What is meant by -o and -d where other options begin with the letter too."""


SPLIT = "--split"
OF_SPLITS = ("--data.train", "--data.val")
AS_OPTIONS = {
    "data.train": SPLIT,
    "data.val": SPLIT,
    "data.test": SPLIT,
    "data.root": "--data",
    "protocol.name": "--protocol",
}
"""Options of commands that test a model, whose names aren't those of the settings."""


def refuse_mistyped(
    arguments: Sequence[str], options: Collection[str], command: str, *, settings: bool, first: Mapping[str, str]
) -> None:
    """Refuse an option that a command doesn't have and that is nearly one of its own.

    That is said before what else may be wrong, such as that a required option is missing: the one that was mistyped.

    Args:
        arguments: What the command is given, without settings that are known.
        options: The command's own options.
        command: How messages call the command.
        settings: Whether it takes settings too, which may be meant: then an option has to be nearer.
        first: What it takes without options, in order: how that is called, and how help shows it.

    Raises:
        UserError: It names the option, and settings whose last part is called so.
    """
    words = list(arguments)
    words = words[: words.index("--")] if "--" in words else words
    for word in words:
        if re.fullmatch(r"-[a-zA-Z]", short := word.partition("=")[0]) and short not in options:
            _refuse_short(short, options, command)
    for option in (word.partition("=")[0] for word in words if word.startswith("--")):
        if option in options:
            continue
        if (bare := option[2:].replace("-", "_").lower()) in first or f"{bare}s" in first:
            shown = first.get(bare) or first[f"{bare}s"]
            raise UserError(
                f"{command}: unexpected '{option}'; {shown} stands without an option: {command} "
                f"{' '.join(dict.fromkeys(first.values()))} …"
            )
        value = _value_of(option, words)
        if not settings and "." in option:
            raise UserError(f"{command}: unexpected '{option}'; {_in_place_of(option[2:], value, options, command)}")
        if option == SPLIT and settings:
            raise UserError(
                f"{command}: unexpected '{option}'; the splits are named by {' and '.join(OF_SPLITS)}; to test a model "
                f"on one: sceneparse evaluate MODEL --data DIR {SPLIT} {value or 'SPLIT'}"
            )
        near = difflib.get_close_matches(option, options, n=1, cutoff=0.8 if settings else 0.6)
        begun = [one for one in options if len(one) >= SHORTEST and option.startswith(one)]
        if not near and not begun:
            continue
        also = _settings_called(option[2:]) if settings else []
        if not near and also:  # such as --output_stride, which is said of settings
            continue
        meant = " or ".join(f"'{one}'" for one in (*(near or [max(begun, key=len)]), *also))
        raise UserError(f"{command}: unexpected '{option}'; did you mean {meant}?")


def _value_of(option: str, words: Sequence[str]) -> str:
    """What an option is given, as a shell takes it; empty where that is nothing."""
    at = next(place for place, word in enumerate(words) if word.partition("=")[0] == option)
    own = words[at].partition("=")[2] or next(iter(words[at + 1 : at + 2]), "")
    return "" if own.startswith("--") else shlex.quote(own) if own else ""


def _in_place_of(name: str, value: str, options: Collection[str], command: str) -> str:
    """What a command that takes no settings has in place of one."""
    own = AS_OPTIONS.get(name) or f"--{name.rpartition('.')[2].replace('_', '-')}"
    if own not in options or name.partition(".")[0] not in ("data", "protocol"):
        return f"it takes no settings of recipes; its options: {command} --help"
    shown = f"{own} {value}" if name.startswith("data.") and value else own
    return f"that is a setting of recipes: here it is {shown}"


def _refuse_short(short: str, options: Collection[str], command: str) -> None:
    """Refuse an option of one letter, such as -o, where it is known what is meant."""
    begun = sorted(one for one in options if one.startswith(f"-{short}"))
    meant = [one for one in begun if one in USUAL] or begun
    if len(meant) == 1:
        raise UserError(f"{command}: unexpected '{short}', since options have no short names here; give '{meant[0]}'")


def _settings_called(name: str) -> list[str]:
    """The settings whose last part is a name, as options."""
    from sceneparse.recipes.known import dotted_settings
    from sceneparse.settings import Recipe

    return [f"--{one}" for one in dotted_settings(Recipe) if one.rpartition(".")[2] == name]
