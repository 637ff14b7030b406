"""A collection under fire: workers killed one after the other, the driver killed once, and nothing lost or twice.

    python benchmarks/collection.py
    python benchmarks/collection.py --count 100 --kill-every 5 --json collection.json

Makes toy-world pictures and a small model, and parses them four times: by the plain loop, by workers undisturbed, by
workers of which one is killed every few seconds until, half-way, the driver is killed as well, and by a second run that
goes on (its workers are killed, too). Then every file and every line of the manifest is compared with the undisturbed
run's. Pictures a second are those of the parsing alone; the workers' starts are part of it, the first model's load is
not. Linux alone: processes are found in /proc.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from rich.console import Console
from rich.table import Table

from command_line import command_line, note, parsed, write_figures
from large_picture import alone, here
from sceneparse.cli import main as main_of_commands
from sceneparse.toyworld import render
from small_model import make_model

BROKEN_EVERY = 40
"""One file in so many is no picture."""
NO_PICTURE = b"no picture"
WORKER = b"ray::MapWorker"


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--count", type=int, default=5000, help="pictures (default: 5000)")
    parser.add_argument("--side", type=int, default=96, help="their side in pixels (default: 96)")
    parser.add_argument("--workers", type=int, help="default: as sceneparse predict has it")
    parser.add_argument("--kill-every", type=float, default=10.0, metavar="S", help="seconds (default: 10)")
    given = parsed(parser, {"count": 40, "side": 48, "workers": 1, "kill_every": 4.0})
    if given.count < BROKEN_EVERY:
        parser.error(f"--count must be {BROKEN_EVERY} at least: one file in so many is no picture")

    workers = ["--runner", "ray", *(["--workers", str(given.workers)] if given.workers else [])]
    if find_spec("ray") is None:
        if not given.quick:
            sys.exit("the workers need Ray, which is not installed: pip install 'sceneparse[ray]'")
        note("Ray is not installed (pip install 'sceneparse[ray]'): the plain loop alone is run")
        workers = []
    with TemporaryDirectory(prefix="sceneparse-collection-") as name:
        folder = Path(name)
        note(f"making {given.count} pictures and a model")
        call = here if given.quick else alone
        call(make_pictures, folder / "pictures", given.count, given.side)
        call(make_model, folder / "model", 20)
        figures: dict[str, Any] = {"pictures": given.count, "side": given.side, "kill_every": given.kill_every}
        if workers:
            figures |= parsed_four_times(folder, workers, given.kill_every, given.count // 2)
        else:
            figures |= parsed_once(folder)
    write_figures(figures, given.json, lambda: report(figures))
    if not figures["ok"]:
        sys.exit(1)


def parsed_four_times(folder: Path, workers: list[str], every: float, half: int) -> dict[str, Any]:
    """The figures of each run, and what differs between them.

    Args:
        folder: Holds the pictures and the model.
        workers: Arguments that parse with workers.
        every: Seconds between two kills.
        half: After so many pictures the driver is killed.
    """
    figures = {}
    for title, more in (("loop", []), ("undisturbed", workers)):
        note(f"parsing: {title}")
        figures[title] = run(folder, title, more)
    note("parsing: disturbed")
    figures["disturbed"] = under_fire(folder, "disturbed", workers, every, half)
    note("parsing: the rest of it")
    figures["second"] = under_fire(folder, "disturbed", workers, every, half=None)
    return figures | compared(folder)


def parsed_once(folder: Path) -> dict[str, Any]:
    """The figures of the plain loop, in this process, and which pictures it has left out or failed on."""
    note("parsing: loop")
    figures = {"loop": run(folder, "loop", [], main_of_commands)}
    paths = list((folder / "pictures").rglob("*.jpg"))
    whole = {path.stem for path in paths if path.read_bytes() != NO_PICTURE}
    done = [path.name.removesuffix("_overlay.jpg") for path in (folder / "loop").rglob("*_overlay.jpg")]
    lost, failed = len(whole - set(done)), len(paths) - len(whole)
    return {**figures, "lost": lost, "twice": len(done) - len(set(done)), "failed": failed, "ok": whole == set(done)}


def make_pictures(folder: Path, count: int, side: int) -> None:
    """Write toy-world pictures into folders of 100, and now and then something that is none."""
    for index in range(count):
        path = folder / f"{index // 100:03}" / f"{index:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        if index % BROKEN_EVERY == BROKEN_EVERY // 2:
            path.write_bytes(NO_PICTURE)
        else:
            Image.fromarray(render(0, index, side).image.permute(1, 2, 0).contiguous().numpy()).save(path, quality=90)


def predict(folder: Path, title: str, more: list[str]) -> list[str]:
    """The words of `sceneparse predict`."""
    words = ["predict", folder / "model", folder / "pictures", "--out", folder / title, "--engine", "torch", *more]
    return [*map(str, words)]


def start(words: list[str]) -> "subprocess.Popen[bytes]":
    """Begin a command."""
    return subprocess.Popen(
        [sys.executable, "-m", "sceneparse.cli", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def apart(words: list[str]) -> int:
    """Run a command in a process of its own; its exit status."""
    return start(words).wait()


def run(folder: Path, title: str, more: list[str], command: Callable[[list[str]], int] = apart) -> dict[str, Any]:
    """Parse all, undisturbed; seconds of the whole command and of the parsing alone."""
    begun = time.perf_counter()
    code = command(predict(folder, title, more))
    seconds = time.perf_counter() - begun
    parsing = json.loads((folder / title / "summary.json").read_text())["seconds"]
    count = sum(1 for path in (folder / "pictures").rglob("*.jpg") if path.is_file())
    return {"exit": code, "seconds": round(seconds, 1), "pictures_a_second": round(count / parsing, 1)}


def under_fire(folder: Path, title: str, more: list[str], every: float, half: int | None) -> dict[str, Any]:
    """Parse while a worker is killed every few seconds, and the driver once so many pictures are done."""
    begun, kills, turn = time.perf_counter(), 0, 0
    driver = start(predict(folder, title, more))
    after = time.monotonic() + every
    while driver.poll() is None:
        time.sleep(0.1)
        if half is not None and sum(1 for _ in (folder / title).rglob("[!.]*.json")) >= half:
            family = [pid for pid, _ in descendants(driver.pid)]
            driver.kill()
            driver.wait()
            end_family(family)
            break
        if time.monotonic() >= after:
            after = time.monotonic() + every
            workers = sorted(pid for pid, title_of in descendants(driver.pid) if title_of.startswith(WORKER))
            if workers:
                turn += 1
                os.kill(workers[turn % len(workers)], signal.SIGKILL)
                kills += 1
    done = sum(1 for _ in (folder / title).rglob("[!.]*_overlay.jpg"))
    seconds = round(time.perf_counter() - begun, 1)
    return {"exit": driver.returncode, "seconds": seconds, "workers_killed": kills, "done_at_the_end": done}


def descendants(pid: int) -> Iterator[tuple[int, bytes]]:
    """The processes below one, with their titles."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:  # it has just ended
                continue
            children.setdefault(parent, []).append(int(entry.name))
    waiting = list(children.get(pid, []))
    while waiting:
        child = waiting.pop()
        waiting.extend(children.get(child, []))
        try:
            yield child, Path(f"/proc/{child}/cmdline").read_bytes()
        except OSError:
            continue


