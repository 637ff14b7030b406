"""Requests that nobody should send, made from a seed: what `serving_hostile.py` sends."""

import base64
import json
import random
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any, NamedTuple

from PIL import Image

PATHS = (
    "/../../etc/passwd",
    "/static/../../../etc/passwd",
    "/static/%2e%2e/%2e%2e/etc/passwd",
    "/static/..%2f..%2fserver.py",
    "/static/%00",
    "//etc/passwd",
    "/static/....//....//app.py",
    "/%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd",
    "/v1/parse/../../etc/passwd",
    "/v1/parse?model=../../etc/passwd",
    "/v1/parse?model=%00&model=%ff",
    "/v1/parse?file=/etc/passwd&url=http://169.254.169.254/",
    "/static/C:%5Cwindows%5Cwin.ini",
    "/;/etc/passwd",
    "/" + "a" * 20_000,
    "/" + "../" * 3000,
)
WORDS = ("", "0", "-1", "null", "true", "\x00", "é", "😀", "../../etc/passwd", "' OR 1=1", "${7*7}", "A" * 101, "%s%n")
TYPES = (
    "image/png",
    "image/jpeg",
    "image/svg+xml",
    "text/html",
    "application/xml",
    "application/json",
    "application/json; charset=utf-16",
    "multipart/form-data",
    "multipart/form-data; boundary=" + "b" * 300,
    "multipart/form-data; boundary=edge; boundary=other",
    "multipart/mixed; boundary=edge",
    "application/x-www-form-urlencoded",
    "image/",
    ";;;",
    "/",
)


class Hostile(NamedTuple):
    """A request.

    Args:
        kind: What it tries.
        raw: Its bytes, as they go over the socket.
        slow: Whether it is sent in drops.
    """

    kind: str
    raw: bytes
    slow: bool = False


def hostile(seed: int, openapi: dict[str, Any], pictures: list[bytes], max_pixels: int) -> Hostile:
    """The request of that seed."""
    choice = random.Random(seed)
    kinds: list[tuple[int, Callable[[], Hostile]]] = [
        (30, lambda: damaged(choice, pictures)),
        (10, lambda: bomb(choice, max_pixels)),
        (15, lambda: wrong_type(choice, pictures)),
        (8, lambda: Hostile("path tricks", request("GET", choice.choice(PATHS)))),
        (5, lambda: huge_head(choice)),
        (5, lambda: no_http(choice)),
        (1, lambda: slow(choice, pictures)),
        (26, lambda: fuzzed(choice, openapi, pictures)),
    ]
    return choice.choices([make for _, make in kinds], [weight for weight, _ in kinds])[0]()


def request(
    method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None, *, length: int | None = None
) -> bytes:
    """The bytes of a request."""
    head = {"Host": "localhost", "Connection": "close", "Content-Length": str(len(body) if length is None else length)}
    head |= headers or {}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


def damaged(choice: random.Random, pictures: list[bytes]) -> Hostile:
    """A picture that is cut off, or has wrong bytes in it."""
    content = bytearray(choice.choice(pictures))
    if choice.random() < 0.4:
        kind, content = "truncated pictures", content[: choice.randrange(len(content))]
    else:
        kind = "pictures with wrong bytes"
        for _ in range(choice.choice((1, 3, 20, 200))):
            # Half of them in the header, where they matter most.
            position = choice.randrange(min(len(content), 60) if choice.random() < 0.5 else len(content))
            content[position] = choice.randrange(256)
    return Hostile(kind, request("POST", "/v1/parse", bytes(content), {"Accept": choice.choice(("*/*", "image/png"))}))


