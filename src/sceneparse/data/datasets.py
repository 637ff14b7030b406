"""Which data sets there are, and how a split of one is opened."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

from sceneparse.data.camvid import open_camvid
from sceneparse.data.folder import open_folder
from sceneparse.data.sample import DataSet, Sample
from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace
from sceneparse.settings import DataSettings


def open_dataset(settings: DataSettings, split: str, *, channels: int = 3) -> DataSet:
    """Open a split of a data set. Folders are listed, files not yet read.

    Args:
        settings: Kind and place of the data set.
        split: A split's name, or several joined by "+" ("train+val"), whose samples follow each other and whose names
            begin with their split's ("train/0001").
        channels: Channels of the pictures, as `read_picture` takes them.

    Raises:
        UserError: The folder hasn't the kind's layout (the message shows it), has no such split, or its pictures and
            masks don't match.
    """
    names = split.split("+")
    if len(set(names)) != len(names):
        raise UserError(f"split '{split}' names a split twice, which would count its pictures double")
    if len(names) == 1:
        return KINDS[settings.kind](settings, split, channels)
    return JoinedSplits(names, [KINDS[settings.kind](settings, name, channels) for name in names])


class JoinedSplits:
    """Several splits of one data set as one; see `DataSet`.

    Args:
        names: The splits' names, which begin the samples' names.
        parts: The splits, of one label space.
    """

    def __init__(self, names: Sequence[str], parts: Sequence[DataSet]) -> None:
        self.labels: LabelSpace = parts[0].labels
        self._names = tuple(names)
        self._parts = tuple(parts)
        self._ends = list(accumulate(len(part) for part in parts))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> Sample:
        part, inside = self._place(index)
        sample = self._parts[part][inside]
        return replace(sample, name=f"{self._names[part]}/{sample.name}")

    def name(self, index: int) -> str:
        """The sample's name, without reading it."""
        part, inside = self._place(index)
        return f"{self._names[part]}/{self._parts[part].name(inside)}"

    def _place(self, index: int) -> tuple[int, int]:
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        part = bisect_right(self._ends, index)
        return part, index - (self._ends[part - 1] if part else 0)


def root_of(settings: DataSettings) -> Path:
    """The data set's folder.

    Raises:
        UserError: `data.root` is not set.
    """
    if settings.root is None:
        raise UserError("data.root is not set: name the folder of the data set (--data.root DIR)")
    return Path(settings.root).expanduser()


def _open_toyworld(settings: DataSettings, split: str, channels: int) -> DataSet:
    from sceneparse.data.toyworld import ToyWorld

    if channels != 3:
        raise UserError(f"toyworld: its pictures have 3 channels, but {channels} are wanted")
    count = settings.train_count if split == "train" else settings.eval_count
    return ToyWorld(settings.size, count, split)


def _open_folder(settings: DataSettings, split: str, channels: int) -> DataSet:
    return open_folder(root_of(settings), split, channels)


def _open_camvid(settings: DataSettings, split: str, channels: int) -> DataSet:
    return open_camvid(root_of(settings), split, channels)


KINDS: dict[str, Callable[[DataSettings, str, int], DataSet]] = {
    "toyworld": _open_toyworld,
    "folder": _open_folder,
    "camvid": _open_camvid,
}
"""The openers, by `data.kind`."""
