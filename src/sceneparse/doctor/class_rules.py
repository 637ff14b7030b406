"""The doctor's rules about which classes occur: none, one, some never, and too much that is ignored."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sceneparse.arguments import argument
from sceneparse.datasets.one_class import Occurring, after_all, nothing_labelled, one_class, one_occurs
from sceneparse.doctor.findings import Finding, Severity, SplitSummary, finding_of
from sceneparse.doctor.roles import role_splits
from sceneparse.errors import counted, some
from sceneparse.labels import LabelSpace
from sceneparse.settings import DataSettings

if TYPE_CHECKING:
    from sceneparse.doctor.pair_facts import Facts
    from sceneparse.doctor.rules import Evidence

MOSTLY_IGNORED = 0.5
"""Share of ignored pixels of a split from which on it is a warning."""

BALANCE = ("class-never", "mostly-ignored", "nothing-labelled", "one-class", "class-unseen", "names-alike")
"""The codes of what `poor_balance` and `single_class` find."""


def poor_balance(evidence: Evidence, name: str) -> Iterator[Finding]:
    """Find classes that never occur, and too much that is ignored, in a split."""
    training, validating = name in role_splits(evidence, "train"), name in role_splits(evidence, "val")
    return class_balance(evidence.summaries[name], evidence.labels, training=training, needed=training or validating)


def class_balance(split: SplitSummary, labels: LabelSpace, *, training: bool, needed: bool) -> Iterator[Finding]:
    """Find classes that never occur in a split, and too much that is ignored.

    Args:
        split: The split's counts.
        labels: The label space.
        training: Whether it is trained on.
        needed: Whether training needs it, to learn from or to validate on.
    """
    if not split.total:
        return
    if split.ignored == split.total:
        severity: Severity = "error" if needed else "warning"
        text = nothing_labelled(split.name, labels, training=training)
        yield Finding(severity, "nothing-labelled", text, split.pictures)
        return
    never = [name for name, count in zip(labels.names, split.pictures_with, strict=True) if not count]
    if never:
        effect = "be learnt" if training else "be measured here"
        classes = counted(len(never), "class never occurs", "classes never occur")
        severity = "warning" if training else "note"
        yield finding_of(severity, "class-never", f"{split.name}: {classes} and cannot {effect}", never)
    share = split.ignored / split.total
    if share >= MOSTLY_IGNORED:
        message = f"{split.name}: {share:.0%} of all pixels are ignored; {after_all(labels)}"
        yield Finding("warning", "mostly-ignored", message, split.pictures)


def single_class(evidence: Evidence) -> Iterator[Finding]:
    """Find that there is one class only, or that one alone occurs, which training refuses of what is trained on."""
    training, validating = evidence.taken("train"), evidence.taken("val")
    if unread(evidence.by_role["train"]) or unread(evidence.by_role["val"]):
        training = validating = []  # what else occurs is not known
    return classes_that_occur(evidence.labels, evidence.settings, training, validating)


def unread(facts: Sequence[Facts]) -> bool:
    """Return whether some masks cannot be read, or hold values that no class has."""
    return any(fact.unknown or not fact.total for fact in facts)


def classes_that_occur(
    labels: LabelSpace, settings: DataSettings, training: Sequence[SplitSummary], validating: Sequence[SplitSummary]
) -> Iterator[Finding]:
    """Find classes of one name, a single class, declared or occurring, and classes that are validated on alone.

    Args:
        labels: The classes that are learnt.
        settings: What they were read by, and what became of the data set's own.
        training: The counts of what is trained on, if they are known.
        validating: The counts of what is validated on.
    """
    yield from _alike(labels)
    if wrong := one_class(labels, settings):
        yield Finding("error", "one-class", wrong)
        return
    learnt, measured = _occurring(training), _occurring(validating)
    if wrong := one_occurs(labels, settings, settings.train, learnt):
        yield Finding("error", "one-class", wrong)
    if not learnt.classes or {split.name for split in training} == {split.name for split in validating}:
        return
    names = [split.name for split in validating]
    if len(measured.classes) == 1 and len(learnt.classes) > 1:
        text = (
            f"{'+'.join(names)}: '{labels.names[min(measured.classes)]}' is the only class that occurs: figures, by "
            "which the best checkpoint is chosen, say nothing of the others; validate on pictures that show them too"
        )
        yield Finding("warning", "one-class", text)
    unseen = [labels.names[index] for index in sorted(measured.classes - learnt.classes)]
    if unseen:
        text = (
            f"{'+'.join(names)}: {counted(len(unseen), 'class', 'classes')} that training never sees ({some(unseen)}), "
            "and whose pixels count as mistakes there; move some of these pictures to what is trained on"
        )
        yield finding_of("warning", "class-unseen", text, unseen)


def _alike(labels: LabelSpace) -> Iterator[Finding]:
    """Find classes whose names differ in nothing that a reader would take for a difference."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in labels.names:
        groups[" ".join(re.split(r"[\W_]+", name.casefold()))].append(name)
    for names in groups.values():
        if len(names) > 1:
            option = f"--data.classes.merge '{json.dumps({names[0]: names}, ensure_ascii=False)}'"
            merge = argument("data.classes.merge", {names[0]: names}, option=option)
            text = f"{' and '.join(map(repr, names))} are {len(names)} classes; if they are meant as one: {merge}"
            yield finding_of("warning", "names-alike", text, names)


def _occurring(splits: Sequence[SplitSummary]) -> Occurring:
    found = {index for split in splits for index, count in enumerate(split.pictures_with) if count}
    return Occurring(frozenset(found), any(split.ignored for split in splits))
