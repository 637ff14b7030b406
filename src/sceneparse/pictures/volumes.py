"""Volumes in NIfTI files: upright axial slices, and label volumes as files.

Slices are counted from the feet to the head; in each the front is up and the patient's left is left, however the file
stores them (Nifti1Image's affine says it). Volumes that are not packed (.nii) are read a slice at a time.
"""

import gzip
import math
import zlib
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneparse.errors import UserError
from sceneparse.files import whole_file
from sceneparse.pictures.decoding import PictureError
from sceneparse.pictures.forms import NO_NIBABEL, VOLUME_SUFFIXES

SUFFIXES = VOLUME_SUFFIXES

KEPT = 2 << 30
"""Bytes of unpacked volumes that a process keeps: a case and more, so that consecutive slices are unpacked once."""


@dataclass(frozen=True)
class Voxels:
    """The voxels of a file, as it stores them.

    Args:
        stored: All numbers, in the file's own order, before its slope and intercept.
        slope: What values are multiplied by.
        intercept: What is added to them then.
    """

    stored: NDArray[Any]
    slope: float
    intercept: float

    def values(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Return the values of some of the stored numbers, which take up to eight times their memory."""
        from nibabel.volumeutils import apply_read_scaling  # whoever has voxels has nibabel

        return np.asarray(apply_read_scaling(stored, self.slope, self.intercept))


@dataclass(frozen=True)
class Volume:
    """A three-dimensional volume on disk.

    Args:
        path: Its file.
        shape: Slices, rows and columns.
        axes: The file's axis of slices, rows and columns.
        flips: Whether each of them runs the other way in the file.
        position: Its index on the fourth axis of a file that holds several volumes.
    """

    path: Path
    shape: tuple[int, int, int]
    axes: tuple[int, int, int]
    flips: tuple[bool, bool, bool]
    position: int = 0

    @classmethod
    def open(cls, path: Path) -> "Volume":
        """Read the header of a file with a single volume.

        Raises:
            PictureError: Missing, damaged, or not of three dimensions.
        """
        first, *others = cls.open_all(path)
        if others:
            sizes = "×".join(map(str, _load(path).shape))
            raise PictureError(f"{path}: {sizes} voxels, but a volume has three dimensions", "form")
        return first

    @classmethod
    def open_all(cls, path: Path) -> tuple["Volume", ...]:
        """Read the header of a file with one volume, or with several along a fourth axis.

        Raises:
            PictureError: Missing, damaged, or of other dimensions.
        """
        image = _load(path)
        from nibabel.orientations import io_orientation  # not before `_load`, which says what is missing

        # Some programs write axes of length 1, for time.
        if len(image.shape) < 3 or any(size != 1 for size in image.shape[4:]):
            sizes = "×".join(map(str, image.shape))
            raise PictureError(f"{path}: {sizes} voxels, but a volume has three dimensions", "form")
        if min(image.shape) < 1:
            raise PictureError(f"{path}: holds no voxel", "form")
        # For each axis of the file: which of left–right, back–front, feet–head it is, and whether it runs backwards.
        directions = io_orientation(image.affine) if np.isfinite(image.affine).all() else np.full((3, 2), np.nan)
        if not np.isfinite(directions).all():
            raise PictureError(f"{path}: its affine does not say which axis is which", "form")
        world_axes = {int(world): (axis, sign < 0) for axis, (world, sign) in enumerate(directions.tolist())}
        (columns, columns_back), (rows, rows_back), (slices, slices_back) = (world_axes[world] for world in range(3))
        axes = (slices, rows, columns)
        shape = (int(image.shape[slices]), int(image.shape[rows]), int(image.shape[columns]))
        # Rows run from the front to the back, against the axis from the back to the front.
        first = cls(path, shape, axes, (slices_back, not rows_back, columns_back))
        return tuple(replace(first, position=number) for number in range(image.shape[3] if len(image.shape) > 3 else 1))

    def slice(self, number: int) -> NDArray[Any]:
        """Return one axial slice as (rows, columns); slice 0 is the one nearest the feet.

        Voxels outside of what was recorded may be NaN or infinite: some programs mark them so.
        """
        voxels = self.voxels() if self.path.suffix.lower() == ".gz" else None
        source = _load(self.path).dataobj if voxels is None else voxels.stored
        where: list[Any] = [slice(None)] * 3 + [self.position, 0, 0, 0][: len(source.shape) - 3]
        where[self.axes[0]] = self.shape[0] - 1 - number if self.flips[0] else number
        try:
            cut = np.asarray(source[tuple(where)])
            cut = cut if voxels is None else voxels.values(cut)
        except (OSError, ValueError) as error:
            raise _damaged(self.path, error) from None
        if cut.dtype.kind not in "biuf":
            raise PictureError(f"{self.path}: voxels of type {cut.dtype}, but plain numbers are expected", "form")
        if self.axes[1] > self.axes[2]:
            cut = cut.T
        return cut[:: -1 if self.flips[1] else 1, :: -1 if self.flips[2] else 1]

    def voxels(self) -> Voxels:
        """Return all voxels, of further axes all there are; those of the last files are kept, up to `KEPT` bytes."""
        return _unpacked(self.path, _changed(self.path))

    @property
    def positions(self) -> NDArray[np.float64]:
        """The 4×4 matrix that leads from (slice, row, column, 1), as `slice` counts them, to a position in the world.

        The world's axes run to the right, to the front and to the head, in the unit of the affine.
        """
        to_file = np.zeros((4, 4))
        to_file[3, 3] = 1
        for number, (axis, flip, size) in enumerate(zip(self.axes, self.flips, self.shape, strict=True)):
            to_file[axis, number] = -1 if flip else 1
            to_file[axis, 3] = size - 1 if flip else 0
        return np.asarray(_load(self.path).affine, dtype=np.float64) @ to_file

    def stored(self, slices: NDArray[Any]) -> NDArray[Any]:
        """Reorder (slices, rows, columns), as `slice` counts them, into the file's own order of voxels."""
        turned = slices[tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)]
        return turned.transpose(np.argsort(self.axes))

    @property
    def pixel(self) -> tuple[float, float]:
        """Height and width of a voxel in a slice, in the unit of the affine."""
        sizes = np.sqrt((_load(self.path).affine[:3, :3] ** 2).sum(axis=0))
        return float(sizes[self.axes[1]]), float(sizes[self.axes[2]])

    @property
    def millilitres(self) -> float | None:
        """Volume of a voxel in millilitres; None if the file doesn't give the unit of its affine."""
        image = _load(self.path)
        unit = {"mm": 1e-3, "meter": 1e6, "micron": 1e-12}.get(image.header.get_xyzt_units()[0])
        return None if unit is None else float(abs(np.linalg.det(image.affine[:3, :3]))) * unit


