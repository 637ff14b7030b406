"""A service in a process of its own, for the programs that put it under load; and pictures for it."""

import http.client
import random
import re
import select
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from types import TracebackType

from PIL import Image

from sceneparse.toyworld import render

HOST = "127.0.0.1"


class Process:
    """`sceneparse serve`, from its start until it is left.

    Args:
        words: Its arguments.
        port: Where it listens; 0: anywhere.
    """

    def __init__(self, words: Sequence[str], port: int = 0) -> None:
        command = [sys.executable, "-m", "sceneparse.cli", "serve", *words, "--port", str(port)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], 300)
        line = self._process.stdout.readline() if ready else ""
        if not line.startswith("serving at "):
            self._process.kill()
            sys.exit(f"the service did not start: {self._process.communicate()[1]}")
        self.port = int(re.findall(r":(\d+)/", line)[0])

    def __enter__(self) -> "Process":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def kill(self) -> None:
        """End it as kill -9 does."""
        self._process.kill()
        self._process.communicate()

    def end(self) -> str:
        """Tell it to stop; what it wrote on stderr."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            return self._process.communicate(timeout=90)[1]
        except subprocess.TimeoutExpired:
            self.kill()
            sys.exit("the service did not stop within 90 s")

    @property
    def lives(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def metric(self, name: str) -> float:
        """The sum of a Prometheus metric."""
        text = self.ask("GET", "/metrics")[2].decode()
        found = re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", text, re.M)
        return sum(map(float, found))

    @property
    def memory_mib(self) -> float:
        """The memory that it holds."""
        return self.metric("process_resident_memory_bytes") / 2**20

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """A request on a connection of its own: status, headers, body."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=120)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
        finally:
            connection.close()


def free_port() -> int:
    """A port at which nothing listens, and that no client gets: one that tries again and again could meet itself."""
    for port in random.sample(range(20_000, 30_000), 100):
        with suppress(OSError), socket.create_server((HOST, port)):
            return port
    sys.exit("no free port")


def ready(port: int, seconds: float = 120) -> float:
    """Wait until a service is ready; how long that took."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        connection = http.client.HTTPConnection(HOST, port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return time.monotonic() - began
        except OSError:
            time.sleep(0.05)
        finally:
            connection.close()
    sys.exit(f"the service at port {port} is not ready after {seconds:g} s")


def scenes(count: int, side: int, form: str = "JPEG") -> list[bytes]:
    """Files of different toy-world scenes."""
    files = []
    for index in range(count):
        content = BytesIO()
        pixels = render(7, index, side).image.permute(1, 2, 0).contiguous().numpy()
        Image.fromarray(pixels).save(content, form)
        files.append(content.getvalue())
    return files
