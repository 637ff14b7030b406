"""How many of timm's pretrained architectures can be a backbone of UPerNet, and why not the others.

    python benchmarks/timm_backbones.py
    python benchmarks/timm_backbones.py --processes 4 --json backbones.json
    python benchmarks/timm_backbones.py --only 'vit_*dinov3*'

Nothing is computed and no weight takes memory or is fetched (PyTorch's meta device). An architecture counts as built
when UPerNet on it passes two pictures on, neither of them of the size it was trained at, and the maps of all four
stages and the logits have the right channels and ceil(side / stride) rows and columns.
"""

import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatch
from multiprocessing import get_context
from typing import Any

import timm
import torch
from rich.console import Console
from rich.table import Table

from command_line import command_line, note, parsed, write_figures
from sceneparse.errors import UserError
from sceneparse.networks.base import SceneParser
from sceneparse.settings import BackboneSettings, NetworkSettings
from sceneparse.weights.build import build

SIZES = ((97, 129), (160, 96))
"""Pictures, in pixels."""

CLASSES = 5

QUICK = ("resnet18", "convnext_atto", "test_vit", "vit_small_patch14_dinov2", "twins_svt_small", "resmlp_12_224")


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--only", default="*", metavar="PATTERN", help="architectures whose names match")
    parser.add_argument("--names", nargs="*", metavar="NAME", help="these architectures (default: all pretrained ones)")
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1)
    given = parsed(parser, {"names": QUICK, "processes": 1})
    every = given.names or sorted({name.partition(".")[0] for name in timm.list_pretrained()})
    names = [name for name in every if fnmatch(name, given.only)]
    if not names:
        parser.error(f"no architecture matches {given.only}")
    rows = sorted(all_tried(names, given.processes), key=lambda row: row["name"])
    figures = {
        "timm": timm.__version__,
        "architectures": len(rows),
        "built": sum(row["built"] for row in rows),
        "plain_vits": sum(row["plain_vit"] for row in rows),
        "reasons": dict(Counter(row["reason"] for row in rows if not row["built"]).most_common()),
        "rows": rows,
    }
    write_figures(figures, given.json, lambda: report(figures))
    if any(row["reason"].startswith("fault") for row in rows):
        sys.exit(1)


def all_tried(names: Sequence[str], processes: int) -> list[dict[str, Any]]:
    """A row for each architecture, in the order in which they are done."""
    if processes == 1:
        return list(_noted(map(tried, names), len(names)))
    with get_context("spawn").Pool(processes, maxtasksperchild=100) as pool:
        return list(_noted(pool.imap_unordered(tried, names), len(names)))


def _noted(rows: Iterable[dict[str, Any]], count: int) -> Iterator[dict[str, Any]]:
    """Pass rows on, and say now and then how many there were."""
    built = 0
    for number, row in enumerate(rows, 1):
        built += row["built"]
        if number % 50 == 0 or number == count:
            note(f"{number} of {count} architectures, {built} built")
        yield row


def tried(name: str) -> dict[str, Any]:
    """Whether an architecture builds, and if not, why."""
    row: dict[str, Any] = {"name": name, "built": False, "plain_vit": False, "strides": None, "reason": ""}
    try:
        with torch.device("meta"):
            network = build(BackboneSettings(name), NetworkSettings("upernet", channels=16), CLASSES).eval()
        backbone = network.backbone
        row |= {"plain_vit": hasattr(backbone, "patch"), "strides": list(backbone.strides)}
        wrong = next((text for size in SIZES if (text := difference(network, size))), "")
        row |= {"built": not wrong, "reason": wrong and f"fault: {wrong}"}
    except UserError as error:
        row["reason"] = reason(str(error), name)
    except Exception as error:  # a table of all of them is wanted, not the first that fails
        row["reason"] = f"fault: {type(error).__name__}: {str(error).splitlines()[0][:80] if str(error) else ''}"
    return row


def difference(network: SceneParser, size: tuple[int, int]) -> str:
    """What is wrong with the maps of a picture; empty where they are right."""
    backbone = network.backbone
    with torch.no_grad():
        images = torch.empty(1, 3, *size, device="meta")
        maps = backbone(images)
        logits = network.decode(maps)
    wanted = [
        (1, channels, *(int(-(-side // stride)) for side in size))
        for channels, stride in zip(backbone.channels, backbone.strides, strict=True)
    ]
    found = [tuple(one.shape) for one in maps]
    if found != wanted:
        return f"maps of {size} are {found}, not {wanted}"
    if tuple(logits.shape) != (1, CLASSES, *wanted[0][2:]):
        return f"logits of {size} are {tuple(logits.shape)}"
    return ""


def reason(message: str, name: str) -> str:
    """The cause in a refusal, without the model's name and the advice."""
    cause = message.removeprefix(f"backbone {name}: ").partition(";")[0]
    return cause.partition(" (")[0] if cause.startswith("timm cannot") else cause


def report(figures: dict[str, Any]) -> None:
    """Print the table of reasons."""
    table = Table(
        title=f"timm {figures['timm']}: {figures['built']} of {figures['architectures']} pretrained architectures are "
        f"backbones of UPerNet ({figures['plain_vits']} as plain ViTs)"
    )
    table.add_column("not", justify="right")
    table.add_column("because", overflow="fold")
    table.add_column("such as", overflow="fold")
    for why, count in figures["reasons"].items():
        names = [row["name"] for row in figures["rows"] if row["reason"] == why]
        table.add_row(str(count), why, ", ".join(names[:3]))
    Console().print(table)


if __name__ == "__main__":
    main()
