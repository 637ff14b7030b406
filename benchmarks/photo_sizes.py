"""One photo at several sizes through predict, the service and an ONNX file: equal answers, and what the largest takes.

    python benchmarks/photo_sizes.py --model runs/mine/model --photo street.jpg
    python benchmarks/photo_sizes.py --model runs/mine/model --photo street.jpg --baseline ../older/src

The photo is enlarged or reduced to each of the sizes (Lanczos) and saved as JPEG. The model knows the sizes that it
learnt from, so that each is parsed at about the same scale: the share of every class must be the same. Each call of the
command line and the service run in processes of their own. Memory is the peak of a process beyond what it holds with
the model loaded, which is measured with a picture of 64x64 pixels.

With --baseline, the sources of an older version, the largest size is also parsed by that, with the same weights, for
which commit 634fde6 takes more than 20 GB. The quick form does it in small, on a model of random weights, in this
process but for the service, which gets the largest size alone; what needs a package that is not installed is left out.
"""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from rich.console import Console
from rich.table import Table

from command_line import command_line, note, parsed, write_figures
from sceneparse.files import write_json
from sceneparse.recipes import to_mapping
from sceneparse.settings import LearntSizes
from sceneparse.toyworld import render
from sceneparse.weights.config import CONFIG, ModelConfig, read_config, write_config
from small_model import make_model
from versions import Taken, call, call_here, checked_sources

SIZES = ((480, 360), (1920, 1440), (4000, 3000), (8000, 6000))
"""Widths and heights."""

GROUPS = ("backbone", "network", "preprocessing", "protocol", "data")
"""The settings of a model that an older version knows."""

SERVE = "import sys; from sceneparse.cli import main; sys.exit(main())"


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--model", type=Path, metavar="DIR", help="a model folder that knows the sizes it learnt from")
    parser.add_argument("--photo", type=Path, metavar="FILE", help="a photo (default: a scene of the toy world)")
    parser.add_argument("--baseline", type=Path, metavar="SRC", help="the folder src of an older version")
    given = parsed(parser, {})
    if given.model is None and not given.quick:
        parser.error("name a --model")
    with TemporaryDirectory(prefix="sceneparse-sizes-") as name:
        figures = measured(given, Path(name))
    write_figures(figures, given.json, lambda: report(figures))


def measured(given: Any, folder: Path) -> dict[str, Any]:
    """Parse the photo at each size in each way."""
    sizes = ((64, 48), (256, 192), (1024, 768)) if given.quick else SIZES
    model = quick_model(folder / "model") if given.model is None else given.model
    photos(given.photo, sizes, folder)
    # First, since it may take more memory than there is.
    before = None if given.baseline is None else older(given.baseline.resolve(), model, sizes[-1], folder)
    file = folder / "model.onnx"
    here = Path(__file__).resolve().parents[1] / "src"

    def ours(*words: object) -> Taken:
        return call_here(*words) if given.quick else call(here, folder, *words)

    ways = {"predict": model}
    engines: dict[str, tuple[str, ...]] = {"predict": ("--engine", "torch") if given.quick else (), "onnx": ()}
    if not given.quick or there("onnx", "onnxruntime", "onnxscript"):
        note("exporting")
        ours("export", model, "--format", "onnx", "--out", file)
        ways["onnx"] = file
    loaded = {}
    for way, source in ways.items():
        words = (source, folder / "loaded.png", *engines[way], "--out")
        ours("predict", *words, folder / "first")  # converts, if need be
        loaded[way] = ours("predict", *words, folder / f"loaded-{way}")
    rows = []
    for width, height in sizes:
        for way, source in ways.items():
            note(f"{way}: {width}x{height}")
            out = folder / f"{way}-{width}"
            taken = ours("predict", source, folder / f"{width}.jpg", "--out", out, *engines[way])
            answer = json.loads((out / f"{width}.json").read_text(encoding="utf-8"))
            above = taken.peak_mib - loaded[way].peak_mib
            rows.append(row(way, (width, height), answer, taken.seconds, above))
    if not given.quick:
        rows += served(here, model, sizes, folder)
    elif there("fastapi", "uvicorn"):
        rows += served(here, model, sizes[-1:], folder, "--engine", "torch")
    figures: dict[str, Any] = {"rows": rows, "largest_difference": largest_difference(rows)}
    if before is not None:
        figures["baseline"] = before
        largest = next(one for one in rows if one["way"] == "predict" and one["width"] == sizes[-1][0])
        figures["memory_ratio"] = round(largest["above_mib"] / before["above_mib"], 4)
        figures["time_ratio"] = round(largest["seconds"] / before["seconds"], 4)
    return figures


def there(*packages: str) -> bool:
    """Whether packages are installed."""
    return all(find_spec(package) is not None for package in packages)


def quick_model(folder: Path) -> Path:
    """Write a small model of random weights that learnt, as it says, from pictures of 64x48."""
    make_model(folder, 5)
    config = read_config(folder / CONFIG)
    write_config(folder / CONFIG, dataclasses.replace(config, sizes=LearntSizes(48, 48, (24, 96))))
    return folder


def photos(photo: Path | None, sizes: tuple[tuple[int, int], ...], folder: Path) -> None:
    """Write the photo at each size, and a small picture that costs nothing."""
    if photo is None:
        image = Image.fromarray(render(0, 0, 192).image.permute(1, 2, 0).numpy())
    else:
        image = Image.open(photo).convert("RGB")
    for size in sizes:
        image.resize(size, Image.Resampling.LANCZOS).save(folder / f"{size[0]}.jpg", quality=92)
    image.resize((64, 64)).save(folder / "loaded.png")


