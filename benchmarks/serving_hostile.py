"""Hostile requests by the thousand: no crash, no 500, no hang, no path or trace in an answer, flat memory.

    python benchmarks/serving_hostile.py
    python benchmarks/serving_hostile.py --count 10000 --seed 3 --json hostile.json

Truncated and damaged pictures, bombs, wrong types and broken forms, huge and contradictory heads, bytes that are no
HTTP, slow senders, path tricks, and requests after the service's own OpenAPI description, right and wrong. Request N of
a seed is always the same. An answer must be one that the description knows; a connection may also just be closed where
what came is no HTTP or comes too slowly. Exits with 1 if anything does not hold.
"""

import json
import re
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from command_line import command_line, parsed, write_figures
from hostile_requests import Hostile, hostile
from serving_process import HOST, Process, scenes
from small_model import make_model

ROOT = str(Path(__file__).resolve().parents[1])
LEAK = re.compile(
    rb"/(usr|home|tmp|root|opt|var|etc|proc|lib)/\w|Traceback|site-packages|\.py\b|0x[0-9a-f]{6}|root:x:|"
    + re.escape(ROOT).encode()
)
"""What no answer may hold: a path of this machine, or a trace."""

HANG = 30.0
"""Seconds after which a request that was answered nothing hangs."""
LIMITS = ("--max-pixels", "500000", "--max-bytes", "2000000", "--body-seconds", "2", "--header-seconds", "2")
CLOSED = ("no HTTP", "slow senders", "heads")
"""Kinds whose connection may be closed without a word."""
GROWTH = 1.2
"""Memory may grow by so much from the first tenth of the requests to the end."""


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--model", type=Path, help="a model folder (default: a small PSPNet made on the spot)")
    parser.add_argument("--count", type=int, default=10_000, help="of requests (default: 10,000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=8, help="that send at a time (default: 8)")
    given = parsed(parser, {"count": 120})
    with TemporaryDirectory(prefix="sceneparse-hostile-") as name:
        model = given.model or Path(name) / "model"
        if given.model is None:
            make_model(model)
        with Process([str(model), "--engine", "torch", *LIMITS]) as service:
            figures = attacked(service, given.seed, given.count, given.threads)
            figures["stderr"] = [line for line in service.end().splitlines() if "Traceback" in line or "fault" in line]
    write_figures(figures, given.json, lambda: report(figures))
    if broken(figures):
        sys.exit(1)


def attacked(service: Process, seed: int, count: int, threads: int) -> dict[str, Any]:
    """Send the requests; what came of them."""
    openapi = json.loads(service.ask("GET", "/openapi.json")[2])
    pictures = [*scenes(3, 64), *scenes(2, 64, "PNG"), *scenes(2, 48, "WEBP"), *scenes(1, 48, "GIF")]
    known = documented(openapi)
    outcomes: Counter[tuple[str, str]] = Counter()
    wrong: list[str] = []
    memory: list[float] = []

    def one(number: int) -> tuple[Hostile, str, bytes]:
        made = hostile(seed * 1_000_003 + number, openapi, pictures, 500_000)
        return made, *sent(service.port, made)

    def judge(number: int, made: Hostile, outcome: str, body: bytes) -> None:
        outcomes[made.kind, outcome] += 1
        problems = judged(made, outcome, body, known)
        wrong.extend(f"request {number} ({made.kind}): {problem}" for problem in problems)

    began = time.monotonic()
    step = max(1, count // 10)
    with ThreadPoolExecutor(threads) as pool:
        for start in track(range(0, count, step), "sending", console=Console(stderr=True)):
            numbers = range(start, min(start + step, count))
            for number, result in zip(numbers, pool.map(one, numbers), strict=True):
                judge(number, *result)
            if not service.lives:
                wrong.append(f"the service has ended, at request {start + step} or before")
                break
            memory.append(round(service.memory_mib))
    status = service.ask("POST", "/v1/parse", pictures[0])[0] if service.lives else 0
    return {
        "requests": sum(outcomes.values()),
        "seconds": round(time.monotonic() - began, 1),
        "outcomes": {kind: outcomes_of(outcomes, kind) for kind in sorted({kind for kind, _ in outcomes})},
        "wrong": wrong,
        "memory_mib": memory,
        "answers_afterwards": status == 200,
    }


def outcomes_of(outcomes: Counter[tuple[str, str]], kind: str) -> dict[str, int]:
    """How often each outcome came of a kind of request."""
    return {outcome: count for (one, outcome), count in sorted(outcomes.items()) if one == kind}


def sent(port: int, made: Hostile) -> tuple[str, bytes]:
    """Send a request: the answer's status ("closed" without one, "hang" without an end), and all that came."""
    end = time.monotonic() + HANG
    parts: list[bytes] = []
    try:
        with socket.create_connection((HOST, port), timeout=HANG) as connection:
            try:
                drip(connection, made.raw, end) if made.slow else connection.sendall(made.raw)
                if not made.slow:
                    connection.shutdown(socket.SHUT_WR) if made.kind == "no HTTP" else None
            except OSError:
                pass  # the service has said enough and closed
            while part := received(connection, end):
                parts.append(part)
    except TimeoutError:
        return "hang", b"".join(parts)
    except OSError:
        pass
    answer = b"".join(parts)
    found = re.match(rb"HTTP/1\.1 (\d{3}) ", answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n"))
    return (found[1].decode() if found else "closed"), answer


def received(connection: socket.socket, end: float) -> bytes:
    connection.settimeout(max(0.01, end - time.monotonic()))
    return connection.recv(1 << 20)


def drip(connection: socket.socket, raw: bytes, end: float) -> None:
    """Send a few bytes at a time, slower than the service waits."""
    for start in range(0, len(raw), 200):
        connection.sendall(raw[start : start + 200])
        time.sleep(0.3)
        if time.monotonic() > end:
            raise TimeoutError


def documented(openapi: dict[str, Any]) -> Callable[[bytes], set[str]]:
    """The statuses that the description knows for a request."""

    def known(raw: bytes) -> set[str]:
        method, _, rest = raw.partition(b" ")
        path = rest.split(b" ")[0].partition(b"?")[0].decode("latin-1")
        verb = "get" if method == b"HEAD" else method.decode("latin-1").lower()  # HEAD is GET without the body
        operation = openapi["paths"].get(path, {}).get(verb, {})
        # Whatever the path, a request may be broken, for another host, of another page, too long, or wrong here.
        return {"400", "403", "404", "405", "421", "431", "503", *operation.get("responses", {})}

    return known


def judged(made: Hostile, outcome: str, answer: bytes, known: Callable[[bytes], set[str]]) -> list[str]:
    """What is wrong with an outcome."""
    if outcome == "hang":
        return [f"no end after {HANG:g} s"]
    if outcome == "closed":
        return [] if made.kind in CLOSED else ["closed without an answer"]
    problems = []
    head, _, body = answer.rpartition(b"\r\n\r\n") if outcome >= "400" else answer.partition(b"\r\n\r\n")
    if outcome == "500" or (outcome not in known(made.raw) and made.kind not in ("no HTTP",)):
        problems.append(f"status {outcome}")
    if outcome >= "400":
        if made.raw[:5] != b"HEAD " and b"application/problem+json" not in head:
            problems.append(f"status {outcome} without problem details")
        if leak := LEAK.search(body):
            problems.append(f"tells {leak[0]!r}")
    return problems


def broken(figures: dict[str, Any]) -> list[str]:
    """What does not hold."""
    problems = [*figures["wrong"][:20], *figures["stderr"]]
    memory = figures["memory_mib"]
    if len(memory) > 2 and max(memory[1:]) > GROWTH * memory[0]:
        problems.append(f"memory grew from {memory[0]} to {max(memory[1:])} MiB")
    if not figures["answers_afterwards"]:
        problems.append("the service does not answer afterwards")
    return problems


def report(figures: dict[str, Any]) -> None:
    """Print the figures."""
    table = Table(title=f"{figures['requests']:,} hostile requests in {figures['seconds']} s")
    table.add_column("kind")
    table.add_column("requests", justify="right")
    table.add_column("answers")
    for kind, outcomes in figures["outcomes"].items():
        counts = ", ".join(f"{count} × {outcome}" for outcome, count in outcomes.items())
        table.add_row(kind, str(sum(outcomes.values())), counts)
    console = Console()
    console.print(table)
    console.print(f"memory in MiB, tenth by tenth: {figures['memory_mib']}")
    for line in broken(figures) or ["nothing broke, hung or leaked"]:
        console.print(line, markup=False)


if __name__ == "__main__":
    main()
