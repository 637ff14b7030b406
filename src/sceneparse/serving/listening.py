"""Where the service is reached, and what it writes to: had, or refused, before a model is loaded."""

import socket
from pathlib import Path
from typing import TextIO

from sceneparse.errors import UserError
from sceneparse.serving.settings import ServeSettings


def refuse_unusable(settings: ServeSettings) -> None:
    """Refuse an address at which nothing can listen at this moment, and a log that cannot be written.

    Args:
        settings: How the service behaves.

    Raises:
        UserError: The address cannot be had, or the log cannot be written.
    """
    listening(settings).close()
    if settings.log is not None:
        open_log(settings.log).close()


def listening(settings: ServeSettings) -> socket.socket:
    """Open a listening socket at the settings' address.

    Raises:
        UserError: The address cannot be had.
    """
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        return socket.create_server(address, family=family, backlog=min(settings.connections, socket.SOMAXCONN))
    except (OSError, UnicodeError) as error:  # a name that cannot be one fails before it is asked for
        # Python says the address once more.
        reason = f"{error.strerror}".partition(" (while")[0] if isinstance(error, OSError) else "no such name"
        raise UserError(
            f"{settings.host} port {settings.port}: cannot listen there ({reason}); choose another --port or --host"
        ) from None


def open_log(path: Path) -> TextIO:
    """Open a log file, to which lines are added.

    Raises:
        UserError: It cannot be written.
    """
    try:
        return path.open("a", encoding="utf-8", buffering=1)
    except OSError as error:
        raise UserError(f"{path}: cannot be written as the log ({error.strerror})") from None
