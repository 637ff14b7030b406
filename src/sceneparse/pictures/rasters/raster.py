"""A raster that is open for reading: its georeference, its blocks, and its pixels by windows."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sceneparse.arguments import argument
from sceneparse.errors import UserError
from sceneparse.pictures.decoding import PictureError
from sceneparse.pictures.rasters.bands import BandForm, needs_range
from sceneparse.pictures.rasters.choosing import chosen_bands, luma_of
from sceneparse.pictures.rasters.light import is_opacity, over_white, white_is_zero, white_of

CACHE_MB = 64
"""What GDAL may keep of blocks: windows are aligned to blocks, so that none is wanted twice."""


def installed() -> ModuleType:
    """Import rasterio, and have it say nothing of files without a georeference.

    Raises:
        UserError: It is missing.
    """
    try:
        import rasterio
        from rasterio.errors import NotGeoreferencedWarning
    except ImportError:
        raise UserError("rasters need rasterio: pip install 'sceneparse[geo]'") from None
    # For good, not for one call: filters are the process's, and rasters are read in several threads. Appended: a
    # user's own filter comes first.
    warnings.filterwarnings("ignore", category=NotGeoreferencedWarning, append=True)
    module: ModuleType = rasterio
    return module


def environment() -> Any:
    """Return the context in which this thread uses GDAL: little kept in memory, no look at the files beside it."""
    rasterio = installed()
    return rasterio.Env(GDAL_CACHEMAX=CACHE_MB, GDAL_DISABLE_READDIR_ON_OPEN="FALSE")


class Pixels(NamedTuple):
    """What a window of a raster holds.

    Args:
        image: (channels, H, W) uint8; where there is no data 0, or what `BandForm.pictures` says.
        valid: (H, W), where there is data in one of the bands at least; None if that is so everywhere.
        largest: The largest value in it, where the type's own range was taken; else 0.
        extremes: The darkest and the brightest byte that values with data became; None where there are no such, or
            bytes are the raster's own.
    """

    image: NDArray[np.uint8]
    valid: NDArray[np.bool_] | None
    largest: int
    extremes: tuple[int, int] | None = None


class Raster:
    """A raster, open; a context manager that closes it. Each thread opens it for itself.

    Args:
        path: A TIFF file.
        channels: How many channels the picture shall have.
        form: Which bands these are, and their ranges.
        parallel: Whether GDAL unpacks blocks in threads of its own. Only where the whole of a raster is parsed: GDAL
            keeps these threads, and in a process that is forked later (a data set's loader) they are missing, so that
            it would wait for them for ever.

    Attributes:
        path: The file.
        dataset: rasterio's dataset, for the georeference.
        form: The form with its bands filled in, and the ranges that they get.
        height: Number of rows.
        width: Number of columns.
        reordered: The bands in the order of the channels, where nobody chose them and the file names its colours in
            another order, such as (3, 2, 1) of blue, green and red; else empty.
        inverted: Whether 0 is white in the file; the picture has it as it is meant.
        block: Height and width of the blocks (tiles, or strips of rows) in which pixels are stored.

    Raises:
        PictureError: Missing, damaged, not a TIFF, too few bands, more bands than the picture has channels and none
            named, or values without a range.
    """

    def __init__(self, path: Path, channels: int, form: BandForm, *, parallel: bool = False) -> None:
        self.path = path
        self.dataset = opened(path, parallel=parallel)
        try:
            self.width, self.height = int(self.dataset.width), int(self.dataset.height)
            self.block: tuple[int, int] = self.dataset.block_shapes[0]
            choice = chosen_bands(self.dataset, path, channels, form.bands, pictures=form.pictures)
            self._white = white_of(self.dataset, choice.bands[0])
            self.form = self._resolved(form, choice.bands)
            chosen = bool(form.bands) or choice.bands == tuple(sorted(choice.bands))
            self.reordered: tuple[int, ...] = () if chosen else choice.bands
            self._mask, self._palette, self._repeat = choice.mask, choice.palette, choice.repeat
            self._luma = choice.luma
            self._dtype = np.dtype(self.dataset.dtypes[choice.bands[0] - 1])
            self._nodata = [self.dataset.nodatavals[band - 1] for band in choice.bands]
            # A palette of black and white, as which GDAL gives one bit, says itself which is which.
            self.inverted = self._palette is None and white_is_zero(self.dataset)
            self._refuse_without_range()
            self._believe_opacity()
        except BaseException:
            self.dataset.close()
            raise

    def __enter__(self) -> "Raster":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.dataset.close()

    @property
    def tiled(self) -> bool:
        """Whether its blocks are tiles, not strips of rows."""
        return self.block[1] < self.width or bool(self.dataset.profile.get("tiled"))

    @property
    def colored(self) -> bool:
        """Whether its values are numbers of a palette's colours, of which the picture is made."""
        return self._palette is not None

    @property
    def full_scale(self) -> int:
        """The largest value of bands of 9 to 16 bits whose own range is taken; 0 with a range and of palettes."""
        white = self._white or 0
        return white if white > 255 and not self.form.ranges and self._palette is None else 0

    def read(self, rows: tuple[int, int], columns: tuple[int, int]) -> Pixels:
        """Read a window.

        Args:
            rows: The first row and the one after the last.
            columns: The first column and the one after the last.

        Raises:
            PictureError: It is damaged; the message names the block.
        """
        from rasterio.windows import Window

        window = Window.from_slices(rows, columns)
        values = self._values(list(self.form.bands), window)
        gaps = self._gaps(values)
        image = self.form.bytes_of(values, self._white) if self._palette is None else self._palette[:, values[0]]
        extremes = self._extremes(image, gaps)
        if self.inverted:
            image = 255 - image
        if gaps is not None and not (self.form.pictures and self._dtype == np.uint8):
            image = np.where(gaps, np.uint8(0), image)
        valid: NDArray[np.bool_] | None = None if gaps is None else ~np.logical_and.reduce(gaps, axis=0)
        if self._mask is not None:
            opacity = self._opacity(window)
            there = opacity > 0
            valid = there if valid is None else valid & there
            if not self.form.pictures:
                image = np.where(there, image, np.uint8(0))
            elif self._mask:
                assert self._white is not None  # `_believe_opacity` has made sure
                image = over_white(image, opacity, self._white)
        if self._luma:
            image = luma_of(image)
        if self._repeat > 1:
            image = np.repeat(image, self._repeat, axis=0)
        if valid is not None and valid.all():
            valid = None
        return Pixels(image, valid, self._largest(values, gaps) if self.full_scale else 0, extremes)

    def _extremes(self, image: NDArray[np.uint8], gaps: NDArray[np.bool_] | None) -> tuple[int, int] | None:
        """Return the darkest and the brightest byte of data, where values were mapped to bytes."""
        if self._palette is not None or (self._white is not None and self._white <= 255 and not self.form.ranges):
            return None
        data = image if gaps is None else image[~gaps]
        return (int(data.min()), int(data.max())) if data.size else None

    def _largest(self, values: NDArray[Any], gaps: NDArray[np.bool_] | None) -> int:
        """Return the largest value that is data: what stands for none often is the type's largest."""
        data = values if gaps is None else values[~gaps]
        return int(data.max()) if data.size else 0

    def _gaps(self, values: NDArray[Any]) -> NDArray[np.bool_] | None:
        """Return where each band has no data, (bands, H, W); None where none has a value for it."""
        floating = values.dtype.kind == "f"
        if not floating and all(nothing is None for nothing in self._nodata):
            return None
        gaps = np.isnan(values) if floating else np.zeros(values.shape, np.bool_)
        for band, (one, nothing) in enumerate(zip(values, self._nodata, strict=True)):
            if nothing is not None and not np.isnan(nothing):
                gaps[band] |= one == (np.float32(nothing) if values.dtype == np.float32 else nothing)
        return gaps

    def _opacity(self, window: Any) -> NDArray[Any]:
        """Return the band that says how opaque pixels are, or the mask, (H, W); 0 where there is no data."""
        assert self._mask is not None
        if self._mask:
            band: NDArray[Any] = self._values([self._mask], window)[0]
            return band
        with damage(self.path, "its mask cannot be read"):
            return np.asarray(self.dataset.read_masks(1, window=window))

    def _believe_opacity(self) -> None:
        """Forget a band of opacity that would be laid over white, but is something else's."""
        if not (self.form.pictures and self._mask):
            return
        with damage(self.path, f"band {self._mask} cannot be read"):
            if self._white is None or not is_opacity(self.dataset, self._mask, self._white):
                self._mask = None

    def _resolved(self, form: BandForm, bands: tuple[int, ...]) -> BandForm:
        try:
            return form.resolved(bands, self._white)
        except UserError as error:
            raise PictureError(f"{self.path}: {error}", "form") from None

    def _values(self, bands: list[int], window: Any) -> NDArray[Any]:
        from rasterio.errors import RasterioError

        try:
            return np.asarray(self.dataset.read(bands, window=window))
        except (RasterioError, ValueError, MemoryError) as error:
            raise self._damaged(bands, window, error) from None

    def _damaged(self, bands: list[int], window: Any, error: Exception) -> PictureError:
        """Return the complaint that names the first block in a window that cannot be read."""
        from rasterio.errors import RasterioError
        from rasterio.windows import Window

        tall, wide = self.block
        for top in range(window.row_off // tall * tall, window.row_off + window.height, tall):
            for left in range(window.col_off // wide * wide, window.col_off + window.width, wide):
                size = (min(wide, self.width - left), min(tall, self.height - top))
                try:
                    self.dataset.read(bands, window=Window(left, top, *size))
                except (RasterioError, ValueError) as own:
                    return PictureError(
                        f"{self.path}: the block of {size[0]}×{size[1]} pixels at column {left:,}, row {top:,} cannot "
                        f"be read ({_reason(own)}); fetch the file again"
                    )
        where = f"rows {window.row_off:,} to {window.row_off + window.height - 1:,}"
        return PictureError(f"{self.path}: {where} cannot be read ({_reason(error)}); fetch the file again")

    def _refuse_without_range(self) -> None:
        types = {self.dataset.dtypes[band - 1] for band in self.form.bands}
        if len(types) > 1:
            raise PictureError(f"{self.path}: bands of different types ({', '.join(sorted(types))}) make no picture")
        if self._dtype.kind not in "iuf":
            raise PictureError(f"{self.path}: values of type {self._dtype} make no picture", "form")
        if self._palette is None and not self.form.ranges and needs_range(self._dtype):
            pairs = ", ".join(f"[{low:.6g}, {high:.6g}]" for low, high in self._usual_ranges())
            of_data = argument("data.options.ranges", option='--data.options.ranges "[[LOW,HIGH]]"')
            raise PictureError(
                f"{self.path}: values of type {self._dtype} have no range of their own: give the ones that become "
                f"black and white ({argument('ranges', option='--range LOW HIGH')}; of a data set {of_data}); "
                "the middle 99% of this file's "
                f"bands: {pairs}",
                "form",
            )

    def _usual_ranges(self) -> list[tuple[float, float]]:
        """Return the 0.5th and 99.5th percentile of each band, from every n-th pixel."""
        shape = (min(self.height, 512), min(self.width, 512))
        found = []
        for band, nothing in zip(self.form.bands, self._nodata, strict=True):
            with damage(self.path, f"band {band} cannot be read"):
                values = np.asarray(self.dataset.read(band, out_shape=shape)).astype(np.float64)
            values = values[np.isfinite(values) & (True if nothing is None else values != nothing)]
            low, high = np.percentile(values, (0.5, 99.5)).tolist() if values.size else (0.0, 1.0)
            found.append((low, high))
        return found


@contextmanager
def damage(path: Path, what: str) -> Iterator[None]:
    """Raise what rasterio says of a file as a `PictureError`."""
    from rasterio.errors import RasterioError

    try:
        yield
    except (RasterioError, ValueError) as error:
        raise PictureError(f"{path}: {what} ({_reason(error)}); fetch the file again") from None


def opened(path: Path, *, parallel: bool = False) -> Any:
    """Open a TIFF file.

    Args:
        path: The file.
        parallel: As of `Raster`.

    Raises:
        PictureError: Missing, damaged, or not a TIFF.
    """
    rasterio = installed()
    from rasterio.errors import RasterioError

    if not path.exists():
        raise PictureError(f"{path}: no such file", "missing")
    try:
        return rasterio.open(path, driver="GTiff", num_threads="ALL_CPUS" if parallel else 1)
    except UnicodeError:
        raise PictureError(f"{path}: GDAL opens files by names in UTF-8 alone; rename it") from None
    except RasterioError as error:
        raise PictureError(f"{path}: not a TIFF, or damaged ({_reason(error)}); fetch it again") from None


def _reason(error: BaseException) -> str:
    """Return what GDAL says, in one line: the cause below rasterio's own "see previous exception"."""
    deepest = error
    while deepest.__cause__ is not None:
        deepest = deepest.__cause__
    return " ".join(str(deepest).split()) or type(deepest).__name__
