"""The doctor's rule about masks that a program may have packed into fewer bits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sceneparse.datasets.packed_masks import ANEW, packed_text
from sceneparse.doctor.findings import Finding, finding_of
from sceneparse.doctor.looks import MaskLook
from sceneparse.doctor.pair_facts import Facts, relative
from sceneparse.errors import counted
from sceneparse.pictures.packed_greys import shown_hint, two_readings

if TYPE_CHECKING:
    from sceneparse.doctor.rules import Evidence


def packed_masks(evidence: Evidence) -> Iterator[Finding]:
    """Find masks whose numbers are known ids as they are stored and as they are shown, among others of other bits."""
    masks, root = _masks(evidence), evidence.root
    doubtful = [
        (fact, reading)
        for fact, mask in masks
        if mask.shown
        and (mask.bits or mask.palette)  # what programs that shrink PNGs make
        and any(other.bits not in (0, mask.bits) for _, other in masks)
        if (reading := two_readings(mask.shown, evidence.labels))
    ]
    if not doubtful:
        return
    first, reading = doubtful[0]
    mask = first.looks.mask
    assert mask is not None  # `_masks` says so
    text = packed_text(reading, mask.bits, palette=bool(mask.palette))
    message = f"{counted(len(doubtful), 'mask')} packed into fewer bits: {relative(first.mask, root)} {text}; {ANEW}"
    yield finding_of("error", "mask-bits", message, [relative(fact.mask, root) for fact, _ in doubtful])


def packed_hint(evidence: Evidence) -> str:
    """Say what to do about unknown values that all come from masks which are shown in known ones; else ""."""
    masks = _masks(evidence)
    wrong = [(fact, mask) for fact, mask in masks if fact.unknown]
    hints = []
    for fact, mask in wrong:
        every = all(other.shown_as == mask.shown_as or _empty(other) for _, other in masks)
        hints.append(shown_hint(fact.unknown, mask.shown, mask.shown_as, evidence.labels, every=every))
    return hints[0] if hints and all(hints) else ""


def _empty(mask: MaskLook) -> bool:
    """Whether nothing but 0 occurs in a mask that may be packed, which says the same in every form."""
    return mask.bits in (1, 2, 4) and not mask.shown


def _masks(evidence: Evidence) -> list[tuple[Facts, MaskLook]]:
    if evidence.labels.masks != "index":
        return []
    facts = [fact for split in evidence.facts.values() for fact in split]
    return [(fact, fact.looks.mask) for fact in facts if fact.looks.mask is not None]
