"""What the unified network loses where no picture is labelled for everything, and gains from being one network.

    python benchmarks/unified.py split --out runs/split
    python benchmarks/unified.py split --out runs/short --training.iterations=300 --json short.json
    python benchmarks/unified.py joint --root DATA --weights MOBILENET --out runs/joint
    python benchmarks/unified.py mirror --root DATA --weights MOBILENET --out runs/mirror --training.iterations=2000

split: the recipe toy-unified with every sample labelled for all five tasks, and with every sample labelled for one:
for as many iterations, which is a fifth of the labels, and for five times as many, which is as many labels a task.
joint: the recipe mini-broden on all its data sets, and on each alone: the same network, the same start, the same
label spaces, and as many pictures of that data set as the joint training draws of it. The texture head sends no
gradient into the backbone, so alone it looks at the features that it started with. Parts are also scored with the
object given, since car parts alone say nothing of where a car is.
mirror: the recipe mini-broden on the car parts alone, as above, in three forms: left and right swapped in mirror images
(as it is), not swapped (data.classes.mirror null), and pictures not mirrored at all (augmentation.mirror 0). Parts are
scored with the object given, also those with sides by themselves, and with the scores of the mirror image averaged in.

Each training stops after the same number of iterations and keeps its last network (nothing is chosen by validation).
Trainings that are finished are not repeated, unfinished ones go on. The table is printed, and written to table.json
beside them. The quick form is a split of very short trainings on small pictures.
"""

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from command_line import command_line, parsed_with_settings, recipe_of, write_figures
from sceneparse.data.part_channels import part_channels
from sceneparse.datasets.opening import open_dataset
from sceneparse.evaluation import evaluate_model
from sceneparse.evaluation.task_metrics import part_counts, task_scores
from sceneparse.files import write_json
from sceneparse.inference import TorchEngine
from sceneparse.inference.mirroring import reordered
from sceneparse.labels import IGNORE, TaskLabels
from sceneparse.labels.mirroring import paired_by_name
from sceneparse.networks import resize
from sceneparse.settings import Recipe
from sceneparse.training.loop import train
from sceneparse.weights.model import load_model

FIGURES = {
    "scene top-1": ("tasks", "scene", "top1"),
    "object mean IoU": ("mean_iou",),
    "object pixel accuracy": ("pixel_accuracy",),
    "part mIoU-bg": ("tasks", "part", "mean_iou_bg"),
    "part pixel accuracy": ("tasks", "part", "pixel_accuracy"),
    "material mean IoU": ("tasks", "material", "mean_iou"),
    "material pixel accuracy": ("tasks", "material", "pixel_accuracy"),
    "texture top-1": ("tasks", "texture", "top1"),
    "texture pixel accuracy": ("tasks", "texture", "pixel_accuracy"),
}
"""Where metrics.json has them."""

GIVEN = ("part mIoU-bg, object given", "part pixel accuracy, object given")
"""What parts score where the true object is known."""

SIDED = "mean IoU of parts with sides, object given"
"""The same of the parts that are a left or a right one."""

OWN = {
    "camvid": ("object mean IoU", "object pixel accuracy"),
    "car_parts": ("part mIoU-bg", "part pixel accuracy", *GIVEN),
    "dtd": ("texture top-1", "texture pixel accuracy"),
}
"""The figures that a data set of mini-broden stands for. Its ADE20K has three pictures of one kind of scene."""

SELDOM = 1e-9
"""The weight of a data set that is never drawn."""


TASKS = 5
"""Of the toy world's samples."""

SMALL = (
    *("--network.channels=8", "--data.size=48", "--augmentation.crop=[48,48]", "--data.train_count=20"),
    *("--data.eval_count=4", "--data.workers=0", "--training.batch=2", "--training.iterations=1"),
)
"""Settings of the quick form."""


