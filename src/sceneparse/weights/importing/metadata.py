"""What a .safetensors file says of itself in its header: texts by name, of which some are lists or groups."""

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from sceneparse.weights.importing.given_names import KEYS_LOWER, LISTS

LONGEST, LITERAL = 5_000_000, 20_000
"""Characters at most of a text that is read as JSON, and as a literal of Python's."""


def metadata_of(path: Path) -> Mapping[str, Any]:
    """Return a file's metadata, as values where its texts are those of values: JSON, or what Python shows of a list.

    Args:
        path: A .safetensors file, which was read before.
    """
    try:
        with safe_open(path, framework="pt") as file:
            texts = dict(file.metadata() or {})
    except (SafetensorError, OSError):
        return {}
    return {key: _value(key.lower(), text) for key, text in texts.items()}


def _value(key: str, text: str) -> Any:
    if len(text) <= LONGEST:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            pass
    if len(text) <= LITERAL:
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            pass
    if (key in KEYS_LOWER or key in LISTS) and "," in text:
        return [name.strip() for name in text.split(",")]
    return text
