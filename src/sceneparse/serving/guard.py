"""Access control, security headers and the request log."""

import asyncio
import hmac
import json
import logging
import time
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sceneparse.errors import counted
from sceneparse.serving.listening import open_log
from sceneparse.serving.metrics import Metrics
from sceneparse.serving.problems import Problem, fault
from sceneparse.serving.settings import ServeSettings

HEAD_BYTES = 32 * 2**10
"""Of a request's line and headers."""

FAULTS = logging.getLogger("sceneparse.serving")

CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""The page's own files and nothing else; `blob:` for the picture that the user chose."""

_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
}


class Guard:
    """ASGI middleware that refuses requests without access, adds security headers, and counts and logs requests.

    Args:
        app: What is guarded.
        settings: Names, origins and keys.
        metrics: What is counted.
        paths: The service's own paths, by which requests are counted.
        log: Where requests are noted.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: ServeSettings,
        metrics: Metrics,
        paths: frozenset[str],
        log: "RequestLog | None",
    ) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._paths = paths
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; see ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        note: dict[str, Any] = {"status": 0}

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                note["status"] = message["status"]
                self._add_headers(message)
                note["sha256"] = MutableHeaders(scope=message).get("x-request-sha256")
            await send(message)

        try:
            if problem := self._refusal(scope):
                await problem.response()(scope, receive, watched)
            else:
                # HEAD is GET without the body (RFC 9110, 9.3.2), which the server leaves out.
                method = "GET" if scope["method"] == "HEAD" else scope["method"]
                await self._app({**scope, "method": method}, receive, watched)
        except ClientDisconnect:
            pass  # nobody is there to answer
        except asyncio.CancelledError:  # the service was asked to stop, and the time for that is over
            if not note["status"]:
                problem = Problem(503, "busy", "The service is being stopped. Try again in 10 s.", retry_after=10)
                await problem.response()(scope, receive, watched)
        except Exception:
            FAULTS.exception("a fault while answering %r", scope["path"][:200])
            if not note["status"]:
                await fault().response()(scope, receive, watched)
        finally:
            path = scope["path"] if scope["path"] in self._paths else "other"
            seconds = time.perf_counter() - began
            note["status"] = note["status"] or 499  # the client went before its answer; nginx counts it so too
            self._metrics.answered(path, note["status"], seconds)
            if self._log is not None:
                self._log.write({"method": scope["method"], "path": path, "seconds": round(seconds, 4), **note})

    def _refusal(self, scope: Scope) -> Problem | None:
        head = len(scope["raw_path"]) + len(scope["query_string"]) + sum(len(a) + len(b) for a, b in scope["headers"])
        if head > HEAD_BYTES:
            return Problem(431, "long-head", f"The request's head is longer than {HEAD_BYTES:,} bytes.")
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        known = self._settings.known_hosts
        if known and _name(host) not in known:
            return Problem(
                421, "unknown-host", "The service does not go by this name: ask it by one of its own (--allow-host)."
            )
        origin = headers.get("origin")
        if origin is not None and origin not in self._settings.cors_origins and _host_of(origin) != host:
            return Problem(403, "other-origin", "Other web pages may not ask this service (--cors allows them).")
        if self._settings.api_keys and (scope["path"].startswith("/v1/") or scope["path"] == "/metrics"):
            scheme, _, given = headers.get("authorization", "").strip().partition(" ")
            # All are compared, so that the time does not depend on which one is near.
            same = sum(hmac.compare_digest(given.strip().encode(), key.encode()) for key in self._settings.api_keys)
            if scheme.lower() != "bearer" or not same:
                return Problem(
                    401,
                    "no-key",
                    "This service asks for an API key: send it as 'Authorization: Bearer KEY'.",
                    headers={"WWW-Authenticate": 'Bearer realm="sceneparse"'},
                )
        return None

    def _add_headers(self, message: Message) -> None:
        headers = MutableHeaders(scope=message)
        for name, value in _HEADERS.items():
            headers[name] = value
        headers["Cross-Origin-Resource-Policy"] = "cross-origin" if self._settings.cors_origins else "same-origin"
        headers.setdefault("Cache-Control", "no-store")
        # A connection that its client comes back to so late has ended meanwhile; a second is for the way.
        after = headers.get("retry-after")
        if after is not None and int(after) + 1 >= self._settings.header_seconds:
            headers["Connection"] = "close"


class RequestLog:
    """A log file with a line of JSON for each request; lines that the disk doesn't take are lost, and counted.

    Args:
        path: The file; lines are added.

    Raises:
        UserError: It cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._file = open_log(path)
        self._path, self._lost = path, 0

    def write(self, note: dict[str, Any]) -> None:
        """Add a line for a request."""
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        line = json.dumps({"time": when, **{key: value for key, value in note.items() if value is not None}})
        try:
            self._file.write(f"{line}\n")
        except OSError as error:
            self._lost += 1
            if self._lost & (self._lost - 1) == 0:  # reported at 1, 2, 4, 8, … lines
                FAULTS.warning("%s: %s of the log lost (%s)", self._path, counted(self._lost, "line"), error.strerror)


def _name(host: str) -> str:
    """Return a Host header without its port."""
    name, _, port = host.rpartition(":")
    return name if name and port.isdecimal() else host


def _host_of(origin: str) -> str:
    return origin.lower().partition("://")[2]
