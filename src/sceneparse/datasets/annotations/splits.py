"""The splits of an export, by the names that tools give them."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from sceneparse.arguments import together
from sceneparse.datasets.annotations.jsonfiles import Glimpse, glimpse, json_below
from sceneparse.datasets.folder import in_order, subfolders, wrong_layout
from sceneparse.datasets.subsets import ROLES, parted_by_hand, split_named
from sceneparse.errors import MissingSplitError, UserError, counted

Split = TypeVar("Split")

ALL = "all"
"""The split of an export that has none: everything."""


def is_role(name: str) -> bool:
    """Whether a file or folder is called as people call splits for training, validation or testing, in any case."""
    return any(name.lower() in names for names in ROLES.values())


def chosen(splits: Mapping[str, Split], split: str, root: Path, count: Callable[[Split], int]) -> Split:
    """Return the split of a name, or of what people call it: "Validation" and "val_annotations" are val too.

    Args:
        splits: The splits that there are.
        split: The wanted name.
        root: The export, for messages.
        count: The number of a split's samples.

    Raises:
        MissingSplitError: There is none; of an export without splits, the message cuts it in three.
    """
    name = split_named(splits, split)
    if name is not None:
        return splits[name]
    if ALL not in splits:
        advice = ""
        with suppress(UserError):  # which asking for the damaged split says
            advice = parted_by_hand({name: count(found) for name, found in splits.items()}, split)
        raise MissingSplitError(f"{root}: no split '{split}'; there are: {', '.join(splits)}", advice)
    total = count(splits[ALL])
    there = f"there are: {', '.join(splits)}; all" if len(splits) > 1 else "the export has none; split 'all'"
    message = f"{root}: no split '{split}': {there} has {counted(total, 'picture')}"
    if total < 3:
        raise MissingSplitError(message, f": give {_cut(train='all', val='all', test='all')}")
    first = max(1, total * 8 // 10)
    second = min(total - 1, max(first + 1, total * 9 // 10))
    first = min(first, second - 1)
    raise MissingSplitError(
        message,
        f": cut it, such as {_cut(train=f'all[:{first}]', val=f'all[{first}:{second}]', test=f'all[{second}:]')}",
    )


def _cut(**splits: str) -> str:
    """The settings that say what each split is."""
    return together({f"data.{name}": found for name, found in splits.items()})


def files_by_split(root: Path, wanted: Callable[[Glimpse], bool], layout: str) -> dict[str, list[Path]]:
    """A tool's files of each split, where it writes one a picture: those of train, val and test, or all.

    Args:
        root: The export.
        wanted: Whether a JSON file is the tool's.
        layout: The expected tree, for the message.

    Raises:
        UserError: There are none.
    """

    def files(folder: Path) -> list[Path]:
        return [path for path in json_below(folder) if (found := glimpse(path)) is not None and wanted(found)]

    above = [root, *(root / name for name in subfolders(root))]  # ROOT/val, or ROOT/annotations/val
    for folder in above:
        found = {name: files(folder / name) for name in subfolders(folder) if is_role(name)}
        if any(found.values()):
            break
    splits = in_order({name: paths for name, paths in found.items() if paths}) or {ALL: files(root)}
    if not any(splits.values()):
        raise wrong_layout(root, layout)
    return splits


def outside_note(root: Path, splits: Mapping[str, list[Path]], wanted: Callable[[Glimpse], bool]) -> list[str]:
    """Say that annotation files lie beside the folders of the splits, and so in none of them; empty where none does.

    Args:
        root: The export.
        splits: As `files_by_split` gives them.
        wanted: Whether a JSON file is the tool's.
    """
    if tuple(splits) == (ALL,):
        return []
    used = {path for files in splits.values() for path in files}
    paths = (path for path in json_below(root) if path not in used)
    others = [path for path in paths if (found := glimpse(path)) is not None and wanted(found)]
    if not others:
        return []
    return [
        f"{counted(len(others), 'annotation file')} beside the folders of the splits ({', '.join(splits)}) left out, "
        f"the first is {others[0].relative_to(root).as_posix()}; move them into one of these to use them"
    ]
