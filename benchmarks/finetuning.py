"""What a start from a model gains over pretrained weights alone, and what frozen layers save.

    python benchmarks/finetuning.py --camvid CamVid --weights mobilenetv2_100.safetensors
    python benchmarks/finetuning.py --parts frozen --backbone vit_base_patch16_224 --batch 4
    python benchmarks/finetuning.py --quick

gain: a PSPNet learns CamVid's 11 classes on its training split. A few pictures of the validation split are then
labelled with five classes: three keep their names, two are new (what was built, and who moves). They are learnt from
that model in half the iterations, and from ImageNet weights alone in all of them, with several seeds; both are tested
on every third picture of the test split. "Kept" is the mean IoU of the classes that both know; at iteration 0 nothing
was learnt of the five classes yet.

frozen: a training step of a backbone under a one-layer head, with all of it learning and with the backbone frozen.
They take turns; a time is the median of the rounds. Memory is what a process of its own needs at most beyond an idle
one on the CPU, and what PyTorch allocates at most on a GPU; weights count.

The quick form learns blocks of brightness, with random weights and in a few iterations: its gain means nothing.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from command_line import command_line, note, parsed, write_figures
from sceneparse.benching.timing import peak_alone, take_turns
from sceneparse.datasets.camvid import CAMVID
from sceneparse.files import write_json
from sceneparse.recipes import from_mapping, to_mapping
from sceneparse.settings import BackboneSettings, NetworkSettings, OptimizerSettings, Recipe
from sceneparse.training.loop import train
from sceneparse.training.optimizer import build_optimizer
from sceneparse.training.prepare import prepare
from sceneparse.training.validation import validate
from sceneparse.weights.build import build

KEPT = ("Sky", "Road", "Tree")
NEW = {
    "Construction": ("Building", "Pole", "Pavement", "SignSymbol", "Fence"),
    "Traffic": ("Car", "Pedestrian", "Bicyclist"),
}
"""The five classes; where CamVid's others went."""


@dataclass(frozen=True)
class Data:
    """What the networks learn from.

    Args:
        first: Settings of the data that the model to start from learns.
        second: Of the few pictures with five classes.
        kept: The classes that both know.
        network: Settings of network and augmentation.
    """

    first: dict[str, Any]
    second: dict[str, Any]
    kept: tuple[str, ...]
    network: dict[str, dict[str, Any]]


