"""Whether the hub's server can be reached: asked briefly, so that without a network nobody waits for retries."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import huggingface_hub.utils as hub_utils
from huggingface_hub import constants

WITHIN = 2.0
"""Seconds for a connection to begin."""


def reachable(url: str, within: float = WITHIN) -> bool:
    """Return whether a connection to a server, or to the proxy on the way to it, begins in time.

    Args:
        url: An address on the server.
        within: Seconds.
    """
    target = urlsplit(url)
    proxies = getproxies()
    proxy = proxies.get(target.scheme) or proxies.get("all")
    if proxy and not proxy_bypass(target.netloc):
        target = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    found = threading.Event()

    def connect() -> None:
        try:
            port = target.port or (443 if target.scheme == "https" else 80)
            socket.create_connection((target.hostname or "", port), timeout=within).close()
        except OSError:
            return
        found.set()

    # Looking up a name knows no time limit, which is why it has a thread of its own.
    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(within)
    return found.is_set()


def offline() -> str:
    """Return why the hub cannot be asked; empty where it can."""
    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    if not reachable(constants.ENDPOINT):
        return f"no network: {urlsplit(constants.ENDPOINT).hostname} cannot be reached"
    return ""


@contextmanager
def without_retries() -> Iterator[str]:
    """Let the hub's library take what its cache holds where its server cannot be reached, and nothing else.

    Left to itself it asks again and again, for most of a minute. Yields why the hub cannot be asked; empty if it can.
    """
    why, before = offline(), constants.HF_HUB_OFFLINE
    # Versions before 1.0 keep connections that know the switch.
    forget = getattr(hub_utils, "reset_sessions", lambda: None)
    if why:
        constants.HF_HUB_OFFLINE = True
        forget()
    try:
        yield why
    finally:
        constants.HF_HUB_OFFLINE = before
        if why:
            forget()


def nothing_fetched() -> bool:
    """Return whether no model of the hub, nor a file of PyTorch's own hub, has ever been fetched on this machine."""
    home = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "torch"
    files = Path(home, "hub", "checkpoints")
    models = Path(constants.HF_HUB_CACHE)
    return not (files.is_dir() and any(files.iterdir())) and not any(models.glob("models--*"))
