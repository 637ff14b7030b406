"""kill -9 of the service under load: it restarts clean, and nobody ever gets another picture's answer.

    python benchmarks/serving_kill.py
    python benchmarks/serving_kill.py --kills 10 --every 5 --clients 8 --json kill.json

The truth of some pictures is computed in advance, in this process. Clients then send them at random, with the service
killed and restarted meanwhile. Each answer must carry the hash of what was sent and the true labels; each request must
be answered or its connection closed. Exits with 1 if that does not hold.
"""

import hashlib
import http.client
import random
import sys
import threading
import time
from collections import Counter
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from command_line import command_line, parsed, write_figures
from sceneparse.parsing import load
from serving_process import HOST, Process, free_port, ready, scenes
from small_model import make_model

SAME = 0.999
"""So many labels must be equal: batches may round otherwise than single pictures. Other pictures differ in far more."""


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--model", type=Path, help="a model folder (default: a small PSPNet made on the spot)")
    parser.add_argument("--kills", type=int, default=5, help="default: 5")
    parser.add_argument("--every", type=float, default=5.0, help="seconds between them (default: 5)")
    parser.add_argument("--clients", type=int, default=8, help="default: 8")
    parser.add_argument("--side", type=int, default=128, help="of the pictures in pixels (default: 128)")
    parser.add_argument("--batch", type=int, default=1, help="pictures parsed at once (default: 1)")
    given = parsed(parser, {"kills": 1, "every": 0.5, "clients": 2, "side": 64})

    with TemporaryDirectory(prefix="sceneparse-kill-") as name:
        model = given.model or Path(name) / "model"
        if given.model is None:
            make_model(model)
        pictures = scenes(12, given.side)
        truths = truth(model, pictures)
        words = [str(model), "--engine", "torch", "--precision", "float32", "--batch", str(given.batch)]
        figures = attacked(words, pictures, truths, given.kills, given.every, given.clients)
    write_figures(figures, given.json, lambda: report(figures))
    if figures["wrong"] or figures["unanswered"] or not figures["right"]:
        sys.exit(1)


def truth(model: Path, pictures: list[bytes]) -> list[NDArray[Any]]:
    """The ids of each picture's label map; no two of them may be alike, or mixing them up would not show."""
    parser = load(model, engine="torch", precision="float32")
    maps = [np.array(parser(picture).label_image()) for picture in pictures]
    for number, one in enumerate(maps):
        if any((one == other).mean() > SAME for other in maps[:number]):
            sys.exit("two pictures have the same labels: the check would see nothing")
    return maps


def attacked(
    words: list[str], pictures: list[bytes], truths: list[NDArray[Any]], kills: int, every: float, clients: int
) -> dict[str, Any]:
    """What clients see while the service is killed and restarted."""
    port = free_port()
    counts: Counter[str] = Counter()
    lock = threading.Lock()
    over = threading.Event()

    def client(number: int) -> None:
        choice = random.Random(number)
        while not over.is_set():
            kind = asked(port, *choice.choice(list(zip(pictures, truths, strict=True))))
            with lock:
                counts[kind] += 1
            if kind in ("closed", "refused"):
                time.sleep(0.05)

    process = Process(words, port)
    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    restarts = []
    try:
        for _ in range(kills):
            time.sleep(every)
            process.kill()
            began = time.monotonic()
            process = Process(words, port)
            ready(port)
            restarts.append(time.monotonic() - began)
        time.sleep(every)
    finally:
        over.set()
        for thread in threads:
            thread.join()
        process.end()
    return {
        "kills": kills,
        "right": counts["right"],
        "wrong": counts["wrong"],
        "closed": counts["closed"],
        "refused": counts["refused"],
        "unanswered": counts["unanswered"],
        "restart_seconds": round(max(restarts, default=0.0), 1),
    }


def asked(port: int, picture: bytes, true: NDArray[Any]) -> str:
    """One request: "right", "wrong", "closed" (as a kill leaves it), "refused" (503) or "unanswered" (it hangs)."""
    connection = http.client.HTTPConnection(HOST, port, timeout=60)
    try:
        connection.request("POST", "/v1/parse", picture, {"Accept": "image/png"})
        response = connection.getresponse()
        body = response.read()
    except TimeoutError:
        return "unanswered"
    except (OSError, http.client.HTTPException):
        return "closed"
    finally:
        connection.close()
    if response.status == 503:
        return "refused"
    if response.status != 200 or response.getheader("X-Request-SHA256") != hashlib.sha256(picture).hexdigest():
        return "wrong"
    labels = np.array(Image.open(BytesIO(body)))
    return "right" if labels.shape == true.shape and (labels == true).mean() >= SAME else "wrong"


def report(figures: dict[str, Any]) -> None:
    """Print the figures."""
    table = Table(show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, key in (
        ("kill -9", "kills"),
        ("answers with the right hash and labels", "right"),
        ("wrong answers", "wrong"),
        ("connections closed by a kill", "closed"),
        ("refused (503)", "refused"),
        ("neither answered nor closed", "unanswered"),
    ):
        table.add_row(name, str(figures[key]))
    table.add_row("longest restart until ready", f"{figures['restart_seconds']} s")
    Console().print(table)


if __name__ == "__main__":
    main()
