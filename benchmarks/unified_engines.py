"""How fast each engine answers all tasks of a picture, and how much of it is labelled as by PyTorch in float32.

    python benchmarks/unified_engines.py
    python benchmarks/unified_engines.py --model MODEL --json engines.json

Without a model: a UPerNet-50 of the release's label spaces (objects, parts, scenes, materials) with random weights. The
engines take turns; a time is the median, from the picture to the labels of all tasks, and of the network alone, from
the picture to its small maps: the rest is spent after it. Random weights find hundreds of objects everywhere. A photo
shows a handful: that column is what is spent after a network whose maps are made up, smooth regions of a few objects,
and lie in memory as the engine's own. Alike: the least, over the tasks with label maps, of the
shares of pixels that are labelled as by PyTorch in float32; on random weights, whose scores lie close together,
bfloat16 has fewer than on trained ones.
"""

from collections.abc import Sequence
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

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
from sceneparse.networks import SceneParser, UnifiedOutput, resize
from sceneparse.settings import BackboneSettings, NetworkSettings, Precision, PreprocessingSettings, TaskSettings
from sceneparse.standard.tables import released_tasks
from sceneparse.tasks import Task
from sceneparse.toyworld import ToyWorld
from sceneparse.weights.build import build
from sceneparse.weights.model import load_model
from sceneparse.weights.tasks import with_task_sizes

MAPS = ("objects", "parts", "materials", "textures")
WARM_UP = 2

HANDFUL = 4
"""Objects with parts, and as many without, that made-up maps show."""


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


class MadeUp:
    """An engine that gives made-up maps for any picture, of another engine's sizes and order in memory.

    Args:
        engine: The other engine.
        image: (C, H, W) the picture that it is asked for its maps of.
        heads: The tasks that it is asked for.
        tasks: Their label spaces.
    """

    def __init__(self, engine: Any, image: Tensor, heads: Sequence[str], tasks: TaskLabels) -> None:
        self._engine = engine
        own = engine.heads(image[None], heads)
        shown = {Task.OBJECT: handful(tasks, own.object.shape[1])}
        maps = {
            task: one if one is None or one.dim() < 4 else smooth(one, shown.get(Task(task)))
            for task, one in own._asdict().items()
        }
        self._maps = UnifiedOutput(**maps)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def heads(self, *_: Any) -> UnifiedOutput:
        """See `TaskEngine`."""
        return self._maps


def handful(tasks: TaskLabels, count: int) -> list[int]:
    """A few of so many objects, half of which have parts."""
    owners = () if tasks.tree is None else tasks.tree.owners
    others = [index for index in range(count) if index not in owners]
    return [*owners[:HANDFUL], *others[:HANDFUL]]


def smooth(like: Tensor, shown: Sequence[int] | None) -> Tensor:
    """Logits (1, C, h, w) of smooth regions with some noise; only the classes that are shown win, by default all."""
    generator = torch.Generator().manual_seed(0)
    classes, size = like.shape[1], (like.shape[2], like.shape[3])
    chosen = torch.tensor(range(classes) if shown is None else shown)
    field = resize(torch.randn(1, classes, 5, 5, generator=generator), size, False)
    logits = 3 * field + 0.6 * torch.randn(1, classes, *size, generator=generator)
    winners = chosen[field[:, chosen].argmax(dim=1, keepdim=True)]
    logits.scatter_add_(1, winners, torch.full(winners.shape, 8.0))
    return torch.empty_like(like).copy_(logits)


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
    made_up = {key: MadeUp(engine, image, heads, tasks) for key, engine in engines.items()}
    photos = {key: partial(predict_tasks, engine, image, TestProtocol(), tasks) for key, engine in made_up.items()}
    expected = make_engine(network, preprocessing, engine="torch", precision="float32")
    truth = predict_tasks(expected, image, TestProtocol(), tasks)
    same = {key: alike(run(), truth) for key, run in runs.items()}
    parts: dict[str, dict[Any, Any]] = {"all": runs, "network": alone, "photo": photos}
    every = {(*key, part): run for part, some in parts.items() for key, run in some.items()}
    measured = {key: median(found) for key, found in take_turns(every, device, given.repeats, WARM_UP, note).items()}
    times = {key: measured[*key, "all"] for key in runs}
    rows = [
        {
            "engine": name,
            "precision": precision,
            "ms": round(time, 1),
            "after the network": round(time - measured[name, precision, "network"], 1),
            "after it, a photo": round(measured[name, precision, "photo"], 1),
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
