"""Which data sets there are, and how a split of one is opened."""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

from sceneparse.data.mixture import Mixture, Source, united
from sceneparse.data.sample import DataSet, Sample
from sceneparse.data.shrinking import Shrunken
from sceneparse.data.single_task import SplitAnnotation
from sceneparse.datasets.ade20k import ADE20K, open_ade20k
from sceneparse.datasets.broden import open_ade20k_full, open_broden
from sceneparse.datasets.camvid import CAMVID, open_camvid
from sceneparse.datasets.car_parts import open_car_parts
from sceneparse.datasets.cityscapes import CITYSCAPES, open_cityscapes
from sceneparse.datasets.coco_stuff import COCO_STUFF, open_coco_stuff
from sceneparse.datasets.dtd import open_dtd
from sceneparse.datasets.folder import open_folder
from sceneparse.datasets.huggingface import open_huggingface
from sceneparse.datasets.nifti import open_nifti
from sceneparse.datasets.pascal_context import (
    PASCAL_CONTEXT,
    PASCAL_CONTEXT_60,
    open_pascal_context,
    open_pascal_context_60,
)
from sceneparse.datasets.voc import VOC, open_voc2012
from sceneparse.errors import MissingSplitError, UserError
from sceneparse.labels import LabelSpace, TaskLabels
from sceneparse.settings import DataSettings, SourceSettings
from sceneparse.tasks import TRUTH_NAMES


def open_dataset(settings: DataSettings, split: str, *, channels: int = 3) -> DataSet:
    """Open a split of a data set. Folders are listed, files not yet read.

    Args:
        settings: Kind and place of the data set.
        split: A split's name, or several joined by "+" ("train+val"), whose samples follow each other and whose names
            begin with their split's ("train/0001"). "train[:300]" is the first 300 samples of a split, "train[300:]"
            the others, "train[::2]" every second. A mixture's split is what its sources have under that name.
        channels: Channels of the pictures, as `read_picture` takes them.

    Raises:
        UserError: The folder hasn't the kind's layout (the message shows it), has no such split, or its pictures and
            masks don't match.
    """
    if settings.kind == "mixture":
        return open_mixture(settings, split, channels)
    names = split.split("+")
    if len(set(names)) != len(names):
        raise UserError(f"split '{split}' names a split twice, which would count its pictures double")
    parts = [_open_piece(settings, name, channels) for name in names]
    dataset = parts[0] if len(parts) == 1 else JoinedSplits(names, parts)
    if settings.annotation == "split" and split == settings.train:
        return SplitAnnotation(dataset, settings.batches)
    return dataset


def _open_piece(settings: DataSettings, name: str, channels: int) -> DataSet:
    """A split, or some of its samples."""
    if "[" not in name:
        return KINDS[settings.kind](settings, name, channels)
    found = re.fullmatch(r"([^\[\]]+)\[(\d*):(\d*)(?::(\d*))?\]", name)
    if found is None or found[4] == "0":
        raise UserError(f"split '{name}': give the samples as in 'train[:300]', 'train[300:]' or 'train[1::2]'")
    whole = KINDS[settings.kind](settings, found[1], channels)
    chosen = range(len(whole))[slice(*(int(bound) if bound else None for bound in found.groups()[1:]))]
    if not chosen:
        raise UserError(f"split '{name}' is empty: '{found[1]}' has {len(whole):,} samples")
    return SomeSamples(whole, chosen)


def open_mixture(settings: DataSettings, split: str, channels: int = 3) -> Mixture:
    """Open a split of a mixture. Its label spaces are those of all sources, also of ones that have no such split.

    Args:
        settings: With `sources`.
        split: train, val or test.
        channels: Channels of the pictures.

    Raises:
        UserError: Another split, no source has it, or a source cannot be opened.
    """
    if split not in ("train", "val", "test"):
        raise UserError(f"a mixture has the splits train, val and test, not '{split}'")

    def source(own: SourceSettings, name: str) -> Source:
        root = None if own.root is None else str(Path(settings.root or "") / Path(own.root).expanduser())
        data = replace(settings, kind=own.kind, root=root, sources=(), batches="pure")
        dataset = open_dataset(data, name, channels=channels)
        if own.short is not None:
            dataset = Shrunken(dataset, own.short)
        return Source(own.name or own.kind, dataset, own.weight, own.rename, own.tasks or TRUTH_NAMES, own.keep)

    everything = [source(own, own.train or own.val or own.test or "") for own in settings.sources]
    splits = [getattr(own, split) for own in settings.sources]
    chosen = [source(own, name) for own, name in zip(settings.sources, splits, strict=True) if name]
    if not chosen:
        raise MissingSplitError(f"no data set of the mixture has a split for {split}")
    return Mixture(chosen, settings.batches, united(everything))


