"""A large raster with four bands of 16 bits to a raster of labels: peak memory, and speed beside an older version.

    python benchmarks/rasters.py --size 20000
    python benchmarks/rasters.py --size 8000 --baseline ../older/src --rounds 3 --json rasters.json

The raster is made of toy-world scenes, tiled and packed as they usually are; its fourth band is one of the others. The
model is a small one of fixed random weights (PSPNet on a ResNet-10 at stride 32, or --model). The raster is parsed by
the command line in a process of its own, whose peak memory is measured, in windows of --window at stride 2/3.

With --baseline, the sources of an older version, the same pixels are cut into PNG files of 2,000x2,000 pixels (RGBA of
16 bits, which it reads as a picture of four channels), and it parses these in the same windows, label maps alone. Both
take turns, each after a first call that fills its cache of converted models; the time that it takes to start and load
the model is measured by a raster of one window and subtracted from neither: it is shown beside. The quick form does all
in one process, so that its memory means nothing.
"""

import statistics
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import rasterio
import torch
from numpy.typing import NDArray
from rasterio.windows import Window
from rich.console import Console
from rich.table import Table
from torch import nn

from command_line import command_line, note, parsed, write_figures
from sceneparse.files import write_json
from sceneparse.labels import LabelSpace
from sceneparse.networks import normalize
from sceneparse.settings import BackboneSettings, DataSettings, NetworkSettings, PreprocessingSettings, ProtocolSettings
from sceneparse.toyworld import render
from sceneparse.weights.build import build
from sceneparse.weights.config import CONFIG, ModelConfig
from sceneparse.weights.model import Model, save_model
from versions import Taken, call, call_here

SCENE = 1000
"""Side of the scenes in pixels, where the raster is not smaller."""


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--size", type=int, default=20_000, metavar="N", help="pixels a side (default: 20000)")
    parser.add_argument("--window", type=int, nargs=2, default=(512, 512), metavar=("H", "W"))
    parser.add_argument("--model", type=Path, help="a model folder of four channels (default: a small one)")
    parser.add_argument("--classes", type=int, default=8, help="of the model that is made (default: 8)")
    parser.add_argument("--baseline", type=Path, metavar="SRC", help="the folder src of an older version")
    parser.add_argument("--tile", type=int, default=2000, help="pixels a side of the older version's pictures")
    parser.add_argument("--rounds", type=int, default=1, help="turns of each, of which the median counts (default: 1)")
    parser.add_argument("--engine", default="auto", help="default: auto")
    given = parsed(parser, {"size": 256, "window": (96, 96), "classes": 3, "tile": 128, "engine": "torch"})
    with TemporaryDirectory(prefix="sceneparse-rasters-") as name:
        figures = measured(given, Path(name))
    write_figures(figures, given.json, lambda: report(figures))


def measured(given: Any, folder: Path) -> dict[str, Any]:
    """Make raster and model, and measure."""
    model = given.model or folder / "model"
    if given.model is None:
        make_model(model, given.classes)
    note("making the raster")
    make_raster(folder / "scene.tif", given.size)
    make_raster(folder / "start.tif", max(given.window))
    windows = ["--window", *map(str, given.window), "--engine", given.engine]
    here = Path(__file__).resolve().parents[1] / "src"

    def ours(name: str) -> Taken:
        words = ("predict", model, folder / name, "--out", folder / "labels", "--again", *windows)
        return call_here(*words) if given.quick else call(here, folder, *words)

    start = [ours("start.tif") for _ in range(1 if given.quick else 2)][-1]
    figures: dict[str, Any] = {
        "size": given.size,
        "window": list(given.window),
        "raster_mib": round((folder / "scene.tif").stat().st_size / 2**20, 1),
        "starting_seconds": round(start.seconds, 2),
        "starting_mib": round(start.peak_mib, 1),
    }
    own: list[Taken] = []
    other: list[Taken] = []
    if given.baseline is not None:
        note("cutting it into pictures")
        cut(folder / "scene.tif", folder / "pictures", given.tile)
        cut(folder / "start.tif", folder / "first", given.tile)
        older(given, folder, model, "first", windows)
    for number in range(given.rounds):
        note(f"round {number + 1} of {given.rounds}")
        own.append(ours("scene.tif"))
        if given.baseline is not None:
            other.append(older(given, folder, model, "pictures", windows))
    figures |= described("", own)
    if other:
        figures |= described("baseline_", other)
        figures["speedups"] = [round(b.seconds / a.seconds, 3) for a, b in zip(own, other, strict=True)]
        figures["cpu_ratio"] = round(sum(b.cpu_seconds for b in other) / sum(a.cpu_seconds for a in own), 3)
    figures["labels_equal"] = checked(folder, given)
    return figures


def described(prefix: str, taken: list[Taken]) -> dict[str, Any]:
    """The figures of some calls: the median time, and the largest peak."""
    return {
        f"{prefix}seconds": round(statistics.median(one.seconds for one in taken), 2),
        f"{prefix}cpu_seconds": round(statistics.median(one.cpu_seconds for one in taken), 2),
        f"{prefix}peak_mib": round(max(one.peak_mib for one in taken), 1),
    }


def older(given: Any, folder: Path, model: Path, pictures: str, windows: list[str]) -> Taken:
    """The older version over the cut raster."""
    out = folder / f"{pictures}-labels"
    words = ("predict", model, folder / pictures, "--out", out, "--again", "--no-overlay", *windows)
    return call(given.baseline.resolve(), folder, *words)


