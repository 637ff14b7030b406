"""The doctor's rules: one function a rule, from evidence to findings; `RULES` and `SPLIT_RULES` list them."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from sceneparse.arguments import argument
from sceneparse.datasets.layout import CLASSES, Layout, unknown_text, wrong_form
from sceneparse.datasets.left_out import left_out
from sceneparse.datasets.matching import Listing, SplitFolders, patterns_advice
from sceneparse.datasets.subsets import chosen_pairs, parting, splits_there
from sceneparse.datasets.testing import evaluate_command
from sceneparse.doctor.class_rules import poor_balance, single_class
from sceneparse.doctor.findings import EXAMPLES, Finding, Severity, SplitSummary, finding_of
from sceneparse.doctor.lookalikes import lookalikes
from sceneparse.doctor.packed_rules import packed_hint, packed_masks
from sceneparse.doctor.pair_facts import Facts, Trouble, relative
from sceneparse.doctor.palette_rules import unlike_palettes
from sceneparse.doctor.picture_rules import (
    copies,
    further_pages,
    poor_range,
    repeated_masks,
    translucent,
    unclear_orientation,
)
from sceneparse.doctor.roles import ROLES, Role, role_facts, role_splits
from sceneparse.doctor.troubles import TROUBLES, VARIOUS
from sceneparse.errors import MissingSplitError, UserError, counted
from sceneparse.labels import LabelSpace
from sceneparse.pictures.masks import values_outside
from sceneparse.pictures.problems import Problem
from sceneparse.settings import DataSettings


@dataclass(frozen=True)
class Evidence:
    """What the doctor has read of a data set.

    Args:
        settings: Kind and place of the data set.
        root: Its folder; files are named by their paths below it.
        labels: The label space.
        facts: Of each split, what is known about its samples.
        layout: What lies on disk, of a data set of pictures and masks.
        whole: Of a data set in one piece without a layout, its only split, and the positions of those of its samples
            that each role takes.
    """

    settings: DataSettings
    root: Path
    labels: LabelSpace
    facts: Mapping[str, Sequence[Facts]]
    layout: Layout | None = None
    whole: tuple[str, Mapping[Role, Sequence[int]]] | None = None

    @cached_property
    def summaries(self) -> dict[str, SplitSummary]:
        """Sums over each split."""
        return {name: summary(name, facts, len(self.labels)) for name, facts in self.facts.items()}

    @cached_property
    def by_role(self) -> dict[Role, list[Facts]]:
        """What is known about the samples that each role takes."""
        return {role: role_facts(self, role) for role in ROLES}

    def taken(self, role: Role) -> list[SplitSummary]:
        """Sums over the samples that a setting names, as one; nothing of a split that is not there.

        Args:
            role: train, val or test.
        """
        facts = self.by_role[role]
        return [summary(getattr(self.settings, role), facts, len(self.labels))] if facts else []


def missing_splits(evidence: Evidence) -> Iterator[Finding]:
    """Find splits that the settings name and that aren't there."""
    settings, layout = evidence.settings, evidence.layout
    if layout is None:
        return
    for role, wanted in (("train", settings.train), ("val", settings.val), ("test", settings.test)):
        severity = missing_severity(settings, role)
        for name in wanted.split("+"):
            try:
                own = name.partition("[")[0]
                chosen_pairs(layout.splits, own, layout.root, undivided=layout.undivided, val=settings.val)
            except MissingSplitError:
                named = splits_there(layout.splits, settings.val) if layout.undivided else layout.splits
                there = ", ".join(named) + ("" if role == "test" else parting(layout.splits, own))
                text = f"data.{role} is '{wanted}', but there is no split '{own}'; there are: {there}"
                if severity == "note":
                    command = evaluate_command("MODEL", settings.root, split=settings.val)
                    another = argument("split", settings.val, option=command)
                    text += f"; to evaluate on what is held out from training: {another}"
                yield Finding(severity, "no-split", text)
            except UserError as error:
                if error not in layout.splits.values():  # that it cannot be listed is said of each split
                    yield Finding(severity, "no-split", str(error))


def missing_severity(settings: DataSettings, role: str) -> Severity:
    """Return how grave it is that a split is not there that the settings name.

    The truth for testing is often not public, and training needs none: only whoever asked for another name than the
    default is warned.

    Args:
        settings: What names the splits.
        role: train, val or test.
    """
    if role != "test":
        return "error"
    return "note" if settings.test == DataSettings.test else "warning"


