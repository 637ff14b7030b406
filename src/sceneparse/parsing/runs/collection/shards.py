"""What tar files (WebDataset) and Parquet files hold, without reading the pictures; and then one of them."""

import tarfile
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from sceneparse.arguments import argument
from sceneparse.errors import UserError
from sceneparse.parsing.runs.collection.items import Item
from sceneparse.parsing.runs.collection.locations import Location, store_errors
from sceneparse.pictures.finding import is_hidden
from sceneparse.pictures.forms import PICTURE_SUFFIXES, UNREAD_SUFFIXES

if TYPE_CHECKING:
    import pyarrow


class Member(NamedTuple):
    """A picture in a tar or Parquet file; see `Item` for the fields of the same names.

    Args:
        name: Its name in the file; empty for the file itself, where that has a problem.
        shown: What messages call it.
    """

    name: str
    shown: str
    start: int = 0
    length: int = 0
    column: str = ""
    held_by: dict[str, Any] = {}  # noqa: RUF012 - never changed
    problem: str | None = None


_LABELS = frozenset(
    (
        *("seg", "segmentation", "semseg", "mask", "masks", "label", "labels", "labelmap", "labelid", "labelids", "gt"),
        *("target", "annotation", "annotations", "semantic", "instance", "panoptic", "depth", "normal"),
    )
)
"""What fields of a WebDataset sample are called that are no pictures to parse."""


def fields_beside(names: Sequence[str]) -> set[str]:
    """Return which members of a tar file are another picture's labels or other data: NAME.seg.png beside NAME.jpg.

    WebDataset: what stands before the first dot is the sample's key, what follows the name of a field. Where a sample
    has a field of a bare suffix, that is its picture, and others are not (but for copies, which are numbered). Where it
    has none, fields with a label's name are not.

    Args:
        names: The pictures' paths in the tar file.
    """
    samples: dict[str, dict[str, str]] = defaultdict(dict)
    for name in names:
        folder, _, file = name.rpartition("/")
        key, _, field = file.partition(".")
        samples[f"{folder}/{key}"][name] = field.rpartition(".")[0].lower()
    beside: set[str] = set()
    for fields in samples.values():
        bare = "" in fields.values()
        others = {
            name for name, field in fields.items() if (field and not field.isdigit() if bare else field in _LABELS)
        }
        if len(others) < len(fields):
            beside |= others
    return beside


def tar_members(address: str, unread: list[str] | None = None) -> list[Member]:
    """Return the pictures of a tar file; of one that is damaged those before the damage, and the file itself.

    Args:
        address: The file's path or URL.
        unread: Takes the names of pictures in forms that are not read.
    """
    members: list[Member] = []
    try:
        location = Location(address)
        with store_errors(address):
            held_by = location.version()
            file = location.fs.open(location.path, "rb")
        with file, tarfile.open(fileobj=file, mode="r:") as archive:
            for info in archive:
                path = PurePosixPath(info.name)
                if not info.isreg() or any(is_hidden(name) for name in path.parts if name != ".."):
                    continue
                if path.suffix.lower() in UNREAD_SUFFIXES and unread is not None:
                    unread.append(info.name)
                if path.suffix.lower() not in PICTURE_SUFFIXES:
                    continue
                # "./a.jpg" is what `tar -cf x.tar .` writes.
                members.append(Member(str(path), info.name, info.offset_data, info.size, "", held_by))
    except UserError as error:
        members.append(Member("", "", problem=str(error).removeprefix(f"{address}: ")))
    except (tarfile.TarError, OSError) as error:
        members.append(Member("", "", problem=f"damaged or cut off ({error}); what comes after is lost"))
    return members


def parquet_rows(address: str, column: str | None) -> list[Member]:
    """Return the rows of a Parquet file; one that is damaged gives itself.

    Raises:
        UserError: The column is not there, or none or several could be meant.
    """
    arrow = _arrow(address)
    try:
        location = Location(address)
        with store_errors(address):
            held_by = location.version()
            with location.fs.open(location.path, "rb") as file:
                table = arrow.ParquetFile(file)
                schema, groups = (
                    table.schema_arrow,
                    [table.metadata.row_group(group).num_rows for group in range(table.num_row_groups)],
                )
    except UserError as error:
        return [Member("", "", problem=str(error).removeprefix(f"{address}: "))]
    chosen = _column(address, schema, column)
    members: list[Member] = []
    for group, rows in enumerate(groups):
        for row in range(rows):
            number = len(members)
            members.append(Member(f"{number:06}", str(number), group, row, chosen, held_by))
    return members


def content(item: Item) -> bytes:
    """Return a picture's file as bytes.

    Raises:
        UserError: It cannot be read.
    """
    if item.kind == "parquet":
        value = _column_of_group(item.address, item.column, item.start, str(item.held_by))[item.length].as_py()
        if isinstance(value, dict):
            value = value["bytes"]
        if not value:
            raise UserError(f"{item.file}: the row holds no picture")
        return bytes(value)
    with store_errors(item.file):
        if item.kind == "file":
            return Location(item.address).read()
        found = Location(item.address).read(item.start, item.start + item.length)
    if len(found) != item.length:
        raise UserError(f"{item.file}: the tar file is cut off here")
    return found


@lru_cache(maxsize=1)
def _column_of_group(address: str, column: str, group: int, held_by: str) -> "pyarrow.ChunkedArray":  # noqa: ARG001
    """A column of a row group. The one read last is kept; `held_by` changes with the file."""
    location = Location(address)
    with store_errors(address), location.fs.open(location.path, "rb") as file:
        return _arrow(address).ParquetFile(file).read_row_group(group, columns=[column]).column(0)


def _column(address: str, schema: "pyarrow.Schema", wanted: str | None) -> str:
    import pyarrow.types as types

    def holds_pictures(kind: Any) -> bool:
        if types.is_struct(kind):  # as Hugging Face's data sets have them: bytes and path
            return any(field.name == "bytes" and holds_pictures(field.type) for field in kind)
        return bool(types.is_binary(kind) or types.is_large_binary(kind))

    columns = [field.name for field in schema if holds_pictures(field.type)]
    if wanted is not None:
        if wanted in columns:
            return wanted
        what = "is not there" if wanted not in schema.names else "holds no pictures as bytes"
        raise UserError(f"{address}: column '{wanted}' {what}; columns of bytes: {', '.join(columns) or 'none'}")
    if len(columns) == 1:
        return columns[0]
    raise UserError(
        f"{address}: several columns may hold pictures ({', '.join(columns)}); name one with {argument('column')}"
        if columns
        else f"{address}: no column holds pictures as bytes (columns: {', '.join(schema.names)})"
    )


def _arrow(address: str) -> Any:
    try:
        import pyarrow.parquet
    except ImportError:
        raise UserError(f"{address}: Parquet files need pyarrow; do: pip install 'sceneparse[ray]'") from None
    return pyarrow.parquet
