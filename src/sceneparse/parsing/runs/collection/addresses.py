"""Inputs told apart by their addresses alone, and what all of them need."""

from importlib.util import find_spec

from sceneparse.errors import require

MISSING = "collections need Ray, which is not installed; do: pip install 'sceneparse[ray]'"
"""What is said where it is missing."""

COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
"""How compressed tar files end."""


def is_url(address: str) -> bool:
    """Return whether an address is a URL that fsspec opens, not a path."""
    return "://" in address


def needs_collection(source: str) -> bool:
    """Return whether an input is for a collection's run alone: a URL, a tar file or a Parquet file."""
    return is_url(source) or source.lower().endswith((".tar", ".parquet", *COMPRESSED))


def refuse_without_ray() -> None:
    """Refuse to go on where Ray is missing, which is not imported.

    Raises:
        UserError: It is missing.
    """
    require(find_spec("ray") is not None, MISSING)
