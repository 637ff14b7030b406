"""Whether a folder holds a checkpoint that can be imported, and which: known before PyTorch is loaded."""

import json
from pathlib import Path

from sceneparse.errors import UserError
from sceneparse.weights.paths import TORCH

WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""What the weights in a folder of transformers or segmentation_models_pytorch are called."""


def decoder_of(path: Path) -> Path | None:
    """Return the decoder that belongs to a file whose name says that it is the encoder of a pair."""
    if path.name.startswith("decoder"):
        raise UserError(f"{path}: it is the second half of a pair; name the encoder's file, or the folder of both")
    if not path.name.startswith("encoder"):
        return None
    decoder = path.with_name(path.name.replace("encoder", "decoder", 1))
    if not decoder.is_file():
        raise UserError(f"{path}: its decoder {decoder.name} is not beside it; a pair is imported whole")
    return decoder


def pair_in(folder: Path) -> tuple[Path, Path] | None:
    """Return the encoder and the decoder in a folder; None where there are none.

    Raises:
        UserError: There are several encoders, or no decoder.
    """
    encoders = sorted(path for path in folder.iterdir() if path.name.startswith("encoder") and path.suffix in TORCH)
    if len(encoders) > 1:
        raise UserError(f"{folder}: holds {len(encoders)} encoders; name the one to import, such as {encoders[-1]}")
    decoder = decoder_of(encoders[0]) if encoders else None
    return None if decoder is None else (encoders[0], decoder)


def refuse_without_checkpoint(folder: Path) -> None:
    """Refuse a folder in which there is nothing to import.

    Raises:
        UserError: There is nothing, or the checkpoints of a training, of which one must be named.
    """
    files = (*WEIGHTS, *(f"{name}.index.json" for name in WEIGHTS))
    if pair_in(folder) is not None or any((folder / name).is_file() for name in files):
        return
    if checkpoints := sorted(folder.glob("checkpoint-[0-9]*"), key=lambda one: (len(one.name), one.name)):
        raise UserError(f"{folder}: holds the checkpoints of a training; name one, such as {_best(checkpoints)}")
    raise UserError(
        f"{folder}: holds no checkpoint: neither model.safetensors nor pytorch_model.bin (transformers), "
        "nor an encoder_….pth with its decoder_….pth (CSAIL)"
    )


def _best(checkpoints: list[Path]) -> Path:
    """Return the checkpoint that a Trainer's own record calls the best; the last one where it says none."""
    try:
        state = json.loads((checkpoints[-1] / "trainer_state.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        state = None
    best = state.get("best_model_checkpoint") if isinstance(state, dict) else None
    named = Path(best).name if isinstance(best, str) else ""
    return next((one for one in checkpoints if one.name == named), checkpoints[-1])
