"""Checkpoints: all that is needed to go on exactly where a training stopped.

There is no random state in them. Order and augmentation are functions of the iteration (see `data.loader`), and the
loop seeds the generators for each iteration anew.
"""

import pickle
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from sceneparse.errors import UserError
from sceneparse.files import no_room, whole_file
from sceneparse.weights.saving import write_weights

SUFFIXES = {"last": (".pt",), "best": (".safetensors", ".pt")}
"""How the files end; after the first, how earlier versions wrote them."""

KEPT = 2
"""Checkpoints that are kept: the last, and one more in case that the last is damaged."""

PROBE = 1 << 20
"""Bytes that are written to learn why nothing more can be."""


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training between two iterations.

    Args:
        iteration: Iterations that are done.
        network: The network's state, buffers included.
        optimizer: The optimiser's state.
        scaler: The state of the gradient scaler; empty unless float16.
        precision: float32, tf32, bfloat16 or float16: what "auto" meant.
        samples: Size of the training split.
        metrics_bytes: Length of metrics.jsonl; what is longer belongs to iterations that will be done again.
        seconds: Time that the training has taken.
        recent: Sums of the losses since the last line of metrics.jsonl, and their numbers.
        best_iteration: When the best validation was; None before the first.
        best_metrics: Its figures, under the names of metrics.json.
        processes: Processes that trained together.
        best_weights: Whether the best network had the weights that learn (live) or their average.
        average: The moving average of the weights, whole; None where none is kept.
        patience: How long the score has not become better, as of `Patience.state`.
        ended: Whether the training ended here, for want of a better score.
        validation_due: Whether the network is still to be validated as it is, before the next iteration.
        model: What a model folder says of the network: "config" and "labels", as in its files.
    """

    iteration: int
    network: dict[str, Tensor]
    optimizer: dict[str, Any]
    scaler: dict[str, Any]
    precision: str
    samples: int
    metrics_bytes: int
    seconds: float
    recent: dict[str, float]
    best_iteration: int | None
    best_metrics: dict[str, Any] | None
    processes: int = 1
    best_weights: Literal["live", "average"] = "live"
    average: dict[str, Tensor] | None = None
    patience: dict[str, Any] = field(default_factory=dict)
    ended: bool = False
    validation_due: bool = False
    model: dict[str, Any] = field(default_factory=dict)


class Checkpoints:
    """The checkpoints/ folder of a run: the newest checkpoints, and the network of the best validation.

    Args:
        folder: The folder; made when first written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def exist(self) -> bool:
        """Return whether there is any checkpoint."""
        return bool(self._iterations("last"))

    def save(self, checkpoint: Checkpoint) -> Path:
        """Write a checkpoint whole, then remove what is not needed any more."""
        path = self._path("last", checkpoint.iteration)
        save_tensors(path, vars(checkpoint))
        kept = self._iterations("last")[-KEPT:]
        # A best network is written before the checkpoint that speaks of it, so each checkpoint's best is the newest
        # one that is not newer than itself.
        best = self._iterations("best")
        needed = {max((b for b in best if b <= iteration), default=None) for iteration in kept}
        self._remove("last", set(self._iterations("last")) - set(kept))
        self._remove("best", set(best) - needed)
        return path

    def save_best(self, network: dict[str, Tensor], iteration: int, facts: Mapping[str, str] | None = None) -> None:
        """Write the network of the best validation so far, as a model folder has its weights.

        Args:
            network: Its state.
            iteration: Iterations done.
            facts: What the file says of itself.
        """
        write_weights(self._path("best", iteration), network, facts)

    def measure(self, network: dict[str, Tensor], optimizer: dict[str, Any], average: dict[str, Tensor] | None) -> None:
        """Write the states that make a checkpoint large, and remove them: it takes as long as a checkpoint."""
        path = self.folder / ".measured.tmp.pt"
        save_tensors(path, {"network": network, "optimizer": optimizer, "average": average})
        path.unlink()

    def best_file(self, iteration: int, facts: Mapping[str, str] | None = None) -> Path:
        """Return the file of the network of the best validation.

        Args:
            iteration: Iterations done then.
            facts: What the file says of itself, if it has to be made of an earlier version's file.

        Raises:
            UserError: The file is missing or damaged.
        """
        path = self._path("best", iteration)
        if not path.exists():
            earlier = path.with_suffix(".pt")
            if not earlier.exists():
                raise UserError(f"{path}: missing")
            write_weights(path, _load(earlier), facts)
        return path

    def load(self, warn: Callable[[str], None]) -> Checkpoint | None:
        """Return the newest whole checkpoint, None if there are none; damaged ones are skipped with a warning.

        Raises:
            UserError: All of them are damaged.
        """
        iterations = self._iterations("last")
        for iteration in reversed(iterations):
            try:
                return Checkpoint(**_load(self._path("last", iteration)))
            except UserError as error:
                warn(f"{error}; skipping it")
        if iterations:
            raise UserError(
                f"{self.folder}: every checkpoint is damaged; delete the folder to train from the beginning"
            )
        return None

    def forget_after(self, checkpoint: Checkpoint | None) -> None:
        """Remove what is newer than a checkpoint, since it will be done again."""
        iteration = checkpoint.iteration if checkpoint else -1
        best = -1 if checkpoint is None or checkpoint.best_iteration is None else checkpoint.best_iteration
        self._remove("last", {i for i in self._iterations("last") if i > iteration})
        self._remove("best", {i for i in self._iterations("best") if i > best})

    def remove_unfinished(self) -> None:
        """Remove half-written files."""
        for leftover in self.folder.glob(".*.tmp.*"):
            leftover.unlink(missing_ok=True)

    def _path(self, kind: str, iteration: int) -> Path:
        return self.folder / f"{kind}-{iteration:08d}{SUFFIXES[kind][0]}"

    def _iterations(self, kind: str) -> list[int]:
        paths = (path for suffix in SUFFIXES[kind] for path in self.folder.glob(f"{kind}-[0-9]*{suffix}"))
        return sorted({int(path.stem.rpartition("-")[2]) for path in paths})

    def _remove(self, kind: str, iterations: set[int]) -> None:
        for iteration in iterations:
            for suffix in SUFFIXES[kind]:
                self._path(kind, iteration).with_suffix(suffix).unlink(missing_ok=True)


def save_tensors(path: Path, value: dict[str, Any]) -> None:
    """Write tensors and plain values as torch does, whole or not at all.

    Raises:
        NoRoomError: There is no room for them.
    """
    with whole_file(path) as temporary:
        try:
            torch.save(value, temporary)
        except RuntimeError as error:
            # Its writer in C++ keeps what the system said to itself: a little more will not fit either, and says it.
            if not any(word in str(error) for word in ("inline_container", "PytorchStreamWriter")):
                raise
            with temporary.open("ab") as file:
                file.write(bytes(PROBE))
            raise no_room(path, "the file was cut short") from None


def _load(path: Path) -> dict[str, Any]:
    """Read tensors and plain values, after comparing the file with the checksums in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise UserError(f"{path}: damaged (wrong checksum of {damaged})")
        value: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return value
    except FileNotFoundError:
        raise UserError(f"{path}: missing") from None
    except (OSError, RuntimeError, zipfile.BadZipFile, pickle.UnpicklingError) as error:
        raise UserError(f"{path}: damaged ({' '.join(str(error).split())})") from None
