"""Deadlines for connections and a limit on their number, which uvicorn's own protocol doesn't have."""

import asyncio
from collections.abc import Callable
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from sceneparse.serving.problems import MEDIA_TYPE, Problem
from sceneparse.serving.settings import ServeSettings


def guarded(settings: ServeSettings) -> type[H11Protocol]:
    """Return a protocol class that holds the settings' limits, since uvicorn passes it no arguments of ours."""
    return type(
        "GuardedProtocol", (_GuardedProtocol,), {"most": settings.connections, "patience": settings.header_seconds}
    )


_LEAST = 64 * 2**10
"""Bytes of an answer that a client must take within its time: slow lines do, who takes none or drops of it does not."""


class _Lingering(asyncio.Transport):
    """A connection that is not closed while its client still sends.

    A socket that is closed before all that came was read is reset, and the client loses what it has not read of its
    answer (RFC 9112, 9.6). The client is told instead that nothing more comes; what it sends is read, and dropped by
    the protocol, until it closes as well.

    Args:
        transport: The connection.
        sends: Returns whether the client may still be sending.
        expect: Is called when it is waited for, to bound that time.
    """

    def __init__(self, transport: asyncio.Transport, sends: Callable[[], bool], expect: Callable[[], None]) -> None:
        super().__init__()
        self._transport, self._sends, self._expect = transport, sends, expect
        self._ended = False

    def close(self) -> None:
        if self._ended:
            return
        if self._transport.is_closing() or not self._sends():
            self._transport.close()
            return
        self._ended = True
        try:
            self._transport.write_eof()
        except OSError:  # the client has gone
            self._transport.abort()
            return
        self._transport.resume_reading()
        self._expect()

    def is_closing(self) -> bool:
        return self._ended or self._transport.is_closing()

    def abort(self) -> None:
        self._transport.abort()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._ended:
            self._transport.write(data)

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)


class _GuardedProtocol(H11Protocol):
    """HTTP/1.1 in which nothing waits for a client longer than `patience` seconds.

    A connection on which no request is under way (none has come, its head comes in drops, the client still sends a body
    that was refused, or it is idle) ends after that time, and so does one whose client doesn't take the answer, whether
    another request is to follow or not. Bodies have a time limit of their own, where they are read.
    """

    most: int
    patience: float
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Refuse the connection if there are too many, else wait for a request."""
        super().connection_made(_Lingering(transport, self._client_sends, self._expect))
        if len(self.connections) > self.most:
            self._refuse(Problem(503, "busy", "Too many connections. Try again in 1 s.", retry_after=1))
            return
        self._expect()

    def data_received(self, data: bytes) -> None:
        """Handle data of a request, and stop waiting once the request is under way."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._ours():
            self._expect_nothing()
        elif self._deadline is None:
            self._expect()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        if not self._under_way():
            self._expect()

    def pause_writing(self) -> None:
        """Wait for the client to take the answer."""
        super().pause_writing()
        if self._deadline is None:
            self._expect()

    def resume_writing(self) -> None:
        """Stop waiting once the client takes the answer again."""
        super().resume_writing()
        if self._ours():
            self._expect_nothing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._expect_nothing()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """Refuse what is not a request."""
        self._refuse(Problem(400, "bad-request", "This is not a request that HTTP/1.1 knows, or its head is too long."))

    def _under_way(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete and not self.transport.is_closing()

    def _client_sends(self) -> bool:
        """Return whether more may come of what was answered; with far too many connections that is not waited for."""
        read = self.conn.their_state in (h11.DONE, h11.MUST_CLOSE, h11.CLOSED) and not self.conn.trailing_data[0]
        return not read and len(self.connections) <= 2 * self.most

    def _ours(self) -> bool:
        """Return whether the service is at work and the client takes what it sends."""
        return self._under_way() and not self.flow.write_paused

    def _expect_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expect(self) -> None:
        self._expect_nothing()
        left = self.transport.get_write_buffer_size()
        self._deadline = self.loop.call_later(self.patience, self._end_unless_taken, left)

    def _end_unless_taken(self, before: int) -> None:
        """End the connection, unless the client has taken enough of the `before` bytes left of an answer."""
        left = self.transport.get_write_buffer_size()
        if 0 < left <= before - _LEAST:
            self._expect()
        else:
            self.transport.abort()

    def _refuse(self, problem: Problem) -> None:
        """Send a problem without calling the app, and close the connection."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.abort()  # in the middle of an answer: there is no way to say anything
            return
        body = problem.body()
        headers: list[tuple[Any, Any]] = [
            ("Content-Type", MEDIA_TYPE),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
            ("X-Content-Type-Options", "nosniff"),
            *problem.headers.items(),
        ]
        lines = [
            f"HTTP/1.1 {problem.status} {_PHRASES[problem.status]}",
            *(f"{name}: {value}" for name, value in headers),
        ]
        # Written past h11: before a request has come, it lets a server say nothing.
        self.transport.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        if self.cycle is not None:  # nobody reads what the app would say to the request that broke off
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()


_PHRASES = {400: "Bad Request", 503: "Service Unavailable"}
