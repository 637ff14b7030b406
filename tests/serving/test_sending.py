"""Answers that clients take slowly, or not at all."""

import asyncio
import time
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from sceneparse.serving import answers
from sceneparse.serving.connections import guarded
from sceneparse.serving.problems import Problem
from sceneparse.serving.sending import SENDING_BYTES, Sender
from sceneparse.serving.settings import ServeSettings
from tests.serving.test_connections import Line
from tests.support.served import Service, picture

CONTENT = bytes(range(256)) * 4000


class Filling(Line):
    """A connection that takes so many bytes, and holds what more it is given until it is taken."""

    def __init__(self, room: int) -> None:
        super().__init__(lambda _: max(0, len(self.written) - self.room))
        self.room, self.written = room, b""
        self.protocol: Any = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)
        if self.get_write_buffer_size() > 2**16:
            self.protocol.pause_writing()

    def take_all(self) -> None:
        self.room = 2**40
        self.protocol.resume_writing()


def asked(sender: Sender, room: int) -> Filling:
    """Have an answer sent over a connection with so much room."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await sender.answer(CONTENT, {"X-A": "b"}, "image/png")(scope, receive, send)

    config = uvicorn.Config(app, timeout_keep_alive=60, log_config=None)
    protocol = guarded(ServeSettings())(config=config, server_state=ServerState(), app_state={})
    line = Filling(room)
    line.protocol = protocol
    protocol.connection_made(line)
    protocol.data_received(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    return line


def test_an_answer_counts_until_its_client_has_taken_it_or_is_gone() -> None:
    async def slow() -> None:
        sender = Sender(2_500_000)
        first, second = asked(sender, 1000), asked(sender, 1000)
        await asyncio.sleep(0.02)
        assert sender.bytes == 2 * len(CONTENT)
        assert first.get_write_buffer_size() < 2**18, "the connection holds a few pieces, not all of the answer"
        third = asked(sender, 2**40)
        await asyncio.sleep(0.02)
        assert third.written.startswith(b"HTTP/1.1 503 ") and b'"code": "busy"' in third.written
        assert b"retry-after: 2" in third.written.lower() and sender.bytes == 2 * len(CONTENT)
        first.take_all()
        await asyncio.sleep(0.02)
        assert first.written.startswith(b"HTTP/1.1 200 OK") and first.written.endswith(b"\r\n\r\n" + CONTENT)
        assert sender.bytes == len(CONTENT)
        second.protocol.connection_lost(ConnectionResetError())
        await asyncio.sleep(0.02)
        assert sender.bytes == 0 and len(second.written) < len(CONTENT)
        for line in (first, third):
            line.protocol.connection_lost(None)

    asyncio.run(slow())


def test_an_answer_above_the_limit_is_sent_alone() -> None:
    async def alone() -> None:
        sender = Sender(1000)
        line = asked(sender, 2**40)
        await asyncio.sleep(0.02)
        assert line.written.endswith(CONTENT) and sender.bytes == 0
        line.protocol.connection_lost(None)
        sender.bytes = 1000
        with pytest.raises(Problem, match="Too many answers are being sent"):
            sender.refuse()

    asyncio.run(alone())


def test_no_picture_is_taken_while_answers_pile_up(service: Service) -> None:
    sender = service.server.config.app.state.sender  # type: ignore[union-attr]
    sender.bytes = SENDING_BYTES
    try:
        refused = service.ask("/v1/parse", picture())
        assert refused.status == 503 and refused.headers["retry-after"] == "2"
        assert "sceneparse_sending_bytes 2.68435456e+08" in service.ask("/metrics").body.decode()
    finally:
        sender.bytes = 0
    assert service.ask("/v1/parse", picture()).status == 200
    until = time.monotonic() + 10
    while sender.bytes and time.monotonic() < until:  # the client has the answer before the service has counted it
        time.sleep(0.01)
    assert sender.bytes == 0


def test_panels_of_large_pictures_are_drawn_smaller(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def width(kind: str) -> int:
        headers = {"Accept": f"image/png;kind={kind}"}
        return service.ask("/v1/parse?model=all%20tasks", picture((60, 600)), headers).image().width

    assert width("panels") > 3 * 600
    monkeypatch.setattr(answers, "PANEL_SIDE", 400)
    assert 3 * 400 < width("panels") < 3 * 500 and width("overlay") == 600
