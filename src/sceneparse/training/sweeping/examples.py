"""A sweep's scenes: the pictures that its rows read most differently, side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sceneparse.data import DataSet
from sceneparse.datasets.opening import open_for_testing
from sceneparse.drawing import paint
from sceneparse.drawing.picture_grid import write_picture_grid
from sceneparse.evaluation.command import protocol_of
from sceneparse.inference import Opened, label, open_model
from sceneparse.labels import IGNORE
from sceneparse.progress import progress_bar
from sceneparse.recipes.sweep import Row, Run, Sweep
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
    are those of the first seed that at least two rows have finished; without such a seed nothing is written.

    Args:
        sweep: The sweep.
        out: Its folder.
    """
    for seed in sweep.seeds:
        runs = [run for row in sweep.rows if finished(sweep, run := Run(row, seed), out) is not None]
        if len(runs) > 1:
            break
    else:
        return
    test = sweep.tests[0]
    models = {run.row.name: _opened(run, out) for run in runs}
    recipe = runs[0].recipe
    dataset = open_for_testing(recipe.data, channels=recipe.backbone.in_channels)
    candidates = _most_different([finished(sweep, run, out) or {} for run in runs], test)
    known = dataset.labels.names
    grouped = dict.fromkeys(name for classes in sweep.groups.values() for name in classes if name in known)
    classes = [known.index(name) for name in grouped or known]
    read = {}
    with progress_bar(True, len(candidates), "looking for examples") as advance:
        for index in candidates:
            read[index] = _read(dataset, index, [run.row for run in runs], models, test)
            advance()
    chosen = _chosen(dataset, read, classes)
    tiles = [
        [
            Image.fromarray(dataset[index].image[:3].permute(1, 2, 0).numpy()),
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
        write_picture_grid(out / EXAMPLES, ["picture", "truth", *models], tiles, side=160, legend=legend)


def _opened(run: Run, out: Path) -> Opened:
    return open_model(out / run.folder / "model", engine="torch", device=run.recipe.training.device)


def _most_different(found: Sequence[dict[str, Any]], test: str) -> list[int]:
    """The pictures with the largest range of mean IoU from row to row."""
    scores: dict[int, list[float]] = {}
    for tests in found:
        for index, score in tests[test]["picture_mean_ious"]:
            if score is not None:
                scores.setdefault(index, []).append(score)
    ranges = {index: max(values) - min(values) for index, values in scores.items()}
    return sorted(ranges, key=lambda index: (-ranges[index], index))[:LOOKED_AT]


def _read(
    dataset: DataSet, index: int, rows: Sequence[Row], models: dict[str, Opened], test: str
) -> list[NDArray[np.int16]]:
    """What each row reads in a picture."""
    image = dataset[index].image
    read = []
    for row in rows:
        opened = models[row.name]
        protocol = protocol_of(opened.config, row.tests[test], row.recipe.data)
        read.append(label(opened.engine, image, protocol).cpu().numpy())
    return read


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
