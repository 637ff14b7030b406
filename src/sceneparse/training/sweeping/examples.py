"""A sweep's scenes: the pictures that its rows read most differently, side by side."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sceneparse.data import DataSet
from sceneparse.datasets.testing import open_for_testing
from sceneparse.drawing import paint
from sceneparse.drawing.picture_grid import write_picture_grid
from sceneparse.evaluation.command import protocol_of
from sceneparse.evaluation.facts import data_facts
from sceneparse.evaluation.gallery import rgb_of
from sceneparse.inference import label
from sceneparse.inference.open_model import open_model
from sceneparse.labels import IGNORE
from sceneparse.progress import progress_bar
from sceneparse.recipes.sweep import Run, Sweep
from sceneparse.training.sweeping.figures import finished

EXAMPLES = "examples.png"

SHOWN = 6
"""Scenes in the picture."""

LOOKED_AT = 40
"""Pictures that are predicted again to find those: the ones whose mean IoU differs most from row to row."""


def write_examples(sweep: Sweep, out: Path) -> None:
    """Write examples.png: scenes in rows; the picture, its truth and what each row of the sweep reads in columns.

    For each class of the sweep's groups (for each class, where it has none) the scene is found of which the best row
    reads the most pixels right that the worst row doesn't; the scenes of the largest such differences are shown. Models
    are those of the first seed that at least two rows have finished which read the same data alike; without such a seed
    nothing is written.

    Args:
        sweep: The sweep.
        out: Its folder.
    """
    runs = next((alike for seed in sweep.seeds if len(alike := _alike(sweep, seed, out)) > 1), None)
    if runs is None:
        return
    test, recipe = sweep.tests[0], runs[0].recipe
    dataset = open_for_testing(recipe.data, channels=recipe.backbone.in_channels)
    candidates = _most_different([finished(sweep, run, out) or {} for run in runs], test)
    known = dataset.labels.names
    grouped = dict.fromkeys(name for classes in sweep.groups.values() for name in classes if name in known)
    classes = [known.index(name) for name in grouped or known]
    read: dict[int, list[NDArray[np.int16]]] = {index: [] for index in candidates}
    with progress_bar(True, len(candidates) * len(runs), "looking for examples") as advance:
        for run in runs:  # one model at a time: all of them may not fit
            opened = open_model(out / run.folder / "model", engine="torch", device=run.recipe.training.device)
            protocol = protocol_of(opened.config, run.row.tests[test], run.recipe.data)
            for index in candidates:
                read[index].append(label(opened.engine, dataset[index].image, protocol).cpu().numpy())
                advance()
    chosen = _chosen(dataset, read, classes)
    tiles = [
        [
            Image.fromarray(rgb_of(dataset[index])),
            *(Image.fromarray(paint(labels, dataset.labels)) for labels in (_truth(dataset, index), *read[index])),
        ]
        for index in chosen
    ]
    if tiles:
        shown = np.unique(
            np.concatenate([labels.ravel() for index in chosen for labels in (_truth(dataset, index), *read[index])])
        )
        space = dataset.labels
        legend = {space.names[one]: space.colors[one] for one in shown if one != IGNORE}
        titles = ["picture", "truth", *(run.row.name for run in runs)]
        write_picture_grid(out / EXAMPLES, titles, tiles, side=160, legend=legend)


def _alike(sweep: Sweep, seed: int, out: Path) -> list[Run]:
    """The most finished runs of a seed that read the same data alike: of others pictures and classes are no pairs."""
    groups: dict[str, list[Run]] = {}
    for run in (Run(row, seed) for row in sweep.rows):
        if finished(sweep, run, out) is not None:
            data, channels = data_facts(run.recipe.data), run.recipe.backbone.in_channels
            groups.setdefault(json.dumps([data, channels], sort_keys=True), []).append(run)
    return max(groups.values(), key=len, default=[])


def _most_different(found: Sequence[dict[str, Any]], test: str) -> list[int]:
    """The pictures with the largest range of mean IoU from row to row."""
    scores: dict[int, list[float]] = {}
    for tests in found:
        for index, score in tests[test]["picture_mean_ious"]:
            if score is not None:
                scores.setdefault(index, []).append(score)
    ranges = {index: max(values) - min(values) for index, values in scores.items()}
    return sorted(ranges, key=lambda index: (-ranges[index], index))[:LOOKED_AT]


def _truth(dataset: DataSet, index: int) -> NDArray[np.int16]:
    truth = dataset[index].objects
    assert truth is not None  # it was scored
    return truth.numpy()


def _chosen(dataset: DataSet, read: dict[int, list[NDArray[np.int16]]], classes: Sequence[int]) -> list[int]:
    """Of each class the picture with the largest difference between rows; the largest of these."""
    best: dict[int, tuple[int, int]] = {}
    for index, maps in read.items():
        truth = _truth(dataset, index)
        for one in classes:
            here = truth == one
            right = [int((labels[here] == one).sum()) for labels in maps]
            difference = max(right) - min(right)
            if difference > best.get(one, (0, 0))[0]:
                best[one] = (difference, index)
    ranked = sorted(best.values(), key=lambda found: -found[0])
    return list(dict.fromkeys(index for _, index in ranked))[:SHOWN]
