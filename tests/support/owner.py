"""A server on this machine that stands for the owners of data sets and checkpoints."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Owner:
    """What the server has, how it behaves, and what it was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    tag: str | None = '"one"'
    breaks_after: list[int] = field(default_factory=list)
    """Bytes after which each of the next answers breaks off."""
    ranges: bool = True
    refusals: list[int] = field(default_factory=list)
    """Status codes that the next requests get."""
    asked: list[str | None] = field(default_factory=list)
    """The Range of each request."""
    moved: dict[str, str] = field(default_factory=dict)
    """Where files have moved to: answers are redirections."""
    url: str = ""


@contextmanager
def owning() -> Iterator[Owner]:
    """A server of files on this machine, as long as the context is open."""
    has = Owner()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            has.asked.append(asked)
            if target := has.moved.get(self.path.lstrip("/")):
                self.send_response(302)
                self.send_header("Location", target)
                self.end_headers()
                return
            content = has.files.get(self.path.lstrip("/"))
            if has.refusals or content is None:
                self.send_error(has.refusals.pop(0) if has.refusals else 404)
                return
            start, status = 0, 200
            if asked and has.ranges and self.headers.get("If-Range") in (None, has.tag):
                start, status = int(asked.removeprefix("bytes=").rstrip("-")), 206
                if start >= len(content):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(content)}")
                    self.end_headers()
                    return
            self.send_response(status)
            if status == 206:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            if has.tag:
                self.send_header("ETag", has.tag)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            body = content[start:]
            self.wfile.write(body[: has.breaks_after.pop(0)] if has.breaks_after else body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    has.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield has
    server.shutdown()
    thread.join()
    server.server_close()