def camvid(folder: Path, weights: Path, into: Path, count: int) -> Data:
    """CamVid, and five classes on some of its pictures, written as a folder."""
    names = [*KEPT, *NEW]
    table = np.full(256, 255, np.uint8)
    for index, name in enumerate(CAMVID.names):
        table[index] = (
            names.index(name) if name in KEPT else names.index(next(new for new, old in NEW.items() if name in old))
        )
    for split, source, step in (("train", "val", None), ("val", "test", 3)):
        pictures = sorted((folder / source / "images").iterdir())
        chosen = [pictures[i * len(pictures) // count] for i in range(count)] if step is None else pictures[::step]
        for path in chosen:
            mask = np.asarray(Image.open(folder / source / "masks" / f"{path.stem}.png"))
            write_pair(into, split, path.stem, np.asarray(Image.open(path)), table[mask])
    write_json(into / "classes.json", {"names": names, "ignore": 255})
    return Data(
        {"kind": "camvid", "root": str(folder), "train": "train", "val": "val"},
        {"kind": "folder", "root": str(into)},
        KEPT,
        {
            "backbone": {"name": "mobilenetv2_100", "weights": str(weights), "dilation": "half"},
            "network": {"architecture": "pspnet", "output_stride": 8, "channels": 128},
            "augmentation": {
                "crop": [288, 384],
                "scale": [0.6, 1.9],
                "rotate_probability": 0.0,
                "blur_probability": 0.1,
                "color": 0.4,
            },
        },
    )


def blocks(into: Path) -> Data:
    """Pictures of dark, bright and grey blocks, whose brightness is their class, under two sets of names."""
    rng = np.random.default_rng(0)
    values = (128, 20, 235, 70, 190, 160)
    for folder, names in (("first", "ground dark bright low high odd"), ("second", "bright ground dark near far")):
        shown = names.split()
        for split, count in (("train", 6), ("val", 3)):
            for number in range(count):
                image, mask = np.full((48, 64, 3), values[0], np.float64), np.zeros((48, 64), np.uint8)
                mask[:] = shown.index("ground")
                for label in range(1, len(values)):
                    name = ["ground", "dark", "bright", "low", "high", "odd"][label]
                    top, left = rng.integers(0, 32), rng.integers(0, 48)
                    image[top : top + 16, left : left + 16] = values[label]
                    mask[top : top + 16, left : left + 16] = shown.index(name) if name in shown else label % 2 + 3
                image += rng.normal(0, 4, image.shape)
                write_pair(into / folder, split, f"{number}", image.clip(0, 255).astype(np.uint8), mask)
        write_json(into / folder / "classes.json", {"names": shown, "ignore": 255})
    return Data(
        {"kind": "folder", "root": str(into / "first")},
        {"kind": "folder", "root": str(into / "second")},
        ("bright", "ground", "dark"),
        {
            "backbone": {"name": "resnet10t"},
            "network": {"architecture": "fcn", "output_stride": 16, "channels": 16, "aux": False},
            "augmentation": {"crop": [48, 48], "rotate_probability": 0.0, "blur_probability": 0.0},
        },
    )


def write_pair(root: Path, split: str, name: str, image: NDArray[np.uint8], mask: NDArray[np.uint8]) -> None:
    for kind, array in (("images", image), ("masks", mask)):
        path = root / kind / split / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(path)


@dataclass(frozen=True)
class Length:
    """How long is learnt: iterations of the first data and of the second, pictures in a batch, loading processes."""

    first: int
    second: int
    batch: int
    workers: int


def recipe_of(data: Data, source: dict[str, Any], iterations: int, length: Length, seed: int = 0) -> Recipe:
    """A recipe that is validated at its end alone."""
    mapping = {
        "name": "finetuning",
        **data.network,
        "data": {**source, "workers": length.workers},
        "optimizer": {"lr": 0.01, "head_factor": 10.0, "warmup": min(20, iterations // 4)},
        "training": {
            "iterations": iterations,
            "batch": length.batch,
            "seed": seed,
            "validate_every": 0,
            "log_every": max(iterations // 4, 1),
            "checkpoint_every": iterations,
        },
    }
    return from_mapping(Recipe, mapping, "finetuning.py")


def from_model(recipe: Recipe, model: Path) -> Recipe:
    """The recipe with a start from a model: what is new learns ten times as fast as what was taken."""
    changes = {"init": {"model": str(model)}, "optimizer": {"head_factor": 1.0, "new_factor": 10.0}}
    return from_mapping(Recipe, to_mapping(recipe), "finetuning.py", changes)


def gain(data: Data, length: Length, seeds: Sequence[int], work: Path) -> list[dict[str, Any]]:
    """Rows: the start at iteration 0, what it learns in half the iterations, and ImageNet weights alone in all."""
    note("learning the model to start from")
    base = train(recipe_of(data, data.first, length.first, length), work / "base")
    half = length.second // 2
    rows: dict[str, tuple[int, list[dict[str, Any]]]] = {
        "model, before it learns": (0, []),
        "model": (half, []),
        "pretrained backbone": (length.second, []),
    }
    for seed in seeds:
        note(f"seed {seed}: from the model")
        recipe = from_model(recipe_of(data, data.second, half, length, seed), base)
        rows["model, before it learns"][1].append(before_learning(recipe))
        rows["model"][1].append(result(train(recipe, work / f"model{seed}")))
        note(f"seed {seed}: from pretrained weights")
        alone = recipe_of(data, data.second, length.second, length, seed)
        rows["pretrained backbone"][1].append(result(train(alone, work / f"alone{seed}")))
    return [summed_up(start, iterations, found, data.kept) for start, (iterations, found) in rows.items()]


def before_learning(recipe: Recipe) -> dict[str, Any]:
    """The validation of a network that has learnt nothing yet."""
    prepared = prepare(recipe, None, "auto")
    return validate(prepared.learner.network, prepared.data, prepared.recipe, prepared.compute, progress=False)


def result(run: Path) -> dict[str, Any]:
    """The validation of a run's end."""
    checkpoint = torch.load(next((run / "checkpoints").glob("last-*.pt")), map_location="cpu", weights_only=True)
    metrics: dict[str, Any] = checkpoint["best_metrics"]
    return metrics


def summed_up(start: str, iterations: int, found: Sequence[dict[str, Any]], kept: Sequence[str]) -> dict[str, Any]:
    """A row of the table: means over the seeds, in percent, and their sample standard deviations."""
    overall = [100 * one["mean_iou"] for one in found]
    known = [100 * mean(one["iou"] or 0.0 for one in metrics["classes"] if one["name"] in kept) for metrics in found]
    by_class = {
        name: round(
            100 * mean(one["iou"] or 0.0 for metrics in found for one in metrics["classes"] if one["name"] == name), 2
        )
        for name in (one["name"] for one in found[0]["classes"])
    }
    return {
        "start": start,
        "iterations": iterations,
        "mean_iou": round(mean(overall), 2),
        "mean_iou_spread": round(stdev(overall), 2) if len(overall) > 1 else None,
        "kept_mean_iou": round(mean(known), 2),
        "kept_mean_iou_spread": round(stdev(known), 2) if len(known) > 1 else None,
        "seeds": [round(one, 2) for one in overall],
        "classes": by_class,
        "pictures": found[0]["pictures"],
        "protocol": found[0]["protocol"],
    }


@dataclass(frozen=True)
class Case:
    """A training step that is measured."""

    backbone: str
    side: int
    batch: int
    channels: int
    device: str


def learning_step(case: Case, frozen: bool) -> Callable[[], None]:
    """A step of AdamW on random pictures: bfloat16 on a GPU, float32 on the CPU."""
    torch.manual_seed(0)
    network = NetworkSettings(
        "fcn", output_stride=stride_of(case.backbone), channels=case.channels, aux=False, dropout=0.0
    )
    model = build(BackboneSettings(case.backbone), network, 19).to(case.device).to(memory_format=torch.channels_last)
    model.train()
    if frozen:
        model.backbone.freeze(None)
    optimizer = build_optimizer(model, OptimizerSettings(kind="adamw", lr=1e-4, head_factor=1.0))
    images = torch.randn(case.batch, 3, case.side, case.side, device=case.device).contiguous(
        memory_format=torch.channels_last
    )
    target = torch.randint(0, 19, (case.batch, case.side, case.side), device=case.device)

    def step() -> None:
        with torch.autocast(case.device, torch.bfloat16, enabled=case.device == "cuda"):
            logits = model(images).logits
        loss = torch.nn.functional.cross_entropy(
            torch.nn.functional.interpolate(logits.float(), (case.side, case.side), mode="bilinear"), target
        )
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def stride_of(backbone: str) -> Any:
    """The output stride at which a backbone computes least: its own."""
    return 16 if "vit" in backbone else 32


def frozen_beside_learning(case: Case, repeats: int, memory: bool) -> list[dict[str, Any]]:
    """Rows: all of it learns, the backbone is frozen."""
    names = {"all learns": False, "backbone frozen": True}
    peaks: dict[str, float | None] = dict.fromkeys(names)
    # First of all: a process may inherit its parent's peak.
    if memory:
        small = replace(case, side=64, batch=1)
        for name, frozen in names.items():
            note(f"memory, {name}")
            peaks[name] = peak_alone(learning_step, (small, frozen), (case, frozen), case.device)
    runs = {name: learning_step(case, frozen) for name, frozen in names.items()}
    times = take_turns(runs, torch.device(case.device), repeats, 1, lambda text: note(f"time, {text}"))
    rows = []
    for name, frozen in names.items():
        rows.append(
            {
                "backbone": name,
                "frozen": frozen,
                **{key: value for key, value in asdict(case).items() if key != "backbone"},
                "model": case.backbone,
                "ms": round(median(times[name]), 2),
                "mib": None if peaks[name] is None else round(peaks[name] or 0.0, 1),
            }
        )
    return rows


def show(figures: dict[str, Any]) -> None:
    """The tables on the terminal."""
    console = Console()
    if rows := figures.get("gain"):
        table = Table()
        for column in ("start", "iterations", "mean IoU %", "of kept classes %"):
            table.add_column(column, justify="left" if column == "start" else "right")
        for row in rows:
            cells = (f"{row[key]:.1f}" + spread(row[f"{key}_spread"]) for key in ("mean_iou", "kept_mean_iou"))
            table.add_row(row["start"], f"{row['iterations']}", *cells)
        console.print(table)
        console.print(f"{figures['seeds']} seeds; {rows[0]['protocol']}; gain {figures['gain_points']:+.1f} points")
    if rows := figures.get("frozen"):
        table = Table()
        for column in (rows[0]["model"], "ms a step", "MiB at most"):
            table.add_column(column, justify="right" if column in ("ms a step", "MiB at most") else "left")
        for row in rows:
            table.add_row(row["backbone"], f"{row['ms']:.1f}", "-" if row["mib"] is None else f"{row['mib']:.0f}")
        console.print(table)
        ratios = f"time {figures['time_ratio']:.2f}"
        if figures["memory_ratio"] is not None:
            ratios += f", memory {figures['memory_ratio']:.2f}"
        console.print(
            f"frozen / learning: {ratios}; {rows[0]['side']} pixels, batch {rows[0]['batch']}, {figures['device']}"
        )


def spread(value: float | None) -> str:
    return "" if value is None else f" ± {value:.1f}"


def main() -> int:
    """Measure, print the tables, and tell by the exit status whether the arguments were enough."""
    parser = command_line(__doc__)
    parser.add_argument("--parts", nargs="+", choices=("gain", "frozen"), default=["gain", "frozen"])
    parser.add_argument("--camvid", type=Path, metavar="DIR", help="CamVid: train, val and test, each images and masks")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="ImageNet weights of mobilenetv2_100")
    parser.add_argument(
        "--pictures", type=int, default=12, help="pictures with five classes to learn from (default: 12)"
    )
    parser.add_argument("--first", type=int, default=600, help="iterations of the model to start from (default: 600)")
    parser.add_argument("--iterations", type=int, default=200, help="of the five classes, from weights (default: 200)")
    parser.add_argument(
        "--gain-batch", type=int, default=8, metavar="N", help="pictures in a batch that learns (default: 8)"
    )
    parser.add_argument("--workers", type=int, default=8, help="loading processes (default: 8)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="S")
    parser.add_argument(
        "--backbone", default="vit_small_patch16_224", help="of the step (default: vit_small_patch16_224)"
    )
    parser.add_argument("--side", type=int, help="of the step's pictures (default: 512 on a GPU, else 256)")
    parser.add_argument("--batch", type=int, help="of the step (default: 16 on a GPU, else 4)")
    parser.add_argument("--channels", type=int, default=64, help="of the step's head (default: 64)")
    parser.add_argument("--repeats", type=int, default=15, help="measured rounds of the step (default: 15)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="of the step")
    quick = {"first": 2, "iterations": 4, "gain_batch": 2, "workers": 0, "seeds": [0], "device": "cpu"}
    tiny = {"backbone": "convnext_atto", "side": 64, "batch": 1, "channels": 8, "repeats": 1}
    given = parsed(parser, quick | tiny)
    if "gain" in given.parts and not given.quick and (given.camvid is None or given.weights is None):
        note("--camvid and --weights are missing: name CamVid's folder and the weights, or ask for --parts frozen")
        return 2
    on_gpu = given.device == "cuda"
    figures: dict[str, Any] = {
        "device": torch.cuda.get_device_name() if on_gpu else f"{torch.get_num_threads()} threads"
    }
    if "frozen" in given.parts:
        side, batch = given.side or (512 if on_gpu else 256), given.batch or (16 if on_gpu else 4)
        case = Case(given.backbone, side, batch, given.channels, given.device)
        rows = frozen_beside_learning(case, given.repeats, not given.quick)
        learning, frozen = rows
        figures["frozen"] = rows
        figures["time_ratio"] = round(frozen["ms"] / learning["ms"], 3)
        figures["memory_ratio"] = round(frozen["mib"] / learning["mib"], 3) if learning["mib"] else None
    if "gain" in given.parts:
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            made = camvid(given.camvid, given.weights, work / "five", given.pictures) if given.camvid else blocks(work)
            length = Length(given.first, given.iterations, given.gain_batch, given.workers)
            figures["gain"] = gain(made, length, given.seeds, work)
        figures["seeds"] = len(given.seeds)
        figures["gain_points"] = round(figures["gain"][1]["mean_iou"] - figures["gain"][2]["mean_iou"], 2)
    write_figures(figures, given.json, lambda: show(figures))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
