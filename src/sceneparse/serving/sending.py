"""Send answers, and keep all those together that clients have not taken yet below a number of bytes."""

from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sceneparse.serving.problems import Problem

SENDING_BYTES = 256 * 2**20
"""Of all answers with a parse that are being sent, together."""

_PIECE = 64 * 2**10
"""Bytes of an answer that are handed to its connection at a time, which holds no more than two of them."""


class Sender:
    """Sends answers piece by piece, as their clients take them.

    Args:
        limit: So many bytes of answers may be under way together. A larger one is sent when it is alone.

    Attributes:
        bytes: Of the answers that are being sent.
    """

    def __init__(self, limit: int = SENDING_BYTES) -> None:
        self._limit = limit
        self.bytes = 0

    def refuse(self) -> None:
        """Refuse a request whose answer there would be no room for.

        Raises:
            Problem: 503, other clients have not taken their answers yet.
        """
        if self.bytes >= self._limit:
            raise _full()

    def answer(self, content: bytes, headers: Mapping[str, str], content_type: str) -> Response:
        """Return an answer that counts from when its sending begins until its client has taken it or is gone.

        It says 503 in its place where, together with the others, it would be above the limit.
        """
        return _Counted(self, content, headers, content_type)

    def has_room(self, size: int) -> bool:
        """Return whether an answer of so many bytes may be sent now."""
        return not self.bytes or self.bytes + size <= self._limit


class _Counted(Response):
    def __init__(self, sender: Sender, content: bytes, headers: Mapping[str, str], content_type: str) -> None:
        super().__init__(content, 200, headers, content_type)
        self._sender = sender

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        size = len(self.body)
        if not self._sender.has_room(size):
            await _full().response()(scope, receive, send)
            return
        self._sender.bytes += size
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            # The server waits before a piece until the connection has room for it, and for nothing once it is lost.
            for start in range(0, max(1, size), _PIECE):
                piece, more = self.body[start : start + _PIECE], start + _PIECE < size
                await send({"type": "http.response.body", "body": piece, "more_body": more})
        finally:
            self._sender.bytes -= size


def _full() -> Problem:
    return Problem(503, "busy", "Too many answers are being sent at the moment. Try again in 2 s.", retry_after=2)
