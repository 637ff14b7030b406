"""Recognise a file of a training's checkpoints, and read the network in it without running anything."""

import re
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from sceneparse.arguments import argument
from sceneparse.errors import UserError
from sceneparse.weights.config import CONFIG, LABELS, config_from_json, read_config
from sceneparse.weights.importing.pickles import TensorRecord
from sceneparse.weights.importing.torchfile import make_tensors, open_torch
from sceneparse.weights.labels_file import labels_from_json, read_labels
from sceneparse.weights.run_folder import CHECKPOINTS, RECIPE, Taken, header_of, model_folder_of, taken_of
from sceneparse.weights.saving import Description

KEYS = ("iteration", "network", "optimizer", "metrics_bytes")
"""What a checkpoint has, and no other library's file has together."""

DESCRIPTION = "model"
"""What a checkpoint says of its network, as a model folder would: "config" and "labels"."""

NAMES = re.compile(r"(last|best)-(\d+)\.(pt|safetensors)")
"""What the files in checkpoints/ are called."""

CARD = "# {name}\n\nThe network of a training's checkpoint ({file}); its figures are not known.\n"
"""The card of the model that is made of a checkpoint."""


class Found(NamedTuple):
    """The network in a checkpoint.

    Args:
        description: What it is.
        state: Its weights.
        taken: Which of the training's networks it is.
    """

    description: Description
    state: dict[str, Tensor]
    taken: Taken


def is_checkpoint(path: Path) -> bool:
    """Return whether a file is one of a training's checkpoints, wherever it lies and whatever it is called."""
    if path.suffix == ".safetensors":
        return taken_of(header_of(path)).iteration is not None and not (path.parent / CONFIG).is_file()
    if path.suffix != ".pt":
        return False
    return _in_run(path) or _torch_keys(path) is not None


def newest_checkpoint(run: Path) -> Path | None:
    """Return the newest checkpoint of a run folder, None if there is none."""
    return max((run / CHECKPOINTS).glob("last-[0-9]*.pt"), default=None)


def saved_iteration(run: Path) -> int | None:
    """Return the iterations done of a run folder's newest checkpoint, from which a training goes on; None without."""
    newest = newest_checkpoint(run)
    match = None if newest is None else NAMES.fullmatch(newest.name)
    return None if match is None else int(match[2])


def read_found(path: Path) -> Found:
    """Read the network of a checkpoint, and what says which network it is.

    Raises:
        UserError: It is damaged, or nothing says what its classes are.
        FileNotFoundError: It is gone: a training keeps the newest ones alone.
    """
    value: dict[str, Any] = {}
    try:
        if path.suffix == ".safetensors":
            state, taken = load_file(path), taken_of(header_of(path))
        else:
            value, state = _read_torch(path)
            iteration = value.get("iteration")
            if iteration is None and (match := NAMES.fullmatch(path.name)):
                iteration = int(match[2])
            taken = Taken(iteration if isinstance(iteration, int) else None)
    except FileNotFoundError:
        raise
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: damaged or cut short ({error}); take another checkpoint") from None
    return Found(_description(path, value.get(DESCRIPTION)), state, taken)


def _in_run(path: Path) -> bool:
    return NAMES.fullmatch(path.name) is not None and (path.parent.parent / RECIPE).is_file()


def _torch_keys(path: Path) -> dict[str, Any] | None:
    """The content of a torch file that is a checkpoint of ours; tensors are not read."""
    try:
        with open_torch(path) as (value, _, _):
            return value if isinstance(value, dict) and all(key in value for key in KEYS) else None
    except (UserError, OSError):
        return None


def _read_torch(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The content of a torch file, and the tensors of its network."""
    try:
        with open_torch(path) as (value, read, _):
            if not isinstance(value, dict):
                raise UserError("it holds no network")
            # Earlier versions wrote the network of the best validation alone.
            network = value.get("network", value)
            if not isinstance(network, dict) or not all(isinstance(one, TensorRecord) for one in network.values()):
                raise UserError("it holds no network")
            return value, make_tensors(network, read, path.stat().st_size)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _description(path: Path, stored: Any) -> Description:
    """What a checkpoint's network is: as it says itself, or as the model beside checkpoints/ says."""
    if isinstance(stored, dict) and {"config", "labels"} <= stored.keys():
        config = config_from_json(stored["config"], str(path))
        labels, tasks = labels_from_json(stored["labels"], str(path))
    else:
        folder = model_folder_of(path.parent.parent) if path.parent.name == CHECKPOINTS else None
        if folder is None:
            raise UserError(
                f"{path}: holds weights alone, and no model beside it says which network and classes they are of: "
                "give the run folder, or go on with the training "
                f"({argument('resume', True, option='--resume')}), which writes its model"
            )
        config = read_config(folder / CONFIG)
        labels, tasks = read_labels(folder / LABELS)
    return Description(config, labels, tasks, CARD.format(name=config.name, file=path.name))
