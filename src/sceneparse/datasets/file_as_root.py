"""What to name in place of a file, where a data set's folder is asked for."""

import os
from pathlib import Path

from sceneparse.arguments import argument
from sceneparse.datasets.subsets import role_of
from sceneparse.errors import UserError

ARCHIVES = frozenset((".zip", ".tar", ".gz", ".tgz"))


def refuse_file(root: Path) -> None:
    """Raise a `UserError` if a data set's folder is a file; the message says what to name in its place.

    Args:
        root: What was named.
    """
    if root.is_file():
        raise UserError(f"{root}: is a file; {_help(root)}")


def _help(file: Path) -> str:
    if file.suffix.lower() in (".yaml", ".yml"):
        return f"a recipe whose data are a mixture needs {argument('kind', 'mixture')}; else name the data set's folder"
    if file.suffix.lower() in ARCHIVES:
        return "unpack the archive, and name the folder"
    lies, folder = file.parent, folder_around(file)
    return f"name the folder that it lies in, {lies}" if folder == lies else f"name the data set's folder, {folder}"


def folder_around(file: Path) -> Path:
    """Return the data set's folder for one of its files: above folders of annotations and of one split of several.

    Args:
        file: Such as "a/train/labels.json" beside "a/val", or "a/annotations/train.json": both times "a" is returned.
    """
    folder, whole = file.parent, Path(os.path.abspath(file)).parent  # noqa: PTH100 - `resolve` would follow links
    while whole != whole.parent and (whole.name == "annotations" or _one_of_several(whole)):
        folder = folder.parent if folder.name not in ("", "..") else folder / ".."
        whole = whole.parent
    return folder


def _one_of_several(folder: Path) -> bool:
    """Whether a folder is called as a split and lies beside those of others."""
    role = role_of(folder.name)
    try:
        beside = {role_of(one.name) for one in folder.parent.iterdir() if one.is_dir()} if role is not None else set()
    except OSError:  # which may be listed by nobody
        return False
    return bool(beside - {None, role})
