"""Rasters and their masks, matched by name: GeoTIFFs of any number of bands, whole or cut into tiles."""

from bisect import bisect_right
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import accumulate, islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sceneparse.arguments import argument
from sceneparse.data.sample import Sample
from sceneparse.datasets.folder import folder_splits, split_lists, usual_splits
from sceneparse.datasets.folder_layouts import found_splits
from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.kind import DatasetKind, root_of
from sceneparse.datasets.layout import Listings, Note
from sceneparse.datasets.matching import Pair
from sceneparse.datasets.pairs import refuse_unpaired
from sceneparse.datasets.subsets import chosen_pairs, chosen_split
from sceneparse.errors import UserError, counted, require, some
from sceneparse.labels import IGNORE, LabelSpace, TaskLabels, read_json
from sceneparse.pictures.decoding import PictureError
from sceneparse.pictures.finding import walk
from sceneparse.pictures.masks import read_mask, unknown_values, values_outside
from sceneparse.pictures.rasters import BandForm, Raster
from sceneparse.pictures.rasters.grid import Grid, grid_of
from sceneparse.pictures.rasters.header import SUFFIXES, is_raster, orientation_of, plain
from sceneparse.pictures.rasters.labels import label_nodata, read_label_window
from sceneparse.settings import DataSettings

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class GeotiffOptions:
    """How rasters become pictures; goes with the model, so that `predict` does the same.

    Args:
        bands: Numbers of the bands, from 1, in the order of the channels ([4, 3, 2] shows near infrared as red). Empty:
            all of rasters with as many bands as the network has channels.
        ranges: The values that become black and white: one pair for all bands or one for each, such as [[0, 10000]].
            Empty: 0 and the largest of the type, for bands of 8 and of 16 bits without a sign.
        tile: Cut rasters into tiles of at most so many pixels a side, each a sample. 0: each is one sample.
    """

    bands: tuple[int, ...] = ()
    ranges: tuple[tuple[float, float], ...] = ()
    tile: int = 0

    def __post_init__(self) -> None:
        require(self.tile >= 0, f"tile is {self.tile}, but must be 0 or more")
        self.form()

    def form(self) -> BandForm:
        """The bands and ranges."""
        return BandForm(self.bands, self.ranges)


class Tile(NamedTuple):
    """A part of a raster: its rows and its columns, each the first and the one after the last."""

    rows: tuple[int, int]
    columns: tuple[int, int]


