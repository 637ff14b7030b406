"""Measure what quantisation costs: the labels that change, and the accuracy on labelled pictures."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from sceneparse.data.sample import DataSet, tasks_of
from sceneparse.datasets.kinds import KINDS
from sceneparse.datasets.testing import open_to_test
from sceneparse.evaluation.command import protocol_of
from sceneparse.evaluation.evaluate import evaluate
from sceneparse.evaluation.reading import spaced
from sceneparse.exporting.calibration import CalibrationPictures
from sceneparse.exporting.checking import equal_share
from sceneparse.exporting.record import Accuracy
from sceneparse.inference import Engine, TestProtocol, label, predict_tasks
from sceneparse.labels import TaskLabels
from sceneparse.labels.agreement import refuse_other_classes, refuse_other_tasks
from sceneparse.tasks import Task
from sceneparse.weights.model import Model
from sceneparse.weights.trained_on import trained_on

COMPARED = 20
"""Calibration pictures, evenly spaced, whose labels are compared."""


@dataclass(frozen=True)
class LabelledPictures:
    """The labelled pictures on which accuracy is measured before and after quantisation.

    Args:
        dataset: The pictures.
        protocol: How they are tested.
        count: Test only so many, evenly spaced; None takes all.
    """

    dataset: DataSet
    protocol: TestProtocol
    count: int | None


def open_labelled(
    name: str, model: Model, data: str | None, kind: str | None, split: str | None, count: int | None
) -> LabelledPictures | None:
    """Open the data set that a model is to be tested on, as `evaluate_model` does.

    Args:
        name: What the model is called in messages.
        model: The model.
        data: The data set's folder.
        kind: As in `data.kind`; None takes the model's.
        split: Its split; None takes the model's test split.
        count: Test only so many pictures, evenly spaced; None takes all.

    Returns:
        The pictures; None if nothing of a data set is said and the model's own needs a folder.

    Raises:
        UserError: A folder is missing or damaged, or holds other classes than the model's.
    """
    config = model.config
    if all(one is None for one in (data, kind, split, count)) and KINDS[config.data.kind].root != "none":
        return None
    learnt, channels = trained_on(name), config.backbone.in_channels
    found = open_to_test(config.data, data, kind, split, own=learnt, channels=channels)
    if found.note is not None:
        print(f"note: {found.note}", file=sys.stderr)
    refuse_other_classes(name, model.labels, found.dataset.labels)
    refuse_other_tasks(name, model.tasks, tasks_of(found.dataset))
    return LabelledPictures(found.dataset, protocol_of(config, None, found.settings), count)


def measure_accuracy(
    engines: Mapping[str, Engine],
    pictures: CalibrationPictures,
    protocol: TestProtocol,
    *,
    tasks: TaskLabels | None,
    calibrated_on: int,
    labelled: LabelledPictures | None,
    progress: bool = True,
) -> Accuracy:
    """Compare a quantised model with itself in float32.

    Args:
        engines: Two by their precision: before quantisation and after it.
        pictures: Labels are compared on some of them.
        protocol: How these are tested.
        tasks: The tasks of a unified model.
        calibrated_on: Inputs that gave the ranges.
        labelled: Where accuracy is measured.
        progress: Show how far the tests are.

    Raises:
        UserError: A picture cannot be read, or the labelled data set has nothing to score.
    """
    compared = spaced(len(pictures), COMPARED)
    equal: dict[Task, float] = {}
    for index in compared:
        picture = pictures[index]
        before, after = (_labels_by_task(engine, picture, protocol, tasks) for engine in engines.values())
        for task in before:
            equal[task] = equal.get(task, 0.0) + equal_share(before[task], after[task])
    same: dict[str, float] = {task: total / len(compared) for task, total in equal.items()}
    mean_iou = pixel_accuracy = tested = None
    if labelled is not None:
        first, second = (
            evaluate(
                engine,
                labelled.dataset,
                labelled.protocol,
                tasks=tasks,
                count=labelled.count,
                progress=name if progress else None,
            )
            for name, engine in engines.items()
        )
        mean_iou = (first.scores.mean_iou, second.scores.mean_iou)
        pixel_accuracy = (first.scores.pixel_accuracy, second.scores.pixel_accuracy)
        tested = first.protocol.describe()
    return Accuracy(calibrated_on, len(compared), same.pop(Task.OBJECT), same, mean_iou, pixel_accuracy, tested)


def _labels_by_task(
    engine: Engine, picture: Tensor, protocol: TestProtocol, tasks: TaskLabels | None
) -> dict[Task, Tensor]:
    """Return the class of each pixel for every task, and of the whole picture for the scene."""
    if tasks is None:
        return {Task.OBJECT: label(engine, picture, protocol)}
    return predict_tasks(engine, picture, protocol, tasks).answers()
