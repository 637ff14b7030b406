"""Validation while training: the same protocol and metrics as `sceneparse evaluate`, on the live network."""

from collections.abc import Mapping
from typing import Any

from sceneparse.data import DataSet
from sceneparse.evaluation import evaluate
from sceneparse.inference import TestProtocol, TorchEngine
from sceneparse.labels import TaskLabels
from sceneparse.networks import SceneParser
from sceneparse.processes import Processes
from sceneparse.settings import Precision, PreprocessingSettings


def validate(
    processes: Processes,
    network: SceneParser,
    dataset: DataSet,
    protocol: TestProtocol,
    preprocessing: PreprocessingSettings,
    precision: Precision,
    *,
    tasks: TaskLabels | None = None,
    count: int | None,
    split: str,
    progress: bool,
) -> dict[str, Any]:
    """Score the network as it is now; every process takes its share of the pictures.

    The network is in training mode again afterwards.

    Args:
        processes: The processes that train together.
        network: The network that is being trained.
        dataset: The validation split.
        protocol: How pictures are tested.
        preprocessing: How they are normalised.
        precision: The number format that the network computes in.
        tasks: The tasks that the network learns beside the objects.
        count: Test only so many pictures, evenly spaced; None tests all.
        split: The split's name, which stands beside the figures.
        progress: Whether to show a progress bar.

    Returns:
        Figures under the names of metrics.json, the same in every process.

    Raises:
        UserError: Nothing to score in the split.
    """
    network.eval()
    try:
        engine = TorchEngine.live(network, preprocessing, precision=precision)
        title = "validating" if progress else None
        evaluation = evaluate(engine, dataset, protocol, tasks=tasks, count=count, progress=title, processes=processes)
    finally:
        network.train()
    others: dict[str, Any] = {}
    if evaluation.tasks is not None:
        others = {"tasks": evaluation.tasks.to_json(), "headlines": evaluation.tasks.headlines()}
    scores, pictures = evaluation.scores, len(evaluation.pictures)
    return {
        "mean_iou": scores.mean_iou,
        "pixel_accuracy": scores.pixel_accuracy,
        "mean_accuracy": scores.mean_accuracy,
        "frequency_weighted_iou": scores.frequency_weighted_iou,
        "protocol": f"{protocol.describe()}; {pictures} pictures of {split}",
        "split": split,
        "pictures": pictures,
        "classes": [{"name": one.name, "iou": one.iou, "accuracy": one.accuracy} for one in scores.classes],
        **others,
    }


def worth(metrics: Mapping[str, Any]) -> float:
    """What a network is chosen by: the mean IoU of the objects, or its mean with the figures of the other tasks."""
    figures = [metrics["mean_iou"], *metrics.get("headlines", {}).values()]
    return float(sum(figures) / len(figures))
