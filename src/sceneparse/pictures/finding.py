"""Find pictures in files, folders and patterns, one after the other, without holding all of them in memory."""

import fnmatch
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import NamedTuple

from sceneparse.errors import UserError
from sceneparse.paths import expanded, meant, refuse_parted
from sceneparse.pictures.forms import PICTURE_SUFFIXES, LeftOut, begins_as_picture, unread
from sceneparse.pictures.naming import UniqueNames

_KEPT_BY_SYSTEMS = frozenset(
    (
        *("@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot"),
        *("__macosx", "$recycle.bin", "system volume information", "lost+found"),
    )
)
"""Folders of thumbnails, of deleted files and of other systems' metadata, in lower case: of Synology, QNAP, macOS's
archives, Windows and Linux."""


NAMED = 3
"""Wrong inputs that a message names at most."""


def is_hidden(name: str) -> bool:
    """Return whether a file or folder is none of its owner's: hidden, or what a system keeps for itself."""
    return name.startswith(".") or name.lower() in _KEPT_BY_SYSTEMS


class FoundPicture(NamedTuple):
    """A picture file and its name, which is unique among all pictures found together."""

    path: Path
    name: str


def find_pictures(inputs: Sequence[str | Path], left_out: LeftOut | None = None) -> Iterator[FoundPicture]:
    """Yield all pictures of the inputs, in the inputs' order; a folder's own files come before its subfolders.

    A folder's files are sorted. An input is a file (whatever its suffix), a folder (searched through, symbolic links
    followed) or a pattern with `*`, `?`, `[…]` and `**`. Hidden files are left out, and folders that
    systems keep for themselves ("@eaDir", "__MACOSX"). A picture's name is its path below
    the folder (for a pattern: below its names without wildcards) without the suffix. Pictures of one folder that
    differ only in the suffix keep it in the name ("a.jpg", "a.png"); a name that an earlier input took already, or the
    path of which it did (see `UniqueNames`), gets "-2", "-3", … at its end.

    Memory does not grow with the number of folders; with several inputs their names are remembered.

    Args:
        inputs: Files, folders and patterns.
        left_out: Counts the pictures in forms that are not read, while the others are yielded.

    Raises:
        UserError: At once, before anything is found: inputs don't exist or hold no picture. The first three are named.
    """
    if not inputs:
        raise UserError("no pictures given; name files, folders or patterns such as 'photos/**/*.jpg'")
    refuse_parted(inputs)
    wrong = []
    for source in inputs:
        others = unread(apart=True)
        try:
            if next(_pictures_of(source, others), None) is None:
                wrong.append("; ".join((_nothing(source), *map(str, others.kinds))))
        except UserError as error:
            wrong.append(str(error))
    if wrong:
        more = [f"and {len(wrong) - NAMED} more"] if len(wrong) > NAMED else []
        raise UserError("; ".join((*wrong[:NAMED], *more)))
    if len(inputs) == 1:
        return _pictures_of(inputs[0], left_out)
    return _numbered(inputs, left_out)


def files_in(source: str | Path, suffixes: AbstractSet[str]) -> Iterator[FoundPicture]:
    """Yield what a folder or a pattern holds of other files, in the order and with the names of `find_pictures`.

    Args:
        source: The folder or pattern; of anything else there is nothing.
        suffixes: In lower case, with the dot.

    Raises:
        UserError: A folder may not be read.
    """
    path = expanded(source)
    if path.is_dir() or (_is_pattern(source) and not path.exists()):
        yield from _files_of(source, None, suffixes)


def _numbered(inputs: Sequence[str | Path], left_out: LeftOut | None) -> Iterator[FoundPicture]:
    names = UniqueNames()
    for source in inputs:
        for path, name in _pictures_of(source, left_out):
            yield FoundPicture(path, names.give(name, path))


def _pictures_of(source: str | Path, left_out: LeftOut | None) -> Iterator[FoundPicture]:
    return _files_of(source, left_out, PICTURE_SUFFIXES)


def _files_of(source: str | Path, left_out: LeftOut | None, suffixes: AbstractSet[str]) -> Iterator[FoundPicture]:
    path = expanded(source)
    if path.is_dir():
        yield from walk(path, left_out=left_out, suffixes=suffixes)
    elif path.exists():
        yield FoundPicture(path, path.stem)
    elif _is_pattern(source):
        names = path.parts
        fixed = next(index for index, name in enumerate(names) if _is_pattern(name))
        base, pattern = Path(*names[:fixed]), names[fixed:]
        if base.is_dir():
            yield from walk(base, pattern, left_out, suffixes)
    else:
        raise UserError(f"{source}: no such file or folder{meant(source)}")