def scores(recipe: Recipe, out: Path, iterations: int | None = None) -> dict[str, float | int | None]:
    """Train, or go on, and evaluate on the test split."""
    count = recipe.training.iterations if iterations is None else iterations
    recipe = replace(recipe, training=replace(recipe.training, iterations=count, validate_every=count))
    run = train(recipe, out, resume=out.exists())
    # Exporting a network takes longer than a few short evaluations are worth.
    evaluate_model(run / "model", data=recipe.data.root, out=out / "evaluation", engine="torch")
    metrics = json.loads((out / "evaluation" / "metrics.json").read_text(encoding="utf-8"))
    seconds = json.loads((out / "run.json").read_text(encoding="utf-8"))["seconds"]
    found = {name: _at(metrics, path) for name, path in FIGURES.items()}
    return {**found, "iterations": count, "minutes of training": round(seconds / 60)}


def split(recipe: Recipe, out: Path) -> list[dict[str, Any]]:
    """Full annotation beside one task a sample."""
    iterations = recipe.training.iterations
    one_task = replace(recipe, data=replace(recipe.data, annotation="split"))
    columns = {
        "all five tasks": scores(recipe, out / "full"),
        "one task, as many pictures": scores(one_task, out / "one-task"),
        "one task, as many labels": scores(one_task, out / "one-task-long", TASKS * iterations),
    }
    names = next(iter(columns.values()))
    return [{"figure": name, **{title: found[name] for title, found in columns.items()}} for name in names]


def joint(recipe: Recipe, out: Path) -> list[dict[str, Any]]:
    """All data sets beside each alone."""
    together = scores(recipe, out / "joint") | with_objects_given(out / "joint" / "model", recipe.data.root)
    sources, rows = recipe.data.sources, []
    total = sum(source.weight or 0 for source in sources)
    for source in sources:
        if source.kind not in OWN:
            continue
        only = tuple(one if one is source else replace(one, weight=SELDOM) for one in sources)
        iterations = round(recipe.training.iterations * (source.weight or 0) / total)
        found = scores(replace(recipe, data=replace(recipe.data, sources=only)), out / source.kind, iterations)
        if source.kind == "car_parts":
            found |= with_objects_given(out / source.kind / "model", recipe.data.root)
        rows += [
            {
                "figure": f"{name}, {source.kind}",
                f"joint, {recipe.training.iterations} iterations": together[name],
                "alone": found[name],
                "iterations alone": iterations,
            }
            for name in OWN[source.kind]
        ]
    return rows


def mirror(recipe: Recipe, out: Path) -> list[dict[str, Any]]:
    """Car parts whose sides are swapped in mirror images, are not, and without mirror images."""
    sources = tuple(one if one.kind == "car_parts" else replace(one, weight=SELDOM) for one in recipe.data.sources)
    recipe = replace(recipe, data=replace(recipe.data, sources=sources))
    unlisted = replace(recipe.data, classes=replace(recipe.data.classes, mirror=None))
    forms = {
        "sides swapped": recipe,
        "sides not swapped": replace(recipe, data=unlisted),
        "not mirrored": replace(recipe, augmentation=replace(recipe.augmentation, mirror=0.0)),
    }
    table: dict[str, dict[str, Any]] = {}
    for title, form in forms.items():
        folder = out / title.replace(" ", "-")
        scores(form, folder)
        for flip in (False, True):
            found = with_objects_given(folder / "model", recipe.data.root, flip=flip, sides=True)
            for figure, value in found.items():
                table.setdefault(f"{figure}{', with flip' if flip else ''}", {})[title] = value
    return [{"figure": figure, **row} for figure, row in table.items()]


