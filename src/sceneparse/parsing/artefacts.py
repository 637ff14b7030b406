"""What a picture's outputs are called, what made them, and whether an earlier run left them whole."""

import errno
import json
from pathlib import Path
from typing import Any, NamedTuple

from sceneparse.errors import UserError
from sceneparse.parsing.parse import protocol_json
from sceneparse.parsing.parser import Parser

ONLY_THIS_PICTURE = {errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST}
"""Faults in writing that come from a picture's name; any other (disk full, no permission) would meet the next too."""


def stem_of(name: str) -> str:
    """The name of a picture's outputs. A picture "summary" must leave summary.json to the run."""
    return f"{name}-picture" if name.lower() == "summary" else name


def files_of(name: str) -> list[str]:
    """All files that a picture's parse may be written to."""
    maps = ("_parts.png", "_materials.png", "_textures.png")
    return [f"{stem_of(name)}{suffix}" for suffix in (".png", "_overlay.jpg", "_panels.jpg", *maps, ".json")]


def made_by(parser: Parser) -> dict[str, Any]:
    """What makes one run's parses another's: the model, the protocol and, of a unified model, what it tells."""
    told = {} if parser.tasks is None else {"tasks": sorted(parser.tasks.names())}
    return {"model_sha256": parser.fingerprint, "protocol": protocol_json(parser.protocol), **told}


def facts_of_file(path: Path) -> dict[str, Any]:
    """What tells a file from a changed one.

    Raises:
        OSError: It is not there.
    """
    status = path.stat()
    return {"file": path.as_posix(), "bytes": status.st_size, "modified_ns": status.st_mtime_ns}


class Earlier(NamedTuple):
    """What is left of an earlier parse.

    Args:
        pixels: Its classes' pixels.
        files: The names of its files by their kind.
    """

    pixels: dict[str, int]
    files: dict[str, str]


def earlier_parse(mark: bytes | str, facts: dict[str, Any], wanted: set[str]) -> Earlier | None:
    """What the JSON of an earlier parse tells; None if it is another's, or none of ours.

    Args:
        mark: The JSON.
        facts: What the JSON of this parse would say beside the parse itself: "picture", and what `made_by` gives.
        wanted: Which kinds of files it must have.
    """
    try:
        said = json.loads(mark)
        same = all(said.get(key) == facts.get(key) for key in ("model_sha256", "protocol", "tasks")) and all(
            said["picture"][key] == value for key, value in facts["picture"].items() if key != "file"
        )
        files = said["files"]
        pixels = {entry["name"]: entry["pixels"] for entry in said["classes"]}
        return Earlier(pixels, files) if same and wanted <= set(files) else None
    except (ValueError, KeyError, TypeError, AttributeError):  # no JSON, or not one of ours
        return None


def kinds_wanted(parser: Parser, *, overlay: bool) -> set[str]:
    """The kinds of files that a whole parse has at least."""
    return {"labels", *(["overlay"] if overlay else []), *(["panels"] if overlay and parser.tasks else [])}


def cannot_write(path: Path | str, error: OSError) -> UserError:
    """A disk's complaint, as a line for the user."""
    return UserError(
        f"{path}: cannot be written ({error.strerror or error}); free space or choose another output folder"
    )
