"""What a caller adds to the JSON of a parse: checked before a file is touched."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from sceneparse.arguments import check_type, shown
from sceneparse.errors import UserError, require

OWN = frozenset(
    {
        *("width", "height", "tested", "unturned", "doubt", "classes", "unlabelled"),
        *("scene", "objects", "model", "protocol", "files"),
    }
)
"""The keys that a parse writes itself, some of them only of some pictures and models."""


def checked_facts(facts: Mapping[str, Any] | None, own: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts as plain values that JSON can hold; numpy's numbers become Python's.

    Args:
        facts: What else the JSON shall say.
        own: What it says itself. A fact that says the same is none too many.

    Raises:
        UserError: No mapping from names to what JSON can hold, or a key that the parse writes itself.
    """
    check_type("facts", facts, (Mapping, type(None)), "a mapping, such as {'camera': 'left'}")
    plain = {}
    for key, value in (facts or {}).items():
        require(isinstance(key, str), f"facts has the key {shown(key)}, but its keys must be text")
        plain[key] = _plain(key, value)
        same = key in own and plain[key] == _plain(key, own[key])
        require(key not in OWN or same, f"facts has '{key}', which the parse itself writes: name the fact otherwise")
    return plain


def _plain(key: str, value: Any) -> Any:
    """A value as it comes back out of JSON."""
    try:
        return json.loads(json.dumps({key: value}, default=_of_numpy, allow_nan=False))[key]
    except (TypeError, ValueError):
        raise UserError(
            f"facts['{key}'] is {shown(value)}, but must be what JSON can hold: text, finite numbers, True, False, "
            "None, or lists and mappings of these"
        ) from None


def _of_numpy(value: object) -> Any:
    """The number or the truth value that one of numpy's scalars holds."""
    if isinstance(value, np.number | np.bool_):
        return value.item()
    raise TypeError
