"""Validation while training: the same protocol and metrics as `sceneparse evaluate`, on the live network."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

from sceneparse.errors import counted
from sceneparse.evaluation import evaluate
from sceneparse.evaluation.figures import FIGURES, figures_of, mean_of_headlines
from sceneparse.evaluation.reading import readers_for
from sceneparse.inference import TorchEngine, resolve
from sceneparse.networks import SceneParser
from sceneparse.settings import Recipe
from sceneparse.tasks import OTHERS, Task
from sceneparse.training.averaging import WeightAverage
from sceneparse.training.prepare import Prepared, TrainingData, rebuilt
from sceneparse.training.sharding import is_sharded, whole
from sceneparse.training.start import Compute


@contextmanager
def network_with(prepared: Prepared, average: WeightAverage | None) -> Iterator[SceneParser]:
    """Yield a training's network to validate; all processes call it together.

    Where they share its weights, it is a copy that has them all.

    Args:
        prepared: The training.
        average: The average that it has in place of the weights that learn; None leaves it as it is.
    """
    network = prepared.learner.network
    if is_sharded(network):
        state = whole(network.state_dict()) if average is None else average.network_state()
        yield rebuilt(prepared.recipe, prepared.data.labels, state).to(prepared.compute.fabric.device)
        return
    with nullcontext() if average is None else average.in_place():
        yield network


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
    protocol, split = resolve(recipe.protocol, data.sizes), recipe.data.val
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
            readers=readers_for(recipe.data, compute.fabric.device.type),
        )
    finally:
        network.train()
    others: dict[str, Any] = {}
    if evaluation.tasks is not None:
        headlines = evaluation.headlines()
        others = {key: value for key, value in _logged(evaluation.figures, OTHERS).items() if key not in headlines}
        others |= {"tasks": evaluation.tasks_to_json(), "headlines": headlines}
    scores, pictures = evaluation.scores, len(evaluation.pictures)
    return {
        **{key: evaluation.figures[key] for key in figures_of(Task.OBJECT)},
        "protocol": f"{evaluation.protocol.describe()}; {counted(pictures, 'picture')} of {split}",
        "split": split,
        "pictures": pictures,
        "classes": [{"name": one.name, "iou": one.iou, "accuracy": one.accuracy} for one in scores.classes],
        **others,
    }


def recorded(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of a validation that metrics.jsonl keeps, with their protocol.

    Args:
        metrics: As of `validate`.
    """
    others = _logged(metrics, OTHERS) | dict(metrics.get("headlines", {}))
    return {**_logged(metrics, (Task.OBJECT,)), "protocol": metrics["protocol"], **others}


def _logged(values: Mapping[str, Any], tasks: Collection[Task]) -> dict[str, float]:
    keys = [key for key, one in FIGURES.usable() if one.log and one.task in tasks]
    return {key: values[key] for key in keys if values.get(key) is not None}


def worth(metrics: Mapping[str, Any]) -> float:
    """Return the score by which the best network is chosen: the mean of the tasks' headline figures."""
    found = mean_of_headlines({**metrics, **metrics.get("headlines", {})})
    if found is None:
        raise ValueError("a validation has at least the headline figure of the objects")
    return found
