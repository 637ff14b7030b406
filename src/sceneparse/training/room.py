"""Whether the disk has room for what a training is going to write: known before its first step."""

from pathlib import Path

from torch import Tensor

from sceneparse.errors import require
from sceneparse.files import free_bytes, sized
from sceneparse.training.averaging import WeightAverage
from sceneparse.training.checkpoint import KEPT
from sceneparse.training.prepare import Prepared
from sceneparse.weights.run_folder import CHECKPOINTS

WEIGHT = 4
"""Bytes of a weight in a model folder, which has float32."""


def check_room(prepared: Prepared, average: WeightAverage | None, out: Path) -> str | None:
    """Compare what a training writes with what is free on the disk of its run folder.

    Checkpoints and models alone are counted, the rest being small. A new one is written before the oldest goes, and a
    model's weights are those of the best network in checkpoints/ under a second name.

    Args:
        prepared: The training.
        average: The average of the weights that it keeps; None where it keeps none.
        out: The run folder.

    Returns:
        A line where the disk may become full; None otherwise.

    Raises:
        UserError: It cannot hold the next checkpoint.
    """
    checkpoint = checkpoint_bytes(prepared, average)
    free = free_bytes(out)
    require(
        free >= checkpoint,
        f"{out}: a checkpoint of this training takes {sized(checkpoint)}, but {sized(free)} are free on its disk: make "
        "room, or train into a folder on another",
    )
    there = sum(path.stat().st_size for path in (out / CHECKPOINTS).glob("*") if path.is_file())
    whole = whole_bytes(prepared, average)
    if free + there >= whole:
        return None
    return (
        f"checkpoints and the model take up to {sized(whole)}, but {sized(free + there)} are free on the disk of "
        f"{out}: the training ends where it becomes full"
    )


def whole_bytes(prepared: Prepared, average: WeightAverage | None) -> int:
    """Return about how much all that a training keeps at a time takes on its disk: checkpoints and models."""
    return (KEPT + 1) * (checkpoint_bytes(prepared, average) + model_bytes(prepared))


def standing_bytes(prepared: Prepared, average: WeightAverage | None) -> int:
    """Return about how much memory a training takes between its steps: what a checkpoint has, and the gradients."""
    learnt = sum(_size(one) for one in prepared.learner.network.parameters() if one.requires_grad)
    return checkpoint_bytes(prepared, average) + learnt


def checkpoint_bytes(prepared: Prepared, average: WeightAverage | None) -> int:
    """Return about how large a checkpoint is: weights, what the optimiser keeps of each, and their average."""
    network, settings = prepared.learner.network, prepared.recipe.optimizer
    kept = 2 if settings.kind == "adamw" else int(settings.momentum > 0)
    learnt = sum(_size(one) for one in network.parameters() if one.requires_grad)
    whole = sum(_size(one) for one in network.state_dict().values())
    # An average is as large as the weights. Its own state would have to be put together where processes share it.
    return whole + kept * learnt + (0 if average is None else whole)


def model_bytes(prepared: Prepared) -> int:
    """Return about how large the weights of a model folder are."""
    return sum(WEIGHT * one.numel() for one in prepared.learner.network.state_dict().values())


def _size(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
