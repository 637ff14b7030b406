"""Datasets of the Hugging Face `datasets` library.

They come from the hub, from a folder written by `save_to_disk`, or from a folder of Parquet files or pictures.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sceneparse.arguments import argument
from sceneparse.data.sample import Sample, Stored
from sceneparse.datasets.file_as_root import refuse_file
from sceneparse.datasets.folder import wrong_layout
from sceneparse.datasets.folder_layouts import IMAGE_FOLDERS, MASK_FOLDERS
from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.kind import DatasetKind
from sceneparse.datasets.pairs import turned_advice
from sceneparse.datasets.subsets import parted_by_hand, split_named
from sceneparse.errors import MissingSplitError, UserError
from sceneparse.labels import LabelSpace, TaskLabels
from sceneparse.paths import written_as_path
from sceneparse.pictures.decoding import decode
from sceneparse.pictures.masks import read_mask, unknown_values
from sceneparse.pictures.problems import PictureError, described
from sceneparse.pictures.reading import Reading, read_picture
from sceneparse.pictures.turning import Orientation
from sceneparse.settings import DataSettings
from sceneparse.settings.kinds import PICTURES
from sceneparse.settings.ranges import refuse_other_ranges

if TYPE_CHECKING:
    from torch import Tensor

LAYOUT = (
    "a name of the hub (user/name), a folder that save_to_disk wrote, or one that load_dataset takes (*.parquet, or "
    "{train,validation,test}/ with pictures and metadata.csv)"
)
"""What `data.root` can be, in one line."""


class HuggingFacePictures:
    """A split of a dataset; see `DataSet`.

    Args:
        rows: The split with the columns of pictures and masks alone, not decoded.
        columns: These columns' names.
        labels: The label space of the masks.
        where: What it is called in messages.
        channels: Channels of the pictures.
        reading: How pictures are read, and turned as the masks are.
    """

    def __init__(
        self,
        rows: Any,
        columns: tuple[str, str],
        labels: LabelSpace,
        where: str,
        channels: int = 3,
        reading: Reading = Reading(),  # noqa: B008 - a tuple
    ) -> None:
        self.labels = labels
        self.tasks = TaskLabels(labels)
        self._rows, self._columns, self._where, self._channels = rows, columns, where, channels
        self._reading = reading

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Sample:
        row = self._rows[index]
        where = f"{self._where}, row {index}"
        turn, limits = self._reading
        picture, mask = self._columns
        image = _read_cell(
            where,
            picture,
            row,
            lambda source: read_picture(source, self._channels, orientation=turn, value_range=limits),
        )
        objects = _read_cell(where, mask, row, lambda source: _mask(source, self.labels, turn))
        sample = Sample(image=image, objects=objects, name=self.name(index))
        if objects.shape != sample.size:
            raise self._mismatch(index, where, sample.size, (objects.shape[0], objects.shape[1]))
        return sample

    def _mismatch(self, index: int, where: str, size: tuple[int, int], mask_size: tuple[int, int]) -> PictureError:
        """The error that says that mask and picture differ in size, and whether EXIF's orientation is why."""
        (height, width), (mask_height, mask_width) = size, mask_size
        message = f"{where}: its mask has {mask_width}×{mask_height} pixels, but its picture {width}×{height}"
        if mask_size == (width, height):
            turns = [1 if one is None else decode(one, pixels=False).orientation for one in self.stored(index)]
            if max(turns) >= 5:
                return PictureError(f"{message}; {turned_advice(turns[0], self._reading.orientation)}", "turned")
        return PictureError(message, "size")

    def stored(self, index: int) -> Stored:
        """The content of its picture and, where that is a picture too, of its mask; see `stored_of`."""
        picture, mask = (_source(self._rows[index][column]) for column in self._columns)
        return tuple(None if isinstance(one, np.ndarray) else one for one in (picture, mask))  # type: ignore[return-value]

    def identity(self, index: int) -> Hashable:
        """Its split and row; see `identity_of`."""
        return self._where, index

    def name(self, index: int) -> str:
        """The sample's name: its row, from 0."""
        return f"{index:06}"


