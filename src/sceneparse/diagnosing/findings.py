"""Turn counts into findings: failures that are certain and large, ranked by what mending them would gain.

A finding needs both. *Sure*: the lower end of the 99% Wilson interval of how often it happens lies above the rate that
befalls the rest (each kind says which), and it happens in at least three pictures, since what happens twice in one
picture has one cause. *Large*: the mean IoU would rise by at least 0.1 points if its pixels were right. Findings of one
kind share no pixel, nor do those of two.
"""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from sceneparse.diagnosing.failures import SIZES, SMALL, Example, Failures
from sceneparse.evaluation.metrics import score

Kind = Literal["mismatched", "confusable", "inconspicuous", "boundary"]
KINDS: tuple[Kind, ...] = ("mismatched", "confusable", "inconspicuous", "boundary")

Z = 2.576
"""Standard deviations of a two-sided 99% interval."""
LEAST_PICTURES = 3
LEAST_GAIN = 0.001
MISMATCHED_RATE, CONFUSED_RATE, OVERLOOKED_RATE = 0.02, 0.02, 0.25
"""Rates that are never reported, however rare the failure is elsewhere: the false alarms of the two relations
together; regions that carry a second class; small regions that are overlooked."""


@dataclass(frozen=True)
class Finding:
    """A failure that is certain and large.

    Args:
        kind: Which of `KINDS`.
        classes: The class that is read by mistake, the two classes, or the overlooked class; none for boundaries.
        gain: What the mean IoU would gain if its pixels were right, 0..1.
        pixels: How many these are.
        times: How often it happens, out of `chances`: regions. For boundaries pixels, out of all.
        chances: See `times`.
        below: For inconspicuous ones, the size as a share of the picture under which regions are overlooked.
        lost: (C, C) the pixels, rows truth.
        examples: Where it costs most, the largest first.
    """

    kind: Kind
    classes: tuple[int, ...]
    gain: float
    pixels: int
    times: int
    chances: int
    below: float | None
    lost: NDArray[np.int64]
    examples: tuple[Example, ...]

    def __repr__(self) -> str:
        return f"Finding({self.kind}, classes {self.classes}: {self.pixels:,} pixels, {100 * self.gain:.2f} points)"

    def most(self, axis: Literal["truth", "read"]) -> int:
        """The class that most of its pixels truly are, or are read as."""
        return int(self.lost.sum(axis=1 if axis == "truth" else 0).argmax())


@dataclass(frozen=True)
class Findings:
    """All findings.

    Args:
        found: Those of every kind, the largest gain first.
        gains: What the mean IoU would gain if all findings of a kind were mended, and for "rest" all other pixels.
        pixels: How many pixels these are; together all that are wrong.
        confused: (C, C) true regions that carry another class, split or swapped: those of the confusable kind.
    """

    found: tuple[Finding, ...]
    gains: dict[str, float]
    pixels: dict[str, int]
    confused: NDArray[np.int64]

    def __repr__(self) -> str:
        return f"Findings({', '.join(f'{len(self.of(kind))} {kind}' for kind in KINDS)})"

    def of(self, kind: Kind) -> tuple[Finding, ...]:
        """Those of one kind, the largest gain first."""
        return tuple(one for one in self.found if one.kind == kind)


def wilson(times: int, chances: int, z: float = Z) -> tuple[float, float]:
    """Wilson's interval for a rate (Wilson 1927): lower and upper end; 0..1 where there were no chances."""
    if chances == 0:
        return 0.0, 1.0
    rate, weight = times / chances, z * z / chances
    middle = (rate + weight / 2) / (1 + weight)
    reach = z / (1 + weight) * math.sqrt(rate * (1 - rate) / chances + weight / (4 * chances))
    return max(middle - reach, 0.0), min(middle + reach, 1.0)


def sure(times: int, chances: int, rate: float) -> bool:
    """Whether something happens more often than at a rate, by the lower end of its interval."""
    return wilson(times, chances)[0] > rate