@torch.no_grad()
def with_objects_given(
    folder: Path, root: str | None, *, flip: bool = False, sides: bool = False
) -> dict[str, float | int | None]:
    """How well a model knows the parts of the test split inside of the true objects.

    Args:
        folder: The model.
        root: The folder that the data sets lie in.
        flip: Whether the scores of the mirror image are averaged in.
        sides: Whether the left and right parts are scored by themselves as well.
    """
    model = load_model(folder)
    assert model.tasks is not None and model.tasks.tree is not None
    tree, engine = model.tasks.tree, TorchEngine(model.network, model.config.preprocessing)
    dataset = open_dataset(replace(model.config.data, root=root), model.config.data.test)
    counts = torch.zeros(3, len(tree.channels), dtype=torch.int64)
    for sample in (dataset[index] for index in range(len(dataset))):
        owners = sample.objects if sample.owners is None else sample.owners
        if sample.parts is None or owners is None:
            continue
        logits = engine.heads(sample.image[None], ("part",)).part
        assert logits is not None
        if flip:
            mirrored = engine.heads(sample.image[None].flip(-1), ("part",)).part
            assert mirrored is not None
            logits = (logits + reordered(mirrored.flip(-1), tree.mirror_image)) / 2
        blocks = resize(logits, sample.size, engine.align_corners)[0].split(list(tree.sizes))
        found = torch.full(sample.size, IGNORE, dtype=torch.int16)
        for owner, offset, block in zip(tree.owners, tree.offsets, blocks, strict=True):
            inside = owners == owner
            found[inside] = (block[:, inside].argmax(dim=0) + offset).short()
        counts += part_counts(part_channels(owners, sample.parts, tree), found, tree)
    scored = task_scores({"part": counts}, TaskLabels(objects=tree.objects, tree=tree), "skip")
    figures: dict[str, float | int | None] = dict(
        zip(GIVEN, (scored.part_mean_iou, scored.part_pixel_accuracy), strict=True)
    )
    if sides:  # by their names, since the model whose sides are not swapped lists no pairs
        sided = {name for pair in paired_by_name(tree.parts.names) for name in pair}
        ious = [iou for owner in scored.part_objects for name, iou in owner.parts if name in sided and iou is not None]
        figures[SIDED] = sum(ious) / len(ious) if ious else None
    return figures


def show(rows: list[dict[str, Any]]) -> None:
    """A table on the terminal; fractions as percent."""
    table = Table()
    for column in rows[0]:
        table.add_column(column, justify="left" if column == "figure" else "right")
    for row in rows:
        table.add_row(*(f"{100 * value:.1f}" if isinstance(value, float) else str(value) for value in row.values()))
    Console().print(table)


def _at(metrics: Any, path: tuple[str, ...]) -> float | None:
    for key in path:
        metrics = metrics[key]
    return metrics


def main() -> None:
    """Train, compare, print."""
    parser = command_line(__doc__)
    parser.add_argument("what", nargs="?", choices=("split", "joint", "mirror"), default="split", help="default: split")
    parser.add_argument("--root", help="joint, mirror: the folder of camvid, car_parts, dtd10 and ade20k_full_sample")
    parser.add_argument("--weights", help="joint, mirror: MobileNetV2's ImageNet weights (default: from the hub)")
    parser.add_argument("--out", type=Path, help="where the trainings go, and table.json; not needed in the quick form")
    given, overrides = parsed_with_settings(parser, {})
    if given.out is None and not given.quick:
        parser.error("--out is missing: the folder that the trainings go into")
    with TemporaryDirectory(prefix="sceneparse-unified-") as folder:
        out = Path(folder) if given.out is None else given.out
        if given.what == "split":
            rows = split(recipe_of("toy-unified", [*(SMALL if given.quick else ()), *overrides]), out)
        else:
            named = [("--data.root", given.root), ("--backbone.weights", given.weights)]
            short = ["--training.iterations=8"] if given.quick else []
            settings = [*short, *(f"{key}={value}" for key, value in named if value), *overrides]
            compare = joint if given.what == "joint" else mirror
            rows = compare(recipe_of("mini-broden", settings), out)
        write_json(out / "table.json", rows)
    write_figures(rows, given.json, lambda: show(rows))


if __name__ == "__main__":
    main()
