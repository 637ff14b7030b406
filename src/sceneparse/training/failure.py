"""Keep the step whose loss was not finite, so that it can be inspected and repeated."""

from pathlib import Path
from typing import Any

from torch import Tensor

from sceneparse.data.batch import Batch
from sceneparse.files import write_json
from sceneparse.tasks import Task
from sceneparse.training.checkpoint import save_tensors

FOLDER = "failure"


def save_failure(
    out: Path,
    batch: Batch,
    network: dict[str, Tensor],
    *,
    iteration: int,
    step_seed: int,
    rank: int,
    facts: dict[str, Any],
) -> Path:
    """Write the step whose loss was not finite: batch.pt, network.pt (both tensors only) and failure.json.

    Seed the generators with `step_seed`, load the network (its running statistics have met the batch, and on a GPU the
    next one; training mode doesn't use them) and compute the loss of the batch: it is the same again.

    Args:
        out: The run folder.
        batch: What the step trained on in this process.
        network: The network's state.
        iteration: Iterations done before it.
        step_seed: What the step's generators were seeded with.
        rank: This process among those that train together.
        facts: Losses, learning rate and what else may explain it.

    Returns:
        The folder.
    """
    folder = out / FOLDER / f"process{rank}" if rank else out / FOLDER
    save_tensors(folder / "batch.pt", {"images": batch.images, Task.OBJECT.truth: batch.objects})
    save_tensors(folder / "network.pt", network)
    pictures = [
        {"index": index, "name": name, "path": path}
        for index, name, path in zip(batch.indices, batch.names, batch.paths, strict=True)
    ]
    # Losses as text: JSON has no word for NaN.
    readable = {key: str(value) if isinstance(value, float) else value for key, value in facts.items()}
    write_json(
        folder / "failure.json", {"iteration": iteration, "step_seed": step_seed, **readable, "pictures": pictures}
    )
    return folder


def explain(batch: Batch, iteration: int, folder: Path, precision: str) -> str:
    """Return one line for the user: what happened, with which pictures, and what may help."""
    named = [path or name for path, name in zip(batch.paths, batch.names, strict=True)]
    pictures = ", ".join(named[:4]) + (f" and {len(named) - 4} more" if len(named) > 4 else "")
    ways = ["a lower optimizer.lr", "optimizer.warmup", "optimizer.clip"]
    if precision == "float16":
        ways.insert(0, "training.precision bfloat16 or float32")
    return (
        f"the loss of iteration {iteration} is not finite (pictures: {pictures}); the step is kept in {folder}; "
        f"try {', '.join(ways)}, and look at these pictures and masks"
    )
