"""Arguments of a call: how messages name them, and what is refused of their values.

What a function takes as `ignore_below=0.9` is `--ignore-below 0.9` on the command line. A message that both may cause
names it by `argument`, and so says it as whoever reads it wrote it.
"""

import json
import re
import reprlib
import shlex
import sys
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any

from sceneparse.errors import require

_NOTHING = object()
_KINDS = {"ndarray": "an array", "Tensor": "a tensor"}
_commands: list[object] = []
"""The commands that run in this process: none where Python calls the package."""


@contextmanager
def on_command_line() -> Iterator[None]:
    """Name arguments as options of the command line, in all threads, as long as a command runs."""
    command = object()
    _commands.append(command)
    try:
        yield
    finally:
        _commands.remove(command)


def argument(name: str, value: object = _NOTHING, *, option: str | None = None) -> str:
    """Return how a message names an argument: "ignore_below" in Python, "--ignore-below" on the command line.

    Args:
        name: The keyword, or the dotted name of a setting.
        value: What it is given, such as 0.9: then "ignore_below=0.9" and "--ignore-below 0.9"; of a setting
            "data={'root': 'DIR'}" and "--data.root DIR".
        option: What the command line calls it, with its value, where that is something else.
    """
    if not _commands:
        return name if value is _NOTHING else together({name: value})
    if option is not None:
        return option
    flag = f"--{name if '.' in name else name.replace('_', '-')}"
    if value is _NOTHING:
        return flag
    if isinstance(value, Mapping):
        return f"{flag} {_quoted(json.dumps(value, ensure_ascii=False))}"
    if isinstance(value, list | tuple):
        if "." not in name:
            return f"{flag} {' '.join(_quoted(str(one)) for one in value)}"
        # In double quotes: zsh takes brackets for a pattern, and cmd.exe knows no other quotes.
        inside = re.sub(r'(["$`\\])', r"\\\1", yaml_list(value, ","))
        return f'{flag} "{inside}"'
    return f"{flag} {_quoted(value) if isinstance(value, str) else value}"


def together(values: Mapping[str, object], *, options: Mapping[str, str] | None = None, between: str = " ") -> str:
    """Return how a message names several arguments with their values, to be pasted.

    In Python a group of settings is one keyword with a mapping: "data={'train': 'a', 'val': 'b'}, out='c'".

    Args:
        values: By keyword, or a setting's dotted name, what each is given.
        options: What the command line calls some of them, with their values, where that is something else.
        between: What stands between two on the command line.
    """
    if _commands:
        said = options or {}
        return between.join(argument(name, value, option=said.get(name)) for name, value in values.items())
    return ", ".join(f"{keyword}={value!r}" for keyword, value in nested(values).items())


def nested(values: Mapping[str, object]) -> dict[str, Any]:
    """Return values by dotted names ("data.train") as nested mappings; `recipes.flat` has the way back."""
    keywords: dict[str, Any] = {}
    for name, value in values.items():
        at = keywords
        *groups, last = name.split(".")
        for group in groups:
            at = at.setdefault(group, {})
        at[last] = value
    return keywords


def warn(text: str) -> None:
    """Warn of something: by a line on standard error while a command runs, else as Python does."""
    if _commands:
        print(f"warning: {text}", file=sys.stderr, flush=True)
    else:
        warnings.warn(text, stacklevel=2)


def yaml_list(values: Iterable[object], between: str = ", ") -> str:
    """Return a list as a recipe holds it, on a line; text that YAML would take for something else is in quotes.

    Args:
        values: Numbers, texts, or lists of them.
        between: What stands between two.
    """
    return f"[{between.join(_yaml(one, between) for one in values)}]"


def _yaml(value: object, between: str) -> str:
    if isinstance(value, list | tuple):
        return yaml_list(value, between)
    if not isinstance(value, str):
        return "null" if value is None else str(value)
    plain = re.fullmatch(r"[^\W\d_][\w ./+-]*", value) and not value.endswith(" ")
    if plain and value.lower() not in ("y", "n", "yes", "no", "on", "off", "true", "false", "null"):
        return value
    return "'" + value.replace("'", "''") + "'"


def check_type(name: str, value: object, types: type | tuple[type, ...], what: str) -> None:
    """Refuse a value of another type.

    Args:
        name: The argument.
        value: What it is given.
        types: What it may be an instance of.
        what: The same in words, for the message.

    Raises:
        UserError: It is none.
    """
    require(isinstance(value, types), f"{argument(name)} is {shown(value)}, but must be {what}")


def check_flag(name: str, value: object) -> None:
    """Refuse what is neither True nor False.

    Raises:
        UserError: It is something else.
    """
    check_type(name, value, bool, "True or False")


