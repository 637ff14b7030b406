"""Nested settings under their dotted names."""

from typing import Any


def flat_settings(mapping: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings under their dotted names."""
    flat: dict[str, Any] = {}
    for key, value in mapping.items():
        if isinstance(value, dict):
            flat |= flat_settings(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
