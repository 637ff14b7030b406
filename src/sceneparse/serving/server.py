"""The service as a process: its socket, its signals, and how it stops."""

import logging
import os
import socket
import sys
from collections.abc import Mapping
from types import FrameType

import uvicorn
from rich.console import Console

from sceneparse.errors import UserError
from sceneparse.parsing import Parser
from sceneparse.progress import working
from sceneparse.serving.app import make_app
from sceneparse.serving.batcher import Batcher
from sceneparse.serving.connections import guarded
from sceneparse.serving.guard import HEAD_BYTES
from sceneparse.serving.listening import listening
from sceneparse.serving.memory import memory_warnings
from sceneparse.serving.pace import Paces
from sceneparse.serving.settings import ServeSettings


def serve(parsers: Mapping[str, Parser], settings: ServeSettings) -> None:
    """Serve models until stopped by Ctrl-C or SIGTERM; pictures already accepted are finished first.

    The address is printed on stdout as soon as requests are taken.

    Args:
        parsers: The models by name.
        settings: How the service behaves.

    Raises:
        UserError: The address cannot be had, or the log cannot be written.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for name, parser in parsers.items():
        console.print(f"model {name}: {parser.engine.describe()}", markup=False)
    if not settings.on_loopback and not settings.api_keys:
        console.print(
            f"whoever reaches {settings.host} port {settings.port} may use this service; --api-keys FILE asks for keys",
            markup=False,
        )
    server = Server(parsers, settings)
    with working("measuring how long pictures take"):
        server.paces.measure()
        warned = [*memory_warnings(parsers, server.paces)]
    for line in warned:
        console.print(f"warning: {line}", markup=False)
    server.run_until_stopped()
    if server.failed:
        raise UserError("the device has failed (the lines above say how): start the service anew")
    if server.unfinished:
        # A thread that computes cannot be ended, and would be waited for, however long that takes.
        console.print("stopped in the midst of a picture: its parse took longer than --stop-seconds", markup=False)
        sys.stdout.flush()
        os._exit(0)
    console.print("stopped", markup=False)


class Server(uvicorn.Server):
    """A uvicorn server with a socket of its own, which prints its address when it is ready.

    Args:
        parsers: The models by name.
        settings: How the service behaves.

    Attributes:
        address: The page's address.
        paces: How long the models take; they are timed as pictures come, or by `measure`.

    Raises:
        UserError: The address cannot be had, or the log cannot be written.
    """

    def __init__(self, parsers: Mapping[str, Parser], settings: ServeSettings) -> None:
        app = make_app(parsers, settings)
        self._batcher: Batcher = app.state.batcher
        self.paces: Paces = app.state.paces
        # Its warnings are about what strangers send; they are counted, and reported to those who sent it.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        self._listener = listening(settings)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        self.address = f"http://{host}:{self._listener.getsockname()[1]}/"
        super().__init__(
            uvicorn.Config(
                app,
                http=guarded(settings),
                ws="none",
                loop="asyncio",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=max(1, int(settings.header_seconds)),
                timeout_graceful_shutdown=max(1, int(settings.stop_seconds)),
                h11_max_incomplete_event_size=HEAD_BYTES,
            )
        )

    def run_until_stopped(self) -> None:
        """Serve until a signal comes or `should_exit` is set; accepted pictures are finished first."""
        with self._listener:
            self.run(sockets=[self._listener])

    @property
    def failed(self) -> bool:
        """Whether it ended because its device failed."""
        return self._batcher.failed.is_set()

    async def on_tick(self, counter: int) -> bool:
        """End once the device has failed; whoever waits for an answer has got it."""
        if self.failed:
            self.should_exit = True
        return await super().on_tick(counter)

    @property
    def unfinished(self) -> bool:
        """Whether a picture is still being parsed, though the service has ended."""
        return self._batcher.computing

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start taking requests, and print the address."""
        await super().startup(sockets)
        print(f"serving at {self.address} (Ctrl-C stops)", flush=True)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Stop gracefully at the first signal, at once at the second; uvicorn would raise them again afterwards."""
        self.force_exit = self.should_exit
        self.should_exit = True
