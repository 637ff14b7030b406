"""Sorting every wrong pixel into one kind of failure, picture by picture.

The three kinds are those of the PSPNet paper (Zhao et al., CVPR 2017, section 3.1). A wrong pixel is counted for the
first of these that holds:

1. *Mismatched relationship*: it lies in a predicted region that is mostly wrong, whose class contradicts the rest of
   the predicted picture (see `relations`), and where the true class fits better.
2. *Inconspicuous*: it lies in a small true region of which less than a quarter is found and most of the rest went down
   in predicted regions more than twice as large.
3. *Boundary*: its predicted class stands in the truth a few pixels away; the boundary is only shifted.
4. *Confusable*: everything else, by its true and its predicted class.

Only counts and the boxes of the largest examples are kept. What of the counts is a finding is decided at the end, by
`findings`.
"""

import heapq
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneparse.diagnosing.boundaries import add_counts, pixels
from sceneparse.diagnosing.regions import near, outlines
from sceneparse.diagnosing.relations import LEAST, Relations, present_in
from sceneparse.labels import IGNORE
from sceneparse.labels.regions import Box, Regions, find_regions

SIZES = (0.001, 0.003, 0.01, 0.03, 0.1, 1.0)
"""Upper ends of the sizes of true regions, as shares of the picture."""
SMALL = 4
"""The first so many sizes can be overlooked: up to 3% of the picture."""
SMALLEST = 16
"""True regions of fewer pixels are not counted by size."""
MISSED = 0.25
"""A true region of which less is found is missed."""
SWALLOWED = 2.0
"""A missed region is overlooked if most of its wrong pixels went down in predicted regions so many times its size."""
CARRIED = 0.1
"""A true region carries a class that takes at least this share of it."""
EDGE = 0.005
"""How far a boundary can be moved, as a share of the picture's diagonal."""
EXAMPLES = 4
"""Examples that are kept of each failure, each in another picture."""


@dataclass(frozen=True, order=True)
class Example:
    """A region that a model labelled wrongly.

    Args:
        pixels: How many pixels it cost.
        picture: The picture's index in the data set.
        box: Around the region.
    """

    pixels: int
    picture: int
    box: Box


@dataclass(frozen=True)
class Failures:
    """The counts of all failures; C classes.

    Args:
        mismatched: (C, C) wrong pixels in mismatched regions; here and below rows are the truth.
        overlooked: (SMALL, 2, C, C) those in overlooked regions, by size; the second of the two is near the boundary
            of the predicted class.
        plain: (2, C, C) all other wrong pixels, away from that boundary and near it.
        predicted_regions: (C,) predicted regions of at least `LEAST` of the picture.
        contradicting: (C,) those that contradict the rest of the picture, right or wrong.
        right_regions: (C,) those that are mostly right.
        right_contradicting: (C,) those of them that contradict.
        mismatched_regions: (C,) those that are mismatched.
        against: (C, C) how often a class of the rest spoke most strongly against the class of a mismatched region.
        regions: (C,) true regions of at least `LEAST` of the picture.
        split: (C, C) those that carry their own class and another one.
        swapped: (C, C) those that carry another class and not their own; without `swapped_small`.
        swapped_small: (SMALL, C, C) those that are overlooked, by size.
        sized: (C, 6) true regions by size.
        missed: (C, 6) those that are missed.
        overlooked_regions: (C, 6) those that are overlooked.
        sized_pixels: (C, 6) their pixels.
        sized_right: (C, 6) how many of these are right.
        examples: The examples that cost most of ("mismatched", class), ("overlooked", class, size),
            ("confusable", class, class) in ascending order, and ("boundary",).
    """

    mismatched: NDArray[np.int64]
    overlooked: NDArray[np.int64]
    plain: NDArray[np.int64]
    predicted_regions: NDArray[np.int64]
    contradicting: NDArray[np.int64]
    right_regions: NDArray[np.int64]
    right_contradicting: NDArray[np.int64]
    mismatched_regions: NDArray[np.int64]
    against: NDArray[np.int64]
    regions: NDArray[np.int64]
    split: NDArray[np.int64]
    swapped: NDArray[np.int64]
    swapped_small: NDArray[np.int64]
    sized: NDArray[np.int64]
    missed: NDArray[np.int64]
    overlooked_regions: NDArray[np.int64]
    sized_pixels: NDArray[np.int64]
    sized_right: NDArray[np.int64]
    examples: dict[Hashable, list[Example]]

    def __repr__(self) -> str:
        wrong = int(self.mismatched.sum() + self.overlooked.sum() + self.plain.sum())
        return f"Failures({len(self.regions)} classes, {wrong:,} wrong pixels)"


