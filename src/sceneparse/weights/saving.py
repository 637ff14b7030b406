"""Write model folders and files of weights, whole or not at all."""

import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from sceneparse.files import aside_of, replace_folder, whole_file, write_errors, write_json, write_text
from sceneparse.labels import LabelSpace, TaskLabels
from sceneparse.unfinished import temporary_folder
from sceneparse.weights.config import CARD, CONFIG, LABELS, WEIGHTS, ModelConfig, refuse_irreplaceable, write_config
from sceneparse.weights.labels_file import labels_to_json
from sceneparse.weights.tasks import refuse_unfit_tasks

HEADER = struct.Struct("<Q")
"""The length of a safetensors file's header, which the file begins with."""


@dataclass(frozen=True)
class Description:
    """What a model folder says of a network beside its weights.

    Args:
        config: What the network is.
        labels: The objects' classes.
        tasks: The label spaces of its other tasks; None where it has none or they have no names.
        card: The text of README.md (`model_card`).
    """

    config: ModelConfig
    labels: LabelSpace
    tasks: TaskLabels | None
    card: str


def write_weights(path: Path, state: Mapping[str, Tensor], facts: Mapping[str, str] | None = None) -> None:
    """Write a network's weights as contiguous float32 tensors, sorted by name.

    Args:
        path: The .safetensors file.
        state: The network's state.
        facts: What the file says of itself, for whoever reads its header.
    """
    with whole_file(path) as temporary:
        # Through memory: safetensors' own writer makes files that only their owner can read.
        content = memoryview(save(_portable(state), metadata={"format": "pt", **(facts or {})}))
        size = HEADER.unpack(content[: HEADER.size])[0]
        with temporary.open("wb") as file:
            start = HEADER.size + size
            file.write(_in_order(bytes(content[HEADER.size : start])) if facts else content[:start])
            file.write(content[start:])


def write_folder(folder: Path, description: Description, put_weights: Callable[[Path], None]) -> None:
    """Write a model folder; it appears whole, and one that was there stays until the new one is.

    Args:
        folder: The folder; an existing model is replaced.
        description: What it says beside the weights.
        put_weights: Called with the path at which it puts the file of weights.

    Raises:
        UserError: `folder` is something else than a model folder or an empty one, or there is no room for it.
    """
    if description.tasks is not None:
        refuse_unfit_tasks(description.config.network, description.tasks, LABELS)
    folder = Path(folder).resolve()
    if not folder.exists() and aside_of(folder).is_dir():
        aside_of(folder).rename(folder)
    refuse_irreplaceable(folder)
    with write_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with temporary_folder(folder) as temporary:
            write_config(temporary / CONFIG, description.config)
            write_json(temporary / LABELS, labels_to_json(description.labels, description.tasks))
            write_text(temporary / CARD, description.card)
            put_weights(temporary / WEIGHTS)
            replace_folder(folder, temporary)


def _in_order(header: bytes) -> bytes:
    """A header of safetensors, with its length before it, whose facts are in the order of their names."""
    value = json.loads(header)
    value["__metadata__"] = dict(sorted(value["__metadata__"].items()))
    # safetensors writes the facts in another order each time: equal weights would not be equal bytes.
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % HEADER.size)
    return HEADER.pack(len(text)) + text


def _portable(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: (value.detach().cpu().float() if value.is_floating_point() else value.detach().cpu()).contiguous()
        for name, value in sorted(state.items())
    }
