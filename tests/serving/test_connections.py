"""Clients that are slow, rude or many, on bare sockets."""

import asyncio
import http.client
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from sceneparse.serving import Server
from sceneparse.serving.connections import guarded
from sceneparse.serving.settings import ServeSettings
from tests.support.served import Service, picture, plain_parser, serving


def opened(service: Service) -> socket.socket:
    return socket.create_connection(service.endpoint, timeout=20)


def rest(connection: socket.socket) -> bytes:
    """All that still comes until the service closes."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def seconds_listened_to(connection: socket.socket) -> float:
    """Send on until the connection is cut off, for 8 seconds at most; return how long that took."""
    began = time.monotonic()
    try:
        while time.monotonic() - began < 8:
            connection.sendall(bytes(1000))
            time.sleep(0.05)
    except OSError:
        pass
    return time.monotonic() - began


def head(length: int) -> bytes:
    return f"POST /v1/parse HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode()


def test_a_connection_that_sends_no_request_ends(service: Service) -> None:
    with ExitStack() as stack:
        connections = [stack.enter_context(opened(service)) for _ in range(3)]
        for connection, sent in zip(connections, (b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: loc"), strict=True):
            connection.sendall(sent)
        began = time.monotonic()
        assert [rest(connection) for connection in connections] == [b""] * 3 and time.monotonic() - began < 5


def test_a_head_that_comes_in_drops_ends_too(service: Service) -> None:
    with opened(service) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        began = time.monotonic()
        try:
            while time.monotonic() - began < 5:
                connection.sendall(b"X-A: b\r\n")
                time.sleep(0.1)
        except OSError:
            pass
        assert time.monotonic() - began < 4


def test_a_body_that_comes_in_drops_is_told_so(service: Service) -> None:
    with opened(service) as connection:
        connection.sendall(head(1000) + b"x")
        answer = rest(connection)
        assert answer.startswith(b"HTTP/1.1 408 ") and b'"slow-body"' in answer


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (head(10**9).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), 413),
        (head(10**9).replace(b" HTTP/1.1", b"?model=none HTTP/1.0"), 404),
        (head(1000).replace(b"Content-Length: 1000", b"Transfer-Encoding: chunked") + b"ZZ\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100_000, 400),
    ],
    ids=["close", "HTTP/1.0", "broken body", "long head"],
)
def test_a_client_that_sends_while_it_is_refused_reads_why(service: Service, request_head: bytes, status: int) -> None:
    with opened(service) as connection:
        connection.sendall(request_head)
        for _ in range(20):  # of a connection that was closed these would be answered with a reset
            connection.sendall(bytes(10_000))
            time.sleep(0.01)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
        assert b"".join(parts).startswith(b"HTTP/1.1 %d " % status), "and the end of it is told at once"
        assert seconds_listened_to(connection) < 5, "it is not listened to for ever"


def test_a_client_that_keeps_sending_what_was_refused_is_cut_off(service: Service) -> None:
    with opened(service) as connection:
        connection.sendall(head(10**9))
        assert b" 413 " in connection.recv(65536)
        assert seconds_listened_to(connection) < 5


def test_a_client_that_does_not_take_its_answer_is_cut_off() -> None:
    with serving({"colours": plain_parser()}, ServeSettings(header_seconds=1.0)) as service:
        with opened(service) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            request = b"GET /static/app.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
            for _ in range(1500):
                connection.sendall(request)
                if len(service.server.server_state.connections) == 0:
                    break
            began = time.monotonic()
            while service.server.server_state.connections:
                assert time.monotonic() - began < 3
                time.sleep(0.02)
        assert service.ask("/healthz").status == 200


class Line(asyncio.Transport):
    """A connection of which the test says how much its client has not taken yet."""

    def __init__(self, left: Callable[[float], float]) -> None:
        super().__init__()
        self.began, self.left = time.monotonic(), left
        self.closing = self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return int(self.left(time.monotonic() - self.began))

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True  # the connection is lost when all is taken

    def abort(self) -> None:
        self.closing = self.aborted = True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


TAKEN: dict[str, tuple[Callable[[float], float], bool]] = {
    "takes nothing": (lambda _: 60_000, True),
    "takes drops": (lambda seconds: 60_000 - 1000 * seconds, True),
    "takes it slowly": (lambda seconds: 10_000_000 - 1_000_000 * seconds, False),
}
"""What is left of an answer after so many seconds, and whether the client is not waited for."""


@pytest.fixture(scope="module")
def aborted() -> dict[tuple[str, str], bool]:
    """Whether connections were ended, all of them asked at the same time."""

    async def app(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
        await send({"type": "http.response.body", "body": b"x"})

    async def ask(client: str, connection: str) -> bool:
        # uvicorn's own limit for idle connections comes far later.
        config = uvicorn.Config(app, timeout_keep_alive=60, log_config=None)
        protocol = guarded(ServeSettings(header_seconds=0.2))(config=config, server_state=ServerState(), app_state={})
        line = Line(TAKEN[client][0])
        protocol.connection_made(line)
        protocol.data_received(f"GET / HTTP/1.1\r\nHost: x\r\nConnection: {connection}\r\n\r\n".encode())
        await asyncio.sleep(0.9)
        aborted = line.aborted
        protocol.connection_lost(None)
        return aborted

    async def ask_all() -> dict[tuple[str, str], bool]:
        asked = [(client, connection) for client in TAKEN for connection in ("close", "keep-alive")]
        return dict(zip(asked, await asyncio.gather(*(ask(*one) for one in asked)), strict=True))

    return asyncio.run(ask_all())


@pytest.mark.parametrize("connection", ["close", "keep-alive"])
@pytest.mark.parametrize("client", TAKEN)
def test_an_answer_is_waited_for_while_its_client_takes_it(
    client: str, connection: str, aborted: dict[tuple[str, str], bool]
) -> None:
    assert aborted[client, connection] == TAKEN[client][1]


def test_heads_that_are_huge_or_no_http_are_refused(service: Service) -> None:
    for sent in (
        b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX: " + b"a" * 40_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 1_000_000,
        b"\x16\x03\x01\x02\x00\x01\x00",  # TLS
        b"NOTHING\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",  # no host
        b"POST /v1/parse HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    ):
        with opened(service) as connection:
            connection.sendall(sent)
            answer = rest(connection)
            assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 431 ")) and b"application/problem+json" in answer, (
                sent[:30],
                answer,
            )
    assert service.ask("/healthz").status == 200


def test_one_connection_too_many_is_answered_503_with_retry_after() -> None:
    with serving({"colours": plain_parser()}, ServeSettings(connections=2)) as service:
        first, second = opened(service), opened(service)
        with opened(service) as third:
            for _ in range(5):
                third.sendall(b"GET / HTTP/1.1\r\n")
                time.sleep(0.01)
            answer = rest(third)
        assert answer.startswith(b"HTTP/1.1 503 ") and b"Retry-After: 1" in answer
        first.close()
        second.close()
        time.sleep(0.2)
        assert service.ask("/healthz").status == 200


def test_bodies_that_are_too_much_together_are_answered_503() -> None:
    size = 100_000
    with serving({"colours": plain_parser()}, ServeSettings(max_bytes=size, receiving_bytes=size)) as service:
        with opened(service) as slow:
            slow.sendall(head(size) + bytes(size - 10))
            time.sleep(0.2)
            answer = service.ask("/v1/parse", picture((300, 300)))
            assert answer.status == 503 and "retry-after" in answer.headers
        time.sleep(0.2)
        assert service.ask("/v1/parse", picture()).status == 200


def test_pipelined_requests_are_answered_in_their_order(service: Service) -> None:
    content = picture()
    request = head(len(content)).replace(b"\r\n\r\n", b"\r\nAccept: image/png\r\n\r\n") + content
    last = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with opened(service) as connection:
        connection.sendall(request * 3 + last)
        answer = rest(connection)
    assert answer.count(b"HTTP/1.1 200 OK") == 4 and answer.endswith(b'{"status":"ok"}')


@pytest.mark.parametrize(("seconds", "closed"), [(10.0, False), (6.0, True), (2.0, True)])
def test_who_shall_come_again_when_the_connection_will_have_ended_is_told_that_it_ends(
    seconds: float, closed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving({"colours": plain_parser()}, ServeSettings(header_seconds=seconds)) as service:
        connection = http.client.HTTPConnection(*service.endpoint, timeout=20)
        connection.request("GET", "/healthz")
        response = connection.getresponse()
        assert response.read() and response.getheader("Connection") is None
        monkeypatch.setattr(Server, "failed", False)  # so that it lives on
        service.server._batcher.failed.set()
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        assert (response.status, response.getheader("Retry-After")) == (503, "5")
        assert (response.getheader("Connection") == "close") == closed
        response.read()
        if closed:
            assert connection.sock is None, "the client knows that it has to connect again"
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == 200
        connection.close()
