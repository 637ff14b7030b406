"""Pieces of a split: the samples at some positions ("train[80:]"), or those of some names ("train[0016E5_*]")."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from sceneparse.datasets.subsets import ROLES
from sceneparse.errors import UserError

LONG = 1_000_000
"""Samples of a split whose length is not known: pieces by positions meet in it where they would in a longer one."""


@dataclass(frozen=True)
class Piece:
    """A split, or some of its samples.

    Args:
        split: The split's own name.
        positions: Which of its samples, by position; None for all of them.
        patterns: What a sample is named like, one of these: "*" stands for anything, "?" for one character. None: the
            names don't matter.
        others: Whether those are meant that are named like none of the patterns.
    """

    split: str
    positions: slice | None = None
    patterns: tuple[str, ...] = ()
    others: bool = False

    @property
    def whole(self) -> bool:
        """Whether all of the split's samples are meant."""
        return self.positions is None and not self.patterns

    def of(self, count: int, name: Callable[[int], str]) -> Sequence[int]:
        """Return the positions of the samples that are meant.

        Args:
            count: The samples of the split.
            name: The name of the sample at a position.

        Raises:
            UserError: There are none.
        """
        if self.positions is not None:
            chosen: Sequence[int] = range(count)[self.positions]
        elif self.patterns:
            chosen = [position for position in range(count) if self._names(name(position)) != self.others]
        else:
            return range(count)
        if not chosen and self.patterns:
            like = "not named like" if self.others else "named like"
            first = f", such as '{name(0)}'" if count else ""
            raise UserError(
                f"split '{self}' is empty: of the {count:,} samples of '{self.split}'{first}, none is {like} "
                f"'{','.join(self.patterns)}'; * stands for anything in a name, ? for one character"
            )
        if not chosen:
            raise UserError(f"split '{self}' is empty: '{self.split}' has {count:,} samples")
        return chosen

    def _names(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self.patterns)

    def __str__(self) -> str:
        if self.positions is not None:
            bounds = (self.positions.start, self.positions.stop, self.positions.step)
            first, last, step = ("" if bound is None else str(bound) for bound in bounds)
            return f"{self.split}[{first}:{last}{step and f':{step}'}]"
        return f"{self.split}[{'!' * self.others}{','.join(self.patterns)}]" if self.patterns else self.split


def piece_of(name: str) -> Piece:
    """Return what a name such as "train", "train[80:]", "train[drive1_*,drive2_*]" or "train[!drive3_*]" stands for.

    Raises:
        UserError: Its brackets hold something else.
    """
    if "[" not in name:
        return Piece(name)
    found = re.fullmatch(r"([^\[\]]+)\[(!?)([^\[\]!][^\[\]]*)\]", name)
    if found is not None:
        split, others, inside = found.groups()
        bounds = re.fullmatch(r"(\d*):(\d*)(?::(\d*))?", inside)
        if bounds is not None and not others and bounds[3] != "0":
            return Piece(split, slice(*(int(bound) if bound else None for bound in bounds.groups())))
        patterns = tuple(pattern.strip() for pattern in inside.split(","))
        if bounds is None and not inside.isdecimal() and all(patterns):
            return Piece(split, patterns=patterns, others=bool(others))
    raise UserError(
        f"split '{name}': give the samples as in 'train[:300]', 'train[300:]' or 'train[1::2]', or by their names as "
        "in 'train[street1_*]', 'train[street1_*,street2_*]' or, for all others, 'train[!street1_*]'"
    )


def share_samples(one: str, other: str) -> bool:
    """Return whether two settings of splits name samples in common, as far as that shows without listing them.

    Args:
        one: Such as "train+val[80:]".
        other: Likewise, of the same data set.

    Raises:
        UserError: The brackets of one hold what no piece has.
    """
    pairs = [(piece_of(a), piece_of(b)) for a in one.split("+") for b in other.split("+")]
    return any(_meet(a, b) for a, b in pairs)


def _meet(one: Piece, other: Piece) -> bool:
    if any(piece.whole and piece.split == "all" for piece in (one, other)):
        return True
    if _role(one.split) != _role(other.split):
        return False
    if one.whole or other.whole:
        return True
    if one.positions is not None and other.positions is not None:
        first, second = (range(LONG)[piece.positions] for piece in (one, other) if piece.positions is not None)
        fewer, more = sorted((first, second), key=len)
        return any(position in more for position in fewer)
    return one.others == other.others and bool(set(one.patterns) & set(other.patterns))


def _role(split: str) -> str:
    """The usual name of a split that is called otherwise, such as "val" of "valid"; any other stays."""
    return next((role for role, names in ROLES.items() if split.lower() in names), split)
