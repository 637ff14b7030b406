"""Find the pictures that annotation files name: tools write addresses, other machines' paths, or bare names."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from sceneparse.arguments import argument
from sceneparse.datasets.subsets import ROLES, role_of
from sceneparse.errors import UserError, counted
from sceneparse.pictures.finding import walk

UPLOADS = "data/upload/"
"""Where Label Studio keeps what was uploaded: no folder that anybody chose."""


def plain(name: str) -> str:
    """Return a picture's path as an annotation file gives it, without address and drive, with "/" between folders.

    Of "https://host/a/b.jpg?key" it is "a/b.jpg", of Label Studio's "/data/local-files/?d=a/b.jpg" the same.
    """
    address = name.replace("\\", "/")
    parts = urlsplit(address) if re.match(r"[a-z][a-z0-9+.-]+://|/data/", address) else None
    if parts is not None:
        # Names may have signs that mean something in an address: "a+b", "a&b", "a#1".
        local = re.search(r"[?&]d=(.+?)(?:&\w+=.*)?$", address)
        behind = f"#{parts.fragment}" if parts.fragment and not parts.scheme else ""
        address = unquote(local[1] if local else parts.path + behind).replace("\\", "/")
    address = re.sub(r"^[A-Za-z]:/", "", address).lstrip("/")
    return _same(re.sub(r"^(\./)+", "", address))


def _same(text: str) -> str:
    """One spelling of names that look the same: macOS writes é as two characters."""
    return unicodedata.normalize("NFC", text)


class Pictures:
    """The pictures that lie in a folder, found by what annotation files call them.

    Args:
        root: The folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def _by_name(self) -> dict[str, list[tuple[str, Path]]]:
        """By file name, the paths below the root."""
        found: dict[str, list[tuple[str, Path]]] = defaultdict(list)
        for path, _ in walk(self.root):
            found[_same(path.name)].append((_same(path.relative_to(self.root).as_posix()), path))
        return found

    def find(self, names: Sequence[str], near: Path, split: str = "") -> Path | None:
        """Return the picture of the first of these names that is there: beside the annotation file, or below the root.

        Args:
            names: What it may be called, as `plain` gives it.
            near: The folder of the annotation file.
            split: The split's name, which decides between folders such as images/train and images/val.

        Raises:
            UserError: A name alone could mean several files.
        """
        for name in names:
            for folder in (near, near / "images"):
                if name and (folder / name).is_file():
                    return folder / name
        for name in names:
            if (path := self._below(name, near, split)) is not None:
                return path
        return None

    def _below(self, name: str, near: Path, split: str) -> Path | None:
        """The file below the root whose path shares the longest end with a name's.

        Of several it is the one of the split, or in folders like the annotation file's: images/a for labels/a.
        """
        wanted = [part for part in PurePosixPath(name).parts if part != ".."]
        candidates = self._by_name.get(wanted[-1], []) if wanted else []
        if len(candidates) < 2:
            return candidates[0][1] if candidates else None

        def shared(path: str) -> int:
            pairs = zip(reversed(path.split("/")), reversed(wanted), strict=False)
            return next((count for count, (one, other) in enumerate(pairs) if one != other), len(wanted))

        best = max(shared(path) for path, _ in candidates)
        longest = [path for below, path in candidates if shared(below) == best]
        if len(longest) > 1:
            folders = [path for path in longest if any(_is_of(part, split) for part in path.parent.parts)]
            longest = folders if len(folders) == 1 else longest
        if len(longest) > 1:
            alike = [path for path in longest if path.parent.name == near.name]
            longest = alike if len(alike) == 1 else longest
        if len(longest) > 1:
            raise UserError(
                f"{name}: could be {longest[0]} or {longest[1]}; name the folder of the pictures (data.options.images)"
            )
        return longest[0]


def _is_of(folder: str, split: str) -> bool:
    """Whether a folder's name is a split's, perhaps with a year behind it ("train2017"), or means the same split."""
    if not split:
        return False
    role = role_of(split)
    return re.fullmatch(rf"{re.escape(split)}\d*", folder) is not None or (role is not None and role_of(folder) == role)


def pictures_below(root: Path, images: str | None) -> Pictures:
    """Return the pictures of an export.

    Args:
        root: The export.
        images: `data.options.images`, a folder of its own, absolute or below the export.

    Raises:
        UserError: That folder is not there.
    """
    if images is None:
        return Pictures(root)
    folder = root / Path(images).expanduser()
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; data.options.images must name the folder of the pictures")
    return Pictures(folder)


