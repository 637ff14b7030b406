"""How many pixels of each class every sample of a split has, and what is rare by these counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from sceneparse.data.sample import DataSet
from sceneparse.data.workers import deaths_named, loaded
from sceneparse.errors import UserError
from sceneparse.labels import IGNORE
from sceneparse.progress import progress_bar

PREFETCH = 16
"""Samples' counts that each worker keeps ready."""


@dataclass(frozen=True, eq=False)
class ClassCounts:
    """The labelled pixels of a split by sample and class of the objects; what no sample has takes no memory.

    Args:
        names: The classes' names.
        labelled: (N,) whether a sample has object labels.
        ends: (N,) where each sample's entries end in the next two.
        classes: (M,) classes that occur, sample after sample.
        pixels: (M,) their pixels, above 0.
    """

    names: tuple[str, ...]
    labelled: NDArray[np.bool_]
    ends: NDArray[np.int64]
    classes: NDArray[np.int64]
    pixels: NDArray[np.int64]

    @classmethod
    def of(cls, names: Sequence[str], samples: Sequence[Sequence[int] | None]) -> "ClassCounts":
        """Make counts of lists of class and pixels in turn, one for each sample; None for one without object labels."""
        entries = [() if sample is None else sample for sample in samples]
        flat = np.array([number for entry in entries for number in entry], dtype=np.int64).reshape(-1, 2)
        ends = np.cumsum([len(entry) // 2 for entry in entries], dtype=np.int64)
        return cls(tuple(names), np.array([s is not None for s in samples], dtype=bool), ends, flat[:, 0], flat[:, 1])

    def __len__(self) -> int:
        return len(self.ends)

    def present(self, index: int) -> NDArray[np.int64]:
        """Return the classes that a sample shows, ascending."""
        return self.classes[self.ends[index - 1] if index else 0 : self.ends[index]]

    def holding(self, name: int) -> NDArray[np.int64]:
        """Return the samples that show a class, ascending."""
        return np.searchsorted(self.ends, np.flatnonzero(self.classes == name), side="right")

    @cached_property
    def _samples(self) -> NDArray[np.int64]:
        """(M,) the sample of each entry."""
        return np.repeat(np.arange(len(self)), np.diff(self.ends, prepend=0))

    @cached_property
    def totals(self) -> NDArray[np.int64]:
        """(C,) each class's pixels in all samples."""
        return np.bincount(self.classes, self.pixels, minlength=len(self.names)).astype(np.int64)

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        """(C,) each class's share of the labelled pixels."""
        return self.totals / max(1, int(self.totals.sum()))

    @cached_property
    def pictures(self) -> NDArray[np.int64]:
        """(C,) the samples that show each class."""
        return np.bincount(self.classes, minlength=len(self.names))

    @cached_property
    def beside(self) -> NDArray[np.int64]:
        """(C,) the labelled pixels, of any class, of the samples that show each class."""
        of_sample = np.bincount(self._samples, self.pixels, minlength=len(self))
        return np.bincount(self.classes, of_sample[self._samples], minlength=len(self.names)).astype(np.int64)

    @cached_property
    def rare(self) -> NDArray[np.int64]:
        """The classes with fewer pixels than if all that occur had equally many, ascending."""
        return np.flatnonzero((self.totals > 0) & (self.shares < 1 / max(1, int((self.totals > 0).sum()))))

    def repeat_factors(self, threshold: float) -> NDArray[np.float64]:
        """Return how often each sample is to come in an epoch so that rare classes come more often.

        Of a class in the share f of the samples with object labels it is max(1, sqrt(threshold / f)), of a sample the
        largest of its classes' (Gupta et al., LVIS, CVPR 2019); 1 of a sample without object labels.

        Args:
            threshold: The share of the samples below which a class is rare.

        Returns:
            (N,) float64, 1 or more.
        """
        share = self.pictures / max(1, int(self.labelled.sum()))
        of_class = np.sqrt(np.maximum(1, threshold / np.where(share > 0, share, 1)))
        factors = np.ones(len(self))
        np.maximum.at(factors, self._samples, of_class[self.classes])
        return factors

    def drawn(self, among: NDArray[np.int64], temperature: float, number: float) -> int:
        """Draw a class by rarity, P(c) in proportion to exp((1 - share(c)) / temperature).

        Hoyer et al., DAFormer, CVPR 2022, there over all classes.

        Args:
            among: The classes to draw from, at least one.
            temperature: T; the smaller, the more rare classes are favoured.
            number: What decides, 0..1.
        """
        shares = self.shares[among]
        bounds = np.cumsum(np.exp((shares.min() - shares) / temperature))
        return int(among[min(int(np.searchsorted(bounds, number * bounds[-1], side="right")), len(among) - 1)])

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values: pixels and pictures of each class, and of each sample its classes."""
        starts = np.concatenate([[0], self.ends[:-1]])
        rows = np.stack([self.classes, self.pixels], axis=1)
        return {
            "classes": {
                name: {"pixels": int(total), "pictures": int(pictures)}
                for name, total, pictures in zip(self.names, self.totals, self.pictures, strict=True)
            },
            "samples": [
                rows[start:end].ravel().tolist() if labelled else None
                for start, end, labelled in zip(starts, self.ends, self.labelled, strict=True)
            ],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ClassCounts":
        """The inverse of `to_json`."""
        return cls.of(tuple(value["classes"]), value["samples"])


def count_classes(dataset: DataSet, *, split: str, workers: int = 0, progress: bool = False) -> ClassCounts:
    """Count the pixels of the objects' classes in every sample of a split; each is read once.

    Args:
        dataset: The split.
        split: Its name, for messages.
        workers: Processes that read; 0 reads in this one.
        progress: Whether to show a progress bar.

    Raises:
        UserError: A sample cannot be read, none has a labelled pixel, or a process has died.
    """
    names = dataset.labels.names
    samples: list[list[int] | None] = []
    with deaths_named(), progress_bar(progress, len(dataset), "counting classes") as advance:
        for found in loaded(
            _Counted(dataset, len(names)), workers=workers, prefetch=PREFETCH, batch_size=None, collate_fn=_as_it_is
        ):
            if isinstance(found, str):
                raise UserError(found)
            samples.append(found)
            advance()
    counts = ClassCounts.of(names, samples)
    if not counts.totals.any():
        raise UserError(f"split '{split}' has no pixel with an object label, so no class is rarer than another")
    return counts


class _Counted(Dataset[object]):
    """Of each sample its classes and their pixels in turn, None without object labels, or what is wrong with it."""

    def __init__(self, dataset: DataSet, classes: int) -> None:
        self.dataset, self.classes = dataset, classes

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> list[int] | str | None:
        try:
            objects = self.dataset[index].objects
        except UserError as error:
            # An exception from a worker would arrive as a worker's traceback; the user should see its one line.
            return str(error)
        if objects is None:
            return None
        pixels = torch.bincount(objects.flatten().int() - IGNORE, minlength=self.classes + 1)[1:]
        return [number for name in torch.nonzero(pixels).flatten().tolist() for number in (name, int(pixels[name]))]


def _as_it_is(found: Any) -> Any:
    return found
