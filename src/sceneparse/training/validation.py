"""Validation while training: the same protocol and metrics as `sceneparse evaluate`, on the live network."""

from collections.abc import Mapping
from typing import Any

from sceneparse.evaluation import evaluate
from sceneparse.inference import TorchEngine, resolve
from sceneparse.networks import SceneParser
from sceneparse.settings import Recipe
from sceneparse.training.prepare import TrainingData
from sceneparse.training.start import Compute


def validate(
    network: SceneParser, data: TrainingData, recipe: Recipe, compute: Compute, *, progress: bool
) -> dict[str, Any]:
    """Score the network as it is now on the validation split; every process takes its share of the pictures.

    The network is in training mode again afterwards.

    Args:
        network: The network that is being trained.
        data: The samples.
        recipe: Says by which protocol pictures are tested, how they are normalised, and how many are.
        compute: The number format that the network computes in, and the processes.
        progress: Whether to show a progress bar.

    Returns:
        Figures under the names of metrics.json, the same in every process.

    Raises:
        UserError: Nothing to score in the split.
    """
    protocol, split = resolve(recipe.protocol), recipe.data.val
    network.eval()
    try:
        engine = TorchEngine.live(network, recipe.preprocessing, precision=compute.precision)
        evaluation = evaluate(
            engine,
            data.validation,
            protocol,
            tasks=data.tasks,
            count=recipe.training.validate_count,
            progress="validating" if progress else None,
            processes=compute.processes,
        )
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
    """Return what the best network is chosen by: the objects' mean IoU, or its mean with the other tasks' figures."""
    figures = [metrics["mean_iou"], *metrics.get("headlines", {}).values()]
    return float(sum(figures) / len(figures))
