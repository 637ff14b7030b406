"""The service's settings: where it listens, who may use it, and its limits."""

import ipaddress
import math
import re
from dataclasses import dataclass, fields
from pathlib import Path

from sceneparse.arguments import argument
from sceneparse.errors import UserError, reason_of, require
from sceneparse.paths import expanded_text

FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
"""What can be allowed. SVG is not a picture of pixels, and what Pillow reads beside these is rare and little tested."""

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True)
class ServeSettings:
    """Settings of the service; the defaults suit a laptop that serves itself alone.

    Args:
        host: The address to listen on. Default: this machine alone.
        port: The port; 0 lets the system choose.
        api_keys: Whoever asks must show one of these ("Authorization: Bearer KEY"); empty: nobody need.
        cors_origins: Other web pages that may ask, such as "https://example.org".
        hosts: The names under which requests may come (the Host header). Default: the loopback's names if it listens
            there, which stops other web pages from reaching it under a name of theirs; else any.
        formats: Which kinds of picture are taken, by Pillow's names.
        max_bytes: Of a picture's file.
        max_pixels: Of a picture, height times width, read from its header before anything is decoded.
        max_tested: So many pixels of a picture may go through the network at a time. It bounds pictures of models that
            parse them at their own size.
        crf_bytes: So much memory a CRF may take for a picture, all pixels of which it looks at together. It bounds
            pictures of protocols that have one.
        max_side: Of a picture, in pixels; long, thin ones cost more time than others of as many pixels.
        queue: So many pictures wait or are parsed; further ones are answered 503.
        time_limit: Seconds from the last byte of a request to its answer: 503 if its turn has not come by then, 504 if
            it is being parsed.
        body_seconds: So long a request's body may take to come.
        header_seconds: So long a connection may take to send a request's head, and stay idle.
        connections: At a time.
        receiving_bytes: Of all bodies that are being received, together.
        batch: How many pictures of one size and model are parsed at once. Default: 8 on a GPU; 1 on a CPU, where
            one picture already takes all cores.
        batch_wait: Seconds that a picture waits at most for others that are just being decoded.
        stop_seconds: When asked to stop, so long the service takes to finish what it took.
        log: A file to which a line of JSON is added for each request. Default: none.

    Raises:
        UserError: A value that makes no sense.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    api_keys: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    formats: tuple[str, ...] = ("JPEG", "PNG", "WEBP")
    max_bytes: int = 32 * 2**20
    max_pixels: int = 2**26
    max_tested: int = 2**23
    crf_bytes: int = 4 * 2**30
    max_side: int = 8192
    queue: int = 32
    time_limit: float = 60.0
    body_seconds: float = 30.0
    header_seconds: float = 10.0
    connections: int = 256
    receiving_bytes: int = 256 * 2**20
    batch: int | None = None
    batch_wait: float = 0.005
    stop_seconds: float = 60.0
    log: Path | None = None

    def __post_init__(self) -> None:
        require(0 <= self.port <= 65535, f"port {self.port} is not in 0..65535")
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(field.default, tuple):
                # Its value is not shown, which may be a key.
                several = isinstance(value, tuple | list)
                require(several, f"{argument(field.name)} must be a tuple of texts, not {type(value).__name__}")
            if isinstance(value, int | float) and field.name not in ("port", "batch_wait"):
                require(value > 0, f"{field.name.replace('_', '-')} is {value}, but must be above 0")
            if isinstance(value, float):
                require(math.isfinite(value), f"{field.name.replace('_', '-')} is {value}, but must be finite")
        require(self.batch_wait >= 0, f"batch-wait is {self.batch_wait}, but must be 0 or above")
        require(
            self.receiving_bytes >= self.max_bytes,
            f"receiving-bytes ({self.receiving_bytes:,}) must hold one picture of max-bytes ({self.max_bytes:,})",
        )
        require(bool(self.formats), f"no picture format is allowed: name some of {', '.join(FORMATS)}")
        for name in self.formats:
            require(name in FORMATS, f"picture format '{name}' is unknown: use {', '.join(FORMATS)}")
        for key in self.api_keys:
            require(len(key) >= 16, "an API key has fewer than 16 characters: choose a longer, random one")
            require(key.isascii() and key.isprintable() and " " not in key, "an API key must be ASCII without spaces")
        for origin in self.cors_origins:
            wrong = not origin.startswith(("http://", "https://")) or origin.count("/") != 2
            require(not wrong, f"origin '{origin}' is no origin: write it as https://example.org, without a path")
            own = origin.lower().removesuffix(":443" if origin.startswith("https") else ":80")
            require(origin == own, f"origin '{origin}' is '{own}' as browsers send it: write it so")
        for name in self.hosts:
            _host_name(name)

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def known_hosts(self) -> tuple[str, ...]:
        """The host names under which requests may come, in lower case; empty allows any."""
        if self.hosts:
            return tuple(_host_name(name) for name in self.hosts)
        return tuple(dict.fromkeys((*LOOPBACK_NAMES, _host_name(self.host)))) if self.on_loopback else ()


def _host_name(name: str) -> str:
    """Return a name as requests say it in their Host header: in lower case, an IPv6 address in brackets.

    Raises:
        UserError: Something else than a name or an address, such as one with a port, by which no request would come.
    """
    try:
        address = ipaddress.ip_address(name[1:-1] if name.startswith("[") and name.endswith("]") else name)
    except ValueError:
        host, split, port = name.rpartition(":")
        if split and port.isdecimal():
            advice = f"write {host} alone, under which requests to any port may come"
        else:
            advice = "write a name or an address alone, such as parse.example.org or ::1"
        fits = re.fullmatch(r"[\w.-]+", name) is not None
        require(fits, f"{argument('hosts', option='--allow-host')}: '{name}' is no name of a host: {advice}")
        # Browsers send names of other scripts in ASCII.
        return name.lower() if name.isascii() else _in_ascii(name)
    return f"[{address.compressed}]" if address.version == 6 else address.compressed


def _in_ascii(name: str) -> str:
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        raise UserError(f"{argument('hosts', option='--allow-host')}: '{name}' is no name of a host") from None


def read_keys(path: Path) -> tuple[str, ...]:
    """Read API keys from a file, one a line; empty lines and those that begin with # don't count.

    Raises:
        UserError: The file cannot be read, or holds no key.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as a file of API keys ({reason_of(error)})") from None
    keys = tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))
    require(bool(keys), f"{path}: holds no API key; write one a line")
    return keys


def model_of(source: str) -> tuple[str, str]:
    """Return the name that a model is given ("day" of "day=runs/day/model"; empty where none is) and the model."""
    name, split, model = source.partition("=")
    if not split or Path(source).exists():
        return "", expanded_text(source)
    return name, expanded_text(model)