def row(way: str, size: tuple[int, int], answer: dict[str, Any], seconds: float, above_mib: float) -> dict[str, Any]:
    """The figures of one call."""
    if (answer["width"], answer["height"]) != size:
        raise SystemExit(f"{way}: labels of {answer['width']}x{answer['height']} for a picture of {size[0]}x{size[1]}")
    return {
        "way": way,
        "width": size[0],
        "height": size[1],
        "tested": [answer["tested"]["width"], answer["tested"]["height"]],
        "seconds": round(seconds, 2),
        "above_mib": round(above_mib),
        "shares": {one["name"]: one["share"] for one in answer["classes"]},
    }


def largest_difference(rows: list[dict[str, Any]]) -> float:
    """By how much the share of a class differs at most between any two of the answers."""
    names = {name for one in rows for name in one["shares"]}
    found = [[one["shares"].get(name, 0.0) for one in rows] for name in names]
    return round(max(max(shares) - min(shares) for shares in found), 5)


def served(
    here: Path, model: Path, sizes: tuple[tuple[int, int], ...], folder: Path, *words: str
) -> list[dict[str, Any]]:
    """Send the photos to a service, one that is started anew for each, whose memory is seen from outside."""
    rows = []
    for size in sizes:
        note(f"serve: {size[0]}x{size[1]}")
        command = [sys.executable, "-c", SERVE, "serve", str(model), "--port", "0", *words]
        environment = {**os.environ, "PYTHONPATH": str(here), "SCENEPARSE_CACHE": str(folder / "cache")}
        service = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            assert service.stdout is not None
            address = service.stdout.readline().decode().split()[2]
            loaded = high_mark(service.pid)
            content = (folder / f"{size[0]}.jpg").read_bytes()
            request = urllib.request.Request(f"{address}v1/parse", content, {"Content-Type": "image/jpeg"})
            begin = time.perf_counter()
            with urllib.request.urlopen(request) as response:
                answer = json.load(response)
            rows.append(row("serve", size, answer, time.perf_counter() - begin, high_mark(service.pid) - loaded))
        finally:
            service.send_signal(signal.SIGTERM)
            service.wait()
    return rows


def high_mark(pid: int) -> float:
    """The most memory that a process has held, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 2**10


def older(sources: Path, model: Path, size: tuple[int, int], folder: Path) -> dict[str, Any]:
    """The largest size by an older version, which gets the settings that are not at their defaults alone."""
    copy = folder / "older-model"
    shutil.copytree(model, copy)
    config = read_config(copy / CONFIG).portable()
    changed = differing(to_mapping(config), to_mapping(plain(config)))
    write_json(copy / CONFIG, {"format": 1, "name": config.name, "backbone": {}, **without_new(changed)})
    checked_sources(sources)
    call(sources, folder, "predict", copy, folder / "loaded.png", "--out", folder / "older-first")
    loaded = call(sources, folder, "predict", copy, folder / "loaded.png", "--out", folder / "older-loaded")
    note(f"older version: {size[0]}x{size[1]}")
    taken = call(sources, folder, "predict", copy, folder / f"{size[0]}.jpg", "--out", folder / "older")
    answer = json.loads((folder / "older" / f"{size[0]}.json").read_text(encoding="utf-8"))
    return {
        "seconds": round(taken.seconds, 2),
        "above_mib": round(taken.peak_mib - loaded.peak_mib),
        "shares": {one["name"]: one["share"] for one in answer["classes"]},
    }


def plain(config: ModelConfig) -> ModelConfig:
    """Settings that are all at their defaults."""
    return dataclasses.replace(config, **{name: type(getattr(config, name))() for name in GROUPS})


def differing(settings: dict[str, Any], usual: dict[str, Any]) -> dict[str, Any]:
    """The settings that are not at their defaults, group by group."""
    found: dict[str, Any] = {name: {} for name, value in settings.items() if isinstance(value, dict)}
    for group in found:
        found[group] = {key: value for key, value in settings[group].items() if value != usual[group].get(key)}
    return found


def without_new(settings: dict[str, Any]) -> dict[str, Any]:
    """Leave out what no older version knows, and what only says how it was trained."""
    kept = {name: settings[name] for name in GROUPS}
    return {**kept, "data": {"kind": "folder", "classes": "labels.json"}}


def report(figures: dict[str, Any]) -> None:
    """Print the figures."""
    table = Table()
    for heading in ("way", "picture", "tested at", "s", "MiB above the model"):
        table.add_column(heading, justify="left" if heading == "way" else "right")
    for one in figures["rows"]:
        tested = "x".join(map(str, one["tested"]))
        table.add_row(one["way"], f"{one['width']}x{one['height']}", tested, f"{one['seconds']}", f"{one['above_mib']}")
    if "baseline" in figures:
        before, size = figures["baseline"], figures["rows"][-1]
        shown = f"{size['width']}x{size['height']}"
        table.add_row("older version", shown, shown, f"{before['seconds']}", f"{before['above_mib']}")
    console = Console()
    console.print(table)
    console.print(f"shares of classes differ by at most {100 * figures['largest_difference']:.2f} points")
    if "baseline" in figures:
        console.print(
            f"of the older version's: {figures['memory_ratio']:.3f} of the memory, {figures['time_ratio']:.3f} of the "
            "time"
        )


if __name__ == "__main__":
    main()
