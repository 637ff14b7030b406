"""Inputs told apart by their addresses alone."""

COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
"""How compressed tar files end."""


def is_url(address: str) -> bool:
    """Return whether an address is a URL that fsspec opens, not a path."""
    return "://" in address


def needs_collection(source: str) -> bool:
    """Return whether an input is for a collection's run alone: a URL, a tar file or a Parquet file."""
    return is_url(source) or source.lower().endswith((".tar", ".parquet", *COMPRESSED))