def end_family(pids: list[int]) -> None:
    """Wait until a killed driver's processes have ended by themselves; the last ones are killed."""
    end = time.monotonic() + 60
    while (left := [pid for pid in pids if Path(f"/proc/{pid}").exists()]) and time.monotonic() < end:
        time.sleep(0.2)
    for pid in left:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def compared(folder: Path) -> dict[str, Any]:
    """What differs from the undisturbed run and from the loop, file by file and line by line."""
    expected, found, loop = (_tree(folder / title) for title in ("undisturbed", "disturbed", "loop"))
    manifest = [json.loads(line) for line in (folder / "disturbed" / "manifest.jsonl").read_text().splitlines()]
    names = Counter(line["name"] for line in manifest)
    pictures = {
        path.relative_to(folder / "pictures").with_suffix("").as_posix()
        for path in (folder / "pictures").rglob("*.jpg")
    }
    manifests = [(folder / title / "manifest.jsonl").read_bytes() for title in ("undisturbed", "disturbed")]
    figures = {
        "manifest_lines": len(manifest),
        "lost": len(pictures - set(names)),
        "twice": sum(count > 1 for count in names.values()),
        "failed": sum(line["status"] == "failed" for line in manifest),
        "files": len(found),
        "files_missing": len(set(expected) - set(found)),
        "files_left_over": len(set(found) - set(expected)),
        "files_that_differ": sum(found[name] != expected[name] for name in set(found) & set(expected)),
        "manifests_equal": manifests[0] == manifests[1],
        "files_that_differ_from_the_loop": sum(found.get(name) != loop.get(name) for name in set(found) | set(loop)),
    }
    wrong = ("lost", "twice", "files_missing", "files_left_over", "files_that_differ")
    return {**figures, "ok": figures["manifests_equal"] and not any(figures[key] for key in wrong)}


def _tree(root: Path) -> dict[str, bytes]:
    """All outputs of pictures by their paths; files that a killed process left under hidden names don't count."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("[!.]*")
        if path.is_file() and path.name not in ("summary.json", "manifest.jsonl")
    }


def report(figures: dict[str, Any]) -> None:
    """Print the figures."""
    console = Console()
    table = Table("run", "exit", "seconds", "pictures/s", "workers killed", "pictures done")
    for title in ("loop", "undisturbed", "disturbed", "second"):
        if title not in figures:
            continue
        one = figures[title]
        table.add_row(
            title,
            str(one["exit"]),
            f"{one['seconds']:.0f}",
            *(str(one.get(key, "")) for key in ("pictures_a_second", "workers_killed", "done_at_the_end")),
        )
    console.print(table)
    keys = [key for key in figures if key.startswith(("manifest", "lost", "twice", "failed", "files"))]
    console.print(", ".join(f"{key.replace('_', ' ')}: {figures[key]}" for key in keys))
    said = "nothing lost, nothing twice" + (", byte by byte" if "manifests_equal" in figures else "")
    console.print(said if figures["ok"] else "[red]NOT equal[/]")


if __name__ == "__main__":
    main()
