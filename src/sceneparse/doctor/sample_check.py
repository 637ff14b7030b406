"""The check of data sets that are no folders of pairs: every sample is read as training would read it."""

import hashlib
import os
import time
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from sceneparse.data.class_changes import Change
from sceneparse.data.sample import DataSet, Sample, doubts_of, identity_of, notes_of, stored_of
from sceneparse.datasets.kinds import KINDS
from sceneparse.datasets.one_class import Look, occurring_in, refuse_unlearnable
from sceneparse.datasets.opening import open_dataset, open_for_training, parting_note, role_positions, undivided
from sceneparse.doctor import rules
from sceneparse.doctor.changed_classes import Changed
from sceneparse.doctor.class_rules import class_balance, classes_that_occur, unread
from sceneparse.doctor.findings import SEVERITIES, Diagnosis, Finding, TaskSummary
from sceneparse.doctor.lookalikes import lookalikes
from sceneparse.doctor.looks import sample_looks
from sceneparse.doctor.mirror_pairs import left_and_right
from sceneparse.doctor.overlap import overlapping, taken_by
from sceneparse.doctor.pair_facts import Facts, Trouble
from sceneparse.doctor.picture_rules import copies, of_pictures
from sceneparse.doctor.roles import ROLES, Role
from sceneparse.errors import MissingPackageError, MissingSplitError, UnannotatedError, UserError
from sceneparse.labels import IGNORE, LabelSpace, TaskLabels
from sceneparse.pictures.problems import PictureError
from sceneparse.processes.machine import usable_cores
from sceneparse.progress import progress_bar
from sceneparse.settings import DataSettings
from sceneparse.tasks import MAPS, Task, TruthName

Known = dict[TruthName, Facts]
"""What is known about a sample, for each task that it is labelled for."""


def check_samples(
    settings: DataSettings, progress: bool, workers: int | None, channels: int, *, mirrored: bool = True
) -> Diagnosis:
    """Read every sample of every split, and report what is wrong and how often each class of each task occurs.

    Args:
        settings: Kind and place of the data set.
        progress: Show a progress bar on standard error.
        workers: Threads that decode. Default: one for each processor.
        channels: Channels of the pictures.
        mirrored: Whether training mirrors pictures.

    Raises:
        UserError: No split can be opened.
    """
    start = time.perf_counter()
    datasets, findings = _splits(settings, channels)
    # What a kind has to say of how it read the data, once for all splits.
    said = dict.fromkeys(note for dataset in datasets.values() for note in notes_of(dataset))
    findings += [Finding("note", "assumed", note) for note in said]
    doubts = dict.fromkeys(doubt for dataset in datasets.values() for doubt in doubts_of(dataset))
    findings += [Finding(doubt.severity, doubt.code, doubt.text) for doubt in doubts]
    tasks = next(iter(datasets.values())).tasks
    spaces = _spaces(tasks)
    changed = Changed(settings, tasks) if settings.classes.changing else None
    with progress_bar(progress, sum(map(len, datasets.values()))) as step:
        looks = {name: _looks(dataset, spaces, workers, step) for name, dataset in datasets.items()}
    changes: tuple[Change, ...] = ()
    if changed is not None:
        changes, looks = _changed(changed, looks, spaces) if settings.classes.renames() else (changes, looks)
        spaces = _spaces(changed.tasks)
    root = Path(settings.root or "")
    labels = next(iter(spaces.values()))
    nothing = np.zeros(len(labels), dtype=np.int64)
    one_each = {
        name: [replace(next(iter(look.values())), pixels=nothing) for look in split] for name, split in looks.items()
    }
    evidence = rules.Evidence(settings, root, labels, one_each, whole=_whole(settings, datasets))
    findings += [*rules.unusable_files(evidence), *copies(evidence), *of_pictures(evidence)]
    findings += [*lookalikes(evidence), *overlapping(settings, taken_by(evidence))]
    summaries = []
    for task, space in spaces.items():
        splits = []
        for name, split in looks.items():
            facts = [look[task] for look in split if task in look]
            splits.append(rules.summary(name, facts, len(space)))
            training, needed = name not in (settings.val, settings.test), name != settings.test or name == settings.val
            for finding in class_balance(splits[-1], space, training=training, needed=needed):
                # Sources of a mixture leave most pixels open, and need no warning.
                if finding.code in ("class-never", "nothing-labelled"):
                    message = finding.message.replace(": ", f": of {task}, ", 1)
                    findings.append(Finding(finding.severity, finding.code, message, finding.count, finding.examples))
        summaries.append(TaskSummary(task, space, tuple(splits)))
    if tasks.objects is not None:
        if len(spaces) == 1:
            every = {name: [next(iter(look.values())) for look in split] for name, split in looks.items()}
            counts = replace(evidence, facts=every)
            learnt, measured = counts.taken("train"), counts.taken("val")
            if any(map(unread, one_each.values())):
                learnt = measured = []  # what else occurs is not known
            findings += classes_that_occur(labels, settings, learnt, measured)
        findings += refusals(settings, channels, findings)
    else:
        text = "no objects are labelled: it can be trained on as one data set of a mixture with others that do"
        findings.append(Finding("note", "no-objects", text))
    findings += left_and_right(spaces.values(), settings) if mirrored else []
    findings.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    # The first table is of all pictures, whatever they are labelled for.
    first = TaskSummary(
        summaries[0].task,
        labels,
        tuple(
            replace(split, pictures=whole.pictures, sizes=whole.sizes)
            for split, whole in zip(summaries[0].splits, evidence.summaries.values(), strict=True)
        ),
    )
    seconds = time.perf_counter() - start
    shown = None if settings.root is None else str(settings.root)
    others = tuple(summaries[1:])
    return Diagnosis(
        settings.kind, shown, first.labels, first.splits, tuple(findings), seconds, others, changes=changes
    )


