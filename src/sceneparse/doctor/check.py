"""The data doctor: reads all of a data set before training does, and says everything that is wrong with it at once."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from sceneparse.datasets.camvid import CAMVID, camvid_splits
from sceneparse.datasets.folder import folder_splits
from sceneparse.datasets.opening import open_dataset, root_of
from sceneparse.datasets.pairs import Listing, list_pairs
from sceneparse.doctor import rules
from sceneparse.doctor.findings import SEVERITIES, Diagnosis, Finding, SplitSummary, print_diagnosis
from sceneparse.doctor.pair_facts import Facts, examine, examine_sample
from sceneparse.doctor.sample_check import survey
from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace
from sceneparse.progress import progress_bar
from sceneparse.settings import DataSettings

__all__ = ["Diagnosis", "Finding", "check", "print_diagnosis"]

TOYWORLD_SPLITS = ("train", "val", "test")
TOYWORLD_SAMPLE = 64
"""Scenes of each split of the toy world whose classes are counted."""


def check(settings: DataSettings, *, progress: bool = True, workers: int | None = None, channels: int = 3) -> Diagnosis:
    """Read every picture and mask of every split of a data set, and report all that is wrong.

    Data sets of other kinds than folders and CamVid are read as training reads them, sample by sample.

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
    if settings.kind == "toyworld":
        return _check_toyworld(settings, progress, start)
    if settings.kind not in ("folder", "camvid"):
        return survey(settings, progress, workers, channels)
    root = root_of(settings)
    splits = camvid_splits(root) if settings.kind == "camvid" else folder_splits(root)
    labels = CAMVID if settings.kind == "camvid" else LabelSpace.read(root / "classes.json")
    findings = list(rules.of_settings(settings, splits))
    listings: dict[str, Listing] = {}
    for split in splits.values():
        try:
            listings[split.name] = list_pairs(split)
        except UserError as error:
            findings.append(Finding("error", "no-folder", str(error)))
        else:
            findings += rules.of_listing(split, listings[split.name], root)
    with progress_bar(progress, sum(len(listing.pairs) for listing in listings.values())) as step:
        facts = {name: _examined(listing, labels, channels, workers, step) for name, listing in listings.items()}
    findings += rules.of_files([fact for split in facts.values() for fact in split], labels, root)
    findings += rules.of_copies(facts, root)
    summaries = []
    for name, split_facts in facts.items():
        summaries.append(rules.summary(name, split_facts, len(labels)))
        findings += rules.of_pictures(name, split_facts, root)
        findings += rules.of_balance(summaries[-1], labels, training=name in settings.train.split("+"))
    return _diagnosis(settings, labels, summaries, findings, start)


def _check_toyworld(settings: DataSettings, progress: bool, start: float) -> Diagnosis:
    datasets = {name: open_dataset(settings, name) for name in TOYWORLD_SPLITS}
    labels = datasets["train"].labels
    counts = {name: min(TOYWORLD_SAMPLE, len(dataset)) for name, dataset in datasets.items()}
    text = f"scenes are rendered, so no file needs a check; counted are the first {TOYWORLD_SAMPLE} of each split"
    findings = [Finding("note", "built-in", text, sum(counts.values()))]
    summaries = []
    with progress_bar(progress, sum(counts.values())) as step:
        for name, dataset in datasets.items():
            facts = []
            for index in range(counts[name]):
                facts.append(examine_sample(dataset[index], labels))
                step()
            summaries.append(rules.summary(name, facts, len(labels)))
            findings += rules.of_balance(summaries[-1], labels, training=name == "train")
    return _diagnosis(settings, labels, summaries, findings, start)


def _diagnosis(
    settings: DataSettings, labels: LabelSpace, summaries: list[SplitSummary], findings: list[Finding], start: float
) -> Diagnosis:
    findings.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    root = None if settings.kind == "toyworld" else settings.root
    seconds = time.perf_counter() - start
    return Diagnosis(settings.kind, root, labels, tuple(summaries), tuple(findings), seconds)


def _examined(
    listing: Listing, labels: LabelSpace, channels: int, workers: int | None, step: Callable[[], None]
) -> list[Facts]:
    def one(index: int) -> Facts:
        facts = examine(listing.pairs[index], labels, channels)
        step()
        return facts

    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        return list(pool.map(one, range(len(listing.pairs))))