class RasterPairs:
    """A split whose samples are rasters and their masks, or tiles of them; see `DataSet`.

    Where a raster has no data, its picture is 0 and its truth is ignored.

    Args:
        pairs: The files.
        labels: The label space of the masks.
        channels: Channels of the pictures.
        options: How rasters become pictures.
        said: What is to be said of how they were parted.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        labels: LabelSpace,
        channels: int,
        options: GeotiffOptions,
        said: tuple[Note, ...] = (),
    ) -> None:
        self.labels = labels
        self.tasks = TaskLabels(labels)
        self._pairs, self._channels, self._form = tuple(pairs), channels, options.form()
        self._cut = options.tile > 0
        self._said = said
        self._tiles: list[list[Tile]] = []
        self._reordered: dict[tuple[int, ...], list[str]] = {}
        for pair in self._pairs:
            with Raster(pair.image, channels, self._form) as raster:
                self._tiles.append(_tiles(raster.height, raster.width, options.tile))
                if raster.reordered:
                    self._reordered.setdefault(raster.reordered, []).append(pair.image.name)
        self._ends = list(accumulate(map(len, self._tiles)))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> Sample:
        import torch  # not at the top: reading a recipe must not wait for it

        pair, tile = self._place(index)
        with Raster(pair.image, self._channels, self._form) as raster:
            pixels = raster.read(*tile)
            grid = grid_of(raster.dataset)
        objects = _truth(pair, grid, tile, self.labels)
        if pixels.valid is not None:
            objects = np.where(pixels.valid, objects, np.int16(IGNORE))
        return Sample(
            torch.from_numpy(np.ascontiguousarray(pixels.image)),
            objects=torch.from_numpy(objects),
            name=self.name(index),
            # Tiles share their file, which doesn't make them copies of each other.
            path="" if self._cut else str(pair.image),
        )

    def doubts(self) -> tuple[Note, ...]:
        """Say how rasters are parted, whose bands change places, and whose "no data" is a class; see `doubts_of`."""
        names = dict(zip(self.labels.ids, self.labels.names, strict=True))
        found: dict[int, list[str]] = {}
        for pair in self._pairs:
            nothing = label_nodata(pair.mask) if pair.mask.suffix.lower() in SUFFIXES else None
            if nothing in names:
                found.setdefault(nothing, []).append(pair.mask.name)
        orders = tuple(
            Note(
                "note",
                "band-order",
                f"{counted(len(rasters), 'raster')} ({some(rasters)}) whose bands {', '.join(map(str, bands))} are the "
                "channels, red, green and blue first, as the files name them; "
                f"{argument('data.options.bands', sorted(bands))} takes them as they are stored",
            )
            for bands, rasters in self._reordered.items()
        )
        return (
            self._said
            + orders
            + tuple(
                Note(
                    "warning",
                    "nodata-class",
                    f"{counted(len(masks), 'mask')} ({some(masks)}) whose value for no data, {value}, is the id of "
                    f"'{names[value]}' in classes.json: such pixels count as '{names[value]}'. If nothing is known of "
                    "them, give the class another id in masks and classes.json; else take the value away (gdal_edit.py "
                    "-unsetnodata MASK)",
                )
                for value, masks in found.items()
            )
        )

    def name(self, index: int) -> str:
        """The sample's name: the raster's, and of a tile its first row and column."""
        pair, tile = self._place(index)
        return f"{pair.name}/{tile.rows[0]:05}-{tile.columns[0]:05}" if self._cut else pair.name

    def group(self, index: int) -> str:
        """The raster's name, whose tiles stay together; see `groups_of`."""
        return self._place(index)[0].name

    def identity(self, index: int) -> Hashable:
        """The raster's file and the tile in it; see `identity_of`."""
        pair, tile = self._place(index)
        return str(pair.image), tile

    def _place(self, index: int) -> tuple[Pair, Tile]:
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        number = bisect_right(self._ends, index)
        return self._pairs[number], self._tiles[number][index - (self._ends[number - 1] if number else 0)]


def _tiles(height: int, width: int, side: int) -> list[Tile]:
    """Cut a raster into tiles of nearly one size, none larger than `side`."""
    return [Tile(rows, columns) for rows in _pieces(height, side) for columns in _pieces(width, side)]