def open_huggingface(settings: DataSettings, split: str, channels: int = 3) -> HuggingFacePictures:
    """Open a split of a dataset. One of the hub is fetched into the library's own cache; no code of its is run.

    Args:
        settings: `root` names it; `huggingface` and `classes` say how it is read.
        split: The split's own name ("validation" rather than "val", as most have it).
        channels: Channels of the pictures.

    Raises:
        UserError: The library is missing, there is no such dataset, split or column, or nobody says what the masks'
            values mean.
    """
    refuse_other_ranges(settings.range, channels)
    splits = _load(settings)
    name = str(settings.root)
    found = split_named(splits, split)
    if found is None:
        advice = parted_by_hand({one: len(rows) for one, rows in splits.items()}, split)
        raise MissingSplitError(f"{name}: no split '{split}'; there are: {', '.join(splits)}", advice)
    split, rows = found, splits[found]
    columns = settings.huggingface.columns
    picture, mask = columns
    for column in columns:
        if column not in rows.features:
            raise UserError(
                f"{name}: no column '{column}'; there are: {', '.join(rows.features)}; name those of the picture and "
                f"of its mask{_likely_columns(rows.features)}"
            )
    labels = _labels(settings, rows.features[mask])
    undecoded, reading = _undecoded(rows, picture, mask, name), Reading(settings.orientation, settings.range)
    return HuggingFacePictures(undecoded, columns, labels, f"{name} {split}", channels, reading)


def _likely_columns(features: Mapping[str, Any]) -> str:
    """The setting that names a dataset's columns, by what such columns are called."""
    called = {name.lower(): name for name in features}
    images = [called[name] for name in IMAGE_FOLDERS if name in called]
    masks = [called[name] for name in (*MASK_FOLDERS, "semantic_seg") if name in called]
    if images and masks:
        return f", such as {argument('data.huggingface.columns', [images[0], masks[0]])}"
    return f" with {argument('data.huggingface.columns', ['PICTURE', 'MASK'])}"


def refuse_missing_folder(settings: DataSettings) -> None:
    """Refuse what was meant as a folder and is not there, which the hub need not be asked for.

    Raises:
        UserError: It is not there, or is a file.
    """
    root = settings.root
    if root is not None:
        refuse_file(Path(root))
    if root is not None and written_as_path(root) and not Path(root).exists():
        raise UserError(f"{root}: no such folder; expected: {LAYOUT}")


def _load(settings: DataSettings) -> dict[str, Any]:
    """The splits by name."""
    refuse_missing_folder(settings)
    try:
        import datasets
    except ImportError:
        raise UserError("kind huggingface needs the datasets library: pip install 'sceneparse[huggingface]'") from None
    if settings.root is None:
        raise UserError(f"data.root is not set: name the dataset ({argument('data.root', 'NAME')}): {LAYOUT}")
    folder = Path(settings.root)
    try:
        if (folder / "dataset_dict.json").is_file():
            return dict(datasets.load_from_disk(str(folder)))
        if (folder / "state.json").is_file():
            one = datasets.load_from_disk(str(folder))
            return {str(one.split or "train"): one}
        if folder.is_dir():
            return dict(datasets.load_dataset(str(folder), settings.huggingface.subset))
        if re.fullmatch(r"[\w.-]+(/[\w.-]+)?", settings.root):
            return dict(datasets.load_dataset(settings.root, settings.huggingface.subset))
    except Exception as error:  # the network, the disk, the hub, the files themselves: all are for the user to mend
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        if folder.is_dir():
            raise wrong_layout(folder, f"{LAYOUT} (the library says: {reason})") from error
        raise UserError(f"{settings.root}: cannot be opened as a dataset ({reason}); expected: {LAYOUT}") from error
    raise UserError(f"{settings.root}: no such folder; expected: {LAYOUT}")


