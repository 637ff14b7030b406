"""Splits by the names that people give them: "valid" is val, and a set that nobody has parted is parted here."""

import hashlib
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sceneparse.arguments import together
from sceneparse.data.notes import DataNote
from sceneparse.datasets.matching import Listing, SplitFolders
from sceneparse.errors import MissingSplitError, UserError, counted
from sceneparse.pictures.finding import walk

ROLES = {
    "train": ("train", "training", "trn"),
    "val": ("val", "valid", "validation", "validate", "dev"),
    "test": ("test", "testing", "tst"),
}
"""What splits for training, validation and testing are called, in any case; "val2017" and "val_1" are val too."""

EVERY = 5
"""Of a set that is in one piece, one picture in so many is held out for validation."""

FEWEST = 0.1
"""Share of the pictures that is held out at least, where there are as many as `MANY`."""

MANY = 10


def split_named(names: Collection[str], wanted: str) -> str | None:
    """Return the split that a name stands for: the one of this name, or the only one that is called alike; else None.

    Args:
        names: The splits that there are.
        wanted: The name that is asked for, such as "val".
    """
    if wanted in names:
        return wanted
    for role, others in ROLES.items():
        if wanted.lower() in others:
            alike = [name for name in names if name.lower() in others]
            if not alike and wanted.lower() == role:
                alike = [name for name in names if name.lower().startswith(role) and not name[len(role)].isalpha()]
            return alike[0] if len(alike) == 1 else None
    return None


def role_of(name: str) -> str | None:
    """Return what a split is for by its name: train, val or test; None where it doesn't say."""
    return next((role for role in ROLES if split_named((name,), role) is not None), None)


def chosen_split(splits: Mapping[str, SplitFolders], wanted: str, root: Path) -> SplitFolders:
    """Return the split that a name stands for, see `split_named`.

    Raises:
        MissingSplitError: There is none; the message lists those that there are, and says how to part one.
    """
    name = split_named(splits, wanted)
    if name is None:
        counts = {one: sum(1 for _ in walk(split.images)) for one, split in splits.items() if split.images.is_dir()}
        raise _missing(root, wanted, splits, parted_by_hand(counts, wanted))
    return splits[name]


def _missing(root: Path, wanted: str, there: Iterable[str], advice: str) -> MissingSplitError:
    return MissingSplitError(f"{root}: no split '{wanted}'; there are: {', '.join(there)}", advice)


def chosen_pairs(
    splits: Mapping[str, Listing | UserError], wanted: str, root: Path, *, undivided: bool, val: str = "val"
) -> Listing:
    """Return the files of the split that a name stands for, see `decided`.

    Args:
        splits: The splits that there are.
        wanted: The name that is asked for.
        root: The data set's folder, for messages.
        undivided: Whether a set in one piece is parted.
        val: The split that validation takes.

    Raises:
        UserError: There is no such split, or it cannot be listed or parted.
    """
    name, held_out = decided(splits, wanted, undivided=undivided, val=val)
    if name is None:
        there = [*splits] if not undivided else splits_there(splits, val)
        raise _missing(root, wanted, there, parting(splits, wanted))
    found = splits[name]
    if isinstance(found, UserError):
        raise found
    if held_out is None:
        return found
    kept = part([pair.name for pair in found.pairs], held_out, root)
    return replace(found, pairs=tuple(found.pairs[position] for position in kept))


def splits_there(names: Collection[str], val: str) -> list[str]:
    """Return what may be asked for of a data set that is parted where it is in one piece: also the two parts of it.

    Args:
        names: The splits that there are.
        val: The split that validation takes.
    """
    parts = () if in_one_piece(names, val) is None else ("train", "val")
    return list(dict.fromkeys((*names, *parts)))


def decided(
    names: Collection[str], wanted: str, *, undivided: bool, val: str = "val"
) -> tuple[str | None, bool | None]:
    """Return the split that a name stands for, and which part of it.

    A set in one piece, as annotation tools write it, is parted if nobody else did: one picture in five is val, the
    others are train, as `part` says. Its own name, if it is no such role's, and "all" are the whole of it.

    Args:
        names: The splits that there are.
        wanted: The name that is asked for.
        undivided: Whether a set in one piece is parted.
        val: The split that validation takes; only where it is not there pictures are held out. Empty: none, so that
            training takes the whole.

    Returns:
        The split's name, None if there is none; whether the part that is held out is meant, or the others (False), or
        all of it (None).
    """
    if undivided and not val and len(names) == 1 and split_named(("train",), wanted):
        (only,) = names
        if role_of(only) in (None, "train"):  # nobody validates on it, so nothing is held out
            return only, None
    whole = in_one_piece(names, val) if undivided else None
    if whole is not None:
        role = split_named((whole, "train", "val"), wanted)
        if wanted == "all":
            return whole, None
        if role in ("train", "val"):
            return whole, role == "val"
    return split_named(names, wanted), None