def _changed(
    changed: Changed, looks: dict[str, list[Known]], spaces: Collection[TruthName]
) -> tuple[tuple[Change, ...], dict[str, list[Known]]]:
    """Return what became of the own classes, and what is known about samples by the classes that there are now."""
    every = [look for split in looks.values() for look in split]
    changes = changed.table({task: [look[task] for look in every if task in look] for task in spaces})
    found = {
        name: [{task: changed.facts(task, facts) for task, facts in look.items()} for look in split]
        for name, split in looks.items()
    }
    return changes, found


def refusals(
    settings: DataSettings, channels: int, findings: Sequence[Finding], look: Look | None = occurring_in
) -> Iterator[Finding]:
    """Find what training would refuse before its first step, by opening the data as it does.

    Args:
        settings: Kind and place of the data set, and the splits' names.
        channels: Channels of the pictures.
        findings: What was found already: where there are errors, training is refused for them.
        look: Says what occurs in a sample; None where that is known of all that is trained and validated on.
    """
    if any(finding.severity == "error" for finding in findings):
        return
    try:
        splits = open_for_training(settings, channels=channels)
        if look is not None:
            refuse_unlearnable(*splits, settings, look)
    except UserError as error:
        yield Finding("error", "refused", f"training refuses it: {error}")


def _splits(settings: DataSettings, channels: int) -> tuple[dict[str, DataSet], list[Finding]]:
    """The splits that can be opened, and a note on those that cannot."""
    kind = KINDS[settings.kind]
    own = settings.classes.only_file()  # they are read with their own classes
    if kind.mixes and settings.classes.mirror is None:  # its sources' pairs may contradict each other
        own = replace(own, mirror=None)
    settings = replace(settings, classes=own)
    if kind.undivided and not _has(settings, settings.train, channels):
        whole = undivided(settings, settings.train, channels=channels)
        if whole is not None:
            return {"all": whole}, [Finding("note", "parted", parting_note(whole))]
    errors: list[UserError] = []
    notes: list[Finding] = []
    # Those that the settings name; all where none of them is there.
    for names in (dict.fromkeys((settings.train, settings.val, settings.test)), ("all",)):
        found: dict[str, DataSet] = {}
        for name in names:
            try:
                found[name] = open_dataset(settings, name, channels=channels)
            except MissingPackageError:  # without it no file can be judged
                raise
            except UserError as error:
                if names != ("all",) and str(error) not in map(str, errors):  # splits' files are compared with others
                    notes.append(_unopened(settings, name, error))
                errors.append(error)
        if found:
            return found, notes
    # What is wrong with a split that is there says more than which ones are not.
    raise next((error for error in errors if not isinstance(error, MissingSplitError)), errors[0])


def _unopened(settings: DataSettings, name: str, error: UserError) -> Finding:
    """What is said of a split that cannot be opened: training needs no more than the other two of one for testing."""
    needed, missing = name in (settings.train, settings.val), isinstance(error, MissingSplitError)
    if needed:
        return Finding("error", "no-split" if missing else "unusable-split", str(error))
    if missing:
        return Finding(rules.missing_severity(settings, "test"), "no-split", str(error))
    # Its pictures are often not there, or have boxes alone; training never opens it.
    code = "empty-split" if isinstance(error, UnannotatedError) else "unusable-split"
    return Finding("warning", code, f"{name}: it is not trained on, but nothing can be measured on it: {error}")


