"""Explain findings to the reader: what happens, how one knows, and what to do about it."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from sceneparse.diagnosing.diagnose import Diagnosis
from sceneparse.diagnosing.findings import Finding
from sceneparse.diagnosing.origin import Origin, anything
from sceneparse.diagnosing.remedies import remedy
from sceneparse.errors import counted
from sceneparse.evaluation.page import percent

TITLES: dict[str, str] = {
    "mismatched": "Mismatched relationships",
    "confusable": "Confusable categories",
    "inconspicuous": "Inconspicuous things",
    "boundary": "Boundaries",
    "rest": "Everything else",
}


@dataclass(frozen=True)
class Advice:
    """The explanation of a finding.

    Args:
        title: What happens, as a heading.
        evidence: How one knows, in one or two sentences; settings stand between backticks, as in the next.
        remedy: What to do.
    """

    title: str
    evidence: str
    remedy: str


def advise(one: Finding, diagnosis: Diagnosis, origin: Origin | None = None) -> Advice:
    """Explain a finding as text for a terminal; see `marked` for its remedy.

    Args:
        one: The finding.
        diagnosis: Where it was found.
        origin: What is known of the model's training: what that did already is not advised.
    """
    explained = {
        "mismatched": _mismatched,
        "confusable": _confusable,
        "inconspicuous": _inconspicuous,
        "boundary": _boundary,
    }
    title, evidence = explained[one.kind](one, diagnosis)
    return Advice(title, evidence, remedy(one.kind, origin or anything(), diagnosis.evaluation.protocol))


def marked(text: str) -> str:
    """Return advice as HTML: a whole command stands in lines of its own, and no word of what is typed is cut in two."""
    return re.sub(r" ?`([^`]+)`(\.?) ?", _typed, escape(text)).strip()


def _typed(found: re.Match[str]) -> str:
    words = " ".join(f"<span>{word}</span>" for word in found[1].split(" "))
    if found[1].startswith("sceneparse "):
        return f'<code class="command">{words}</code>'
    before, after = (" " if whole else "" for whole in (found[0].startswith(" "), found[0].endswith(" ")))
    return f'{before}<code class="typed">{words}</code>{found[2]}{after}'


def finding_rows(diagnosis: Diagnosis) -> list[tuple[str, str, str]]:
    """Return what every finding is called, what the mean IoU would gain without it, and its wrong pixels, as text."""
    return [(advise(one, diagnosis).title, points(one.gain), f"{one.pixels:,}") for one in diagnosis.findings.found]


def points(gain: float) -> str:
    """Return a difference of the mean IoU in points: "+2.31"."""
    return f"{100 * gain:+.2f}".replace("-", "−")


def _names(diagnosis: Diagnosis) -> Sequence[str]:
    return diagnosis.evaluation.labels.names


def _mismatched(one: Finding, diagnosis: Diagnosis) -> tuple[str, str]:
    names, relations = _names(diagnosis), diagnosis.relations
    read, true = one.classes[0], one.most("truth")
    against = int(diagnosis.failures.against[read].argmax())
    evidence = (
        f"{one.times:,} of the {one.chances:,} regions that are read as “{names[read]}” contradict the picture they "
        f"are in and are wrong; most of them are truly “{names[true]}”. "
    )
    sides = relations.neighbours[read, :, against]
    if relations.scene[read, against] <= sides.min():
        here, there = int(relations.present[read]), int(relations.present[against])
        both, chance = int(relations.together[read, against]), here * there / relations.pictures
        evidence += (
            f"Of {counted(relations.pictures, 'training picture')}, {here:,} show “{names[read]}” on 0.1% of "
            f"their pixels or more and {there:,} “{names[against]}”, but {both:,} show both, where chance alone would "
            f"give {chance:.0f}."
        )
    else:
        side = int(sides.argmin())
        own, everyone = relations.contacts[read], relations.contacts.sum(axis=0)
        share, usual = own[side, against] / max(own.sum(), 1), everyone[side, against] / max(everyone.sum(), 1)
        evidence += (
            f"In the training truth “{names[against]}” {('beside', 'above', 'below')[side]} it takes "
            f"{percent(float(share))} of the outline of “{names[read]}”, where {percent(float(usual))} would be usual."
        )
    return f"“{names[read]}” is read where the rest of the picture speaks against it", evidence


def _confusable(one: Finding, diagnosis: Diagnosis) -> tuple[str, str]:
    names, failures = _names(diagnosis), diagnosis.failures
    a, b = one.classes if one.lost[one.classes] >= one.lost[one.classes[::-1]] else one.classes[::-1]
    forth, back = int(one.lost[a, b]), int(one.lost[b, a])
    split = int(failures.split[a, b] + failures.split[b, a])
    title = (
        f"“{names[a]}” is read as “{names[b]}”"
        if back < 0.1 * forth
        else f"“{names[a]}” and “{names[b]}” are taken for each other"
    )
    evidence = (
        f"{counted(forth, 'pixel')} of “{names[a]}” read as “{names[b]}” and {back:,} the other way round, boundaries "
        f"left out. Of the {one.chances:,} true regions of the two, {split:,} are split between both labels and "
        f"{one.times - split:,} carry the other one alone."
    )
    return title, evidence


def _inconspicuous(one: Finding, diagnosis: Diagnosis) -> tuple[str, str]:
    names = _names(diagnosis)
    name, read = one.classes[0], one.most("read")
    below = f"{100 * (one.below or 0.0):g}%"
    side = round(100 * math.sqrt(one.below or 0.0))
    evidence = (
        f"Of the {one.chances:,} true regions of “{names[name]}” that take up less than {below} of their picture (a "
        f"square of {side}% of its side), {one.times:,} are overlooked: less than a quarter of them is found, and the "
        f"rest went down in a larger region, mostly of “{names[read]}”."
    )
    return f"“{names[name]}” is overlooked where it is smaller than {below} of the picture", evidence


def _boundary(one: Finding, diagnosis: Diagnosis) -> tuple[str, str]:
    wrong = sum(diagnosis.findings.pixels.values())
    evidence = (
        f"{percent(one.pixels / one.chances)} of all pixels, {percent(one.pixels / max(wrong, 1), 0)} of those that "
        "are wrong, carry the class that stands just across the true boundary, at most 0.5% of the picture's diagonal "
        "away. "
        f"The mean boundary IoU is {percent(diagnosis.boundaries.mean_iou)}."
    )
    return "Boundaries are drawn a few pixels beside the true ones", evidence
