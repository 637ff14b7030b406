"""The doctor's rule on pictures to measure on that look nearly like ones to learn from, as a video's frames do."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sceneparse.arguments import together
from sceneparse.datasets.subsets import chosen_pairs, in_one_piece
from sceneparse.doctor.findings import Finding, finding_of
from sceneparse.doctor.pair_facts import Facts, relative
from sceneparse.doctor.roles import Role
from sceneparse.errors import UserError, counted

if TYPE_CHECKING:
    from sceneparse.doctor.rules import Evidence

ALIKE = 0.95
"""Correlation of two sketches from which on pictures look nearly the same."""

FLAT = 4.0
"""Standard deviation, of 255 greys, below which a sketch shows too little to tell pictures apart."""

SHARE = 0.3
"""Of fewer of the pictures nothing is said: chance, and things that always look so, make some alike."""

FEWEST = 5
"""Of so few pictures no share can be told."""

MOST = 2000
"""Of more pictures to measure on these many are compared, evenly spread: the share of them is what matters."""

PRODUCTS = 1 << 24
"""Correlations that are held at a time."""


def lookalikes(evidence: Evidence) -> Iterator[Finding]:
    """Find splits to measure on of which many pictures look nearly like one that is trained on."""
    learnt = _sketched(evidence.by_role["train"])
    digests = {fact.digest for fact in learnt} - {None}
    roles: tuple[Role, ...] = ("val", "test")
    for role in roles:
        measured = [fact for fact in _sketched(evidence.by_role[role]) if fact.digest not in digests]
        there = len(measured)
        measured = measured[:: -(-there // MOST)] if measured else []
        if min(len(learnt), len(measured)) < FEWEST:
            continue
        nearest = _nearest(_standardised(measured), _standardised(learnt))
        pairs = [(fact, learnt[index]) for fact, (index, value) in zip(measured, nearest, strict=True) if value > ALIKE]
        if len(pairs) < SHARE * len(measured):
            continue
        wanted = getattr(evidence.settings, role)
        files = [" ≈ ".join(relative(one.image, evidence.root) for one in both) for both in pairs]
        compared = f" that were compared (of {there:,})" if len(measured) < there else ""
        message = (
            f"{len(pairs):,} of {counted(len(measured), 'picture')} of {wanted}{compared} look nearly the same as one "
            f"of {evidence.settings.train}, as neighbouring frames of a video do: figures on them say little about new "
            f"scenes{_advice(evidence, role)}"
        )
        yield finding_of("note", "lookalikes", message, files)


def _sketched(facts: Sequence[Facts]) -> list[Facts]:
    return [fact for fact in facts if (sketch := _sketch(fact)) is not None and sketch.std() > FLAT]


def _sketch(fact: Facts) -> NDArray[np.uint8] | None:
    look = fact.looks.picture
    return np.frombuffer(look.sketch, np.uint8) if look is not None and look.sketch else None


def _standardised(facts: Sequence[Facts]) -> NDArray[np.float32]:
    """The sketches as rows of mean zero and length one, whose products are their correlations."""
    rows = np.array([_sketch(fact) for fact in facts], dtype=np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _nearest(rows: NDArray[np.float32], others: NDArray[np.float32]) -> Iterator[tuple[int, float]]:
    """For each row the other one that it is most like, and how much."""
    step = max(1, PRODUCTS // len(others))
    for start in range(0, len(rows), step):
        products = rows[start : start + step] @ others.T
        places = products.argmax(axis=1)
        yield from zip(places.tolist(), products.max(axis=1).tolist(), strict=True)


def _advice(evidence: Evidence, role: str) -> str:
    """How the pictures are parted by sequences, if their names tell of some."""
    settings, layout = evidence.settings, evidence.layout
    if layout is None or role != "val" or re.search(r"[\[+]", settings.train + settings.val):
        return ""
    name = in_one_piece(layout.splits, settings.val) if layout.undivided else None
    name = name or settings.train
    try:
        whole = chosen_pairs(layout.splits, name, layout.root, undivided=False)
    except UserError:
        return ""
    found = [re.fullmatch(r"(.*?[_\-/.])\d+\D*", pair.name) for pair in whole.pairs]
    sequences = Counter(one[1] for one in found if one is not None)
    if not 2 <= len(sequences) <= len(found) // 2 or None in found:
        return ""
    held = min(sequences, key=lambda sequence: abs(sequences[sequence] - len(found) / 5))
    sides = together({"data.train": f"{name}[!{held}*]", "data.val": f"{name}[{held}*]"})
    return f"; keep each sequence on one side, such as {sides}"
