"""Record a training's figures in metrics.jsonl, and for TensorBoard where that is installed."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sceneparse.files import make_folder, write_errors
from sceneparse.weights.run_folder import METRICS

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

TIME_FIELDS = ("seconds", "images_per_second", "wait", "idle")
"""The keys that differ between two equal trainings; all others are the same, byte by byte on the CPU."""

Follow = Callable[[str, int, Mapping[str, float | int | str | None]], None]


class Record:
    """metrics.jsonl of a run folder, and tensorboard/ where TensorBoard is installed.

    metrics.jsonl is the record: each of its lines is one JSON object with "kind" ("train" or "validation") and
    "iteration".

    Args:
        folder: The run folder.
        length: Bytes of metrics.jsonl that belong to the iterations done; what follows is cut off.
        iteration: Iterations done; TensorBoard drops what came after them.
        warn: Called with one line for the user where TensorBoard is there, or was, and there will be no curves for it.
        follow: Called with each line, as kind, iteration and values: what trackers get.
    """

    def __init__(
        self, folder: Path, length: int, iteration: int, warn: Callable[[str], None], follow: Follow | None = None
    ) -> None:
        make_folder(folder)
        self._path = folder / METRICS
        # Unbuffered: what could not be written must not be tried again when the file is closed.
        self._file = self._path.open("ab", buffering=0)
        self._file.truncate(min(length, self._file.tell()))
        self._file.seek(0, 2)
        self._follow = follow
        self._board = _board(folder / "tensorboard", iteration, warn)

    @property
    def length(self) -> int:
        """Bytes of metrics.jsonl, all of them handed to the operating system."""
        return self._file.tell()

    def write(self, kind: str, iteration: int, values: Mapping[str, float | int | str | None]) -> None:
        """Write a line; numbers go to TensorBoard as well. What is not finite is written as null."""
        known = {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in values.items()
        }
        line = json.dumps({"kind": kind, "iteration": iteration, **known}, ensure_ascii=False)
        with write_errors(self._path):
            left = line.encode() + b"\n"
            while left:
                left = left[self._file.write(left) :]
        if self._follow is not None:
            self._follow(kind, iteration, known)
        if self._board is None:
            return
        for key, value in known.items():
            if isinstance(value, float | int):
                self._board.add_scalar(f"{kind}/{key}", value, iteration)

    def close(self) -> None:
        """Write out what is left."""
        self._file.close()
        if self._board is not None:
            self._board.close()


def _board(folder: Path, iteration: int, warn: Callable[[str], None]) -> "SummaryWriter | None":
    """Open TensorBoard's files; where it is there and cannot be used, or has files here, say in one line why not.

    Whoever has never installed it has not asked for it, and metrics.jsonl holds all figures.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:  # not installed, or older than the extra asks for, which fails beside setuptools >= 82
        if getattr(error, "name", None) != "tensorboard" or folder.exists():
            warn(
                f"no curves for TensorBoard ({error}); metrics.jsonl holds all figures. For both: "
                "pip install 'sceneparse[tensorboard]'"
            )
        return None
    return SummaryWriter(str(folder), purge_step=iteration + 1)


class Average:
    """The mean losses since the last line of metrics.jsonl.

    Its sums are kept in checkpoints, so that a stop does not show in a line.
    """

    def __init__(self, sums: Mapping[str, float]) -> None:
        self.sums = dict(sums)

    def add(self, values: Mapping[str, float]) -> None:
        """Add an iteration: the losses that its batch has labels for."""
        for name, value in values.items():
            for key, term in ((name, value), (f"{name} count", 1)):
                self.sums[key] = self.sums.get(key, 0) + term

    def mean(self, name: str) -> float:
        """Return the mean of a loss so far, without starting anew; NaN where there was none yet."""
        return self.sums[name] / self.sums[f"{name} count"] if name in self.sums else math.nan

    def take(self, names: Sequence[str]) -> dict[str, float | None]:
        """Return the mean of each of these losses, None for one that no batch had labels for, and start anew."""
        means = {name: self.sums[name] / self.sums[f"{name} count"] if name in self.sums else None for name in names}
        self.sums = {}
        return means