class SomeSamples:
    """Consecutive samples of a data set; see `DataSet`.

    Args:
        dataset: The whole.
        chosen: Their indices.
    """

    def __init__(self, dataset: DataSet, chosen: range) -> None:
        self.tasks: TaskLabels = dataset.tasks
        self._dataset, self._chosen = dataset, chosen

    @property
    def labels(self) -> LabelSpace:
        """The objects' label space."""
        return self._dataset.labels

    def __len__(self) -> int:
        return len(self._chosen)

    def __getitem__(self, index: int) -> Sample:
        return self._dataset[self._chosen[index]]

    def name(self, index: int) -> str:
        """The sample's name, without reading it."""
        return self._dataset.name(self._chosen[index])


class JoinedSplits:
    """Several splits of one data set as one; see `DataSet`.

    Args:
        names: The splits' names, which begin the samples' names.
        parts: The splits, of one label space.
    """

    def __init__(self, names: Sequence[str], parts: Sequence[DataSet]) -> None:
        self.tasks: TaskLabels = parts[0].tasks
        self._names = tuple(names)
        self._parts = tuple(parts)
        self._ends = list(accumulate(len(part) for part in parts))

    @property
    def labels(self) -> LabelSpace:
        """The objects' label space."""
        return self._parts[0].labels

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


def channels_of(settings: DataSettings) -> int:
    """How many channels a data set's pictures have: of colour pictures 3, of volumes one a modality."""
    return len(settings.modalities) if settings.kind == "nifti" else 3


def root_of(settings: DataSettings) -> Path:
    """The data set's folder.

    Raises:
        UserError: `data.root` is not set.
    """
    if settings.root is None:
        raise UserError("data.root is not set: name the folder of the data set (--data.root DIR)")
    return Path(settings.root).expanduser()


def _open_toyworld(settings: DataSettings, split: str, channels: int) -> DataSet:
    from sceneparse.toyworld import ToyWorld

    if channels != 3:
        raise UserError(f"toyworld: its pictures have 3 channels, but {channels} are wanted")
    count = settings.train_count if split == "train" else settings.eval_count
    return ToyWorld(settings.size, count, split)


def _by_root(opener: Callable[[Path, str, int], DataSet]) -> Callable[[DataSettings, str, int], DataSet]:
    return lambda settings, split, channels: opener(root_of(settings), split, channels)


KINDS: dict[str, Callable[[DataSettings, str, int], DataSet]] = {
    "toyworld": _open_toyworld,
    "folder": _by_root(open_folder),
    "camvid": _by_root(open_camvid),
    "ade20k": _by_root(open_ade20k),
    "voc2012": _by_root(open_voc2012),
    "pascal_context": _by_root(open_pascal_context),
    "pascal_context_60": _by_root(open_pascal_context_60),
    "cityscapes": _by_root(open_cityscapes),
    "coco_stuff": _by_root(open_coco_stuff),
    "huggingface": open_huggingface,
    "nifti": open_nifti,
    "ade20k_full": _by_root(open_ade20k_full),
    "broden": _by_root(open_broden),
    "car_parts": _by_root(open_car_parts),
    "dtd": _by_root(open_dtd),
}
"""The openers, by `data.kind`; a mixture opens its sources by them."""

SPACES: dict[str, LabelSpace] = {
    "camvid": CAMVID,
    "ade20k": ADE20K,
    "voc2012": VOC,
    "pascal_context": PASCAL_CONTEXT,
    "pascal_context_60": PASCAL_CONTEXT_60,
    "cityscapes": CITYSCAPES,
    "coco_stuff": COCO_STUFF,
}
"""The label spaces of kinds that have always the same."""

REPORTED = {kind: "val" for kind in (*SPACES, "ade20k_full", "broden") if kind != "camvid"}
"""The split that papers report on, of kinds whose truth for testing isn't public."""