def write_labels(path: Path, slices: NDArray[Any], like: Volume) -> None:
    """Write label values as a packed NIfTI file with another volume's affine and voxel order; whole or not at all.

    Args:
        path: NAME.nii.gz.
        slices: (slices, rows, columns) uint8 or uint16, as `Volume.slice` counts them.
        like: What gives the affine and the order of the voxels.
    """
    import nibabel

    source = _load(like.path)
    header = nibabel.Nifti1Header.from_header(source.header, check=False)
    header.extensions.clear()
    header["cal_min"] = header["cal_max"] = 0
    image = nibabel.Nifti1Image(like.stored(slices), source.affine, header, dtype=slices.dtype)
    image.header.set_intent("label")
    with whole_file(path) as temporary:
        # The time would make equal files differ.
        temporary.write_bytes(gzip.compress(image.to_bytes(), 6, mtime=0))


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError as error:
        raise _damaged(path, error) from None


def _load(path: Path) -> Any:
    try:
        import nibabel
    except ImportError:
        raise UserError(NO_NIBABEL) from None
    try:
        return nibabel.load(path)
    except (
        *(OSError, EOFError, zlib.error, ValueError),
        *(nibabel.filebasedimages.ImageFileError, nibabel.spatialimages.HeaderDataError),
    ) as error:
        raise _damaged(path, error) from None


class _Kept:
    """The voxels of the files that were unpacked last: as many as `KEPT` bytes hold, and at least the last file's."""

    def __init__(self) -> None:
        self._files: OrderedDict[tuple[Path, int], Voxels] = OrderedDict()
        self._lock = Lock()

    def __call__(self, path: Path, changed: int) -> Voxels:
        """Return the voxels of a file; one that has changed is another file."""
        key = path, changed
        with self._lock:
            if key in self._files:
                self._files.move_to_end(key)
                return self._files[key]
        proxy = _load(path).dataobj
        self._make_room(math.prod(proxy.shape) * proxy.dtype.itemsize)
        try:
            found = Voxels(np.asarray(proxy.get_unscaled()), proxy.slope, proxy.inter)
        except (OSError, EOFError, zlib.error, ValueError) as error:
            raise _damaged(path, error) from None
        except MemoryError:
            raise PictureError(
                f"{path}: not enough memory to unpack it; unpack the file (gunzip): a .nii is read slice by slice",
                "too-large",
            ) from None
        with self._lock:
            self._files[key] = found
        return found

    def _make_room(self, size: int) -> None:
        with self._lock:
            while self._files and size + sum(one.stored.nbytes for one in self._files.values()) > KEPT:
                self._files.popitem(last=False)


_unpacked = _Kept()


def _damaged(path: Path, error: Exception) -> PictureError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return PictureError(f"{path}: not a NIfTI volume, or damaged ({reason}); fetch it again")