def _pieces(length: int, side: int) -> list[tuple[int, int]]:
    count = -(-length // side) if side else 1
    return [(number * length // count, (number + 1) * length // count) for number in range(count)]


def _truth(pair: Pair, grid: Grid, tile: Tile, labels: LabelSpace) -> NDArray[np.int16]:
    """Read the labels of a tile as class indices.

    Raises:
        PictureError: The mask is damaged, of a form that changes values, of another size than the raster, lies
            elsewhere, or has values that are no class.
    """
    _refuse_turned(pair, grid)
    if pair.mask.suffix.lower() not in SUFFIXES:
        whole: Tensor = read_mask(pair.mask, labels)
        _refuse_other_size(pair, grid.size, (whole.shape[0], whole.shape[1]))
        return whole[slice(*tile.rows), slice(*tile.columns)].numpy().copy()
    found = read_label_window(pair.mask, tile.rows, tile.columns)
    _refuse_other_size(pair, grid.size, found.grid.size)
    if wrong := grid.apart(found.grid):
        raise PictureError(
            f"{pair.mask}: {wrong} {pair.image}; warp the mask onto the raster's grid (gdalwarp -r near) or, if both "
            "show the same ground, take the mask's georeference away (gdal_edit.py -unsetgt -a_srs '' MASK)",
            "georeference",
        )
    objects, unknown = labels.decode(found.values)
    for nothing in found.nothing:
        unknown.pop(str(nothing), None)  # what the mask itself says is no data
    if outside := [value for value in unknown if not 0 <= int(value) <= 65535]:
        raise PictureError(
            f"{pair.mask}: {values_outside(unknown, labels)}; ids are 0–65535. If {outside[0]} means that there is no "
            f"data, say so in the file (gdal_edit.py -a_nodata {outside[0]} MASK); else give it another number",
            "values",
        )
    if unknown:
        raise PictureError(f"{pair.mask}: {unknown_values(unknown, labels)}", "values")
    return objects


def _refuse_turned(pair: Pair, grid: Grid) -> None:
    """Refuse a raster that is to be turned, which nothing here does, unless its georeference says where pixels lie."""
    if grid.transform is None and (turn := orientation_of(pair.image)) > 1:
        raise PictureError(
            f"{pair.image}: its orientation ({turn}) says that it is to be turned, which rasters are not; save it "
            f"upright, or read it as a picture ({argument('data.kind', 'folder')})",
            "form",
        )


def _refuse_other_size(pair: Pair, size: tuple[int, int], mask: tuple[int, int]) -> None:
    if size != mask:
        raise PictureError(
            f"{pair.mask}: {mask[1]}×{mask[0]} pixels, but its raster {pair.image} has {size[1]}×{size[0]}; make the "
            "mask on the raster's own grid",
            "size",
        )


def open_geotiff(settings: DataSettings, split: str, channels: int) -> RasterPairs:
    """Open a split. The rasters' headers are read, their pixels not yet.

    Args:
        settings: `root` holds the rasters and masks, laid out as for the kind folder; `options` say how they are read.
        split: A split's folder name.
        channels: Channels of the pictures.

    Raises:
        UserError: Another layout, no such split, a bad `classes.json`, files that don't match, rasters that cannot be
            read, or another number of bands than of channels.
    """
    options: GeotiffOptions = KIND.read_options(settings.options, "data.options", "kind geotiff")
    if options.bands and len(options.bands) != channels:
        raise UserError(
            f"data.options.bands names {counted(len(options.bands), 'band')}, but the network takes "
            f"{counted(channels, 'channel')}: give {argument('backbone.in_channels', len(options.bands))}, or other "
            "bands"
        )
    root = root_of(settings)
    folders = folder_splits(root)
    lists = split_lists(settings, folders)
    if lists:
        folders, splits = lists.folders, lists.listings()
    else:
        splits = Listings(folders)
    listing = chosen_pairs(splits, split, root, undivided=False)
    refuse_unpaired(listing, chosen_split(folders, split, root), root)
    said = () if lists is None else lists.notes()
    return RasterPairs(listing.pairs, LabelSpace.read(root / "classes.json"), channels, options, said)


def _form(settings: DataSettings) -> BandForm:
    options: GeotiffOptions = KIND.read_options(settings.options, "data.options", "kind geotiff")
    return options.form()


LOOKED_AT = 8
"""Pictures of each split whose headers say whether it is one of rasters."""


def recognise(root: Path) -> str | None:
    """What in a folder of pictures and masks speaks for rasters.

    Without rasterio plain pictures are left to the kind folder, georeferenced or not; so are masks in colours, which
    this kind does not read.
    """
    if not (root / "classes.json").is_file():
        return None
    folders = [split.images for split in (usual_splits(root) or found_splits(root)).values() if split.images.is_dir()]
    if not folders or _masks_in_colors(root):
        return None
    found = [path for folder in folders for path, _ in islice(walk(folder), LOOKED_AT)]
    if not found or not all(is_raster(path) for path in found):
        return None
    ordinary = all(plain(path) for path in found)
    if ordinary and find_spec("rasterio") is None:
        return None
    first = found[0].relative_to(root).as_posix()
    return f"{first} is {'a georeferenced TIFF' if ordinary else 'a raster (GeoTIFF)'}"


def _masks_in_colors(root: Path) -> bool:
    try:
        classes = read_json(root / "classes.json")
    except UserError:
        return False
    return isinstance(classes, dict) and classes.get("masks") == "rgb"


KIND = DatasetKind(
    open=open_geotiff,
    entry=Entry(
        title="Your own rasters (GeoTIFF) and masks",
        contents="as many as you have, of any number of bands; the classes of classes.json; splits as the folders say",
        licence="yours",
        page="",
        tree=("DIR/classes.json", "DIR/{train,val,test}/images/NAME.tif", "DIR/{train,val,test}/masks/NAME.tif"),
        by_hand="these are your own rasters; docs/rasters.md says how to lay them out",
    ),
    card="A folder of rasters (GeoTIFF) with masks of its author's own.",
    options=GeotiffOptions,
    undivided=True,
    rasters=_form,
    recognise=recognise,
)
