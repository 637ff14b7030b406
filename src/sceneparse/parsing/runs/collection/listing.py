"""Finding the pictures of a collection: folders, patterns, tar and Parquet files, on disks and in object stores."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from sceneparse.arguments import argument
from sceneparse.errors import UserError
from sceneparse.parsing.ahead import ahead
from sceneparse.parsing.artefacts.file_names import files_of
from sceneparse.parsing.picture_inputs import Inputs
from sceneparse.parsing.runs.collection.addresses import COMPRESSED, is_url, needs_collection
from sceneparse.parsing.runs.collection.items import Item
from sceneparse.parsing.runs.collection.locations import Location
from sceneparse.parsing.runs.collection.shards import Member, fields_beside, parquet_rows, tar_members
from sceneparse.pictures.finding import find_pictures
from sceneparse.pictures.forms import PICTURE_SUFFIXES, UNREAD_SUFFIXES, LeftOut, unread
from sceneparse.pictures.naming import UniqueNames

_LISTERS = 8
"""Tar and Parquet files that are looked into at once; most of that is waiting."""


def list_items(
    inputs: Sequence[str],
    out: str,
    column: str | None = None,
    write: Sequence[str] = ("labels", "overlay"),
    left_out: list[LeftOut] | None = None,
) -> list[Item]:
    """List all pictures of the inputs: files, folders and patterns first, then what URLs, tar and Parquet files hold.

    Names are paths below the folder (of a pattern: below the folders before its first wildcard) without the suffix, as
    `find_pictures` gives them; of a tar file TAR/MEMBER, of a Parquet file FILE/ROW. What is no picture in a folder or
    a tar file is left out, and so is what WebDataset has beside a picture (NAME.seg.png beside NAME.jpg).

    Args:
        inputs: Paths, or URLs that fsspec opens ("s3://bucket/photos").
        out: The output folder or its URL; what lies inside a folder of outputs is no input.
        column: The column of Parquet files. Default: the only one that can hold pictures.
        write: Names of the artefacts that are written of each: no picture may be where one of them goes.
        left_out: Takes what was left out and may have been meant as pictures.

    Raises:
        UserError: An input doesn't exist or holds no picture, or a column that is not there or not clear.
    """
    listed = _Listed()
    files = [source for source in inputs if not needs_collection(source)]
    if files:
        listed.files(files, out, write)
    shards: list[str] = []
    for source in inputs:
        if needs_collection(source):
            shards.extend(listed.found(source, out))
    if column is not None and not any(shard.lower().endswith(".parquet") for shard in shards):
        raise UserError(f"{argument('column', column)} is for Parquet files, and there are none among the inputs")
    for future in ahead(lambda shard: (shard, _members(shard, column)), shards, threads=_LISTERS, limit=2 * _LISTERS):
        shard, (members, others, fields) = future.result()
        listed.members(shard, members)
        for names, kind in ((others, listed.unread), (fields, listed.fields)):
            for name in names:
                kind.add(f"{shard}/{name}")
    if not listed.items:
        others_there = f"; {listed.unread}" if listed.unread.count else ""
        raise UserError(f"{', '.join(inputs)}: no pictures found{others_there}")
    if left_out is not None:
        kinds = (listed.unread, listed.unread.apart, listed.fields)
        left_out.extend(one for one in kinds if one is not None)
    return listed.items


class _Listed:
    """Items with unique names."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.unread = unread()
        self.fields = LeftOut("of a tar file that belong to another picture")
        self._names = UniqueNames()

    def add(self, name: str, **fields: Any) -> None:
        # A tar file's member or an object's key may be called anything.
        pieces = name.split("/")
        if "" in pieces or "." in pieces or ".." in pieces:
            fields["problem"] = "its name leads out of the output folder"
            name = "/".join(piece for piece in pieces if piece not in ("", ".", "..")) or "unnamed"
        unique = self._names.give(name, PurePosixPath(fields["file"]))
        self.items.append(Item(len(self.items), unique, **fields))

    def files(self, sources: Sequence[str], out: str, write: Sequence[str]) -> None:
        """Add the pictures of files, folders and patterns."""
        inside = None if is_url(out) else Inputs(sources, Path(out))
        for found in find_pictures(sources, self.unread) if inside is None else inside:
            victim = inside and inside.overwritten_by([Path(out) / name for name in files_of(found.name, write)])
            problem = f"its parse would overwrite the picture {victim}; choose another folder" if victim else None
            path = found.path
            # Workers may run in another folder.
            self.add(found.name, file=path.as_posix(), kind="file", address=str(path.absolute()), problem=problem)
        if inside is not None:
            self.unread = inside.left_out

    def found(self, source: str, out: str) -> list[str]:
        """Add the pictures that a URL or a pattern of one leads to; returns its tar and Parquet files."""
        if source.lower().endswith(COMPRESSED):
            raise UserError(f"{source}: a compressed tar file cannot be read in parts; unpack it to a plain .tar")
        shards, pictures = [], []
        top, below = Location.find(source)
        outputs = Location(out)
        for path in below:
            location = top / path if path else top
            if path and outputs.holds(location):
                continue
            suffix = PurePosixPath(location.address).suffix.lower()
            if suffix in (".tar", ".parquet") and (not path or top.address != source):  # or a pattern found it
                shards.append(location.address)
            elif suffix in PICTURE_SUFFIXES:
                pictures.append((path or PurePosixPath(location.address).name, location.address))
            elif suffix in UNREAD_SUFFIXES:
                self.unread.add(location.address)
        if not shards and not pictures:
            raise UserError(f"{source}: no pictures, .tar or .parquet files there")
        for name, address in zip(named([path for path, _ in pictures]), (one for _, one in pictures), strict=True):
            self.add(name, file=address, kind="file", address=address)
        return shards

    def members(self, shard: str, members: Iterable[Member]) -> None:
        """Add what a tar or a Parquet file holds."""
        path = PurePosixPath(shard)
        for member in members:
            name = f"{path.stem}/{member.name}" if member.name else path.stem
            kind = "tar" if path.suffix.lower() == ".tar" else "parquet"
            separator = "/" if kind == "tar" else "#"
            self.add(
                name,
                file=f"{shard}{separator}{member.shown}" if member.shown else shard,
                kind=kind,
                address=shard if is_url(shard) else str(Path(shard).absolute()),
                start=member.start,
                length=member.length,
                column=member.column,
                held_by=member.held_by,
                problem=member.problem,
            )


def named(paths: Sequence[str]) -> Iterator[str]:
    """Yield paths without their suffixes; those that would be equal keep them."""
    stems = [str(PurePosixPath(path).with_suffix("")) if path else "" for path in paths]
    counts = Counter(stems)
    for path, stem in zip(paths, stems, strict=True):
        yield stem if counts[stem] == 1 else path


def _members(shard: str, column: str | None) -> tuple[list[Member], list[str], list[str]]:
    """The pictures of a tar or Parquet file, and the names of what is left out: not read, and not to be parsed."""
    if not shard.lower().endswith(".tar"):
        return parquet_rows(shard, column), [], []
    others: list[str] = []
    members = tar_members(shard, others)
    beside = fields_beside([member.name for member in members])
    fields = [member.shown for member in members if member.name in beside]
    members = [member for member in members if member.name not in beside]
    names = named([member.name for member in members])
    return [member._replace(name=name) for member, name in zip(members, names, strict=True)], others, fields