def _undecoded(rows: Any, picture: str, mask: str, name: str) -> Any:
    """The two columns, whose pictures come as the files' contents: they are decoded as all pictures are."""
    from datasets import Image

    if not isinstance(rows.features[picture], Image):
        raise UserError(f"{name}: column '{picture}' holds {type(rows.features[picture]).__name__}, not pictures")
    chosen = rows.select_columns([picture, mask]).cast_column(picture, Image(decode=False))
    return chosen.cast_column(mask, Image(decode=False)) if isinstance(rows.features[mask], Image) else chosen


def _labels(settings: DataSettings, feature: Any) -> LabelSpace:
    """What the masks' values mean: a classes.json, or the names that the column has."""
    if settings.classes.file is not None:
        return LabelSpace.read(Path(settings.classes.file))
    beside = Path(str(settings.root)) / "classes.json"
    if beside.is_file():
        return LabelSpace.read(beside)
    while hasattr(feature, "feature"):  # lists of lists of classes
        feature = feature.feature
    names = getattr(feature, "names", None)
    if not names:
        raise UserError(
            f"{settings.root}: column '{settings.huggingface.columns[1]}' names no classes: say what its values mean "
            f"in a classes.json ({argument('data.classes', 'FILE')})"
        )
    # In the library -1 stands for no class; a mask file has room for it above the classes.
    return LabelSpace(tuple(names), ignore=(255 if len(names) <= 255 else 65535,))


Source = Path | bytes | NDArray[np.int64]
"""What a row has in a column: a file, a file's content, or numbers."""


def _source(cell: Any) -> Source:
    if isinstance(cell, dict):
        held = cell.get("bytes")
        return held if held is not None else Path(str(cell.get("path")))
    return np.array(cell, dtype=np.int64)


def _read_cell(where: str, column: str, row: dict[str, Any], read: Callable[[Any], Tensor]) -> Tensor:
    """Read a cell; messages name its row and column."""
    if row[column] is None:
        raise PictureError(f"{where}: nothing in column '{column}'", "missing")
    source = _source(row[column])
    try:
        return read(source)
    except PictureError as error:
        named = str(error)
        if isinstance(source, bytes):
            named = named.replace(f"{described(source)}: ", "", 1)
        raise PictureError(f"{where}, column '{column}': {named}", error.problem) from None


def _mask(source: Source, labels: LabelSpace, orientation: Orientation) -> Tensor:
    import torch  # not at the top: reading a recipe must not wait for it

    if not isinstance(source, np.ndarray):
        return read_mask(source, labels, orientation=orientation)
    if source.ndim != 2:
        raise PictureError(f"numbers of {source.ndim} dimensions are no mask, which has 2", "form")
    indices, unknown = labels.decode(np.where(source < 0, (labels.ignore or (65535,))[0], source))
    if unknown:
        raise PictureError(unknown_values(unknown, labels), "values")
    return torch.from_numpy(indices)


def recognise_huggingface(root: Path) -> str | None:
    """What in a folder speaks for a dataset of the library."""
    if found := next((name for name in ("dataset_dict.json", "state.json") if (root / name).is_file()), None):
        return found
    tables = next((path for below in ("", "data") for path in sorted((root / below).glob("*.parquet"))), None)
    return None if tables is None else tables.relative_to(root).as_posix()


KIND = DatasetKind(
    open=open_huggingface,
    entry=Entry(
        title="Datasets of Hugging Face",
        size="by its name",
        contents="a column of pictures, one of masks; the splits, and often the classes, that the dataset has",
        licence="the dataset's own",
        page="https://huggingface.co/datasets?task_categories=task_categories:image-segmentation",
        tree=("a name of the hub, a folder of save_to_disk, or one that load_dataset takes",),
        by_hand="the datasets library fetches it by its name when it is first used: --data.kind huggingface "
        "--data.root user/name",
    ),
    card="A dataset of the Hugging Face datasets library.",
    uses=("classes", "huggingface", *PICTURES),
    recognise=recognise_huggingface,
)