def find(counts: NDArray[np.int64], failures: Failures, absent: Literal["skip", "zero"]) -> Findings:
    """All findings.

    Args:
        counts: (C, C) all pixels, rows truth.
        failures: The wrong ones among them, sorted.
        absent: How the mean IoU counts absent classes.
    """
    worth = Worth(counts, absent)
    below = _overlooked_below(failures)
    mended = np.array([[size < below[name] for name in range(len(counts))] for size in range(SMALL)])
    small = [*_inconspicuous(failures, below, worth)]
    kept = np.zeros_like(mended)
    for one in small:
        kept[:, one.classes[0]] = mended[:, one.classes[0]]
    # What was overlooked without being a finding counts as if it were of any size.
    back = np.where(kept[:, None, :, None], 0, failures.overlooked).sum(axis=0)
    deep, edge = failures.plain + back
    confused = failures.split + failures.swapped + np.where(kept[:, :, None], 0, failures.swapped_small).sum(axis=0)
    found = [
        *_mismatched(failures, worth),
        *_confusable(failures, deep, confused, worth),
        *small,
        *_boundary(failures, edge, worth, int(counts.sum())),
    ]
    lost: dict[str, NDArray[np.int64]] = {
        kind: sum((one.lost for one in found if one.kind == kind), start=np.zeros_like(counts)) for kind in KINDS
    }
    wrong = counts - np.diag(counts.diagonal())
    lost["rest"] = wrong - sum(lost.values(), np.zeros_like(counts))
    return Findings(
        found=tuple(sorted(found, key=lambda one: -one.gain)),
        gains={kind: worth(own) for kind, own in lost.items()},
        pixels={kind: int(own.sum()) for kind, own in lost.items()},
        confused=confused,
    )


class Worth:
    """What the mean IoU would gain if some wrong pixels were right."""

    def __init__(self, counts: NDArray[np.int64], absent: Literal["skip", "zero"]) -> None:
        self._counts, self._absent = counts, absent
        self._now = self._mean_iou(counts)

    def __call__(self, lost: NDArray[np.int64]) -> float:
        """The gain for (C, C) wrong pixels, rows truth."""
        return self._mean_iou(self._counts - lost + np.diag(lost.sum(axis=1))) - self._now

    def _mean_iou(self, counts: NDArray[np.int64]) -> float:
        names = [""] * len(counts)
        return score(torch.from_numpy(counts), names, self._absent).mean_iou


def _rate(times: int, chances: int) -> float:
    return times / chances if chances else 0.0


def _finding(
    kind: Kind,
    classes: tuple[int, ...],
    lost: NDArray[np.int64],
    worth: Worth,
    failures: Failures,
    keys: Sequence[Hashable],
    *,
    times: int,
    chances: int,
    below: float | None = None,
) -> Iterable[Finding]:
    """The finding, if it is large and of several pictures."""
    gain = worth(lost)
    found = [example for key in keys for example in failures.examples.get(key, ())]
    # Of each failure examples in more than three pictures are kept.
    if gain >= LEAST_GAIN and len({example.picture for example in found}) >= LEAST_PICTURES:
        examples = tuple(sorted(found, reverse=True))
        yield Finding(kind, classes, gain, int(lost.sum()), times, chances, below, lost, examples)


def _mismatched(failures: Failures, worth: Worth) -> Iterable[Finding]:
    """Classes that are read where the picture contradicts them, more often than right regions contradict theirs."""
    usual = _rate(int(failures.right_contradicting.sum()), int(failures.right_regions.sum()))
    for name in range(len(failures.regions)):
        times, chances = int(failures.mismatched_regions[name]), int(failures.predicted_regions[name])
        if sure(times, chances, max(MISMATCHED_RATE, usual)):
            lost = np.zeros_like(failures.mismatched)
            lost[:, name] = failures.mismatched[:, name]
            keys = [("mismatched", name)]
            yield from _finding("mismatched", (name,), lost, worth, failures, keys, times=times, chances=chances)


