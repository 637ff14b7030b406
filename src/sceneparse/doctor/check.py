"""The data doctor: read all of a data set before training does, and report everything that is wrong at once."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from sceneparse.data.class_changes import Change
from sceneparse.data.sample import DataSet, identity_of, stored_of
from sceneparse.datasets.kind import DatasetKind
from sceneparse.datasets.kinds import KINDS
from sceneparse.datasets.layout import Layout, layout_of
from sceneparse.datasets.matching import Listing, Pair
from sceneparse.datasets.one_class import Look, Occurring, occurring_in
from sceneparse.datasets.opening import open_dataset
from sceneparse.datasets.pieces import piece_of
from sceneparse.datasets.subsets import in_one_piece
from sceneparse.doctor.changed_classes import Changed
from sceneparse.doctor.class_rules import BALANCE, poor_balance, single_class
from sceneparse.doctor.findings import SEVERITIES, Diagnosis, Finding, SplitSummary, print_diagnosis
from sceneparse.doctor.mirror_pairs import left_and_right
from sceneparse.doctor.overlap import Taken, overlapping, taken_by
from sceneparse.doctor.pair_facts import Facts, facts_of_rendered, pair_facts
from sceneparse.doctor.picture_rules import DARK, LIGHT
from sceneparse.doctor.quick_facts import MARGIN, QuickLook
from sceneparse.doctor.roles import ROLES, Role
from sceneparse.doctor.rules import Evidence, findings_of, summary
from sceneparse.doctor.sample_check import check_samples, refusals
from sceneparse.errors import UserError
from sceneparse.labels import TaskLabels, extra_keys_gathered
from sceneparse.pictures.reading import Reading
from sceneparse.processes.machine import usable_cores
from sceneparse.progress import progress_bar
from sceneparse.settings import DataSettings
from sceneparse.settings.ranges import refuse_other_ranges
from sceneparse.tasks import Task

__all__ = ["Diagnosis", "Finding", "check", "print_diagnosis"]

CHUNK = 16
"""Pairs that a thread takes at a time."""

RENDERED = 64
"""Samples of each split whose classes are counted, where samples are rendered."""


def check(
    settings: DataSettings,
    *,
    progress: bool = True,
    workers: int | None = None,
    channels: int = 3,
    mirrored: bool = True,
) -> Diagnosis:
    """Read every picture and mask of every split of a data set, and report all that is wrong.

    Data sets that are not folders of pictures and masks are read as training reads them, sample by sample.

    Looked for: pictures and masks without each other, unreadable files, differing sizes, values outside the label
    space, masks of the wrong form, files that splits share, classes that never occur, too much that is ignored, classes
    that look like the left and the right of one thing and are not listed as such, keys of classes.json that mean
    nothing.

    Args:
        settings: Kind and place of the data set.
        progress: Show a progress bar on standard error.
        workers: Threads that decode (Pillow lets them run in parallel). Default: one for each processor.
        channels: Channels of the pictures, as `read_picture` takes them.
        mirrored: Whether training mirrors pictures; else left and right are not asked for.

    Raises:
        UserError: The data set has another layout, or its label space cannot be read: nothing can be checked.
    """
    with extra_keys_gathered() as extra:
        found = _check(settings, progress, workers, channels, mirrored=mirrored)
    findings = [*found.findings, *(Finding("warning", "extra-keys", line) for line in extra)]
    return replace(found, findings=tuple(sorted(findings, key=_severity)))


def _check(settings: DataSettings, progress: bool, workers: int | None, channels: int, *, mirrored: bool) -> Diagnosis:
    start = time.perf_counter()
    refuse_other_ranges(settings.range, channels)
    kind = KINDS[settings.kind]
    if kind.rendered:
        return _check_rendered(kind, settings, progress, start, mirrored=mirrored)
    layout = layout_of(kind, settings)
    if layout is None:
        return check_samples(settings, progress, workers, channels, mirrored=mirrored)
    there = {name: listing for name, listing in layout.splits.items() if isinstance(listing, Listing)}
    with progress_bar(progress, sum(len(listing.pairs) for listing in there.values())) as step:
        looker = _Looker(layout, channels, Reading(settings.orientation, settings.range), workers)
        facts = {name: looker.all_facts(listing.pairs, step) for name, listing in there.items()}
    if looker.quick is not None and not _clear_range(facts):
        # What a JPEG's eighth shows does not tell whether the pictures use their range.
        looker.quick = None
        facts = {name: looker.all_facts(listing.pairs, lambda: None) for name, listing in there.items()}
    evidence = Evidence(settings, layout.root, layout.labels, facts, layout)
    findings = list(findings_of(evidence))
    return _diagnosis(evidence, findings, start, taken_by(evidence), mirrored=mirrored, channels=channels)


def _changed(evidence: Evidence) -> tuple[Evidence, tuple[Change, ...]]:
    """Return what was read, by the classes that `data.classes` makes of the own ones, and what became of these."""
    if not evidence.settings.classes.changing:
        return evidence, ()
    task = Task.OBJECT.truth
    changed = Changed(evidence.settings, TaskLabels(evidence.labels))
    labels = changed.tasks.objects
    assert labels is not None
    if not evidence.settings.classes.renames():
        return replace(evidence, labels=labels), ()
    facts = {name: [changed.facts(task, one) for one in split] for name, split in evidence.facts.items()}
    table = changed.table({task: [one for split in evidence.facts.values() for one in split]})
    return replace(evidence, labels=labels, facts=facts), table


def _check_rendered(
    kind: DatasetKind, settings: DataSettings, progress: bool, start: float, *, mirrored: bool
) -> Diagnosis:
    own = replace(settings, classes=settings.classes.only_file())
    datasets = {name: open_dataset(own, name) for name in kind.splits}
    labels = next(iter(datasets.values())).labels
    counts = {name: min(RENDERED, len(dataset)) for name, dataset in datasets.items()}
    text = f"scenes are rendered, so no file needs a check; counted are the first {RENDERED} of each split"
    findings = [Finding("note", "built-in", text, sum(counts.values()))]
    facts: dict[str, list[Facts]] = {name: [] for name in datasets}
    with progress_bar(progress, sum(counts.values())) as step:
        for name, dataset in datasets.items():
            for index in range(counts[name]):
                facts[name].append(facts_of_rendered(dataset[index], labels))
                step()
    evidence = Evidence(settings, Path(), labels, facts)
    for name in datasets:
        findings += poor_balance(evidence, name)
    taken = {role: _scenes(own, getattr(own, role)) for role in ROLES}
    return _diagnosis(evidence, findings, start, taken, mirrored=mirrored)


def _scenes(settings: DataSettings, split: str) -> Taken:
    """The samples of a split that are rendered."""
    try:
        dataset = open_dataset(settings, split)
    except UserError:  # which opening it for training says
        return {}
    names = {index: dataset.name(index) for index in range(len(dataset))}
    return {identity_of(dataset, index) or name: name for index, name in names.items()}


def _diagnosis(
    evidence: Evidence,
    findings: list[Finding],
    start: float,
    taken: Mapping[Role, Taken],
    *,
    mirrored: bool,
    channels: int | None = None,
) -> Diagnosis:
    evidence, changes = _changed(evidence)
    if changes:  # what is said of classes holds for those that there are now
        findings = [finding for finding in findings if finding.code not in BALANCE]
        findings += [finding for name in evidence.facts for finding in poor_balance(evidence, name)]
        findings += single_class(evidence)
    if channels is not None:  # of what is rendered there is nothing to refuse
        findings += list(refusals(evidence.settings, channels, findings, _known(evidence)))
    findings += overlapping(evidence.settings, taken)
    settings, summaries = evidence.settings, tuple(_shown(evidence))
    findings += left_and_right([evidence.labels], settings) if mirrored else []
    findings.sort(key=_severity)
    seconds = time.perf_counter() - start
    return Diagnosis(
        settings.kind, settings.root, evidence.labels, summaries, tuple(findings), seconds, changes=changes
    )


def _shown(evidence: Evidence) -> Iterator[SplitSummary]:
    """What there is of each split; of one that the settings cut ("train[80:]", "train[!street1_*]"), of its pieces."""
    settings, layout = evidence.settings, evidence.layout
    wanted = dict.fromkeys(name for role in (settings.train, settings.val, settings.test) for name in role.split("+"))
    pieces = []
    for name in wanted:
        with suppress(UserError):  # which is a finding
            pieces.append(piece_of(name))
    for own, whole in evidence.summaries.items():
        facts = evidence.facts[own]
        listing = None if layout is None else layout.splits[own]
        names = [pair.name for pair in listing.pairs] if isinstance(listing, Listing) else [str(f.image) for f in facts]
        cut = [piece for piece in pieces if piece.split == own and not piece.whole]
        for piece in cut:
            with suppress(UserError):  # as above
                chosen = piece.of(len(facts), names.__getitem__)
                yield summary(str(piece), [facts[position] for position in chosen], len(evidence.labels))
        if not cut:
            yield whole


def _known(evidence: Evidence) -> Look | None:
    """What says of samples what was read of their files already; None where the findings are of whole splits."""
    settings, layout = evidence.settings, evidence.layout
    parted = layout is not None and layout.undivided and in_one_piece(layout.splits, settings.val) is not None
    if not parted and "[" not in settings.train + settings.val:
        return None
    files = {fact.image: fact for split in evidence.facts.values() for fact in split}

    def look(dataset: DataSet, index: int) -> Occurring | None:
        image, _ = stored_of(dataset, index) or (None, None)
        fact = files.get(image) if isinstance(image, Path) else None
        if fact is None:
            return occurring_in(dataset, index)
        return Occurring(frozenset(np.flatnonzero(fact.pixels).tolist()), fact.ignored > 0)

    return look


def _severity(finding: Finding) -> int:
    return SEVERITIES.index(finding.severity)


class _Looker:
    """Reads all pairs of splits in threads.

    Args:
        layout: What lies on disk.
        channels: Channels of the pictures.
        reading: How pictures are read.
        workers: Threads; None for one for each processor.
    """

    def __init__(self, layout: Layout, channels: int, reading: Reading, workers: int | None) -> None:
        self._layout, self._channels, self._reading = layout, channels, reading
        self._workers = workers or usable_cores()
        usual = channels == 3 and reading == Reading() and layout.labels.masks == "index"
        self.quick = QuickLook(layout.labels) if usual else None

    def all_facts(self, pairs: Sequence[Pair], step: Callable[[], None]) -> list[Facts]:
        """What is known of each pair, in their order."""

        def one(pair: Pair) -> Facts:
            layout = self._layout
            facts = pair_facts(pair, layout.labels, self._channels, self._reading, layout.decode, self.quick)
            step()
            return facts

        def some(chunk: Sequence[Pair]) -> list[Facts]:
            return [one(pair) for pair in chunk]

        # Handing out each small picture by itself takes about as long as reading it.
        chunks = [pairs[start : start + CHUNK] for start in range(0, len(pairs), CHUNK)]
        with ThreadPoolExecutor(self._workers) as pool:
            return [facts for found in pool.map(some, chunks) for facts in found]


def _clear_range(facts: Mapping[str, Sequence[Facts]]) -> bool:
    """Whether 8-bit pictures use so much of their range that their exact extremes don't matter."""
    looks = [fact.looks.picture for split in facts.values() for fact in split]
    shown = [look for look in looks if look is not None and look.white == 255]
    if not shown:
        return True
    lowest, highest = min(look.lowest for look in shown), max(look.highest for look in shown)
    return highest - MARGIN > DARK * 255 and lowest + MARGIN < LIGHT * 255 and highest - lowest > 2 * MARGIN