def part(names: Sequence[str], held_out: bool, root: Path, more: str = "label more") -> list[int]:
    """Return the positions of one item in five, or of the others.

    Each item's name alone says on which side it is, so that items that are added or taken away move no other one: what
    was trained on is never validated on later. Of so few that all would be on one side, one changes it. Where less than
    a tenth of ten or more are held out, as of what was parted by this rule before and is without its val, a second rule
    of the name holds out one in five of the others, too.

    Args:
        names: The names of all items.
        held_out: Whether those that are held out are meant.
        root: The data set's folder, for messages.
        more: How there would be more items, as the message says it.

    Raises:
        UserError: There are not enough for both.
    """
    if len(names) < 2:
        raise UserError(
            f"{root}: {counted(len(names), 'labelled picture')}, which cannot be parted into train and val; {more}"
        )
    held = held_out_of(names)
    return [position for position in range(len(names)) if (position in held) == held_out]


def held_out_of(names: Sequence[str]) -> set[int]:
    """Return the positions of the items that are held out, of two or more; see `part`."""
    numbers = [_number(name) for name in names]
    held = {position for position, number in enumerate(numbers) if number % EVERY == 0}
    further = EVERY
    while len(names) >= MANY and len(held) < FEWEST * len(names) and further <= max(numbers):
        # The number's next digit. What the digits before it hold out stays so, whatever is added.
        held |= {position for position, number in enumerate(numbers) if number // further % EVERY == 0}
        further *= EVERY
    if not held:
        held = {numbers.index(min(numbers))}
    elif len(held) == len(names):
        held.remove(numbers.index(max(numbers)))
    return held


def _number(name: str) -> int:
    """A number that a name alone decides, the same on every machine."""
    text = unicodedata.normalize("NFC", name).encode(errors="surrogateescape")
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big")


def in_one_piece(splits: Collection[str], val: str = "val") -> str | None:
    """Return the only split, if it has to serve for training and validation; else None."""
    if len(splits) != 1:
        return None
    (only,) = splits
    is_val = split_named((only,), "val") is not None
    named = val in splits or (val not in ROLES["val"])
    return None if is_val or named else only


def parted_note(name: str, items: Sequence[str] | None = None) -> DataNote:
    """Say how the only split of a data set is parted, and how to part it otherwise.

    Args:
        name: The split.
        items: The names of its pictures, where they are listed.
    """
    held = None if items is None or len(items) < 2 else len(held_out_of(items))
    counts = "" if held is None or items is None else f" ({held:,} of {len(items):,})"
    apart = f"one picture in five of it, by its name, is held out as val{counts}"
    if split_named((name,), "train") is not None:
        return DataNote(f"there is no split for validation beside '{name}': {apart}")
    some = "N" if held is None else held
    yourself = parted_as(f"{name}[{some}:]", f"{name}[:{some}]")
    return DataNote(
        f"there is one split, '{name}': {apart}", f", the others are train; to part it yourself: {yourself}"
    )


def parting(splits: Mapping[str, Listing | UserError], wanted: str) -> str:
    """Say how a split that is not there comes out of those that are, see `parted_by_hand`.

    Args:
        splits: The splits that there are.
        wanted: The one that is asked for.
    """
    counts = {name: len(one.pairs) if isinstance(one, Listing) else 0 for name, one in splits.items()}
    return parted_by_hand(counts, wanted)


def parted_by_hand(counts: Mapping[str, int], wanted: str) -> str:
    """Say how a split that is not there comes out of those that are; empty where it cannot.

    Args:
        counts: The splits that there are, with their numbers of pictures.
        wanted: The one that is asked for. Pictures to test on are not taken from those that are trained on.
    """
    names, role = list(counts), role_of(wanted)
    if role == "test":
        return ""
    train = split_named(names, "train")
    name = names[0] if len(names) == 1 else train if role == "val" else None
    if name is not None and counts[name] >= 2:
        held = max(1, counts[name] // EVERY)
        return f"; part it: {parted_as(f'{name}[{held}:]', f'{name}[:{held}]')}"
    if role is not None and train is None and len(names) > 1:
        val = split_named(names, "val")
        first = next(one for one in names if one != val)
        other = val or next(one for one in names if one != first)
        return f"; say which is which, such as {parted_as(first, other)}"
    return ""


def parted_as(train: str, val: str) -> str:
    """Return the settings that say what is trained on and what is validated on."""
    return together({"data.train": train, "data.val": val})