def _confusable(
    failures: Failures, deep: NDArray[np.int64], confused: NDArray[np.int64], worth: Worth
) -> Iterable[Finding]:
    """Pairs of classes that regions of either carry both of, more often than those of other pairs."""
    present = np.flatnonzero(failures.regions)
    chances_of_all = 2 * (len(present) - 1) * int(failures.regions.sum())
    usual = _rate(2 * int(confused.sum()), chances_of_all)
    pairs = deep + deep.T
    for one, other in zip(*np.nonzero(np.triu(pairs, 1)), strict=True):
        times = int(confused[one, other] + confused[other, one])
        chances = int(failures.regions[one] + failures.regions[other])
        if sure(times, chances, max(CONFUSED_RATE, usual)):
            lost = np.zeros_like(deep)
            lost[one, other], lost[other, one] = deep[one, other], deep[other, one]
            pair = (int(one), int(other))
            keys = [("confusable", *pair)]
            yield from _finding("confusable", pair, lost, worth, failures, keys, times=times, chances=chances)


def _overlooked_below(failures: Failures) -> NDArray[np.int64]:
    """For each class, how many of the small sizes are overlooked: those of largest surplus over the usual rate."""
    usual = _overlooked_rate(failures)
    surplus = failures.overlooked_regions[:, :SMALL] - usual * failures.sized[:, :SMALL]
    sums = np.concatenate([np.zeros((len(surplus), 1)), surplus.cumsum(axis=1)], axis=1)
    return sums.argmax(axis=1)


def _overlooked_rate(failures: Failures) -> float:
    """The rate above which small regions are overlooked: that at which large ones of any class are missed."""
    large = slice(SMALL, len(SIZES))
    return max(OVERLOOKED_RATE, _rate(int(failures.missed[:, large].sum()), int(failures.sized[:, large].sum())))


def _inconspicuous(failures: Failures, below: NDArray[np.int64], worth: Worth) -> Iterable[Finding]:
    """Classes whose small regions are overlooked more often than large regions of any class are missed."""
    usual = _overlooked_rate(failures)
    for name, sizes in enumerate(below.tolist()):
        times = int(failures.overlooked_regions[name, :sizes].sum())
        chances = int(failures.sized[name, :sizes].sum())
        if sizes and sure(times, chances, usual):
            lost = np.zeros_like(failures.mismatched)
            lost[name] = failures.overlooked[:sizes, :, name].sum(axis=(0, 1))
            keys = [("overlooked", name, size) for size in range(sizes)]
            yield from _finding(
                "inconspicuous",
                (name,),
                lost,
                worth,
                failures,
                keys,
                times=times,
                chances=chances,
                below=SIZES[sizes - 1],
            )


def _boundary(failures: Failures, edge: NDArray[np.int64], worth: Worth, pixels: int) -> Iterable[Finding]:
    """All moved boundaries together."""
    times, keys = int(edge.sum()), [("boundary",)]
    yield from _finding("boundary", (), edge, worth, failures, keys, times=times, chances=pixels)


def finding_json(one: Finding, names: Sequence[str], pictures: Mapping[int, str]) -> dict[str, Any]:
    """A finding for diagnosis.json.

    Args:
        one: The finding.
        names: The classes.
        pictures: The pictures' names by their index, for those that are examples.
    """
    pairs = np.argsort(-one.lost, axis=None, kind="stable")[: np.count_nonzero(one.lost)][:10]
    rows, columns = np.unravel_index(pairs, one.lost.shape)
    return {
        "kind": one.kind,
        "classes": [names[index] for index in one.classes],
        "gain": one.gain,
        "pixels": one.pixels,
        "times": one.times,
        "chances": one.chances,
        "below": one.below,
        "confusions": [
            {"truth": names[row], "read": names[column], "pixels": int(one.lost[row, column])}
            for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        ],
        "examples": [
            {"picture": pictures[place.picture], "box": list(place.box), "pixels": place.pixels}
            for place in one.examples
        ],
    }