def bomb(choice: random.Random, max_pixels: int) -> Hostile:
    """A small file that says, or is, a huge picture."""
    kind = choice.randrange(6)
    if kind == 0:
        content = png(choice.choice((65535, 2**31 - 1, 100_000)), choice.choice((65535, 2**31 - 1)), b"")
    elif kind == 1:  # really so large
        side = int(max_pixels**0.5) + choice.randrange(1, 3000)
        content = png(side, side, zlib.compress(bytes((side + 1) * side), 9))
    elif kind == 2:  # within the limits, but the data goes on and on
        content = png(64, 64, zlib.compress(bytes(50_000_000), 9))
    elif kind == 3:  # text that unpacks to much
        text = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(30_000_000), 9))
        content = png(8, 8, zlib.compress(bytes(72)), text * choice.randrange(1, 4))
    elif kind == 4:
        small = BytesIO()
        Image.new("RGB", (64, 64)).save(small, "JPEG", progressive=True)
        content = small.getvalue() + b"\xff\xda\x00\x0c\x03\x01\x00\x02\x11\x03\x11\x00\x3f\x00" * 5000
    else:
        content = b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\x80\0\0" + bytes(6) + b";"
    return Hostile("bombs", request("POST", "/v1/parse", content))


def png(width: int, height: int, data: bytes, more: bytes = b"") -> bytes:
    """A grey PNG that says it has this size, with this compressed data."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + more + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def wrong_type(choice: random.Random, pictures: list[bytes]) -> Hostile:
    """A body that is not what its head says, or a broken form."""
    good = choice.choice(pictures)
    text = base64.b64encode(good).decode()
    forms = (
        b"",
        choice.randbytes(choice.randrange(2000)),
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        b"http://169.254.169.254/latest/meta-data/",
        json.dumps(
            {"image": choice.choice(("file:///etc/passwd", "http://localhost/", text[:-7], text, "=", 7, None))}
        ).encode(),
        json.dumps({"image": text, choice.choice(WORDS): 1}).encode(),
        b"[" * choice.randrange(1, 100_000),
        b'{"image": "' + b"A" * choice.randrange(100_000),
        b'{"a":' * 20_000,
        f'--edge\r\nContent-Disposition: form-data; name="image"; filename="{choice.choice(WORDS)}"\r\n\r\n'.encode()
        + good[: choice.randrange(len(good))]
        + choice.choice((b"\r\n--edge--\r\n", b"\r\n--edge", b"")),
        b"--edge\r\n" + b"X-A: b\r\n" * choice.randrange(5000) + b"\r\n\r\n--edge--",
        b"--edge\r\nContent-Disposition: form-data; name=image\r\n\r\n\r\n" * choice.randrange(1, 2000) + b"--edge--",
        b"\x1f\x8b" + zlib.compress(bytes(100_000)),
        bytes.fromhex("504b0304") + bytes(100),
    )
    head = {"Content-Type": choice.choice((*TYPES, "multipart/form-data; boundary=edge", "application/json"))}
    if choice.random() < 0.1:
        head["Content-Encoding"] = choice.choice(("gzip", "br", "deflate, gzip", "\x7f"))
    if choice.random() < 0.1:
        head["Accept"] = choice.choice(
            ("image/png;kind=" + choice.choice(WORDS[6:]), "a" * 5000, ",,;;==", "*/*;q=nan")
        )
    return Hostile("wrong types and forms", request("POST", "/v1/parse", choice.choice(forms), head))


def huge_head(choice: random.Random) -> Hostile:
    """Many or long headers, some of them contradictory."""
    heads = (
        {f"X-{number}": "a" * 100 for number in range(choice.randrange(100, 2000))},
        {"X-Long": "a" * choice.choice((10_000, 70_000, 1_000_000))},
        {"Cookie": "a=b; " * choice.randrange(10_000)},
        {"Authorization": "Bearer " + "a" * choice.randrange(30_000)},
        {"Host": choice.choice(("evil.example", "localhost:99999999", "[", "local host", "127.0.0.1@evil.example"))},
        {"Origin": choice.choice(("https://evil.example", "null", "file://", "http://localhost.evil.example"))},
        {"Content-Length": choice.choice(("-1", "99999999999999999999999", "1e3", "0x10", "5, 6"))},
        {"Transfer-Encoding": choice.choice(("chunked, chunked", "gzip", "\x00", "identity, chunked"))},
        {"Expect": "100-continue", "Content-Length": "100000000"},
        {"Range": "bytes=0-,-1", "If-None-Match": "*" * 9000},
        {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": "x"},
    )
    return Hostile("heads", request(choice.choice(("GET", "POST")), "/v1/parse", headers=choice.choice(heads)))


def no_http(choice: random.Random) -> Hostile:
    """Bytes that are no HTTP, or nearly."""
    forms = (
        choice.randbytes(choice.randrange(1, 5000)),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + choice.randbytes(500),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET /\r\n\r\n",
        b"POST /v1/parse HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n",
        b"POST /v1/parse HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabc\r\n0\r\n\r\n",
        b"POST /v1/parse HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50 + b"GET / HTTP/1.1\r\nHost: localhost\r\n: x\r\n\r\n",
        b"\r\n" * 1000,
    )
    return Hostile("no HTTP", choice.choice(forms))


def slow(choice: random.Random, pictures: list[bytes]) -> Hostile:
    """A head or a body that comes in drops, or less than was announced."""
    body = choice.choice(pictures)
    raw = request("POST", "/v1/parse", body, {"X-Filler": "a" * 2000}, length=len(body) + choice.choice((0, 10**6)))
    return Hostile("slow senders", raw, slow=True)


def fuzzed(choice: random.Random, openapi: dict[str, Any], pictures: list[bytes]) -> Hostile:
    """A request after the service's own description, with values that are sometimes right."""
    path = choice.choice(sorted(openapi["paths"]))
    described = openapi["paths"][path]
    own = [name.upper() for name in described]
    method = choice.choice(
        own if choice.random() < 0.8 else ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE"]
    )
    operation = described.get(method.lower(), {})
    query = []
    for parameter in operation.get("parameters", []):
        for _ in range(choice.choice((0, 1, 1, 2))):
            values = (*WORDS, *parameter.get("examples", ()), *parameter["schema"].get("examples", ()))
            query.append(f"{parameter['name']}={percent(str(choice.choice(values)))}")
    content = operation.get("requestBody", {}).get("content", {})
    head = {
        "Accept": choice.choice(
            ("*/*", "application/json", "image/png", "image/jpeg", "text/html", "image/png;kind=panels")
        )
    }
    body = b""
    if content and choice.random() < 0.9:
        media = choice.choice(sorted(content))
        head["Content-Type"] = media
        body = body_for(choice, media, content[media], pictures)
        if media == "multipart/form-data":
            head["Content-Type"] = "multipart/form-data; boundary=edge"
    target = path + ("?" + "&".join(query) if query else "")
    return Hostile("after the OpenAPI description", request(method, target, body, head))


def body_for(choice: random.Random, media: str, described: dict[str, Any], pictures: list[bytes]) -> bytes:
    """A body of that type, right or nearly."""
    picture = choice.choice(pictures) if choice.random() < 0.7 else choice.randbytes(choice.randrange(300))
    if media == "application/json":
        right = described.get("example", {"image": base64.b64encode(picture).decode()})
        values: tuple[Any, ...] = (
            right,
            right,
            {},
            [],
            3,
            "image",
            {"image": choice.choice((*WORDS, 1, None, [], {}))},
            {**right, "x": 1},
        )
        return json.dumps(choice.choice(values)).encode()
    if media == "multipart/form-data":
        name = choice.choice(("image", "image", *WORDS)).replace("\x00", "")
        start = f'--edge\r\nContent-Disposition: form-data; name="{name}"; filename="a"\r\n\r\n'.encode()
        return start + picture + b"\r\n--edge--\r\n"
    return picture


def percent(text: str) -> str:
    """Percent-encoding of all but letters and digits."""
    return "".join(chr(byte) if chr(byte).isalnum() and byte < 128 else f"%{byte:02X}" for byte in text.encode())
