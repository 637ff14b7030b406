"""What the doctor has read of the samples that `data.train`, `data.val` and `data.test` name."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from sceneparse.datasets.pieces import piece_of
from sceneparse.datasets.subsets import chosen_pairs, decided
from sceneparse.errors import UserError

if TYPE_CHECKING:
    from sceneparse.doctor.pair_facts import Facts
    from sceneparse.doctor.rules import Evidence

Role = Literal["train", "val", "test"]

ROLES: tuple[Role, ...] = ("train", "val", "test")


def role_facts(evidence: Evidence, role: Role) -> list[Facts]:
    """Return what is known about the samples that a setting names; as far as it can be told, nothing is raised.

    Args:
        evidence: What was read.
        role: train, val or test.
    """
    settings, layout = evidence.settings, evidence.layout
    wanted: str = getattr(settings, role)
    if layout is None:
        if evidence.whole is None:
            return list(evidence.facts.get(wanted, ()))
        name, positions = evidence.whole
        return [evidence.facts[name][position] for position in positions.get(role, ())]
    read = {fact.image: fact for facts in evidence.facts.values() for fact in facts}
    found: dict[int, Facts] = {}
    for name in wanted.split("+"):
        with suppress(UserError):  # others tell of a split that is not there
            piece = piece_of(name)
            listing = chosen_pairs(
                layout.splits, piece.split, layout.root, undivided=layout.undivided, val=settings.val
            )
            names = [pair.name for pair in listing.pairs]
            facts = [read[listing.pairs[place].image] for place in piece.of(len(names), names.__getitem__)]
            found |= {id(fact): fact for fact in facts}
    return list(found.values())


def role_splits(evidence: Evidence, role: Role) -> list[str]:
    """Return the splits that a setting names, by the names that the data set has for them.

    Args:
        evidence: What was read.
        role: train, val or test.
    """
    settings, layout = evidence.settings, evidence.layout
    wanted: str = getattr(settings, role)
    names = [piece.partition("[")[0] for piece in wanted.split("+")]
    if layout is None:  # samples that were opened by that very setting have its name
        return [wanted] if wanted in evidence.facts else names
    splits, parted = layout.splits, layout.undivided
    return [decided(splits, own, undivided=parted, val=settings.val)[0] or own for own in names]
