"""Find the pictures that annotation files name: tools write addresses, other machines' paths, or bare names."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple, TypeVar
from urllib.parse import unquote, urlsplit

from sceneparse.arguments import argument
from sceneparse.datasets.subsets import ROLES, role_of
from sceneparse.errors import UserError, counted
from sceneparse.paths import expanded
from sceneparse.pictures.finding import walk

Split = TypeVar("Split")

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
        given: Whether the owner named it, as the place of the pictures of all splits.
    """

    def __init__(self, root: Path, *, given: bool = False) -> None:
        self.root, self.given = root, given

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
        images: `data.options.images`, a folder of its own: absolute, from the export on or, where none is there, from
            where the command runs.

    Raises:
        UserError: That folder is not there.
    """
    if images is None:
        return Pictures(root)
    folder = root / expanded(images)
    if not folder.is_dir():
        here = expanded(images).absolute()
        if not here.is_dir():
            raise UserError(
                f"{folder}: no such folder; data.options.images must name the folder of the pictures, absolute, from "
                f"data.root on or from here on ({here} is not there either)"
            )
        folder = here
    return Pictures(folder, given=True)


def refuse_missing(file: Path, missing: Sequence[str], total: int, pictures: Pictures) -> None:
    """Raise a `UserError` that counts the pictures that are not there and names the first."""
    if missing:
        raise UserError(
            f"{file}: {len(missing):,} of {total:,} pictures that it names are not there, the first is '{missing[0]}'; "
            f"put them beside it or anywhere below {pictures.root}, or name their folder: "
            f"{argument('data.options.images', 'DIR')}"
        )


class _Foreign(NamedTuple):
    """A picture that was found in another split's folder, which its file does not name.

    Args:
        name: What the file calls it.
        below: The path that was found, below the folder of the pictures.
        folder: The part of the path that is called as another split.
        claimed: Whether that split's own file may mean this very picture.
    """

    name: str
    below: PurePosixPath
    folder: PurePosixPath
    claimed: bool


def confirm(
    file: Path,
    wanted: Sequence[tuple[Path, str]],
    found: Sequence[Path | None],
    pictures: Pictures,
    split: str = "",
    splits: Mapping[str, Split] | None = None,
    names_of: Callable[[Split], Iterable[str]] | None = None,
) -> list[str]:
    """Refuse pictures that cannot be those that were meant, and return notes on such as were found by name alone.

    Files are looked for by the ends of their paths, so that a picture which is missing could be found in another one of
    its name, under labels that are not its own. Another split's folder is doubtful where it holds all of a split's
    pictures, or where that split's file has the picture too; sets that were parted anew over their old folders have
    some of their pictures there.

    Args:
        file: The annotation file or its folder, for the message.
        wanted: Of each picture, the folder that its path starts from and the path.
        found: The file of each.
        pictures: Where they were looked for.
        split: The split.
        splits: All splits of the export.
        names_of: The names of the pictures of one of these splits, as `plain` gives them; asked for in doubt alone.

    Raises:
        UserError: Two pictures, by what they are called, were found in one file, or some in another split's folder.
    """
    _refuse_shared(file, wanted, found)
    claims = _Claims(splits or {}, names_of)
    foreign: list[_Foreign] = []
    elsewhere: list[tuple[str, Path]] = []
    for (folder, name), path in zip(wanted, found, strict=True):
        if path is None or path == folder / name or not path.is_relative_to(pictures.root):
            continue
        below = path.relative_to(pictures.root)
        named = [part for part in PurePosixPath(plain(name)).parts[:-1] if part != ".."]
        there = [_same(part) for part in below.parts[:-1]]
        agreeing = _agreeing(named, there)
        guessed = there[: len(there) - agreeing]
        other = _of_another(guessed, split, splits or {})
        if other is not None:
            claimed = claims.has(_same(path.name), there, agreeing, there[other], split)
            foreign.append(
                _Foreign(name, PurePosixPath(below), PurePosixPath(*below.parts[: other + 1]), claimed=claimed)
            )
        elif guessed and agreeing < len(named) and there != ["images"] and not plain(name).startswith(UPLOADS):
            elsewhere.append((name, below))
    notes = _noted_foreign(file, foreign, len(wanted), pictures, split)
    if elsewhere:
        name, below = elsewhere[0]
        notes.append(
            f"{file}: {counted(len(elsewhere), 'picture')} found by the file's name alone, in another folder than it "
            f"says: '{name}' is {below.as_posix()}; if that is another picture, put each one where its path says"
        )
    return notes


def _noted_foreign(file: Path, foreign: Sequence[_Foreign], total: int, pictures: Pictures, split: str) -> list[str]:
    """Say that pictures lie in another split's folder, or refuse them where they may be that split's own.

    Raises:
        UserError: The other split's file has them too, or they are all of the split and nobody named their folder.
    """
    every = len(foreign) == total and not pictures.given
    doubtful = [one for one in foreign if one.claimed or every]
    if doubtful:
        one = doubtful[0]
        alone = len(foreign) == total and len({other.folder for other in foreign}) == 1
        if alone or not one.claimed:
            folder = pictures.root / one.folder if alone else pictures.root
            named = argument("data.options.images", str(folder.absolute()))
            further = f"if {'this one' if alone else folder} holds the pictures of all splits, name it: {named}"
        else:
            further = f"name each in the file with its folder ('{one.below}')"
        too = ", and that split's file has them too" if one.claimed else ""
        raise UserError(
            f"{file}: {len(doubtful):,} of {total:,} pictures of split '{split}' were found in another split's "
            f"folder alone{too}, such as '{one.name}' as {one.below}: put those of '{split}' into a folder of their "
            f"own, or {further}"
        )
    if not foreign:
        return []
    return [
        f"{file}: {len(foreign):,} of {counted(total, 'picture')} of split '{split}' lie in another split's folder, "
        f"whose own file does not name them: '{foreign[0].name}' is {foreign[0].below}"
    ]


class _Claims:
    """What the files of splits call their pictures.

    Args:
        splits: The splits of the export.
        names_of: The names of the pictures of one of them.
    """

    def __init__(self, splits: Mapping[str, Split], names_of: Callable[[Split], Iterable[str]] | None) -> None:
        self._splits = tuple(splits)
        self._read = lambda name: () if names_of is None else names_of(splits[name])
        self._found: dict[str, dict[str, list[list[str]]]] = {}

    def has(self, file: str, there: Sequence[str], agreeing: int, folder: str, split: str) -> bool:
        """Whether a picture may be what the file of the split that its folder is called as means.

        Args:
            file: The picture's own name.
            there: The folders that it lies in.
            agreeing: How many of these, from the last on, the asking split's file names.
            folder: The one of them that is called as another split.
            split: The asking split.
        """
        bare = re.sub(r"\d+$", "", folder)
        others = (name for name in self._splits if name != split and (_is_of(folder, name) or _is_of(bare, name)))
        return any(_agreeing(folders, there) >= agreeing for name in others for folders in self._of(name).get(file, ()))

    def _of(self, split: str) -> dict[str, list[list[str]]]:
        """By file name, the folders that a split's file gives."""
        if split not in self._found:
            found: dict[str, list[list[str]]] = defaultdict(list)
            for name in self._read(split):
                *folders, last = PurePosixPath(name).parts or ("",)
                found[_same(last)].append(folders)
            self._found[split] = found
        return self._found[split]


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
