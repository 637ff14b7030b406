"""Services that the tests ask: parsers that need no training, and a server in a thread."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from torch import Tensor

from sceneparse.inference import Opened, TorchEngine
from sceneparse.labels import LabelSpace
from sceneparse.parsing import Parser
from sceneparse.serving import Server, ServeSettings
from sceneparse.settings import DataSettings, LearntSizes
from tests.support.brightest import BrightestChannel, brightest_parser
from tests.support.unified import unified_model

SPACE = LabelSpace(("brick", "grass", "water"), colors=((200, 60, 40), (60, 160, 70), (60, 110, 200)), ids=(7, 0, 30))


class Shifted(BrightestChannel):
    """Tells the next class instead: red is grass, green is water, blue is brick."""

    def __call__(self, images: Tensor) -> Tensor:
        return super().__call__(images.roll(1, dims=1))


def plain_parser(
    engine: BrightestChannel | None = None,
    name: str = "colours",
    labels: LabelSpace = SPACE,
    sizes: LearntSizes | None = None,
    data: DataSettings | None = None,
) -> Parser:
    """A parser of one task."""
    return brightest_parser(engine, labels=labels, name=name, sizes=sizes, data=data)


def unified_parser() -> Parser:
    """A parser of all tasks, with random weights."""
    model = unified_model()
    engine = TorchEngine(model.network, model.config.preprocessing, device="cpu", precision="float32")
    return Parser(Opened(engine, model.config, model.labels, "unified", None, model.tasks))


def picture(size: tuple[int, int] = (40, 60), form: str = "PNG", turn: int = 0) -> bytes:
    """A file of three upright stripes, red, green and blue, (height, width); `turn` makes another order of them."""
    height, width = size
    pixels = np.zeros((height, width, 3), np.uint8)
    for stripe in range(3):
        pixels[:, stripe * width // 3 : (stripe + 1) * width // 3, (stripe + turn) % 3] = 200
    content = BytesIO()
    Image.fromarray(pixels).save(content, form)
    return content.getvalue()


@dataclass(frozen=True)
class Answer:
    """What the service said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def image(self) -> Image.Image:
        return Image.open(BytesIO(self.body))


@dataclass(frozen=True)
class Service:
    """A service that runs."""

    server: Server

    @property
    def address(self) -> str:
        return self.server.address

    @property
    def endpoint(self) -> tuple[str, int]:
        url = urlsplit(self.address)
        assert url.hostname and url.port
        return url.hostname, url.port

    def ask(self, path: str, body: Any = None, headers: Mapping[str, str] | None = None, method: str = "") -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection(*self.endpoint, timeout=60)
        try:
            connection.request(method or ("GET" if body is None else "POST"), path, body, dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def until_waiting(self, count: int) -> None:
        """Wait until so many pictures are queued."""
        end = time.monotonic() + 60
        while f"sceneparse_queue_length {count}.0" not in self.ask("/metrics").body.decode():
            assert time.monotonic() < end, f"there are never {count} pictures in the line"


def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "waited a minute in vain"
        time.sleep(0.01)


@contextmanager
def serving(parsers: Mapping[str, Parser], settings: ServeSettings | None = None) -> Iterator[Service]:
    """A service in a thread, at a port that is free."""
    server = Server(parsers, replace(settings or ServeSettings(), port=0))
    thread = threading.Thread(target=server.run_until_stopped)
    thread.start()
    try:
        end = time.monotonic() + 60
        while not server.started:
            assert thread.is_alive() and time.monotonic() < end, "the service does not start"
            time.sleep(0.01)
        yield Service(server)
    finally:
        server.should_exit = True
        thread.join(60)
        if thread.is_alive():
            pytest.fail("the service does not stop")
