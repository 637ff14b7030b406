"""The values of a JSON file of classes: reading the file, and checking what its keys hold."""

import json
from pathlib import Path
from typing import Any

from sceneparse.errors import UserError, json_fault, reason_of
from sceneparse.labels.named_otherwise import named_otherwise


def read_json(path: Path) -> Any:
    """What a JSON file of classes holds.

    Raises:
        UserError: The file is missing, cannot be read, is not JSON, or has a key twice in one object.
    """
    try:
        return json.loads(path.read_bytes(), object_pairs_hook=_once)
    except FileNotFoundError:
        must = 'it must name the classes, such as {"names": ["sky", "road"]}'
        raise UserError(f"{path}: no such file; {named_otherwise(path) or must}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({reason_of(error)})") from None
    except _TwiceError as error:
        raise UserError(f'{path}: the key "{error}" stands twice in one object: remove one of them') from None
    except json.JSONDecodeError as error:
        line, column, what = json_fault(error)
        raise UserError(f"{path}:{line}:{column}: not valid JSON ({what})") from None


class _TwiceError(ValueError):
    """A key stands twice."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of which no key stands twice: Python's reader would take the last, and say nothing of the others."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _TwiceError(key)
        found[key] = value
    return found


def kind_of(value: object) -> str:
    """Say in a word or two what a value of JSON is."""
    return {list: "a list", str: "a string", int: "a number", float: "a number", type(None): "null"}.get(
        type(value), type(value).__name__
    )


def integers_of(value: Any, key: str) -> tuple[int, ...]:
    """Return the whole numbers that a key lists, none of None.

    Raises:
        UserError: It is no list of them.
    """
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, int) and not isinstance(item, bool) for item in value):
        raise UserError(f'"{key}" must be a list of whole numbers')
    return tuple(value)


def colors_of(value: Any, key: str) -> tuple[tuple[int, int, int], ...]:
    """Return the colours that a key lists, none of None; that their values are 0..255 is for the caller to check.

    Raises:
        UserError: It is no list of three whole numbers each.
    """
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, list) and len(item) == 3 for item in value):
        raise UserError(f'"{key}" must be a list of colours such as [128, 64, 128]')
    return tuple((r, g, b) for r, g, b in (integers_of(item, key) for item in value))
