"""What a training is asked to compute on and in, and refused where that cannot be: known before PyTorch is loaded."""

from sceneparse.arguments import argument
from sceneparse.errors import require


def refuse_float16(precision: str, device: str) -> None:
    """Refuse to train in float16 on another device than CUDA, which alone has the scaling of losses for it.

    Args:
        precision: As in `training.precision`.
        device: The type of the device.

    Raises:
        UserError: It is so.
    """
    # Small gradients would vanish.
    where = "the CPU" if device == "cpu" else device
    require(
        precision != "float16" or device == "cuda",
        f"training.precision float16 needs a CUDA device: use bfloat16, float32 or auto on {where}",
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
