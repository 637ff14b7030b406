"""Make a training sample of a sample: augmented, its crop laid over a rare class, things of another pasted onto it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sceneparse.data.augment import ALL_STAY, Plan, augment, planned
from sceneparse.data.class_changes import refuse_unknown
from sceneparse.data.class_counts import ClassCounts
from sceneparse.data.copy_paste import pasted, to_paste
from sceneparse.data.mirroring import Mirror
from sceneparse.data.sample import Sample
from sceneparse.data.sampling import AUGMENTATION, COPY_PASTE, DONOR, RARE_CROP
from sceneparse.errors import UserError, some
from sceneparse.settings import AugmentationSettings, SamplingSettings

Streams = Callable[[int], np.random.Generator]
"""For each use of random numbers (see `sampling.AUGMENTATION`) the stream of one training sample."""


def counts_needed(augmentation: AugmentationSettings, sampling: SamplingSettings) -> bool:
    """Whether draws or augmentation go by what is rare in the training split."""
    return sampling.repeat_threshold > 0 or sampling.rare_crops > 0 or augmentation.copy_paste > 0


@dataclass(frozen=True)
class Augmented:
    """A training sample, and how it came about.

    Args:
        sample: The sample.
        rare: The class that its crop was laid over; None: it lies anywhere.
        donor: The sample of which something was pasted; None: nothing was.
        pasted: The classes that were pasted.
    """

    sample: Sample
    rare: int | None = None
    donor: int | None = None
    pasted: tuple[int, ...] = ()


class Augmenter:
    """Makes training samples; what each becomes is a function of its index and its random numbers.

    Args:
        read: Gives the sample of an index.
        augmentation: What happens to samples.
        sampling: How rare classes are favoured.
        mean: Colour (0..1, one value a channel or one for all) of what a picture does not cover.
        counts: Counts of the training split; None where `counts_needed` says that nothing goes by them.
        mirror: Makes mirror images of the samples.

    Raises:
        UserError: Classes that are to be pasted are not there.
    """

    def __init__(
        self,
        read: Callable[[int], Sample],
        augmentation: AugmentationSettings,
        sampling: SamplingSettings,
        mean: Sequence[float],
        counts: ClassCounts | None,
        mirror: Mirror = ALL_STAY,
    ) -> None:
        self._read, self._settings, self._sampling, self._mean = read, augmentation, sampling, mean
        self._counts, self._mirror = counts, mirror
        self._pasted = np.empty(0, dtype=np.int64)
        if augmentation.copy_paste > 0:
            self._pasted = _classes_to_paste(augmentation.copy_paste_classes, self._counted)
            self._holding = {name: self._counted.holding(name) for name in self._pasted.tolist()}

    @property
    def _counted(self) -> ClassCounts:
        if self._counts is None:
            raise ValueError("these settings go by counts of the training split, but there are none")
        return self._counts

    def __call__(self, index: int, streams: Streams) -> Augmented:
        """Make a training sample.

        Args:
            index: The sample's index.
            streams: Its random numbers.

        Raises:
            UserError: It cannot be read, or one of which something is pasted.
        """
        settings, rare = self._settings, self._rare(index, streams)
        sample = augment(self._read(index), settings, self._mean, streams(AUGMENTATION), rare, self._mirror)
        if settings.copy_paste == 0:
            return Augmented(sample, rare)
        chance = streams(COPY_PASTE)
        happens, which, whose = chance.random(3).tolist()
        if happens >= settings.copy_paste or sample.objects is None:
            return Augmented(sample, rare)
        donor, aim = self._donor(index, which, whose)
        other = augment(self._read(donor), settings, self._mean, streams(DONOR), aim, self._mirror)
        if other.objects is None:  # it is not read for its objects here
            return Augmented(sample, rare)
        chosen = to_paste(other.objects, self._pasted.tolist(), chance if settings.copy_paste_regions else None)
        shown = np.flatnonzero(np.bincount(other.objects.numpy()[chosen.numpy()])).tolist()
        if not shown:
            return Augmented(sample, rare)
        return Augmented(pasted(sample, other, chosen), rare, donor, tuple(shown))

    def planned(self, index: int, streams: Streams) -> tuple[Sample, Plan]:
        """Return a sample as it is stored, and what is to become of it; nothing is pasted onto it.

        Args:
            index: The sample's index.
            streams: Its random numbers.

        Raises:
            UserError: It cannot be read.
        """
        rare = self._rare(index, streams)
        sample = self._read(index)
        return sample, planned(sample, self._settings, streams(AUGMENTATION), rare)

    def _rare(self, index: int, streams: Streams) -> int | None:
        """The class that the sample's crop is laid over; None: it lies anywhere."""
        sampling = self._sampling
        if sampling.rare_crops > 0:
            happens, which = streams(RARE_CROP).random(2).tolist()
            present = self._counted.present(index)
            if happens < sampling.rare_crops and len(present):
                return self._counted.drawn(present, sampling.temperature, which)
        return None

    def _donor(self, index: int, which: float, whose: float) -> tuple[int, int]:
        """The sample of which something is pasted, and the class of which its crop holds a pixel.

        The class is drawn by rarity, then one of the samples that show it; the sample itself only where no other does.
        """
        aim = self._counted.drawn(self._pasted, self._sampling.temperature, which)
        found = self._holding[aim]
        others = found[found != index]
        found = others if len(others) else found
        return int(found[int(whose * len(found))]), aim


def _classes_to_paste(names: Sequence[str], counts: ClassCounts) -> np.ndarray:
    """The indices of the classes that are pasted, of which each occurs."""
    if not names:
        if not len(counts.rare):
            raise UserError(
                "augmentation.copy_paste: no class of the training split is rare, all have equally many pixels: name "
                "those to paste in augmentation.copy_paste_classes"
            )
        return counts.rare
    refuse_unknown(names, counts.names, "the training split", "augmentation.copy_paste_classes")
    chosen = np.array(sorted({counts.names.index(name) for name in names}), dtype=np.int64)
    kept: np.ndarray = chosen[counts.totals[chosen] > 0]
    if not len(kept):
        raise UserError(
            f"augmentation.copy_paste_classes: no picture of the training split shows {some(names)}: name others"
        )
    return kept
