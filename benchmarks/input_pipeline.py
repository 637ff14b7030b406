"""Does the input pipeline keep up with the training step? Samples a second of each alone, side by side.

    python benchmarks/input_pipeline.py toy-pspnet --batches 20
    python benchmarks/input_pipeline.py recipe.yaml --data.workers=4 --json speed.json

The loader is measured twice: with samples decoded each time, as in the first epoch, and with samples that are already
in its cache. The step is forward, loss, backward and update on one batch that stays. A ratio above 1 means that the
step never waits.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from command_line import command_line, parsed_with_settings, settings_of, write_figures
from sceneparse.data import DataSet, Sample
from sceneparse.data.loader import PREFETCH, Batch, training_batches
from sceneparse.data.sample import tasks_of
from sceneparse.data.workers import loader_workers
from sceneparse.datasets.opening import open_dataset
from sceneparse.inference import choose_device
from sceneparse.labels import TaskLabels
from sceneparse.networks import normalize
from sceneparse.recipes import read_recipe
from sceneparse.settings import Recipe
from sceneparse.training.losses.heads import segmentation_loss
from sceneparse.training.losses.kind import LossContext
from sceneparse.training.losses.table import LOSSES
from sceneparse.training.optimizer import build_optimizer
from sceneparse.training.start import device_name, start_fabric
from sceneparse.weights.build import build

SMALL = ("--training.batch=2", "--data.workers=0", "--data.size=48", "--augmentation.crop=[48,48]")
"""Settings of the quick form."""


class Picked:
    """Some samples of a data set as a data set; see `DataSet`.

    Args:
        dataset: The whole.
        indices: The samples that are picked.
    """

    def __init__(self, dataset: DataSet, indices: Sequence[int]) -> None:
        self.labels = dataset.labels
        self.tasks = tasks_of(dataset) or TaskLabels(objects=dataset.labels)
        self._dataset, self._indices = dataset, indices

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> Sample:
        return self._dataset[self._indices[index]]

    def name(self, index: int) -> str:
        """The sample's name, without reading it."""
        return self._dataset.name(self._indices[index])


def main() -> None:
    parser = command_line(__doc__)
    words = "a recipe of the package or a .yaml file (default: toy-pspnet); --dotted.name=value overrides it"
    parser.add_argument("recipe", nargs="?", default="toy-pspnet", help=words)
    parser.add_argument("--batches", type=int, default=20, help="batches that are measured (default: 20)")
    given, overrides = parsed_with_settings(parser, {"batches": 1})
    recipe = read_recipe(given.recipe, **settings_of([*(SMALL if given.quick else ()), *overrides]))
    fabric, precision, _ = start_fabric(recipe)
    dataset = open_dataset(recipe.data, recipe.data.train, channels=recipe.backbone.in_channels)

    decoding, _ = loader_speed(recipe, dataset, given.batches, cache_mb=0)
    # Few enough samples that each worker has met them all before the measurement.
    few = Picked(dataset, range(min(len(dataset), recipe.training.pictures)))
    cached, batch = loader_speed(recipe, few, given.batches, cache_mb=1 << 16)
    step = step_speed(recipe, len(dataset.labels), batch, given.batches)
    figures = {
        "recipe": recipe.name,
        "workers": loader_workers(recipe.data.workers, fabric.device.type),
        "device": device_name(fabric.device),
        "precision": precision,
        "loader_decoding_per_second": round(decoding, 2),
        "loader_cached_per_second": round(cached, 2),
        "step_per_second": round(step, 2),
        "decoding_to_step": round(decoding / step, 3),
        "cached_to_step": round(cached / step, 3),
    }
    write_figures(figures, given.json, lambda: show(figures))


def show(figures: dict[str, Any]) -> None:
    """A table on the terminal."""
    table = Table(
        title=f"{figures['recipe']}: {figures['workers']} workers, {figures['device']}, {figures['precision']}"
    )
    for column in ("alone", "samples/s", "of the step's"):
        table.add_column(column, justify="left" if column == "alone" else "right")
    step = figures["step_per_second"]
    for name, key in (("loader, decoding", "loader_decoding"), ("loader, cached", "loader_cached"), ("step", "step")):
        speed = figures[f"{key}_per_second"]
        table.add_row(name, f"{speed:.1f}", f"{speed / step:.2f}x")
    Console().print(table)


def loader_speed(recipe: Recipe, dataset: DataSet, count: int, *, cache_mb: int) -> tuple[float, Batch]:
    """Samples a second of the loader alone, once its workers are at work, and the last batch."""
    workers = loader_workers(recipe.data.workers, choose_device(recipe.training.device).type)
    # What was prepared before the clock starts must not count: the prefetched batches are taken off first.
    before = max(3, 2 * PREFETCH * workers)
    row = training_batches(
        dataset,
        recipe.augmentation,
        recipe.preprocessing,
        batch=recipe.training.pictures,
        seed=recipe.training.seed,
        start=0,
        stop=1 << 40,
        workers=workers,
        cache_mb=cache_mb,
    )
    with closing(row):
        for _ in range(before):
            batch = next(row)
        began = time.perf_counter()
        for _ in range(count):
            batch = next(row)
        seconds = time.perf_counter() - began
    return count * recipe.training.pictures / seconds, batch


def step_speed(recipe: Recipe, classes: int, batch: Batch, count: int) -> float:
    """Samples a second of the training step alone, as the loop does it, on one batch."""
    fabric, *_ = start_fabric(recipe)
    network = build(recipe.backbone, recipe.network, classes).to(memory_format=torch.channels_last)
    model, optimizer = fabric.setup(network, build_optimizer(network, recipe.optimizer))
    images = batch.images.to(fabric.device).contiguous(memory_format=torch.channels_last)
    objects = batch.objects.to(fabric.device)
    wait: Callable[[], None] = torch.cuda.synchronize if fabric.device.type == "cuda" else lambda: None

    context, head_loss = LossContext(network.align_corners), LOSSES[recipe.loss.kind].build(recipe.loss)

    def step() -> None:
        for pixels, target in zip(
            images.chunk(recipe.training.accumulate), objects.chunk(recipe.training.accumulate), strict=True
        ):
            loss = segmentation_loss(
                model(normalize(pixels, recipe.preprocessing.mean, recipe.preprocessing.std)),
                target,
                context,
                loss=head_loss,
                aux_weight=recipe.loss.aux_weight,
            )
            fabric.backward(loss.total / recipe.training.accumulate)
        optimizer.step()
        optimizer.zero_grad()

    for _ in range(3):
        step()
    wait()
    began = time.perf_counter()
    for _ in range(count):
        step()
    wait()
    return count * recipe.training.pictures / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