def refuse_missing(file: Path, missing: Sequence[str], total: int, pictures: Pictures) -> None:
    """Raise a `UserError` that counts the pictures that are not there and names the first."""
    if missing:
        raise UserError(
            f"{file}: {len(missing):,} of {total:,} pictures that it names are not there, the first is '{missing[0]}'; "
            f"put them beside it or anywhere below {pictures.root}, or name their folder: "
            f"{argument('data.options.images', 'DIR')}"
        )


def confirm(
    file: Path,
    wanted: Sequence[tuple[Path, str]],
    found: Sequence[Path | None],
    pictures: Pictures,
    split: str = "",
    splits: Collection[str] = (),
) -> list[str]:
    """Refuse pictures that cannot be those that were meant, and return notes on such as were found by name alone.

    Files are looked for by the ends of their paths, so that a picture which is missing could be found in another one of
    its name, under labels that are not its own.

    Args:
        file: The annotation file or its folder, for the message.
        wanted: Of each picture, the folder that its path starts from and the path.
        found: The file of each.
        pictures: Where they were looked for.
        split: The split.
        splits: All splits of the export.

    Raises:
        UserError: Two pictures, by what they are called, were found in one file, or one in another split's folder.
    """
    _refuse_shared(file, wanted, found)
    foreign: list[tuple[str, Path, Path]] = []
    elsewhere: list[tuple[str, Path]] = []
    for (folder, name), path in zip(wanted, found, strict=True):
        if path is None or path == folder / name or not path.is_relative_to(pictures.root):
            continue
        below = path.relative_to(pictures.root)
        named = [part for part in PurePosixPath(plain(name)).parts[:-1] if part != ".."]
        there = [_same(part) for part in below.parts[:-1]]
        agreeing = _agreeing(named, there)
        guessed = there[: len(there) - agreeing]
        other = _of_another(guessed, split, splits)
        if other is not None:
            foreign.append((name, below, pictures.root.joinpath(*below.parts[: other + 1])))
        elif guessed and agreeing < len(named) and there != ["images"] and not plain(name).startswith(UPLOADS):
            elsewhere.append((name, below))
    if foreign:
        name, below, folder = foreign[0]
        raise UserError(
            f"{file}: {len(foreign):,} of {len(wanted):,} pictures of split '{split}' were found in another split's "
            f"folder alone, such as '{name}' as {below.as_posix()}: put those of '{split}' into a folder of their own, "
            "or, if this one holds the pictures of all splits, name it: "
            f"{argument('data.options.images', str(folder.absolute()))}"
        )
    if not elsewhere:
        return []
    name, below = elsewhere[0]
    return [
        f"{file}: {counted(len(elsewhere), 'picture')} found by the file's name alone, in another folder than it says: "
        f"'{name}' is {below.as_posix()}; if that is another picture, put each one where its path says"
    ]


def _agreeing(named: Sequence[str], there: Sequence[str]) -> int:
    """The number of folders that two paths share at their ends."""
    pairs = list(zip(reversed(named), reversed(there), strict=False))
    return next((number for number, (one, other) in enumerate(pairs) if one != other), len(pairs))


def _of_another(folders: Sequence[str], split: str, splits: Collection[str]) -> int | None:
    """Which of these folders is called as another split of the export; None where one is the split's own."""
    if any(_is_of(folder, split) for folder in folders):
        return None
    roles = {role_of(name) for name in splits} - {None, role_of(split)} if role_of(split) is not None else set()
    names = set() if role_of(split) is not None else {name for name in splits if role_of(name) is None}
    for number, folder in enumerate(folders):
        # "train2017", but not "train-station".
        bare = re.sub(r"\d+$", "", folder.lower())
        if folder in names or any(role is not None and bare in ROLES[role] for role in roles):
            return number
    return None


def _refuse_shared(file: Path, wanted: Sequence[tuple[Path, str]], found: Sequence[Path | None]) -> None:
    """Raise a `UserError` if two pictures, by what they are called, were both found in one file."""
    first: dict[Path, tuple[Path, str]] = {}
    for (folder, name), path in zip(wanted, found, strict=True):
        if path is None:
            continue
        own = (folder, name)
        other = first.setdefault(path.resolve(), own)
        if other != own and (other[0] / other[1]).resolve() != (folder / name).resolve():
            one, two = (other[1], name) if other[1] != name else (str(other[0] / other[1]), str(folder / name))
            raise UserError(
                f"{file}: '{one}' and '{two}' are two pictures, but {path} is all that was found of both: put each one "
                "where its path says, below the folder of the pictures "
                f"({argument('data.options.images', 'DIR')} names it)"
            )


def sample_names(paths: Sequence[str]) -> list[str]:
    """Return the names of samples: paths without suffix, but with it where two differ only in that."""
    stems = [PurePosixPath(path).with_suffix("").as_posix() for path in paths]
    often = Counter(stems)
    return [stem if often[stem] == 1 else path for stem, path in zip(stems, paths, strict=True)]