def _whole(settings: DataSettings, datasets: Mapping[str, DataSet]) -> tuple[str, Mapping[Role, Sequence[int]]] | None:
    """Of a data set in one piece, its only split, and the positions of what each role takes of it."""
    if (
        not KINDS[settings.kind].undivided
        or list(datasets) != ["all"]
        or "all" in (settings.train, settings.val, settings.test)
    ):
        return None
    found: dict[Role, Sequence[int]] = {}
    for role in ROLES:
        with suppress(UserError):  # which opening it for training says
            found[role] = role_positions(settings, getattr(settings, role), datasets["all"])
    return "all", found


def _has(settings: DataSettings, split: str, channels: int) -> bool:
    """Whether a data set has a split itself."""
    try:
        KINDS[settings.kind].open(settings, split, channels)
    except MissingSplitError:
        return False
    except UserError:
        return True  # and it is damaged
    return True


def _looks(
    dataset: DataSet, spaces: dict[TruthName, LabelSpace], workers: int | None, step: Callable[[], None]
) -> list[Known]:
    def one(index: int) -> Known:
        look = _look(dataset, index, spaces)
        step()
        return look

    with ThreadPoolExecutor(workers or usable_cores()) as pool:
        return list(pool.map(one, range(len(dataset))))


def _look(dataset: DataSet, index: int, spaces: dict[TruthName, LabelSpace]) -> Known:
    file = Path(dataset.name(index))
    try:
        sample = dataset[index]
    except UserError as error:
        problem = error.problem if isinstance(error, PictureError) else "unreadable"
        file = _file_at_fault(dataset, index, str(error)) or file
        trouble = Trouble(problem, file, str(error))
        # It stands under the first task, whose counts it adds nothing to.
        task, labels = next(iter(spaces.items()))
        none = np.zeros(len(labels), dtype=np.int64)
        return {task: Facts(file, file, None, None, "", none, 0, 0, troubles=(trouble,), sample=object())}
    if sample.path:
        file = Path(sample.path)
    digest, identity = _digest(sample), _identity(dataset, index, sample)
    stored = sample_looks(sample.image, stored_of(dataset, index))
    looks: Known = {}
    masks = sample.masks()
    for task, labels in spaces.items():
        if task == Task.SCENE.truth:
            known = np.array([] if sample.scene is None else [sample.scene], dtype=np.int64)
            total = len(known)
        elif task in masks:
            known = masks[task].numpy().astype(np.int64).ravel()
            total = known.size
        else:
            continue
        if total:
            counts = np.bincount(known - IGNORE, minlength=len(labels) + 1)
            looks[task] = Facts(
                file, file, digest, sample.size, "RGB", counts[1:], int(counts[0]), total, looks=stored, sample=identity
            )
    if not looks:
        trouble = Trouble("values", file, f"{file}: labelled for none of the tasks")
        task = next(iter(spaces))
        none = np.zeros(len(spaces[task]), dtype=np.int64)
        return {task: Facts(file, file, digest, None, "", none, 0, 0, troubles=(trouble,), sample=identity)}
    return looks


def _file_at_fault(dataset: DataSet, index: int, message: str) -> Path | None:
    """The picture's or the mask's file, where a message begins with its path."""
    with suppress(UserError):  # what is embedded in an annotation file is read from there
        stored = (one for one in stored_of(dataset, index) or () if isinstance(one, Path))
        return next((one for one in stored if message.startswith(f"{one}: ")), None)
    return None


def _digest(sample: Sample) -> bytes | None:
    """A hash of a sample's picture file or, of what has none of its own, of its picture; None of one that is blank."""
    if sample.path:
        return hashlib.blake2b(Path(sample.path).read_bytes(), digest_size=16).digest()
    pixels = sample.image.numpy()
    if pixels.size == 0 or pixels.min() == pixels.max():
        return None
    return hashlib.blake2b(pixels.tobytes(), digest_size=16).digest()


def _identity(dataset: DataSet, index: int, sample: Sample) -> Hashable:
    """What a sample is, in whichever split it comes: its file, what its data set says, or what it shows."""
    if sample.path:
        return os.path.abspath(sample.path)  # noqa: PTH100 - `resolve` asks the disk for each
    return identity_of(dataset, index) or _digest(sample) or object()


def _spaces(tasks: TaskLabels) -> dict[TruthName, LabelSpace]:
    """The label spaces that there are, the objects' first."""
    found = {task.truth: tasks.space(task) for task in (*MAPS, Task.SCENE)}
    return {name: space for name, space in found.items() if space is not None}
