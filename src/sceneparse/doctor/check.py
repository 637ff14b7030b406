"""The data doctor: read all of a data set before training does, and report everything that is wrong at once."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from sceneparse.data.class_changes import Change
from sceneparse.datasets.kind import DatasetKind, root_of
from sceneparse.datasets.kinds import KINDS
from sceneparse.datasets.opening import open_dataset
from sceneparse.datasets.pairs import Listing, SplitFolders, list_pairs
from sceneparse.doctor.changed_classes import Changed
from sceneparse.doctor.findings import SEVERITIES, Diagnosis, Finding, print_diagnosis
from sceneparse.doctor.pair_facts import Facts, facts_of_rendered, pair_facts
from sceneparse.doctor.rules import BALANCE, Evidence, findings_of, poor_balance
from sceneparse.doctor.sample_check import check_samples
from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace, TaskLabels
from sceneparse.pictures.reading import Reading
from sceneparse.progress import progress_bar
from sceneparse.settings import DataSettings
from sceneparse.tasks import Task

__all__ = ["Diagnosis", "Finding", "check", "print_diagnosis"]

RENDERED = 64
"""Samples of each split whose classes are counted, where samples are rendered."""


def check(settings: DataSettings, *, progress: bool = True, workers: int | None = None, channels: int = 3) -> Diagnosis:
    """Read every picture and mask of every split of a data set, and report all that is wrong.

    Data sets that are not folders of pictures and masks are read as training reads them, sample by sample.

    Looked for: pictures and masks without each other, unreadable files, differing sizes, values outside the label
    space, masks of the wrong form, files that splits share, classes that never occur, too much that is ignored.

    Args:
        settings: Kind and place of the data set.
        progress: Show a progress bar on standard error.
        workers: Threads that decode (Pillow lets them run in parallel). Default: one for each processor.
        channels: Channels of the pictures, as `read_picture` takes them.

    Raises:
        UserError: The data set has another layout, or its label space cannot be read: nothing can be checked.
    """
    start = time.perf_counter()
    kind = KINDS[settings.kind]
    if kind.rendered:
        return _check_rendered(kind, settings, progress, start)
    if kind.pair_folders is None:
        return check_samples(settings, progress, workers, channels)
    root = root_of(settings)
    splits = kind.pair_folders(root)
    labels = kind.labels or LabelSpace.read(root / "classes.json")
    listings = {name: _listed(split) for name, split in splits.items()}
    there = {name: listing for name, listing in listings.items() if isinstance(listing, Listing)}
    with progress_bar(progress, sum(len(listing.pairs) for listing in there.values())) as step:
        reading = Reading(settings.orientation, settings.range)
        facts = {name: _read_all(listing, labels, channels, reading, workers, step) for name, listing in there.items()}
    evidence = Evidence(settings, root, labels, facts, splits, listings)
    return _diagnosis(evidence, list(findings_of(evidence)), start)


def _changed(evidence: Evidence) -> tuple[Evidence, tuple[Change, ...]]:
    """Return what was read, by the classes that `data.classes` makes of the own ones, and what became of these."""
    if not evidence.settings.classes.renames():
        return evidence, ()
    task = Task.OBJECT.truth
    changed = Changed(evidence.settings, TaskLabels(evidence.labels))
    labels = changed.tasks.objects
    assert labels is not None
    facts = {name: [changed.facts(task, one) for one in split] for name, split in evidence.facts.items()}
    table = changed.table({task: [one for split in evidence.facts.values() for one in split]})
    return replace(evidence, labels=labels, facts=facts), table


def _listed(split: SplitFolders) -> Listing | UserError:
    try:
        return list_pairs(split)
    except UserError as error:
        return error


def _check_rendered(kind: DatasetKind, settings: DataSettings, progress: bool, start: float) -> Diagnosis:
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
    return _diagnosis(evidence, findings, start)


def _diagnosis(evidence: Evidence, findings: list[Finding], start: float) -> Diagnosis:
    evidence, changes = _changed(evidence)
    if changes:  # what is said of classes holds for those that there are now
        findings = [finding for finding in findings if finding.code not in BALANCE]
        findings += [finding for name in evidence.facts for finding in poor_balance(evidence, name)]
    settings, summaries = evidence.settings, tuple(evidence.summaries.values())
    findings.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    seconds = time.perf_counter() - start
    return Diagnosis(
        settings.kind, settings.root, evidence.labels, summaries, tuple(findings), seconds, changes=changes
    )


def _read_all(
    listing: Listing,
    labels: LabelSpace,
    channels: int,
    reading: Reading,
    workers: int | None,
    step: Callable[[], None],
) -> list[Facts]:
    def one(index: int) -> Facts:
        facts = pair_facts(listing.pairs[index], labels, channels, reading)
        step()
        return facts

    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        return list(pool.map(one, range(len(listing.pairs))))
