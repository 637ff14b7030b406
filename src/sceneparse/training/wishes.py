"""What a training is asked to compute on and in, and refused where that cannot be: known before PyTorch is loaded."""

import math
from collections.abc import Sequence

from sceneparse.arguments import argument
from sceneparse.errors import counted, require


def refuse_float16(precision: str, device: str) -> None:
    """Refuse to train in float16 on another device than CUDA, which alone has the scaling of losses for it.

    Args:
        precision: As in `training.precision`.
        device: The type of the device; "auto" where it is only known that it is not CUDA.

    Raises:
        UserError: It is so.
    """
    # Small gradients would vanish.
    where = {"cpu": "the CPU", "auto": "this machine, which has none"}.get(device, device)
    require(
        precision != "float16" or device == "cuda",
        f"training.precision float16 needs a CUDA device: use bfloat16, float32 or auto on {where}",
    )


def refuse_unfit_weights(weights: Sequence[float], names: Sequence[str]) -> None:
    """Refuse class weights that are not one for each class.

    Args:
        weights: As in `loss.class_weights`.
        names: The classes.

    Raises:
        UserError: Not one non-negative number for each class, or all are zero.
    """
    require(
        len(weights) == len(names),
        f"loss.class_weights has {counted(len(weights), 'number')}, but there are {len(names)} classes: give one each",
    )
    require(
        min(weights) >= 0 and max(weights) > 0 and all(map(math.isfinite, weights)),
        "loss.class_weights must be numbers of 0 or more, one of them at least above 0",
    )


def refuse_fsdp_alone(strategy: str) -> None:
    """Refuse to share a network's weights in a single process.

    Args:
        strategy: As in `train`.

    Raises:
        UserError: It is fsdp.
    """
    require(
        strategy != "fsdp",
        "fsdp shares a network's weights among processes: start several "
        f"({argument('sceneparse train --devices N, torchrun or srun', option='--devices N')})",
    )