def checked(folder: Path, given: Any) -> float | None:
    """The share of pixels, more than a window from the cuts, on which raster and pictures agree; None without pictures.

    It isn't 1: windows lie elsewhere in the pictures than in the raster, and what a network sees depends on it.
    """
    if given.baseline is None:
        return None
    from PIL import Image

    equal = total = 0
    edge = max(given.window)
    with rasterio.open(folder / "labels" / "scene_labels.tif") as labels:
        for path, window in tiles(given.size, given.tile):
            if min(window.width, window.height) <= 2 * edge:
                continue
            found = labels.read(1, window=window)[edge:-edge, edge:-edge]
            with Image.open(folder / "pictures-labels" / path) as picture:
                wanted = np.array(picture)[edge:-edge, edge:-edge]
            equal, total = equal + int((found == wanted).sum()), total + found.size
    return equal / total if total else None


def make_model(folder: Path, classes: int) -> None:
    """Write a small network of four channels and fixed random weights, in which many classes win somewhere."""
    torch.manual_seed(0)
    config = ModelConfig(
        name="small",
        backbone=BackboneSettings("resnet10t", in_channels=4),
        network=NetworkSettings(channels=32, output_stride=32, aux=False),
        preprocessing=PreprocessingSettings((0.45,), (0.25,)),
        protocol=ProtocolSettings(),
        data=DataSettings(),
    )
    network = build(config.backbone, config.network, classes).train()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None  # the average over all that is seen
    scenes = torch.stack([render(0, index, 192).image for index in range(8)])
    scenes = torch.cat([scenes, scenes[:, :1]], dim=1)
    with torch.no_grad():
        network(normalize(scenes, config.preprocessing.mean, config.preprocessing.std))
    names = tuple(f"class {index}" for index in range(classes))
    save_model(folder, Model(network.eval(), config, LabelSpace(names)), "# small\n")
    # What is not at its default alone: an older version knows fewer settings.
    given = {
        "format": 1,
        "name": config.name,
        "backbone": {"name": "resnet10t", "in_channels": 4},
        "network": {"architecture": "pspnet", "channels": 32, "output_stride": 32, "aux": False},
        "preprocessing": {"mean": [0.45], "std": [0.25]},
        "protocol": {},
        "data": {},
    }
    write_json(folder / CONFIG, given)


def make_raster(path: Path, size: int) -> None:
    """Write a square raster of toy-world scenes."""
    side = min(SCENE, size)
    scenes = [render(0, index, side).image.numpy() for index in range(4)]
    bands = [np.concatenate([scene, scene[1:2]]).astype(np.uint16) * 257 for scene in scenes]
    profile = {"driver": "GTiff", "width": size, "height": size, "count": 4, "dtype": "uint16", "tiled": True}
    packing = {"blockxsize": 256, "blockysize": 256, "compress": "deflate", "predictor": 2, "bigtiff": "IF_SAFER"}
    transform = rasterio.transform.from_origin(500_000, 5_000_000, 0.5, 0.5)
    with rasterio.open(path, "w", **profile, **packing, crs="EPSG:32633", transform=transform) as dataset:
        for number, (_, window) in enumerate(tiles(size, side)):
            dataset.write(bands[number % 4][:, : window.height, : window.width], window=window)


def tiles(size: int, side: int) -> Iterator[tuple[str, Window]]:
    """The names and windows of the pictures that a raster is cut into."""
    for top in range(0, size, side):
        for left in range(0, size, side):
            window = Window(left, top, min(side, size - left), min(side, size - top))
            yield f"{top:05}-{left:05}.png", window


def cut(raster: Path, folder: Path, side: int) -> None:
    """Cut a raster into PNG files."""
    folder.mkdir()
    with rasterio.open(raster) as dataset:
        for name, window in tiles(dataset.width, side):
            write_png(folder / name, np.ascontiguousarray(dataset.read(window=window).transpose(1, 2, 0)))


def write_png(path: Path, pixels: NDArray[np.uint16]) -> None:
    """Write (H, W, 4) values of 16 bits, each row filtered by the pixel to its left (PNG 3.0, type 1)."""
    height, width, _ = pixels.shape
    rows = pixels.astype(">u2").view(np.uint8).reshape(height, 8 * width)
    filtered = np.empty((height, 1 + 8 * width), np.uint8)
    filtered[:, 0], filtered[:, 1:9] = 1, rows[:, :8]
    filtered[:, 9:] = rows[:, 8:] - rows[:, :-8]
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        head = struct.pack(">IIBBBBB", width, height, 16, 6, 0, 0, 0)
        for kind, content in ((b"IHDR", head), (b"IDAT", zlib.compress(filtered.tobytes(), 6)), (b"IEND", b"")):
            checksum = struct.pack(">I", zlib.crc32(kind + content))
            file.write(struct.pack(">I", len(content)) + kind + content + checksum)


def report(figures: dict[str, Any]) -> None:
    """Print the figures."""
    table = Table("", "seconds", "of all processors", "peak MiB")
    for title, prefix in (("raster", ""), ("pictures, older version", "baseline_")):
        if f"{prefix}seconds" in figures:
            table.add_row(title, *(f"{figures[prefix + key]:,.1f}" for key in ("seconds", "cpu_seconds", "peak_mib")))
    table.add_row(
        "starting, with one window", f"{figures['starting_seconds']:.1f}", "", f"{figures['starting_mib']:,.0f}"
    )
    console = Console()
    size, window = figures["size"], figures["window"]
    console.print(f"{size:,}x{size:,} pixels, 4 bands of 16 bits, windows of {window[0]}x{window[1]} at stride 2/3")
    console.print(table)
    if "speedups" in figures:
        console.print(f"older version / this one: {', '.join(map(str, figures['speedups']))} in time")
        console.print(f"                          {figures['cpu_ratio']} in time of all processors")
        console.print(f"labels equal away from the cuts, whose windows lie elsewhere: {figures['labels_equal']}")


if __name__ == "__main__":
    main()