def _is_pattern(text: str | Path) -> bool:
    return any(sign in str(text) for sign in "*?[")


def _nothing(source: str | Path) -> str:
    if expanded(source).is_dir():
        return f"{source}: no pictures in this folder or below it (looked for {', '.join(sorted(PICTURE_SUFFIXES))})"
    return f"{source}: no picture matches this pattern"


def walk(
    root: Path,
    pattern: Sequence[str] = ("**",),
    left_out: LeftOut | None = None,
    suffixes: AbstractSet[str] = PICTURE_SUFFIXES,
) -> Iterator[FoundPicture]:
    """Yield the pictures below a folder whose relative path matches a pattern, given name by name.

    Args:
        root: The folder.
        pattern: As `fnmatch` takes each name; "**" stands for any number of them.
        left_out: Counts the pictures in forms that are not read.
        suffixes: Those of the files that are yielded, in lower case.

    Raises:
        UserError: A folder may not be read.
    """
    return _walk(root, (), tuple(pattern), frozenset(), left_out, suffixes)


def _walk(
    folder: Path,
    below: tuple[str, ...],
    pattern: tuple[str, ...],
    above: frozenset[tuple[int, int]],
    left_out: LeftOut | None,
    suffixes: AbstractSet[str],
) -> Iterator[FoundPicture]:
    files, folders, others = [], [], []
    try:
        status = folder.stat()
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_hidden(entry.name):
                    continue
                if entry.is_dir():
                    folders.append(entry.name)
                elif _is_one(entry, suffixes):
                    if _matches((*below, entry.name), pattern):
                        files.append(entry.name)
                elif left_out is not None and left_out.takes(entry.name) and _matches((*below, entry.name), pattern):
                    others.append(entry.name)
    except OSError as error:
        raise UserError(f"{folder}: cannot be searched ({error.strerror})") from None
    identity = (status.st_dev, status.st_ino)
    if identity in above:  # a symbolic link that leads back up
        return
    if left_out is not None and others:
        left_out.add_all(("/".join((*below, file)) for file in sorted(others)), folder)
    files.sort()
    stems = Counter(_split(file)[0] for file in files)
    taken = set(files)
    for file in files:
        stem = _split(file)[0]
        name = stem if stems[stem] == 1 and stem not in taken else file
        yield FoundPicture(folder / file, "/".join((*below, name)))
    for name in sorted(folders):
        if _leads_on((*below, name), pattern):
            yield from _walk(folder / name, (*below, name), pattern, above | {identity}, left_out, suffixes)


def _is_one(entry: os.DirEntry[str], suffixes: AbstractSet[str]) -> bool:
    """Whether a file is one that is looked for; one without a suffix is a picture by its first bytes."""
    if "." in entry.name:
        return _split(entry.name)[1].lower() in suffixes
    return suffixes is PICTURE_SUFFIXES and entry.is_file() and begins_as_picture(Path(entry.path))


def counts_as_picture(path: Path) -> bool:
    """Return whether a file is a picture in a folder: by its suffix or, without any, by its first bytes."""
    if "." in path.name:
        return path.suffix.lower() in PICTURE_SUFFIXES
    return path.is_file() and begins_as_picture(path)


def _split(file: str) -> tuple[str, str]:
    """Return a name's stem and suffix like `Path`, but fast enough for hundreds of thousands of names."""
    stem, dot, suffix = file.rpartition(".")
    return (stem, dot + suffix) if dot else (file, "")


def _matches(names: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not pattern:
        return not names
    if pattern[0] == "**":
        if len(pattern) == 1:
            return bool(names)
        return any(_matches(names[skipped:], pattern[1:]) for skipped in range(len(names)))
    return bool(names) and fnmatch.fnmatchcase(names[0], pattern[0]) and _matches(names[1:], pattern[1:])


def _leads_on(names: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Return whether something below this folder can still match, so that other folders are not searched."""
    for index, name in enumerate(names):
        if index >= len(pattern) - 1:
            return pattern[-1] == "**"
        if pattern[index] == "**":
            return True
        if not fnmatch.fnmatchcase(name, pattern[index]):
            return False
    return True
