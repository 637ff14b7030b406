"""Measure what quantisation costs: the labels that change, and the accuracy on labelled pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from sceneparse.data.sample import DataSet
from sceneparse.datasets.kinds import KINDS
from sceneparse.datasets.opening import open_dataset
from sceneparse.evaluation.command import data_settings
from sceneparse.evaluation.evaluate import evaluate, spaced
from sceneparse.exporting.checking import equal_share
from sceneparse.exporting.record import Accuracy
from sceneparse.inference import Engine, TestProtocol, label, predict_tasks, resolve
from sceneparse.inference.exported_file import open_exported
from sceneparse.inference.openvino_engine import OpenVINOEngine
from sceneparse.labels import TaskLabels
from sceneparse.tasks import Task
from sceneparse.weights.config import ModelConfig
from sceneparse.weights.model import Model

COMPARED = 20
"""Calibration pictures, evenly spaced, whose labels are compared."""


@dataclass(frozen=True)
class LabelledData:
    """The labelled pictures on which accuracy is measured before and after quantisation.

    Args:
        root: The data set's folder; None takes the model's own, if it needs no folder.
        kind: As in `data.kind`; None takes the model's.
        split: Its split; None takes the model's test split.
        count: Test only so many pictures, evenly spaced; None takes all.
    """

    root: str | None = None
    kind: str | None = None
    split: str | None = None
    count: int | None = None

    def open(self, config: ModelConfig) -> DataSet | None:
        """Open the data set for a model; None if no folder is named and the kind needs one.

        Raises:
            UserError: The folder is missing or damaged, or does not fit the model.
        """
        if self.root is None and KINDS[self.kind or config.data.kind].root != "none":
            return None
        settings = data_settings(config, self.root, self.kind, self.split)
        return open_dataset(settings, settings.test, channels=config.backbone.in_channels)


def measure_accuracy(
    model: Model,
    path: Path,
    pictures: Sequence[Tensor],
    *,
    calibrated_on: int,
    labelled: LabelledData,
    progress: bool = True,
) -> Accuracy:
    """Compare a quantised file with the model in float32.

    Args:
        model: The model.
        path: Its quantised .xml file.
        pictures: (C, H, W) uint8; labels are compared on some of them.
        calibrated_on: Inputs that gave the ranges.
        labelled: Where accuracy is measured.
        progress: Show how far the tests are.

    Raises:
        UserError: The labelled data set cannot be opened.
    """
    before: Engine = OpenVINOEngine.of(model.network, model.config.preprocessing, precision="float32")
    after, _ = open_exported(path)
    protocol = resolve(model.config.protocol, model.config.sizes)
    compared = [pictures[index] for index in spaced(len(pictures), COMPARED)]
    pairs = [[_labels_by_task(engine, one, protocol, model.tasks) for engine in (before, after)] for one in compared]
    same: dict[str, float] = {
        task: sum(equal_share(x[task], y[task]) for x, y in pairs) / len(pairs) for task in pairs[0][0]
    }
    mean_iou = pixel_accuracy = None
    if (dataset := labelled.open(model.config)) is not None:
        first, second = (
            evaluate(engine, dataset, protocol, count=labelled.count, progress=name if progress else None).scores
            for name, engine in (("float32", before), ("int8", after))
        )
        mean_iou = (first.mean_iou, second.mean_iou)
        pixel_accuracy = (first.pixel_accuracy, second.pixel_accuracy)
    return Accuracy(calibrated_on, len(compared), same.pop(Task.OBJECT), same, mean_iou, pixel_accuracy)


def _labels_by_task(
    engine: Engine, picture: Tensor, protocol: TestProtocol, tasks: TaskLabels | None
) -> dict[Task, Tensor]:
    """Return the class of each pixel for every task, and of the whole picture for the scene."""
    if tasks is None:
        return {Task.OBJECT: label(engine, picture, protocol)}
    return predict_tasks(engine, picture, protocol, tasks).answers()
