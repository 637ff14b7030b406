"""How fast each engine answers all tasks of a picture, and how much of it is labelled as by PyTorch in float32.

    python benchmarks/unified_engines.py
    python benchmarks/unified_engines.py --model MODEL --json engines.json

Without a model: a UPerNet-50 of the release's label spaces (objects, parts, scenes, materials) with random weights. The
engines take turns; a time is the median, from the picture to the labels of all tasks, and of the network alone, from
the picture to its small maps: the rest is spent after it. Alike: the least, over the tasks with label maps, of the
shares of pixels that are labelled as by PyTorch in float32; on random weights, whose scores lie close together,
bfloat16 has fewer than on trained ones.
"""

from functools import partial
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from command_line import command_line, note, parsed, write_figures
from sceneparse.benching.timing import take_turns
from sceneparse.devices import choose_device, choose_precision
from sceneparse.inference import (
    TaskPrediction,
    TestProtocol,
    make_engine,
    predict_tasks,
)
from sceneparse.inference.program import Traits
from sceneparse.labels import TaskLabels
from sceneparse.networks import SceneParser
from sceneparse.settings import BackboneSettings, NetworkSettings, Precision, PreprocessingSettings, TaskSettings
from sceneparse.standard.tables import released_tasks
from sceneparse.toyworld import ToyWorld
from sceneparse.weights.build import build
from sceneparse.weights.model import load_model
from sceneparse.weights.tasks import with_task_sizes

MAPS = ("objects", "parts", "materials", "textures")
WARM_UP = 2


def subject(model: Path | None, backbone: str, channels: int) -> tuple[SceneParser, PreprocessingSettings, TaskLabels]:
    """What is measured."""
    if model is not None:
        found = load_model(model)
        if found.tasks is None:
            raise SystemExit(f"{model} is a model of one task; name a unified one")
        return found.network, found.config.preprocessing, found.tasks
    torch.manual_seed(0)
    tasks = released_tasks()
    wanted = TaskSettings(from_data=("scenes", "parts", "materials"))  # it has no textures
    settings = with_task_sizes(
        NetworkSettings(architecture="upernet_unified", channels=channels, aux=False, tasks=wanted),
        tasks,
        "the release",
    )
    assert tasks.objects is not None
    return build(BackboneSettings(backbone), settings, len(tasks.objects)).eval(), PreprocessingSettings(), tasks


def alike(one: TaskPrediction, other: TaskPrediction) -> float:
    """The least share, over the tasks with label maps, of pixels that are labelled the same."""
    pairs = [(getattr(one, name), getattr(other, name)) for name in MAPS]
    return min(float((x.labels == y.labels).double().mean()) for x, y in pairs if x is not None)


def main() -> None:
    """Measure, compare, print."""
    parser = command_line(__doc__)
    parser.add_argument("--model", type=Path, help="a model folder of several tasks")
    parser.add_argument("--engine", nargs="+", default=["torch", "openvino"], help="default: torch openvino")
    parser.add_argument("--size", nargs=2, type=int, default=(512, 512), metavar=("H", "W"))
    parser.add_argument("--repeats", type=int, default=7, help=f"measured rounds after {WARM_UP} others (default: 7)")
    parser.add_argument("--backbone", default="resnet50", help="of the network without a model (default: resnet50)")
    parser.add_argument("--channels", type=int, default=512, help="its width (default: 512)")
    quick = {"size": (64, 64), "backbone": "resnet10t", "channels": 16, "engine": ["torch"], "repeats": 1}
    given = parsed(parser, quick)
    network, preprocessing, tasks = subject(given.model, given.backbone, given.channels)
    device = choose_device()
    precisions: list[Precision] = ["float32"]
    if choose_precision(device) == "bfloat16":
        precisions.append("bfloat16")
    heads = Traits.of(network, preprocessing).tasks
    height, width = given.size
    image = ToyWorld(max(height, width), 1, "test")[0].image[:, :height, :width].contiguous()
    engines = {
        (name, precision): make_engine(network, preprocessing, engine=name, precision=precision)
        for precision, name in product(precisions, given.engine)
    }
    runs = {key: partial(predict_tasks, engine, image, TestProtocol(), tasks) for key, engine in engines.items()}
    alone = {key: partial(engine.heads, image[None], heads) for key, engine in engines.items()}
    expected = make_engine(network, preprocessing, engine="torch", precision="float32")
    truth = predict_tasks(expected, image, TestProtocol(), tasks)
    same = {key: alike(run(), truth) for key, run in runs.items()}
    both = {(*key, part): run for part, some in (("all", runs), ("network", alone)) for key, run in some.items()}
    measured = {key: median(found) for key, found in take_turns(both, device, given.repeats, WARM_UP, note).items()}
    times = {key: measured[*key, "all"] for key in runs}
    rows = [
        {
            "engine": name,
            "precision": precision,
            "ms": round(time, 1),
            "after the network": round(time - measured[name, precision, "network"], 1),
            f"{given.engine[0]} / this": round(times[given.engine[0], precision] / time, 2),
            "alike": round(same[name, precision], 5),
        }
        for (name, precision), time in times.items()
    ]
    write_figures(rows, given.json, lambda: show(rows, given.size))


def show(rows: list[dict[str, Any]], size: tuple[int, int]) -> None:
    """A table on the terminal."""
    table = Table(*rows[0], title=f"all tasks, {size[0]}×{size[1]}")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