def check_number(
    name: str, value: object, *, least: float | None = None, most: float | None = None, whole: bool = False
) -> None:
    """Refuse what is no number, or not within bounds.

    Args:
        name: The argument.
        value: What it is given.
        least: The least that it may be.
        most: The most that it may be.
        whole: Whether it must be a whole number.

    Raises:
        UserError: It is something else.
    """
    what = "a whole number" if whole else "a number"
    if least is not None:
        what += f" from {least} to {most}" if most is not None else f" of at least {least}"
    fits = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
    if fits:
        number: Any = value
        fits = (least is None or number >= least) and (most is None or number <= most)
    require(fits, f"{argument(name)} is {shown(value)}, but must be {what}")


def check_probability(name: str, value: object) -> None:
    """Refuse what is no probability that something may have to reach.

    Raises:
        UserError: It is not a number above 0 and at most 1.
    """
    number = None if isinstance(value, bool) or not isinstance(value, Real) else float(value)
    fits = number is not None and 0 < number <= 1
    given = shown(value) if number is None else f"{number:g}"
    require(fits, f"{argument(name)} is {given}, but must be a probability above 0 and at most 1, such as 0.9")


def check_choice(name: str, value: object, choices: Collection[str]) -> None:
    """Refuse what is not among an argument's values.

    Raises:
        UserError: It is something else.
    """
    known = isinstance(value, str) and value in choices
    require(known, f"{argument(name)} is {shown(value)}, but must be one of {', '.join(choices)}")


def check_names(name: str, value: Any, example: str) -> None:
    """Refuse what is no list of names: a single one, above all, which Python takes for a list of letters.

    Args:
        name: The argument.
        value: What it is given.
        example: One of the names that could stand in it.

    Raises:
        UserError: It is something else.
    """
    listed = isinstance(value, Collection) and not isinstance(value, str | bytes)
    fits = listed and all(isinstance(one, str) for one in value)
    one = value if isinstance(value, str) else example
    require(fits, f"{argument(name)} is {shown(value)}, but must be a list of names, such as {[one]}")


def check_array(name: str, value: Any, dtype: str, shape: Sequence[int | str], kind: str = "ndarray") -> None:
    """Refuse what is no array of this type and shape.

    Args:
        name: The argument.
        value: What it is given.
        dtype: The type of its numbers, such as "uint8".
        shape: Its sides; a letter stands for any but 0.
        kind: The name of its class: ndarray or Tensor. Neither library is imported for it.

    Raises:
        UserError: It is something else.
    """
    fits = kind in (one.__name__ for one in type(value).__mro__) and str(value.dtype).removeprefix("torch.") == dtype
    fits = fits and len(value.shape) == len(shape)
    fits = fits and all(
        found > 0 if isinstance(wanted, str) else found == wanted
        for found, wanted in zip(value.shape, shape, strict=True)
    )
    sides = ", ".join(map(str, shape))
    require(fits, f"{argument(name)} is {shown(value)}, but must be {_KINDS[kind]} of {dtype}, shape ({sides})")


def checked_size(name: str, value: Any) -> tuple[int, int] | None:
    """Return a height and a width in pixels as a tuple of plain numbers; None of None.

    Raises:
        UserError: It is something else.
    """
    if value is None:
        return None
    sides: list[Any] = list(value) if isinstance(value, Sequence) else []
    whole = all(isinstance(side, Integral) and not isinstance(side, bool) for side in sides)
    require(
        len(sides) == 2 and whole and all(side >= 1 for side in sides),
        f"{argument(name)} is {shown(value)}, but must be a height and a width in pixels, such as (480, 640), or None",
    )
    return int(sides[0]), int(sides[1])


def several(name: str, value: Any, what: str) -> list[Any]:
    """Return the files, folders and patterns of an argument as a list; a single one is a list of one.

    Raises:
        UserError: It is something else.
    """
    if is_path(value):
        return [value]
    fits = isinstance(value, Sequence) and all(map(is_path, value))
    require(fits, f"{argument(name)} is {shown(value)}, but must be {what}: paths in a list")
    return list(value)


def shown(value: object) -> str:
    """Return a value for a message, in a few words: of an array its type and shape, of what is long its beginning."""
    if any((one.__module__, one.__name__) == ("numpy", "generic") for one in type(value).__mro__):
        scalar: Any = value
        # Its True is not Python's, for which a message would take it.
        value = f"np.{value}_" if scalar.dtype.kind == "b" else scalar.item()
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape is not None and dtype is not None:
        kind = type(value).__name__
        return f"{_KINDS.get(kind, kind)} of {str(dtype).removeprefix('torch.')}, shape {tuple(shape)}"
    short = reprlib.Repr()
    short.maxstring = short.maxother = 60
    return " ".join(short.repr(value).split())


def _quoted(value: str) -> str:
    """A value as a shell takes it: in quotes where it has blanks, quotes or signs that mean something to it."""
    if not any(sign in " {}[]()*?!&;|<>$#`'\"" for sign in value):
        return value
    # Double quotes read well, but mean nothing to what stands for itself in single ones alone.
    return f'"{value}"' if "'" in value and not any(sign in '"$`!\\' for sign in value) else shlex.quote(value)


def is_path(value: object) -> bool:
    """Return whether a value names a file or a folder."""
    from pathlib import Path

    return isinstance(value, str | Path)
