"""Settings of classes: what a data set's own are called, and what becomes of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sceneparse.arguments import argument
from sceneparse.errors import require
from sceneparse.settings.types import PATH, check_types


@dataclass(frozen=True)
class ClassSettings:
    """What mask values mean, and what becomes of the data set's own classes.

    Args:
        file: Hugging Face and NIfTI only: a classes.json that says what mask values mean. Null: the one in the folder,
            or else what the dataset says itself (Hugging Face) or BraTS's classes (NIfTI).
        merge: New classes, each with the list of own ones that it is made of: {"vehicle": ["car", "bus"]}. Other tasks'
            classes of these names merge too.
        drop: Own classes whose pixels become ignored: they count neither in the loss nor in a figure.
        rename: New names of own classes. Equal names merge; null drops the class.
        mirror: Pairs of classes that a mirror image turns into each other, [[left door, right door]], by the names that
            they have then; beside the pairs that classes.json or the kind lists. [left door, null]: its mirror image is
            no class. Null: none at all, not even those.
        colors: Colours that classes are drawn in, by the names that they have then: {"tree": [0, 140, 0]} or {"tree":
            "#008c00"}. Classes that are not listed keep theirs.
    """

    file: str | None = field(default=None, metadata=PATH)
    merge: dict[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    drop: tuple[str, ...] = ()
    rename: dict[str, str | None] = field(default_factory=dict, hash=False)
    mirror: tuple[tuple[str, str | None], ...] | None = ()
    colors: dict[str, str | tuple[int, int, int]] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if isinstance(self.colors, Mapping):
            object.__setattr__(self, "colors", _as_numbers(self.colors))
        check_types(self, "data.classes")
        for new, members in self.merge.items():
            listed = isinstance(members, list | tuple) and all(isinstance(name, str) for name in members)
            given: object = members
            example = argument("data.classes.merge", {new: [given if isinstance(given, str) else "car"]})
            require(
                listed and len(members) > 0,
                f"data.classes.merge: '{new}' must be a list of classes, such as {example}",
            )
            require(bool(new.strip()), "data.classes.merge has a class without a name")
        object.__setattr__(self, "merge", {new: tuple(members) for new, members in self.merge.items()})
        for own, name in self.rename.items():
            named = name is None or (isinstance(name, str) and bool(name.strip()))
            require(named, f"data.classes.rename: '{own}' is {name!r}, but must be a name, or null to drop the class")
        mentioned = [name for members in self.merge.values() for name in members] + [*self.drop, *self.rename]
        twice = sorted({name for name in mentioned if mentioned.count(name) > 1})
        if twice:
            shown = ", ".join(f"'{name}'" for name in twice)
            require(
                False, f"data.classes names {shown} more than once in merge, drop and rename: say one thing of each"
            )
        if self.mirror is not None:
            object.__setattr__(self, "mirror", tuple((one, other) for one, other in self.mirror))

    def renames(self) -> dict[str, str | None]:
        """Return the new name of each own class that is mentioned; None for one that is dropped."""
        merged = {own: new for new, members in self.merge.items() for own in members}
        return {**merged, **dict.fromkeys(self.drop), **self.rename}

    def drawn(self) -> dict[str, tuple[int, int, int]]:
        """Return the colour of each class that is mentioned, as red, green and blue."""
        return _as_numbers(self.colors)

    @property
    def changing(self) -> bool:
        """Whether classes are called otherwise than the data set says, or paired or drawn otherwise."""
        return bool(self.renames()) or self.mirror != () or bool(self.colors)

    def only_file(self) -> "ClassSettings":
        """Return what mask values mean alone, with the classes as they are."""
        return ClassSettings(file=self.file)

    def without_file(self) -> "ClassSettings":
        """Return what becomes of the classes alone."""
        return replace(self, file=None)


def _as_numbers(colors: Mapping[str, Any]) -> dict[str, tuple[int, int, int]]:
    """Return the colours of classes as red, green and blue.

    Raises:
        UserError: One is neither three whole numbers in 0..255 nor text such as "#008c00", or two are the same.
    """
    found: dict[str, tuple[int, int, int]] = {}
    for name, color in colors.items():
        if isinstance(color, str) and re.fullmatch("#[0-9a-fA-F]{6}", color):
            red, green, blue = bytes.fromhex(color[1:])
        else:
            listed = isinstance(color, list | tuple) and len(color) == 3
            fits = listed and all(type(value) is int and 0 <= value <= 255 for value in color)
            require(
                fits,
                f"data.classes.colors: '{name}' is {color!r}, but must be red, green and blue, each 0..255, such as "
                "[0, 140, 0], or '#008c00' (in quotes: YAML takes # for a comment)",
            )
            red, green, blue = color
        found[name] = (red, green, blue)
    for name, color in found.items():
        same = next(other for other, known in found.items() if known == color)
        require(
            same == name,
            f"data.classes.colors gives '{same}' and '{name}' one colour, {list(color)}: classes need their own",
        )
    return found


def as_group(value: Any) -> Any:
    """Return the group `data.classes` of a recipe, with colours as numbers.

    Earlier ones had the file of `data.classes.file` in its place.

    Raises:
        UserError: A colour is none, or two are the same.
    """
    if value is None or isinstance(value, str):
        return {"file": value}
    if isinstance(value, Mapping) and isinstance(value.get("colors"), Mapping):
        return {**value, "colors": {name: list(color) for name, color in _as_numbers(value["colors"]).items()}}
    return value
