"""The files of the web page: a fixed few of the package, and a picture to try, in memory. No request names a file."""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO

from PIL import Image

from sceneparse.toyworld import render

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
PAGES = {"index.html": "/", "docs.html": "/docs"}
"""Where the pages are; other files are below /static/."""
EXAMPLE = "/static/example.jpg"


@dataclass(frozen=True)
class StaticFile:
    """A file of the web page.

    Args:
        content: Its bytes.
        media_type: Its type.
    """

    content: bytes
    media_type: str

    @property
    def etag(self) -> str:
        """A mark by which browsers know whether theirs is the same."""
        return f'"{hashlib.sha256(self.content).hexdigest()[:32]}"'


def static_files() -> dict[str, StaticFile]:
    """Return the web page's files by the path at which they are served."""
    found = {}
    for file in files("sceneparse.serving").joinpath("static").iterdir():
        suffix = file.name[file.name.rfind(".") :]
        if suffix in TYPES:
            found[PAGES.get(file.name, f"/static/{file.name}")] = StaticFile(file.read_bytes(), TYPES[suffix])
    return found


@cache
def example() -> StaticFile:
    """Return a picture to try, a street of the toy world; it is drawn when it is first asked for."""
    street = Image.fromarray(render(5, 0, 640).image.permute(1, 2, 0).contiguous().numpy())
    content = BytesIO()
    street.crop((0, 0, 640, 480)).save(content, "JPEG", quality=90)
    return StaticFile(content.getvalue(), "image/jpeg")
