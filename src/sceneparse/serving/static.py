"""The files of the web page: a fixed few of the package, held in memory. No request ever names a file."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class StaticFile:
    """A file of the web page.

    Args:
        content: Its bytes.
        media_type: Its type.
        etag: A mark by which browsers know whether theirs is the same.
    """

    content: bytes
    media_type: str
    etag: str


def static_files() -> dict[str, StaticFile]:
    """Return the web page's files by the path at which they are served."""
    found = {}
    for file in files("sceneparse.serving").joinpath("static").iterdir():
        suffix = file.name[file.name.rfind(".") :]
        if suffix in TYPES:
            content = file.read_bytes()
            path = "/" if file.name == "index.html" else f"/static/{file.name}"
            found[path] = StaticFile(content, TYPES[suffix], f'"{hashlib.sha256(content).hexdigest()[:32]}"')
    return found
