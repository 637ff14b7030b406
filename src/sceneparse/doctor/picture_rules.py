"""The doctor's rules about how files hold pictures and masks: orientation, range of numbers."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence, Set
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from sceneparse.datasets.kinds import KINDS
from sceneparse.doctor.findings import Finding, finding_of
from sceneparse.doctor.pair_facts import Facts, relative
from sceneparse.doctor.palette_rules import unlike_palettes
from sceneparse.doctor.roles import ROLES, Role
from sceneparse.errors import counted
from sceneparse.pictures.spans import DEEP
from sceneparse.settings.ranges import pairs_of

if TYPE_CHECKING:
    from sceneparse.doctor.rules import Evidence

_EXAMPLES = 10
DARK, LIGHT = 0.15, 0.85
"""A set whose numbers all lie below the first, or above the second share of the range is nearly black or white."""


def of_pictures(evidence: Evidence) -> Iterator[Finding]:
    """Apply all rules about how files hold pictures and masks."""
    for rule in (unclear_orientation, poor_range, translucent, further_pages, unlike_palettes):
        yield from rule(evidence)


def unclear_orientation(evidence: Evidence) -> Iterator[Finding]:
    """Find pictures that EXIF turns and whose masks fit them turned and unturned."""
    if evidence.settings.orientation != "apply":
        return
    unclear, upright = [], 0
    for fact in _all(evidence):
        picture, mask = fact.looks.picture, fact.looks.mask
        # A mask that says the same of itself is turned with its picture, or neither is.
        if picture is None or fact.size is None or (mask is None and fact.troubles):
            continue
        own = 1 if mask is None else mask.orientation  # what a tool drew has none
        if picture.orientation == own:
            continue
        if (picture.orientation <= 4 and own <= 4) or fact.size[0] == fact.size[1]:
            unclear.append(relative(fact.image if picture.orientation > 1 else fact.mask, evidence.root))
        elif not fact.troubles:
            upright += 1
    if unclear:
        others = f"; {counted(upright, 'other picture')} with such EXIF fit upright alone" if upright else ""
        message = (
            f"{counted(len(unclear), 'pair')} of which EXIF turns or mirrors one, and whose sizes fit turned and "
            f"unturned{others}: they are turned as their files say, which is wrong if the masks were drawn on the "
            "stored pixels (compare some in `sceneparse data show`; if so, set data.orientation to ignore)"
        )
        yield finding_of("warning", "unclear-orientation", message, unclear)


def poor_range(evidence: Evidence) -> Iterator[Finding]:
    """Find pictures that, all together, use a small part of the range of numbers that they are shown in."""
    groups: dict[int, list[Facts]] = defaultdict(list)
    for fact in _all(evidence):
        if fact.looks.picture is not None and fact.size is not None:
            groups[fact.looks.picture.white].append(fact)
    for white, facts in groups.items():
        looks = [fact.looks.picture for fact in facts if fact.looks.picture is not None]
        lowest, highest = min(look.lowest for look in looks), max(look.highest for look in looks)
        given = evidence.settings.range
        rasters = KINDS[evidence.settings.kind].rasters
        advice = _advice(white) if rasters is None else _ranges(rasters(evidence.settings).ranges, highest)
        pairs = ((0.0, float(white)),) if given is None or white == 255 else pairs_of(given)
        low, high = min(low for low, _ in pairs), max(high for _, high in pairs)
        found = f"{counted(len(facts), 'picture')} with numbers from {lowest:g} to {highest:g} alone"
        if white == 0 and given is None:
            continue  # refused, each by itself
        if white > 255 and given is None and highest <= DEEP * white:
            message = (
                f"{found}, of 0 to {white:,}: they are read nearly black; set data.range to the numbers that are black "
                f"and white, such as [0, {_whole(highest)}]"
            )
        elif given is not None and white != 255 and (highest <= low or lowest >= high):
            message = f"{found}, outside data.range [{low:g}, {high:g}]: they are read all black, or all white"
        elif rasters is not None and highest <= DEEP * white:
            message = f"{found}, of 0 to {white} once they are read: they are nearly black; {advice}"
        elif lowest == highest:
            message = f"{found}: nothing is in them to be seen"
        elif highest - low <= DARK * (high - low):
            message = f"{found}, of {low:g} to {high:g}: they are nearly black; {advice}"
        elif lowest - low >= LIGHT * (high - low):
            message = f"{found}, of {low:g} to {high:g}: they are nearly white; {advice}"
        else:
            continue
        yield finding_of("warning", "poor-range", message, [relative(fact.image, evidence.root) for fact in facts])


def _ranges(given: Sequence[tuple[float, float]], highest: float) -> str:
    """What helps rasters whose brightest byte is `highest`, which are read by given ranges or those of their types."""
    if given:
        top = max(low + (high - low) * (highest + 0.5) / 255 for low, high in given)
        fitting = f"[[{min(low for low, _ in given):g}, {math.ceil(top) if top >= 10 else f'{top:.3g}'}]]"
    else:
        fitting = f"[[0, {_whole(highest)}]] of values of 8 bits, [[0, {_whole(257 * highest + 128)}]] of 16"
    return f"set data.options.ranges to the values that are black and white, such as {fitting}"


def _whole(highest: float) -> int:
    """The largest number of as few bits as hold a number."""
    return (1 << max(int(highest), 1).bit_length()) - 1


def _advice(white: int) -> str:
    if white == 255:
        return "are they masks, or pictures of 0 to 1 that were saved without × 255? Write them with values of 0 to 255"
    return "set data.range to the numbers that are black and white"


def translucent(evidence: Evidence) -> Iterator[Finding]:
    """Find pictures that are laid over white although their last channel is probably no transparency."""
    found = [
        relative(fact.image, evidence.root)
        for fact in _all(evidence)
        if fact.looks.picture is not None and fact.looks.picture.translucent
    ]
    if found:
        message = (
            f"{counted(len(found), 'picture')} neither clear nor opaque at most pixels, which fade when they are laid "
            "over white; if the fourth channel is something else, such as near infrared, save the pictures without it"
        )
        yield finding_of("warning", "translucent", message, found)


def further_pages(evidence: Evidence) -> Iterator[Finding]:
    """Find pictures of which only the first page, or the first frame, is read."""
    found: dict[str, list[str]] = defaultdict(list)
    for fact in _all(evidence):
        if fact.looks.picture is not None and fact.looks.picture.further.more:
            found[fact.looks.picture.further.what].append(relative(fact.image, evidence.root))
    for what, files in sorted(found.items()):
        message = (
            f"{counted(len(files), 'picture')} of several {what}s, of which the first is read; if the others are "
            "pictures too, make a file of each"
        )
        yield finding_of("warning", f"further-{what}s", message, files)


def _all(evidence: Evidence) -> Iterator[Facts]:
    for split in evidence.facts.values():
        yield from split


def copies(evidence: Evidence) -> Iterator[Finding]:
    """Find the same picture file, byte for byte, on two sides or twice in one split.

    A file that two settings take is another rule's.
    """
    takes = {role: {fact.identity for fact in facts} for role, facts in evidence.by_role.items()}
    found: dict[bytes, list[tuple[str, Facts]]] = defaultdict(list)
    for name, split in evidence.facts.items():
        for fact in split:
            if fact.digest is not None:
                found[fact.digest].append((name, fact))
    shared: dict[tuple[Role, ...], list[str]] = defaultdict(list)
    unused: dict[tuple[str, ...], list[str]] = defaultdict(list)
    repeated: dict[str, list[str]] = defaultdict(list)
    for same in found.values():
        names = sorted({name for name, _ in same})
        own = {fact.identity: _called(name, fact, evidence) for name, fact in same}
        if len(own) == 1 and evidence.layout is None:  # one sample that two settings take
            continue
        files = " = ".join(own.values())
        sides = {role: takes[role].intersection(own) for role in ROLES}
        roles = tuple(role for role in ROLES if any(_apart(sides[role], sides[other]) for other in ROLES))
        if roles:
            shared[roles].append(files)
        elif len(names) > 1 and sum(map(bool, sides.values())) < 2:
            unused[tuple(names)].append(files)
        elif len(names) == 1 and len(same) > 1:
            repeated[names[0]].append(files)
    for splits, examples in unused.items():
        message = (
            f"{counted(len(examples), 'picture')} in {' and '.join(splits)} at once, of which training and testing use "
            "no more than one"
        )
        yield finding_of("note", "shared-pictures", message, examples)
    for roles, examples in shared.items():
        both = " and ".join(dict.fromkeys(getattr(evidence.settings, role) for role in roles))
        what = f"{counted(len(examples), 'picture')} in {both} at once"
        if "train" not in roles:
            message = f"{what}: the checkpoint is chosen by pictures that it is tested on"
            yield finding_of("warning", "shared-pictures", message, examples)
            continue
        message = f"{what}: figures measured on pictures that were trained on say nothing; keep each in one split"
        yield finding_of("error", "shared-pictures", message, examples)
    for name, examples in repeated.items():
        message = f"{name}: {counted(len(examples), 'picture')} more than once; each copy counts in every figure"
        yield finding_of("warning", "copies", message, examples)


def _called(split: str, fact: Facts, evidence: Evidence) -> str:
    """A picture's file; of one that has none, such as a table's row, its name and its split."""
    file = relative(fact.image, evidence.root)
    return file if fact.image.exists() else f"{split}: {file}"


def _apart(ones: Set[Hashable], others: Set[Hashable]) -> bool:
    """Whether each of two roles takes a copy that the other doesn't take."""
    return bool(ones - others and others - ones)