def assumed(evidence: Evidence) -> Iterator[Finding]:
    """Say what was assumed of the files: which they are, what their splits stand for, what is unlabelled."""
    if evidence.layout is not None:
        for note in evidence.layout.notes():
            yield Finding(note.severity, note.code, note.text)


def files_left_out(evidence: Evidence) -> Iterator[Finding]:
    """Count files whose format isn't read."""
    if evidence.layout is None:
        return
    folders = evidence.layout.folders.values()
    found = left_out((one for split in folders for one in (split.images, split.masks)), evidence.root)
    for one in found.kinds:
        yield Finding("warning", "left-out", str(one), one.count, tuple(one.examples[:EXAMPLES]))


def unpaired_files(evidence: Evidence) -> Iterator[Finding]:
    """Find missing folders, pictures and masks without each other, ambiguous names, and splits without a pair."""
    layout = evidence.layout
    roles: tuple[Role, ...] = ("train", "val")
    needed = {name for role in roles for name in role_splits(evidence, role)}
    for name, listing in layout.splits.items() if layout is not None else ():
        assert layout is not None
        if isinstance(listing, UserError):
            yield Finding("error" if name in needed else "warning", "no-folder", str(listing))
            continue
        if name not in needed and not (listing.pairs or listing.without_picture or listing.rivals):
            found = f" {counted(len(listing.without_mask), 'picture')} without a mask" if listing.without_mask else ""
            text = (
                f"{name}: no picture with a mask in {relative(layout.folders[name].images, evidence.root)}"
                f"{',' * bool(found)}{found}; it is not trained on, but nothing can be measured on it"
            )
            yield Finding("warning", "empty-split", text)
            continue
        if layout.partly and listing.without_mask and listing.pairs:
            examples = [relative(file, evidence.root) for file in listing.without_mask]
            text = f"{name}: {counted(len(examples), 'picture')} without a mask are left out: nothing was drawn there"
            yield finding_of("warning", "not-annotated", text, examples)
            listing = replace(listing, without_mask=())
        yield from _unpaired(layout.folders[name], listing, evidence.root, patterns=layout.patterns)


def _unpaired(split: SplitFolders, listing: Listing, root: Path, *, patterns: bool) -> Iterator[Finding]:
    rule = listing.rule()
    if patterns and (advice := patterns_advice(listing, split)):
        rule = f"{rule}; {advice}"
    for files, code, text in (
        (listing.without_mask, "no-mask", f"without a mask in {relative(split.masks, root)}"),
        (listing.without_picture, "no-picture", f"without a picture in {relative(split.images, root)}"),
        (listing.doubles, "same-name", "with another file's name but for the suffix"),
    ):
        if files:
            message = f"{split.name}: {counted(len(files), 'file')} {text}; {rule}"
            yield finding_of("error", code, message, [relative(file, root) for file in files])
    if listing.rivals:
        text = (
            f"{split.name}: {counted(len(listing.rivals), 'picture')} that would have a mask which another picture "
            "has already; of each two, take away the one that the mask was not drawn on, or give each a mask of its "
            "own name"
        )
        yield finding_of("error", "shared-mask", text, [relative(file, root) for file in listing.rivals])
    if not listing.pairs:
        yield Finding("error", "empty-split", f"{split.name}: no picture with a mask in {relative(split.images, root)}")


def unusable_files(evidence: Evidence) -> Iterator[Finding]:
    """Find files that cannot be used, and values outside the label space over all masks together."""
    facts, root = [fact for split in evidence.facts.values() for fact in split], evidence.root
    kinds: dict[Problem, list[Trouble]] = defaultdict(list)
    for fact in facts:
        for trouble in fact.troubles:
            kinds[trouble.problem].append(trouble)
    named_in = CLASSES if evidence.layout is None else evidence.layout.named_in
    for problem, troubles in kinds.items():
        message = troubles[0].message
        if other := wrong_form(problem, named_in):
            message = f"{counted(len(troubles), 'mask')} that cannot be used; of each, {other}"
        elif len(troubles) > 1:
            reasons = f". {_reasons(troubles, root)}" if problem in VARIOUS else ""
            message = f"{len(troubles):,} {TROUBLES[problem]}{reasons}"
        yield finding_of("error", problem, message, [relative(trouble.file, root) for trouble in troubles])
    unknown: Counter[str] = Counter()
    for fact in facts:
        unknown.update(fact.unknown)
    if unknown:
        masks = [relative(fact.mask, root) for fact in facts if fact.unknown]
        fixed = evidence.layout is not None and evidence.layout.fixed
        seen = any(fact.pixels[-1] for fact in facts)
        hint = packed_hint(evidence) if not fixed and named_in == CLASSES else ""
        text = unknown_text(unknown, evidence.labels, fixed=fixed, last_seen=seen, named_in=named_in)
        text = f"{values_outside(unknown, evidence.labels)}. {hint}" if hint else text
        message = f"{counted(len(masks), 'mask')}: {text}"
        yield finding_of("error", "unknown-values", message, masks)


