"""Decide which samples an iteration trains on, from the seed and the iteration's number alone.

The samples of a source are drawn epoch after epoch, each epoch in an order of its own. Which source comes next
is drawn from a stream of its own. So what an iteration sees is a function of the seed and its number, and a resumed
training need not go through what was before.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Draw = tuple[int, int]
"""A sample that is drawn: (epoch, index in the data set)."""

Batches = Literal["pure", "mixed"]
"""Whether all pictures of a batch come from one source, or each from a source of its own."""

ORDER, AUGMENTATION, SOURCE = 0, 1, 2
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


def draws(samples: int, batch: int, seed: int, iteration: int, share: Share = WHOLE) -> list[Draw]:
    """Return the samples that one process trains on in an iteration, as (epoch, index) pairs."""
    row = [divmod(iteration * batch + position, samples) for position in share.of(batch)]
    return [(epoch, int(_order(samples, seed, epoch)[rest])) for epoch, rest in row]


def mixed_draws(
    samples: Sequence[int],
    weights: Sequence[float],
    batches: Batches,
    batch: int,
    seed: int,
    start: int,
    stop: int,
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
                epoch, rest = divmod(int(met[source]), samples[source])
                index = int(_order(samples[source], seed, epoch, source)[rest])
                drawn.append((epoch, int(offsets[source]) + index))
                met[source] += 1
        yield drawn


def _drawn(chance: np.random.Generator, bounds: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Sources, by random numbers in the intervals that their weights make of 0..1."""
    return np.searchsorted(bounds[:-1], chance.random(count), side="right")


# A batch may reach over an epoch's end, and may draw from many sources.
@lru_cache(maxsize=64)
def _order(samples: int, seed: int, epoch: int, *source: int) -> NDArray[np.int64]:
    return stream(seed, ORDER, epoch, *source).permutation(samples)
