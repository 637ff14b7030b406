"""The service under load: a closed loop of clients, with micro-batching and without.

    python benchmarks/serving_load.py
    python benchmarks/serving_load.py --model runs/pspnet/model --side 473 --seconds 60 --json load.json

Each client sends a picture, waits for the answer, and sends the next; a 503 makes it wait as long as Retry-After says.
All pictures have one size, as batches need. Clients and service share the machine. Times are of whole answers, the JSON
with its masks; memory is the service's, before and after each row.
"""

import http.client
import threading
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from command_line import command_line, note, parsed, write_figures
from serving_process import HOST, Process, scenes
from small_model import make_model


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--model", type=Path, help="a model folder (default: a small PSPNet made on the spot)")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 64], metavar="N")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each row (default: 60)")
    parser.add_argument("--side", type=int, default=256, help="of the pictures in pixels (default: 256)")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8], metavar="N", help="default: 1 (none) and 8")
    parser.add_argument("--engine", default="auto", help="default: auto")
    given = parsed(parser, {"seconds": 0.4, "clients": [3], "batches": [4], "side": 64, "engine": "torch"})

    pictures = scenes(8, given.side)
    rows = []
    with TemporaryDirectory(prefix="sceneparse-load-") as name:
        model = given.model or Path(name) / "model"
        if given.model is None:
            make_model(model)
        for batch in given.batches:
            with Process([str(model), "--batch", str(batch), "--engine", given.engine]) as service:
                for _ in range(3):
                    service.ask("POST", "/v1/parse", pictures[0])
                for clients in given.clients:
                    rows.append(
                        {"batch": batch, "clients": clients, **measured(service, clients, given.seconds, pictures)}
                    )
                    note(f"batches of {batch}, {clients} clients: {rows[-1]['per_second']} pictures/s")
    figures = {"side": given.side, "seconds": given.seconds, "rows": rows}
    write_figures(figures, given.json, lambda: report(rows, given.side))


def measured(service: Process, clients: int, seconds: float, pictures: list[bytes]) -> dict[str, Any]:
    """What so many clients get in so many seconds."""
    kinds: Counter[str] = Counter()
    times: list[float] = []
    lock = threading.Lock()
    before = service.memory_mib
    counted = [service.metric("sceneparse_batch_size_sum"), service.metric("sceneparse_batch_size_count")]
    end = time.monotonic() + seconds

    def client(number: int) -> None:
        connection = http.client.HTTPConnection(HOST, service.port, timeout=120)
        turn = number
        while time.monotonic() < end:
            began = time.monotonic()
            turn += 1
            try:
                connection.request("POST", "/v1/parse", pictures[turn % len(pictures)])
                response = connection.getresponse()
                body = response.read()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                with lock:
                    kinds[type(error).__name__] += 1
                continue
            took = time.monotonic() - began
            after = response.getheader("Retry-After")
            with lock:
                if response.status == 200 and body.endswith(b"}"):
                    times.append(took)
                elif response.status == 503 and after:
                    kinds["503"] += 1
                else:
                    kinds[f"status {response.status}"] += 1
            if response.status == 503:
                connection.close()  # which the service closes as well, of a client that is silent for long
                time.sleep(min(float(after or 1), max(0.0, end - time.monotonic())))
        connection.close()

    began = time.monotonic()
    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    sizes = service.metric("sceneparse_batch_size_sum") - counted[0]
    batches = service.metric("sceneparse_batch_size_count") - counted[1]
    quantiles = np.quantile(times, (0.5, 0.95, 0.99)) if times else np.full(3, np.nan)
    return {
        "answers": len(times),
        "per_second": round(len(times) / took, 2),
        **{f"p{name}_ms": round(1000 * float(value)) for name, value in zip((50, 95, 99), quantiles, strict=True)},
        "refused": kinds.pop("503", 0),
        "errors": dict(kinds),
        "mean_batch": round(sizes / max(batches, 1), 2),
        "memory_before_mib": round(before),
        "memory_after_mib": round(service.memory_mib),
    }


def report(rows: list[dict[str, Any]], side: int) -> None:
    """Print the figures."""
    table = Table(title=f"pictures of {side}×{side}", box=box.SIMPLE, pad_edge=False)
    for heading in (
        "batch",
        "clients",
        "pictures/s",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "503",
        "errors",
        "mean batch",
        "MiB",
    ):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            *(str(row[key]) for key in ("batch", "clients", "per_second", "p50_ms", "p95_ms", "p99_ms", "refused")),
            ", ".join(f"{count} {kind}" for kind, count in row["errors"].items()) or "none",
            str(row["mean_batch"]),
            f"{row['memory_before_mib']}→{row['memory_after_mib']}",
        )
    console = Console()
    (console if console.is_terminal else Console(width=110)).print(table)


if __name__ == "__main__":
    main()