def _reasons(troubles: Sequence[Trouble], root: Path) -> str:
    """Say why files cannot be used: of each reason the first file, and how many more it holds for."""
    files: dict[str, list[Path]] = defaultdict(list)
    for trouble in troubles:
        files[trouble.message.removeprefix(f"{trouble.file}: ")].append(trouble.file)
    usual = sorted(files.items(), key=lambda item: -len(item[1]))
    said = [
        f"{relative(found[0], root)}{f' and {len(found) - 1:,} more' if len(found) > 1 else ''}: {reason}"
        for reason, found in usual[:REASONS]
    ]
    more = len(usual) - len(said)
    return "; ".join(said) + (f"; and {counted(more, 'other reason')}" if more else "")


REASONS = 3
"""Reasons at most that are told of files which cannot be used."""


def odd_pictures(evidence: Evidence, name: str) -> Iterator[Finding]:
    """Find mixed forms of pictures, and pictures without any labelled pixel, in a split."""
    facts, root = evidence.facts[name], evidence.root
    forms = Counter(_FORMS.get(fact.mode, fact.mode) for fact in facts if fact.size is not None)
    if len(forms) > 1:
        listed = ", ".join(f"{count:,} {form}" for form, count in forms.most_common())
        message = f"{name}: pictures of different forms ({listed}); all are converted to the same channels"
        usual = forms.most_common(1)[0][0]
        odd = [relative(f.image, root) for f in facts if f.size is not None and _FORMS.get(f.mode, f.mode) != usual]
        yield finding_of("note", "mixed-forms", message, odd)
    blank = [relative(fact.mask, root) for fact in facts if fact.total and fact.ignored == fact.total]
    if blank:
        message = f"{name}: {counted(len(blank), 'mask')} ignored everywhere: nothing is learnt or measured there"
        if sum(fact.total > 0 for fact in facts) > len(blank):  # else class_balance says it, of the whole split
            yield finding_of("warning", "nothing-labelled", message, blank)


_FORMS = {
    "RGB": "colour",
    "L": "grey",
    "1": "one-bit",
    "P": "palette",
    "RGBA": "colour with transparency",
    "LA": "grey with transparency",
    "CMYK": "CMYK",
    "I;16": "16-bit grey",
    "I;16B": "16-bit grey",
    "1 band of uint16": "16-bit grey",
}


RULES: tuple[Callable[[Evidence], Iterator[Finding]], ...] = (
    assumed,
    missing_splits,
    unpaired_files,
    files_left_out,
    unusable_files,
    unclear_orientation,
    unlike_palettes,
    packed_masks,
    poor_range,
    translucent,
    further_pages,
    copies,
    repeated_masks,
    lookalikes,
    single_class,
)
"""What is looked for in a data set as a whole, in the order in which it is reported."""

SPLIT_RULES: tuple[Callable[[Evidence, str], Iterator[Finding]], ...] = (odd_pictures, poor_balance)
"""What is looked for in each split, by its name."""


def findings_of(evidence: Evidence) -> Iterator[Finding]:
    """Find all that the rules object to."""
    for rule in RULES:
        yield from rule(evidence)
    for name in evidence.facts:
        for split_rule in SPLIT_RULES:
            yield from split_rule(evidence, name)


def summary(name: str, facts: Sequence[Facts], classes: int) -> SplitSummary:
    """Return the sums over a split.

    Args:
        name: The split.
        facts: What is known about its samples.
        classes: Number of classes of the label space.
    """
    pixels, pictures_with = np.zeros(classes, dtype=np.int64), np.zeros(classes, dtype=np.int64)
    for fact in facts:
        pixels += fact.pixels
        pictures_with += fact.pixels > 0
    return SplitSummary(
        name=name,
        pictures=len(facts),
        sizes=Counter(fact.size for fact in facts if fact.size is not None),
        pixels=tuple(pixels.tolist()),
        pictures_with=tuple(pictures_with.tolist()),
        ignored=sum(fact.ignored for fact in facts),
        total=sum(fact.total for fact in facts),
    )
