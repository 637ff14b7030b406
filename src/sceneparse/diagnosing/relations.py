"""Learn which classes occur together in true label maps, and how strongly a context speaks against a class.

Two relations are learnt from the training truth. *Scene*: which classes are in one picture. *Neighbours*: which class
stands beside, above or below a region of which class. Each is a table of counts n beside the counts e that would be
expected if classes knew nothing of each other, and

    log ((n + 1) / (e + 1))

is the evidence that one class is for another: the pointwise mutual information, drawn towards 0 where the training
truth says little (one picture, or one region, of "as expected" is added to both). The evidence of a scene is the sum
over the classes in the rest of the picture (the classes of a scene taken as independent of each other); that of the
neighbours is the mean over the region's outline.

Both limits come from the same truth: 99 of 100 true classes have more evidence than the limit, each judged by the
tables without its own picture or region, so a limit also pays for what the sum counts twice. A limit is never above
-log 3: a class that is less than three times rarer here than elsewhere contradicts nothing.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneparse.diagnosing.regions import outlines
from sceneparse.errors import UserError, counted
from sceneparse.labels import IGNORE
from sceneparse.labels.regions import find_regions

LEAST = 0.001
"""Share of the picture from which on a class counts as present, and a region as a region."""
FALSE_ALARMS = 0.01
"""Share of what is true that each limit would call a contradiction."""
WEAKEST = -math.log(3)


@dataclass(frozen=True)
class Relations:
    """How strongly classes speak for and against each other, in a scene and as neighbours; C classes.

    Args:
        pictures: Pictures learnt from.
        shown: (C,) pictures that show each class, on one pixel or more.
        present: (C,) pictures that each class is in, on `LEAST` of their pixels or more, as in the next one.
        together: (C, C) pictures that two classes are in.
        contacts: (C, 3, C) regions of a class times the share of their outline that another class beside, above or
            below them takes.
        scene_limit: A class whose scene has less evidence contradicts it.
        contact_limit: The same of its neighbours.
    """

    pictures: int
    shown: NDArray[np.int64]
    present: NDArray[np.int64]
    together: NDArray[np.int64]
    contacts: NDArray[np.float64]
    scene_limit: float
    contact_limit: float

    def __repr__(self) -> str:
        return f"Relations({len(self.shown)} classes, learnt from {counted(self.pictures, 'picture')})"

    @cached_property
    def scene(self) -> NDArray[np.float64]:
        """(C, C) the evidence of each class for each; 0 for a class and itself."""
        evidence = _evidence(self.together, np.outer(self.present, self.present) / max(self.pictures, 1))
        np.fill_diagonal(evidence, 0)
        return evidence

    @cached_property
    def neighbours(self) -> NDArray[np.float64]:
        """(C, 3, C) the evidence for a class of another beside, above or below it."""
        own, others = self.contacts.sum(axis=(1, 2)), self.contacts.sum(axis=0)
        return _evidence(self.contacts, own[:, None, None] * others / max(float(own.sum()), 1.0))


def _evidence(counts: NDArray[Any], expected: NDArray[Any]) -> NDArray[np.float64]:
    return np.log((counts + 1) / (expected + 1))


def present_in(labels: NDArray[Any], num_classes: int) -> NDArray[np.bool_]:
    """(C,) which classes take at least `LEAST` of an (H, W) label map."""
    return _pixels(labels, num_classes) >= LEAST * labels.size


def _pixels(labels: NDArray[Any], num_classes: int) -> NDArray[np.int64]:
    return np.bincount(labels[labels != IGNORE], minlength=num_classes)


def learn(truths: Iterable[NDArray[Any]], num_classes: int) -> Relations:
    """Learn both relations from (H, W) label maps.

    Raises:
        UserError: There are no label maps.
    """
    scenes, classes, shares, shown = [], [], [], np.zeros(num_classes, np.int64)
    for truth in truths:
        scenes.append(present_in(truth, num_classes))
        shown += _pixels(truth, num_classes) > 0
        regions = find_regions(truth)
        chosen = np.flatnonzero((regions.areas >= LEAST * truth.size) & (regions.classes != IGNORE))
        outline = outlines(regions, truth, chosen, num_classes)
        known = outline.any(axis=(1, 2))
        classes.append(regions.classes[chosen][known])
        shares.append(_sparse(outline[known]))
    if not scenes:
        raise UserError("there is no training truth to learn from what goes with what; name a split with pictures")
    there = np.stack(scenes).astype(np.int64)
    region, place, share = _joined(shares)
    owner = np.concatenate(classes)[region]
    size = 3 * num_classes
    flat: NDArray[np.float64] = np.zeros(num_classes * size)
    flat += np.bincount(owner * size + place, share, len(flat))
    contacts = flat.reshape(num_classes, 3, num_classes)
    alone = _entries_without_their_region(contacts.reshape(num_classes, size), owner, place, share)
    return Relations(
        pictures=len(there),
        shown=shown,
        present=there.sum(axis=0),
        together=there.T @ there,
        contacts=contacts,
        scene_limit=_limit(_scenes_without_themselves(there)),
        contact_limit=_limit(np.bincount(region, alone * share).astype(np.float64)),
    )


def _sparse(outline: NDArray[np.float64]) -> tuple[int, NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """The number of outlines, and where and what the entries of (K, 3, C) are that aren't 0."""
    flat = outline.reshape(len(outline), math.prod(outline.shape[1:]))
    region, place = np.nonzero(flat)
    return len(outline), region, place, flat[region, place]


def _joined(
    shares: list[tuple[int, NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """The entries of all pictures, their regions numbered through."""
    before = np.cumsum([0, *(count for count, _, _, _ in shares)])
    region = np.concatenate([own + first for (_, own, _, _), first in zip(shares, before[:-1], strict=True)])
    return region, np.concatenate([one[2] for one in shares]), np.concatenate([one[3] for one in shares])


def _scenes_without_themselves(there: NDArray[np.int64]) -> NDArray[np.float64]:
    """The scene's evidence for each class in each picture of (N, C), by the tables of the other pictures."""
    present, together = there.sum(axis=0), there.T @ there
    found = [np.empty(0)]
    for row in there:
        here = np.flatnonzero(row)
        alone = present[here] - 1
        evidence = _evidence(together[np.ix_(here, here)] - 1, np.outer(alone, alone) / max(len(there) - 1, 1))
        np.fill_diagonal(evidence, 0)
        found.append(evidence.sum(axis=1))
    return np.concatenate(found)


def _entries_without_their_region(
    contacts: NDArray[np.float64], owner: NDArray[np.int64], place: NDArray[np.int64], share: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The evidence of each neighbour of each region, by the table (C, 3 C) of the other regions."""
    own, others = contacts.sum(axis=1), contacts.sum(axis=0)
    total = max(float(own.sum()) - 1, 1.0)
    return _evidence(contacts[owner, place] - share, (own[owner] - 1) * (others[place] - share) / total)


def _limit(found: NDArray[np.float64]) -> float:
    return min(float(np.quantile(found, FALSE_ALARMS)), WEAKEST) if len(found) else WEAKEST
