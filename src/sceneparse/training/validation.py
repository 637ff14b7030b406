"""Validation while training: the same protocol and metrics as `sceneparse evaluate`, on the live network."""

from collections.abc import Mapping, Sequence
from typing import Any

from lightning_fabric import Fabric
from torch import Tensor

from sceneparse.data import DataSet, Sample
from sceneparse.data.sample import tasks_of
from sceneparse.evaluation import evaluate, score
from sceneparse.evaluation.evaluate import spaced
from sceneparse.evaluation.task_metrics import task_scores
from sceneparse.inference import TestProtocol, TorchEngine
from sceneparse.labels import TaskLabels
from sceneparse.networks import SceneParser
from sceneparse.settings import Precision, PreprocessingSettings


def validate(
    fabric: Fabric,
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
        fabric: The processes that train together.
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
    indices = spaced(len(dataset), count)
    # With fewer pictures than processes, each takes them all: nothing is gained by sharing, and none stands empty.
    shared = fabric.world_size > 1 and len(indices) >= fabric.world_size
    share = indices[fabric.global_rank :: fabric.world_size] if shared else indices
    network.eval()
    try:
        engine = TorchEngine.live(network, preprocessing, precision=precision)
        title = "validating" if progress else None
        evaluation = evaluate(engine, Picked(dataset, share), protocol, tasks=tasks, progress=title)
    finally:
        network.train()

    def total(counts: Tensor) -> Tensor:
        if not shared:
            return counts
        return fabric.all_reduce(counts.to(fabric.device), reduce_op="sum").cpu()  # type: ignore[union-attr]

    counts = total(evaluation.counts)
    others: dict[str, Any] = {}
    if tasks is not None:
        found = {name: total(evaluation.task_counts[name]) for name in sorted(evaluation.task_counts)}
        told = task_scores(found, tasks, protocol.absent)
        others = {"tasks": told.to_json(), "headlines": told.headlines()}
    scores = score(counts, dataset.labels.names, protocol.absent)
    return {
        "mean_iou": scores.mean_iou,
        "pixel_accuracy": scores.pixel_accuracy,
        "mean_accuracy": scores.mean_accuracy,
        "frequency_weighted_iou": scores.frequency_weighted_iou,
        "protocol": f"{protocol.describe()}; {len(indices)} pictures of {split}",
        "split": split,
        "pictures": len(indices),
        "classes": [{"name": one.name, "iou": one.iou, "accuracy": one.accuracy} for one in scores.classes],
        **others,
    }


def worth(metrics: Mapping[str, Any]) -> float:
    """What a network is chosen by: the mean IoU of the objects, or its mean with the figures of the other tasks."""
    figures = [metrics["mean_iou"], *metrics.get("headlines", {}).values()]
    return float(sum(figures) / len(figures))


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
