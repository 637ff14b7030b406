"""Decide which samples an iteration trains on, from the seed and the iteration's number alone.

The samples of a source are drawn epoch after epoch, each epoch in an order of its own. Which source comes next
is drawn from a stream of its own. So what an iteration sees is a function of the seed and its number, and a resumed
training need not go through what was before.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Draw = tuple[int, int]
"""A sample that is drawn: (epoch, index in the data set). Where a sample comes several times in an epoch, each time is
an epoch of its own: so no pair comes twice, and what is drawn by it differs."""

Batches = Literal["pure", "mixed"]
"""Whether all pictures of a batch come from one source, or each from a source of its own."""

ORDER, AUGMENTATION, SOURCE, REPEATS, RARE_CROP, COPY_PASTE, DONOR = range(7)
"""What random numbers are used for; each use has a stream of its own."""


def stream(seed: int, purpose: int, *counters: int) -> np.random.Generator:
    """Return a random generator that depends on nothing but these numbers."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, purpose, *counters])))


@dataclass(frozen=True)
class Share:
    """Which pictures of a batch one of several processes trains on.

    A batch that is computed in chunks is cut into these first, and each chunk is shared: so what is computed over a
    chunk (statistics of normalisation, hard examples) doesn't depend on the number of processes.

    Args:
        rank: The process.
        world: Number of processes.
        chunks: Number of chunks, all of one size.
    """

    rank: int = 0
    world: int = 1
    chunks: int = 1

    def of(self, batch: int) -> list[int]:
        """Return the positions of its pictures in a batch of so many, chunk after chunk."""
        chunk, share = batch // self.chunks, batch // (self.chunks * self.world)
        first = [number * chunk + self.rank * share for number in range(self.chunks)]
        return [start + position for start in first for position in range(share)]


WHOLE = Share()
"""One process trains on all of it."""


class Repeats:
    """How often each sample of a source comes in an epoch.

    A sample of factor 2.3 comes twice in most epochs and three times in some, 2.3 times on average. All epochs have the
    same length, so that which sample comes when needs no look at earlier epochs: the fractions are rounded together
    (systematic sampling in a random order), not each for itself.

    Args:
        factors: (N,) how often each sample comes, 1 or more.

    Attributes:
        length: Draws of an epoch.
        most: The most often that any sample comes in an epoch.
    """

    def __init__(self, factors: NDArray[np.float64]) -> None:
        # Rounded up, so that no factor is scaled to less than 1: each epoch shows every sample.
        self.length = max(len(factors), math.ceil(float(factors.sum()) - 1e-6))
        self._factors = factors * (self.length / factors.sum())
        self.most = math.ceil(float(self._factors.max()))

    def counts(self, seed: int, epoch: int, *source: int) -> NDArray[np.int64]:
        """Return how often each sample comes in an epoch; the sum is `length`."""
        chance = stream(seed, REPEATS, epoch, *source)
        order = chance.permutation(len(self._factors))
        upto = np.cumsum(self._factors[order])
        upto[-1] = self.length
        passed = np.floor(upto + chance.random()).astype(np.int64)
        counts = np.empty(len(order), dtype=np.int64)
        counts[order] = np.diff(passed, prepend=0)
        return counts


def draws(
    samples: int, batch: int, seed: int, iteration: int, share: Share = WHOLE, repeats: Repeats | None = None
) -> list[Draw]:
    """Return the samples that one process trains on in an iteration, as (epoch, index) pairs.

    Args:
        samples: Number of samples.
        batch: Pictures of an iteration, all processes together.
        seed: Decides the order.
        iteration: The iteration.
        share: Which of the batch's pictures this process trains on.
        repeats: How often each sample comes in an epoch; None: once.
    """
    return [_draw(samples, repeats, seed, iteration * batch + position) for position in share.of(batch)]


def mixed_draws(
    samples: Sequence[int],
    weights: Sequence[float],
    batches: Batches,
    batch: int,
    seed: int,
    start: int,
    stop: int,
    repeats: Sequence[Repeats] | None = None,
) -> Iterator[list[Draw]]:
    """Yield the samples of several sources that iterations start … stop - 1 train on, all processes together.

    Args:
        samples: Number of samples of each source. Indices count through all sources, one behind the other.
        weights: How often each is drawn, in any unit.
        batches: "pure": one draw decides a whole batch; "mixed": one draw a picture.
        batch: Pictures of an iteration.
        seed: Decides draws and orders.
        start: First iteration.
        stop: One past the last.
        repeats: How often each sample of each source comes in an epoch of that source; None: once.
    """
    offsets = np.concatenate([[0], np.cumsum(samples)])
    bounds = np.cumsum(weights) / np.sum(weights)
    draws_each, pictures_each = (1, batch) if batches == "pure" else (batch, 1)
    # A generator's numbers do not depend on how many are asked for at once: those of the past are only counted.
    chance = stream(seed, SOURCE)
    met = np.zeros(len(samples), dtype=np.int64)
    left = start * draws_each
    while left:
        block = min(left, 1 << 20)
        met += np.bincount(_drawn(chance, bounds, block), minlength=len(samples))
        left -= block
    met *= pictures_each
    for _ in range(start, stop):
        drawn: list[Draw] = []
        for source in _drawn(chance, bounds, draws_each).tolist():
            for _ in range(pictures_each):
                repeated = None if repeats is None else repeats[source]
                epoch, index = _draw(samples[source], repeated, seed, int(met[source]), source)
                drawn.append((epoch, int(offsets[source]) + index))
                met[source] += 1
        yield drawn


def _drawn(chance: np.random.Generator, bounds: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Sources, by random numbers in the intervals that their weights make of 0..1."""
    return np.searchsorted(bounds[:-1], chance.random(count), side="right")


def _draw(samples: int, repeats: Repeats | None, seed: int, position: int, *source: int) -> Draw:
    """The sample at a position of a source's endless row."""
    if repeats is None:
        epoch, rest = divmod(position, samples)
        return epoch, int(_order(samples, seed, epoch, *source)[rest])
    epoch, rest = divmod(position, repeats.length)
    index, time = _repeated_order(repeats, seed, epoch, *source)[rest].tolist()
    return epoch * repeats.most + time, index


# A batch may reach over an epoch's end, and may draw from many sources.
@lru_cache(maxsize=64)
def _order(samples: int, seed: int, epoch: int, *source: int) -> NDArray[np.int64]:
    return stream(seed, ORDER, epoch, *source).permutation(samples)


@lru_cache(maxsize=64)
def _repeated_order(repeats: Repeats, seed: int, epoch: int, *source: int) -> NDArray[np.int64]:
    """(length, 2) each draw of an epoch: the sample, and how often it came before in this epoch."""
    counts = repeats.counts(seed, epoch, *source)
    samples = np.repeat(np.arange(len(counts)), counts)
    times = np.arange(len(samples)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.stack([samples, times], axis=1)[stream(seed, ORDER, epoch, *source).permutation(len(samples))]
