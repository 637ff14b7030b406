"""Receive the body of a request within limits of size, memory and time, and extract the picture from it.

Three forms: the picture's bytes themselves, a multipart form with a file `image`, or JSON with `image` in base64. A
file's name and declared type are not looked at. No form names a place to fetch from.
"""

import asyncio
import base64
import binascii
import json
from collections.abc import AsyncIterator

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request

from sceneparse.serving.problems import Problem
from sceneparse.serving.settings import ServeSettings

FIELD = "image"
"""The name of the form's file, and of the JSON's key."""

_FORM_OVERHEAD = 64 * 2**10
_JSON_QUOTES = 4
"""Around the key and its value."""
_URL_ENCODED = "application/x-www-form-urlencoded"
_RAW = ("", "application/octet-stream", _URL_ENCODED)
"""Types of a body that may be a picture beside image/…: none, unknown, and what curl says of any data."""


class Receiver:
    """Receives request bodies, and keeps all those in transit together below a number of bytes."""

    def __init__(self, settings: ServeSettings) -> None:
        self._settings = settings
        self.bytes = 0

    async def body(self, request: Request) -> bytes:
        """Receive the body of a request.

        Raises:
            Problem: 408 too slow, 413 too large, 415 compressed or of another form, 503 too many at a time.
            ClientDisconnect: The client has gone.
        """
        limit = self._limit(request.headers)
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                async for chunk in self._stream(request):
                    size += len(chunk)
                    self.bytes += len(chunk)
                    if size > limit:
                        raise _too_large(self._settings)
                    if self.bytes > self._settings.receiving_bytes:
                        raise Problem(
                            503, "busy", "Too many pictures are being sent at the moment. Try again.", retry_after=1
                        )
                    chunks.append(chunk)
            return b"".join(chunks)
        except TimeoutError:
            raise Problem(
                408,
                "slow-body",
                f"The picture did not come within {self._settings.body_seconds:g} seconds. Send a smaller one.",
                headers={"Connection": "close"},
            ) from None
        finally:
            self.bytes -= size

    @staticmethod
    async def _stream(request: Request) -> AsyncIterator[bytes]:
        async for chunk in request.stream():
            if chunk:
                yield chunk

    def _limit(self, headers: Headers) -> int:
        """Return how many bytes may come, judging by the content type in the request's head."""
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise Problem(415, "compressed", "Compressed bodies are not taken: send the picture's file as it is.")
        media = media_type(headers)
        limit = self._settings.max_bytes
        if media == "application/json":
            limit = (limit + 2) // 3 * 4 + _FORM_OVERHEAD
        elif media == "multipart/form-data":
            limit += _FORM_OVERHEAD
        elif media == "image/svg+xml":
            raise Problem(415, "not-a-picture", "SVG is not taken: send a picture of pixels.")
        elif media not in _RAW and not media.startswith("image/"):
            raise Problem(
                415,
                "unknown-form",
                "A picture comes as its bytes (Content-Type: image/…), as a multipart form with a file 'image', or as "
                "JSON with 'image' in base64.",
            )
        announced = headers.get("content-length", "0")
        if announced.isdecimal() and int(announced[:20]) > limit:
            raise _too_large(self._settings)
        return limit


def media_type(headers: Headers) -> str:
    """Return the body's content type without parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def picture_bytes(body: bytes, headers: Headers, settings: ServeSettings) -> bytes:
    """Extract the picture's bytes from a body.

    Raises:
        Problem: 400 the form is broken or holds no picture, 413 too large.
    """
    media = media_type(headers)
    if media == "multipart/form-data":
        content = _from_form(body, headers["content-type"])
    elif media == "application/json":
        content = _from_json(body)
    else:
        content = body
        if media == _URL_ENCODED and content and not content.isascii() and not any(one in content for one in b"\r\n\0"):
            raise Problem(
                400,
                "bad-form",
                "The picture came without its line breaks and zeros, as curl -d sends files: use --data-binary.",
            )
    if len(content) > settings.max_bytes:
        raise _too_large(settings)
    return content


def _from_form(body: bytes, content_type: str) -> bytes:
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise Problem(400, "bad-form", "The multipart form names no boundary.")
    reader = _FormReader()
    try:
        parser = MultipartParser(boundary, reader.callbacks())  # type: ignore[arg-type]
        parser.write(body)
        parser.finalize()
    except (MultipartParseError, ValueError):
        reader.whole = False
    if not reader.whole:
        raise Problem(400, "bad-form", "The multipart form is broken or cut off.")
    if len(reader.found) != 1:
        raise Problem(
            400,
            "no-picture" if not reader.found else "bad-form",
            f"The form holds {len(reader.found)} fields '{FIELD}': send one, with the picture's file.",
        )
    return bytes(reader.found[0])


class _FormReader:
    """Collects the content of the form fields named `image`."""

    def __init__(self) -> None:
        self.found: list[bytearray] = []
        self.whole = False
        self._name, self._value = bytearray(), bytearray()
        self._wanted = False

    def callbacks(self) -> dict[str, object]:
        """Return the functions that the multipart parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._header_end,
            "on_part_data": self._data,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._wanted = False

    def _end(self) -> None:
        self.whole = True

    def _header_end(self) -> None:
        if self._name.lower() == b"content-disposition":
            _, options = parse_options_header(bytes(self._value))
            if options.get(b"name") == FIELD.encode():
                self._wanted = True
                self.found.append(bytearray())
        self._name.clear()
        self._value.clear()

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._wanted:
            self.found[-1] += data[start:end]


def _from_json(body: bytes) -> bytes:
    # Base64 has none of these signs. What is nested or has many keys takes twenty times its size once it is read.
    if body.count(b"{") > 1 or b"[" in body or body.count(b'"') > _JSON_QUOTES:
        raise _unlike_ours()
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        raise Problem(400, "bad-json", "The body is not valid JSON.") from None
    if not isinstance(value, dict) or not isinstance(text := value.get(FIELD), str):
        raise _unlike_ours()
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Problem(
            400, "bad-base64", f"'{FIELD}' is not base64: give the picture's bytes, not an address or a data: URL."
        ) from None


def _unlike_ours() -> Problem:
    return Problem(400, "bad-json", f'The JSON must be an object such as {{"{FIELD}": "…base64…"}}, and hold no more.')


def _too_large(settings: ServeSettings) -> Problem:
    return Problem(413, "too-large", f"The picture's file is above {settings.max_bytes:,} bytes: send a smaller one.")


__all__ = ["ClientDisconnect", "Receiver", "media_type", "picture_bytes"]