REPEATED = 10
"""So many pictures with one and the same mask are no chance."""


def repeated_masks(evidence: Evidence) -> Iterator[Finding]:
    """Find one mask of several classes, byte for byte, at most of the pictures, as a slip in a script makes it."""
    facts = list(_all(evidence))
    if evidence.layout is None:  # what is known of files is that of pictures
        return
    groups: dict[bytes, list[Facts]] = defaultdict(list)
    for fact in facts:
        if fact.total and np.count_nonzero(fact.pixels) > 1:
            groups[fact.pixels.tobytes()].append(fact)
    largest = max(groups.values(), key=len, default=[])
    if len(largest) < REPEATED or 2 * len(largest) <= len(facts):
        return
    found: dict[bytes, list[Facts]] = defaultdict(list)
    for fact in largest:
        with suppress(OSError):
            found[hashlib.blake2b(fact.mask.read_bytes()).digest()].append(fact)
    same = max(found.values(), key=len, default=[])
    if len(same) < REPEATED or 2 * len(same) <= len(facts) or len({fact.digest for fact in same}) == 1:
        return
    message = (
        f"{len(same):,} of {len(facts):,} pictures have one and the same mask, byte for byte: was it copied under "
        "other names? Compare some in `sceneparse data show`"
    )
    yield finding_of("warning", "repeated-mask", message, [relative(fact.mask, evidence.root) for fact in same])
