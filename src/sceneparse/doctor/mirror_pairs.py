"""The doctor on left and right: classes that look like the two sides of one thing, but are not listed as such."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from sceneparse.arguments import argument
from sceneparse.datasets.layout import CLASSES
from sceneparse.doctor.findings import Finding, finding_of
from sceneparse.errors import UserError, counted
from sceneparse.labels import LabelSpace
from sceneparse.labels.mirroring import KEY, Pair, paired_by_name
from sceneparse.settings import DataSettings


def left_and_right(spaces: Iterable[LabelSpace], settings: DataSettings) -> Iterator[Finding]:
    """Find classes whose names differ in left and right alone and that are in no mirror pair, and what lacks its image.

    Args:
        spaces: The label spaces of the tasks, the classes called as `data.classes` has it.
        settings: Place of the data set, and what becomes of its classes.
    """
    if settings.classes.mirror is None:  # who says that there are no pairs has thought of them
        return
    known = tuple(spaces)
    yield from _without_image(known)
    yield from _unlisted(known, settings)


def _without_image(spaces: tuple[LabelSpace, ...]) -> Iterator[Finding]:
    names = [space.names[index] for space in spaces for index in space.without_mirror_image]
    if names:
        several = len(names) > 1
        message = (
            f"of {counted(len(names), 'class', 'classes')} the mirror image is none of the classes: where the other "
            f"side is dropped, or became one with others, {'their' if several else 'its'} pixels are ignored in "
            f"mirrored training pictures; drop, merge or rename both sides alike, or train with "
            f"{argument('augmentation.mirror', 0)} and test without {_flip()}"
        )
        yield finding_of("note", "no-mirror-image", message, names)


def _unlisted(spaces: tuple[LabelSpace, ...], settings: DataSettings) -> Iterator[Finding]:
    found: list[Pair] = []
    for space in spaces:
        listed = {name for pair in space.mirror for name in pair}
        found += [pair for pair in paired_by_name(space.names, letters=True) if not listed & set(pair)]
    found = list(dict.fromkeys(found))
    if not found:
        return
    (one, other), pairs = found[0], counted(len(found), "pair")
    message = (
        f"'{one}' and '{other}' look like the left and the right of one thing ({pairs} of classes do), but are not "
        f"listed: in a mirrored training picture, and under {_flip()}, the one is taken for the other; "
        f"{_what_to_add(spaces, settings, found)}, or train with {argument('augmentation.mirror', 0)} and without "
        f"{_flip()}"
    )
    yield finding_of("warning", "mirror-pairs", message, [f"{first} – {second}" for first, second in found])


def _what_to_add(spaces: tuple[LabelSpace, ...], settings: DataSettings, found: list[Pair]) -> str:
    """Where to list the pairs, and the JSON."""
    file = Path(settings.classes.file or Path(settings.root or "", CLASSES))
    if len(spaces) == 1 and not settings.classes.changing and _names(file) == spaces[0].names:
        return f'add to {file.name}: "{KEY}": {_json([*spaces[0].mirror, *found])}'
    pairs = [*(settings.classes.mirror or ()), *found]
    setting = argument(f"data.classes.{KEY}", pairs, option=f"--data.classes.{KEY} '{_json(pairs)}'")
    return f"give {setting}"


def _flip() -> str:
    """The setting that tests the mirror image too, for a message."""
    return argument("protocol.flip", option="--flip")


def _names(file: Path) -> tuple[str, ...]:
    """The classes that a classes.json names; none where it is not one, or not there."""
    try:
        return LabelSpace.read(file).names
    except UserError:
        return ()


def _json(pairs: list[Pair]) -> str:
    return json.dumps(pairs, ensure_ascii=False)
