"""Validation while training: the same protocol and metrics as `sceneparse evaluate`, on the live network."""

from collections.abc import Sequence
from typing import Any

from lightning_fabric import Fabric

from sceneparse.data import DataSet, Sample
from sceneparse.evaluation import evaluate, score
from sceneparse.evaluation.evaluate import spaced
from sceneparse.inference import TestProtocol, TorchEngine
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
        evaluation = evaluate(engine, Picked(dataset, share), protocol, progress=title)
    finally:
        network.train()
    counts = evaluation.counts
    if shared:
        counts = fabric.all_reduce(counts.to(fabric.device), reduce_op="sum").cpu()  # type: ignore[union-attr]
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
    }


class Picked:
    """Some samples of a data set as a data set; see `DataSet`.

    Args:
        dataset: The whole.
        indices: The samples that are picked.
    """

    def __init__(self, dataset: DataSet, indices: Sequence[int]) -> None:
        self.labels = dataset.labels
        self._dataset, self._indices = dataset, indices

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> Sample:
        return self._dataset[self._indices[index]]

    def name(self, index: int) -> str:
        """The sample's name, without reading it."""
        return self._dataset.name(self._indices[index])