class FailureCounts:
    """Adds up pictures for `Failures`.

    Args:
        num_classes: Number of classes.
        relations: What goes with what, from the training truth.
    """

    def __init__(self, num_classes: int, relations: Relations) -> None:
        self._size, self._relations = num_classes, relations
        one, two, sizes = (num_classes,), (num_classes, num_classes), (num_classes, len(SIZES))
        shapes = {
            **dict.fromkeys(("predicted_regions", "contradicting", "right_regions", "right_contradicting"), one),
            **dict.fromkeys(("mismatched_regions", "regions"), one),
            **dict.fromkeys(("against", "split", "swapped"), two),
            "swapped_small": (SMALL, *two),
            **dict.fromkeys(("sized", "missed", "overlooked_regions", "sized_pixels", "sized_right"), sizes),
        }
        self._counts = {name: np.zeros(shape, dtype=np.int64) for name, shape in shapes.items()}
        self._lost = np.zeros((1 + 2 * SMALL + 2, *two), dtype=np.int64)
        self._examples: dict[Hashable, list[Example]] = {}

    def add(self, picture: int, truth: NDArray[Any], prediction: NDArray[Any]) -> None:
        """Count a picture.

        Args:
            picture: Its index in the data set, to find the examples again.
            truth: (H, W) class indices, `IGNORE` where unknown.
            prediction: (H, W) class indices.
        """
        wrong = (truth != IGNORE) & (truth != prediction)
        there, said = find_regions(truth), find_regions(prediction)
        mismatched = self._find_mismatched(picture, truth, prediction, wrong, said)[said.ids] & wrong
        overlooked = self._find_overlooked(truth, wrong, there, said)
        edge = self._near_boundary(truth, prediction, wrong)
        # One number a wrong pixel: mismatched; overlooked by size, away from a boundary and near it; the rest likewise.
        size = overlooked[there.ids]
        kind = np.where(size >= 0, 1 + 2 * size, 1 + 2 * SMALL) + edge
        kind[mismatched] = 0
        keys = (kind[wrong] * self._size + truth[wrong]) * self._size + prediction[wrong]
        add_counts(self._lost, keys)
        self._count_pairs(picture, truth, prediction, wrong & ~mismatched & ~edge, there, overlooked)
        self._keep_lost(picture, there, wrong & ~mismatched, edge, overlooked)

    def result(self) -> Failures:
        """What was counted."""
        return Failures(
            mismatched=self._lost[0],
            overlooked=self._lost[1 : 1 + 2 * SMALL].reshape(SMALL, 2, self._size, self._size),
            plain=self._lost[1 + 2 * SMALL :],
            examples={key: sorted(kept, reverse=True) for key, kept in self._examples.items()},
            **self._counts,
        )

    def _find_mismatched(
        self,
        picture: int,
        truth: NDArray[Any],
        prediction: NDArray[Any],
        wrong: NDArray[np.bool_],
        said: Regions,
    ) -> NDArray[np.bool_]:
        """(R,) which predicted regions are mismatched."""
        relations, counts = self._relations, self._counts
        chosen = np.flatnonzero(said.areas >= LEAST * truth.size)
        classes = said.classes[chosen]
        present = present_in(prediction, self._size)
        outline = outlines(said, prediction, chosen, self._size)
        # How the rest of the picture and the neighbours speak of each class, were it there instead of the region's; a
        # class of the rest that is the region's own by name is no evidence.
        rest = np.repeat(present[None], len(chosen), axis=0)
        rest[np.arange(len(chosen)), classes] = False
        scene = rest @ relations.scene.T
        neighbours = np.einsum("kds,cds->kc", outline, relations.neighbours)
        own = np.arange(len(chosen))
        by_scene = scene[own, classes] < relations.scene_limit
        by_neighbours = neighbours[own, classes] < relations.contact_limit
        lost, known = said.count(wrong)[chosen], said.count(truth != IGNORE)[chosen]
        bad = (2 * lost > known) & (2 * known > said.areas[chosen])
        good = (2 * lost <= known) & (2 * known > said.areas[chosen])
        flags = np.zeros(len(said), dtype=bool)
        for place in np.flatnonzero(bad & (by_scene | by_neighbours)):
            region, name = chosen[place], classes[place]
            true = int(np.bincount(truth[(said.ids == region) & wrong], minlength=self._size).argmax())
            better_scene = by_scene[place] and scene[place, true] > scene[place, name]
            better_place = by_neighbours[place] and neighbours[place, true] > neighbours[place, name]
            if not (better_scene or better_place):
                continue
            flags[region] = True
            counts["mismatched_regions"][name] += 1
            speaks = relations.scene[name] * rest[place] if better_scene else np.zeros(self._size)
            if better_place:
                speaks = speaks + (outline[place] * relations.neighbours[name]).sum(axis=0)
            counts["against"][name, int(speaks.argmin())] += 1
            self._keep(("mismatched", int(name)), Example(int(lost[place]), picture, said.box(int(region))))
        contradicts = by_scene | by_neighbours
        for key, which in (
            ("predicted_regions", np.ones(len(chosen), dtype=bool)),
            ("contradicting", contradicts),
            ("right_regions", good),
            ("right_contradicting", good & contradicts),
        ):
            counts[key] += np.bincount(classes[which], minlength=self._size)
        return flags

    def _find_overlooked(
        self, truth: NDArray[Any], wrong: NDArray[np.bool_], there: Regions, said: Regions
    ) -> NDArray[np.int64]:
        """(R,) the size, as an index of `SIZES`, of each true region that is small and overlooked; -1 for others."""
        lost = there.count(wrong)
        counted = (there.classes != IGNORE) & (there.areas >= SMALLEST)
        missed = counted & (there.areas - lost < MISSED * there.areas)
        swallowed = there.count(wrong & (said.areas[said.ids] > SWALLOWED * there.areas[there.ids]))
        overlooked = missed & (2 * swallowed >= lost)
        size = np.searchsorted(SIZES, there.areas / truth.size)
        cells = there.classes * len(SIZES) + size
        for key, which, weight in (
            ("sized", counted, None),
            ("missed", missed, None),
            ("overlooked_regions", overlooked, None),
            ("sized_pixels", counted, there.areas),
            ("sized_right", counted, there.areas - lost),
        ):
            table = self._counts[key]
            added = np.bincount(cells[which], None if weight is None else weight[which], table.size)
            table += added.astype(np.int64).reshape(table.shape)
        return np.where(overlooked & (size < SMALL), size, -1)

    def _near_boundary(
        self, truth: NDArray[Any], prediction: NDArray[Any], wrong: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """(H, W) the wrong pixels whose predicted class stands in the truth a few pixels away."""
        edge = np.zeros(truth.shape, dtype=bool)
        radius = pixels(EDGE, truth.shape)
        for name in np.flatnonzero(np.bincount(prediction[wrong], minlength=self._size)):
            edge |= wrong & (prediction == name) & near(truth == name, radius)
        return edge

    def _count_pairs(
        self,
        picture: int,
        truth: NDArray[Any],
        prediction: NDArray[Any],
        deep: NDArray[np.bool_],
        there: Regions,
        overlooked: NDArray[np.int64],
    ) -> None:
        """Count the true regions that carry another class, away from boundaries."""
        large = (there.areas >= LEAST * truth.size) & (there.classes != IGNORE)
        self._counts["regions"] += np.bincount(there.classes[large], minlength=self._size)
        found = there.count(truth == prediction)
        pairs, taken = np.unique(there.ids[deep] * self._size + prediction[deep], return_counts=True)
        for region, name, count in zip(*np.divmod(pairs, self._size), taken.tolist(), strict=True):
            if not large[region] or count < CARRIED * there.areas[region]:
                continue
            own, small = int(there.classes[region]), int(overlooked[region])
            if small >= 0:
                self._counts["swapped_small"][small, own, name] += 1
            else:
                kind = "split" if found[region] >= CARRIED * there.areas[region] else "swapped"
                self._counts[kind][own, name] += 1
            pair = (min(own, int(name)), max(own, int(name)))
            self._keep(("confusable", *pair), Example(count, picture, there.box(int(region))))

    def _keep_lost(
        self,
        picture: int,
        there: Regions,
        wrong: NDArray[np.bool_],
        edge: NDArray[np.bool_],
        overlooked: NDArray[np.int64],
    ) -> None:
        lost = there.count(wrong)
        for region in np.flatnonzero(overlooked >= 0):
            key = ("overlooked", int(there.classes[region]), int(overlooked[region]))
            self._keep(key, Example(int(lost[region]), picture, there.box(int(region))))
        moved = there.count(wrong & edge & (overlooked[there.ids] < 0))
        moved[there.classes == IGNORE] = 0
        worst = int(moved.argmax())
        if moved[worst]:
            self._keep(("boundary",), Example(int(moved[worst]), picture, there.box(worst)))

    def _keep(self, key: Hashable, example: Example) -> None:
        """Keep an example if it is among the largest of its failure, one a picture."""
        kept = self._examples.setdefault(key, [])
        for index, one in enumerate(kept):
            if one.picture == example.picture:
                kept[index] = max(one, example)
                heapq.heapify(kept)
                return
        if len(kept) < EXAMPLES:
            heapq.heappush(kept, example)
        else:
            heapq.heappushpop(kept, example)
