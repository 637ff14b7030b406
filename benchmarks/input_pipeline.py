"""Does the input pipeline keep up with the training step? Samples a second of each alone, side by side.

    python benchmarks/input_pipeline.py toy-pspnet --batches 20
    python benchmarks/input_pipeline.py recipe.yaml --data.workers=4 --json speed.json

The loader is measured twice: with samples decoded each time, as in the first epoch, and with samples that are already
in its cache. The step is forward, loss, backward and update on one batch that stays. A ratio above 1 means that the
step never waits.

Then the processor time of a decoded sample's augmentation, with each of the settings that the package's recipes leave
off beside the recipe without them. Settings take turns, and the quickest of several turns counts.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from command_line import command_line, parsed_with_settings, recipe_of, write_figures
from sceneparse.data import DataSet, Sample
from sceneparse.data.augmenter import Augmenter
from sceneparse.data.batch import Batch
from sceneparse.data.class_counts import count_classes
from sceneparse.data.loader import OBJECTS_ALONE, PREFETCH, training_batches
from sceneparse.data.sample import tasks_of
from sceneparse.data.sampling import stream
from sceneparse.data.workers import loader_workers
from sceneparse.datasets.opening import open_dataset
from sceneparse.devices import choose_device
from sceneparse.labels import TaskLabels
from sceneparse.networks import normalize
from sceneparse.settings import AugmentationSettings, Recipe, SamplingSettings
from sceneparse.training.losses.heads import segmentation_loss
from sceneparse.training.losses.kind import LossContext
from sceneparse.training.losses.table import LOSSES
from sceneparse.training.optimizer import build_optimizer
from sceneparse.training.start import device_name, start_fabric
from sceneparse.weights.build import build

SMALL = ("--training.batch=2", "--data.workers=0", "--data.size=48", "--augmentation.crop=[48,48]")
"""Settings of the quick form."""

ROUNDS = 5
"""Turns that each setting of the augmentation takes."""

Settings = tuple[AugmentationSettings, SamplingSettings]


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
    recipe = recipe_of(given.recipe, [*(SMALL if given.quick else ()), *overrides])
    fabric, precision, _ = start_fabric(recipe)
    dataset = open_dataset(recipe.data, recipe.data.train, channels=recipe.backbone.in_channels)

    decoding, _ = loader_speed(recipe, dataset, given.batches, cache_mb=0)
    # Few enough samples that each worker has met them all before the measurement.
    few = Picked(dataset, range(min(len(dataset), recipe.training.pictures)))
    cached, batch = loader_speed(recipe, few, given.batches, cache_mb=1 << 16)
    step = step_speed(recipe, len(dataset.labels), batch, given.batches)
    costs = augmentation_costs(recipe, few, given.batches)
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
        "augmentation_ms": {name: round(cost * 1e3, 3) for name, cost in costs.items()},
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
    table = Table(title="augmentation of a decoded sample: processor time")
    for column in ("with", "ms", "of plain"):
        table.add_column(column, justify="left" if column == "with" else "right")
    costs = figures["augmentation_ms"]
    for name, cost in costs.items():
        table.add_row(name, f"{cost:.2f}", f"{cost / costs['plain']:.2f}x")
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
    assert isinstance(batch, Batch)
    return count * recipe.training.pictures / seconds, batch


def augmentation_costs(recipe: Recipe, dataset: DataSet, count: int) -> dict[str, float]:
    """Seconds of processor time that a decoded sample takes with each of `augmentations`."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    counts = count_classes(dataset, split=recipe.data.train)
    samples = [dataset[index].only(OBJECTS_ALONE) for index in range(len(dataset))]
    makers = {
        name: Augmenter(samples.__getitem__, *settings, recipe.preprocessing.mean, counts)
        for name, settings in augmentations(recipe).items()
    }
    best = dict.fromkeys(makers, float("inf"))
    for turn in range(ROUNDS):
        for name, make in makers.items():
            began = time.thread_time()
            for number in range(count * recipe.training.pictures):
                index = number % len(samples)
                make(index, lambda purpose: stream(turn, purpose, number, index))  # noqa: B023 - called at once
            best[name] = min(best[name], (time.thread_time() - began) / (count * recipe.training.pictures))
    torch.set_num_threads(threads)
    return best


def augmentations(recipe: Recipe) -> dict[str, Settings]:
    """What is measured, by name; what a recipe cannot have, such as colours of one channel, is left out."""
    usual, off = AugmentationSettings(), SamplingSettings()
    names = ("ratio_range", "cat_max_ratio", "photometric", "copy_paste", "copy_paste_classes", "copy_paste_regions")
    plain = replace(recipe.augmentation, **{name: getattr(usual, name) for name in names})
    found = {"plain": (plain, off)}
    if recipe.backbone.in_channels == 3:
        uncolored = replace(plain, color=0.0)
        found["no change of colours"] = (uncolored, off)
        found["photometric"] = (replace(uncolored, photometric=True), off)
    if plain.short is not None:
        found["ratio_range 0.5 to 2"] = (replace(plain, ratio_range=(0.5, 2.0)), off)
    if plain.crop is not None:
        for share in (0.75, 0.3):
            found[f"cat_max_ratio {share}"] = (replace(plain, cat_max_ratio=share), off)
        found["rare_crops 1"] = (plain, SamplingSettings(rare_crops=1.0))
    found["copy_paste 1"] = (replace(plain, copy_paste=1.0), off)
    found["copy_paste 1, regions"] = (replace(plain, copy_paste=1.0, copy_paste_regions=True), off)
    return found


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
