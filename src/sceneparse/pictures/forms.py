"""Which files are pictures, which of these are read, and what to do about the others."""

from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path, PurePath
from typing import Any

from sceneparse.errors import counted
from sceneparse.pictures.problems import PictureError, described

PICTURE_SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif"),
        *(".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2", ".j2k", ".jpf", ".jpx", ".heic", ".heif", ".hif"),
    )
)
"""Suffixes, in lower case, of what counts as a picture in a folder."""

RAW_SUFFIXES = frozenset(
    (
        *(".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".orf", ".rw2", ".raf", ".pef"),
        *(".srw", ".3fr", ".fff", ".iiq", ".erf", ".mef", ".mos", ".mrw", ".kdc", ".dcr", ".rwl", ".x3f"),
    )
)
"""Suffixes of cameras' raw files."""

UNREAD_SUFFIXES = RAW_SUFFIXES | {
    *(".jxl", ".exr", ".hdr", ".psd", ".psb", ".xcf", ".kra", ".svg", ".svgz", ".eps", ".ai", ".pdf", ".djvu"),
    *(".dcm", ".dicom", ".ecw", ".sid", ".mrsid", ".img", ".vrt", ".czi", ".nd2", ".lif", ".svs", ".ndpi", ".scn"),
    *(".mrxs", ".pcx", ".dds", ".ico", ".icns", ".xpm", ".fits", ".fit", ".qoi", ".sgi", ".ras", ".heics"),
}
"""Suffixes of pictures in forms that are not read; such files are named where they are left out."""

ARRAY_SUFFIXES = frozenset((".npy", ".npz", ".mat", ".h5", ".hdf5", ".pkl", ".pt"))
"""Suffixes of arrays, as which programs save pictures and masks; such files are named in a data set's folders."""

VIDEO_SUFFIXES = frozenset(
    (
        *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv"),
        *(".3gp", ".ogv", ".y4m", ".mxf", ".vob", ".h264", ".h265", ".mjpeg"),
    )
)
"""Suffixes, in lower case, of what counts as a video."""

VOLUME_SUFFIXES = (".nii.gz", ".nii")
"""Endings, in lower case, of what counts as a volume."""

NO_PYAV = "videos need PyAV, which is not installed; do: pip install 'sceneparse[video]'"
"""What is said where the package that reads videos is missing."""

NO_NIBABEL = "volumes need nibabel, which is not installed; do: pip install 'sceneparse[medical]'"
"""What is said where the package that reads volumes is missing."""

NEEDED = {tuple(VIDEO_SUFFIXES): ("av", NO_PYAV), VOLUME_SUFFIXES: ("nibabel", NO_NIBABEL)}
"""The package that files of these endings need, and what is said where it is missing."""

LOSSY = frozenset(("JPEG", "MPO", "JPEG2000", "AVIF", "HEIF"))
"""Formats whose compression changes numbers, or may do so."""

RAW_PHOTO = (
    "a camera's raw file, whose pixels are not developed (what is stored first is a small preview); develop it and "
    "save it as TIFF, PNG or JPEG"
)

_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")


@dataclass
class LeftOut:
    """Files that were found beside pictures and are none that are read.

    Args:
        what: What they are, as a message says it of several.
        why: What to do about them; may be empty.
        single: What one of them alone is; empty where that is said as of several.
        needed: The packages by which they would be parsed, as what is missing is said, by the endings of their names.
        counts: How many there are of each suffix.
        examples: The first of them.
        apart: Counts videos and volumes in its stead; None where these are not asked about.
        outputs: A folder whose files are not counted.
        without: Files that are not counted, since something else parses them.
        suffixes: Of the files that are counted, in lower case.
    """

    what: str
    why: str = ""
    single: str = ""
    needed: Mapping[tuple[str, ...], tuple[str, str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    apart: "LeftOut | None" = None
    outputs: Path | None = None
    without: AbstractSet[Path] = frozenset()
    suffixes: frozenset[str] = UNREAD_SUFFIXES

    def takes(self, name: str) -> bool:
        """Return whether a file with this name is to be counted where it is found."""
        return _suffix(name) in self.suffixes or (self.apart is not None and is_video_or_volume(name))

    def add_all(self, names: Iterable[str], folder: Path) -> None:
        """Count the files of a folder, unless it holds outputs."""
        if self.outputs is None or not folder.resolve().is_relative_to(self.outputs):
            for name in names:
                if folder / PurePath(name).name not in self.without:
                    self.add(name)

    def add(self, name: str) -> None:
        """Count a file."""
        if self.apart is not None and is_video_or_volume(name):
            self.apart.add(name)
            return
        self.counts[PurePath(name).suffix.lower()] += 1
        if len(self.examples) < 10:
            self.examples.append(name)

    @property
    def count(self) -> int:
        """How many files there are."""
        return self.counts.total()

    @property
    def kinds(self) -> "tuple[LeftOut, ...]":
        """What there is of it, and of what is counted apart."""
        return tuple(one for one in (self, self.apart) if one is not None and one.count)

    def __str__(self) -> str:
        shown = ", ".join(self.examples[:3]) + (", …" if self.count > 3 else "")
        what = self.single if self.single and self.count == 1 else self.what
        advice = "; ".join((*self._missing(), *([self.why] if self.why else ())))
        return f"left out {counted(self.count, 'file')} {what}: {shown}" + (f"; {advice}" if advice else "")

    def _missing(self) -> list[str]:
        """What is said of the packages that are not installed and that some of the files need."""
        return [
            text
            for endings, (package, text) in self.needed.items()
            if any(suffix and ending.endswith(suffix) for ending in endings for suffix in self.counts)
            and find_spec(package) is None
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the counts and the first files as JSON."""
        return {
            "what": self.what,
            "files": self.count,
            "by_suffix": dict(sorted(self.counts.items())),
            "examples": list(self.examples),
        }


def unread(*, apart: bool = False, outputs: Path | None = None, without: AbstractSet[Path] = frozenset()) -> LeftOut:
    """Return an empty list of pictures in forms that are not read.

    Args:
        apart: Whether videos and volumes are counted too, apart from these.
        outputs: A folder whose files are not counted.
        without: Files that are not counted.
    """
    why = "name these one by one, or by a pattern such as 'DIR/*.mp4'"
    others = LeftOut("that are videos or volumes", why, "that is a video or a volume", NEEDED) if apart else None
    what = "that sceneparse does not read"
    return LeftOut(what, "convert them to PNG, TIFF or JPEG", apart=others, outputs=outputs, without=without)


def is_video_or_volume(name: str) -> bool:
    """Return whether a file's name is that of a video or of a volume."""
    return _suffix(name) in VIDEO_SUFFIXES or name.lower().endswith(VOLUME_SUFFIXES)


def _suffix(name: str) -> str:
    return name[name.rfind(".") :].lower() if "." in name else ""


def refuse_unread(source: Path | bytes, head: bytes) -> None:
    """Refuse a file in a form that is known but not read, by its name and first bytes.

    Raises:
        PictureError: A camera's raw file.
    """
    suffix = source.suffix.lower() if isinstance(source, Path) else ""
    if suffix in RAW_SUFFIXES or head[8:11] == b"CR\2" or head[4:11] == b"ftypcrx":
        raise PictureError(f"{described(source)}: {RAW_PHOTO}", "form")


_SIGNATURES = (
    *(b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    *(b"\0\0\0\x0cjP  \r\n", b"\xff\x4f\xff\x51"),
)
"""The first bytes of JPEG, PNG, GIF, TIFF, BigTIFF and JPEG 2000, by which a file without a suffix is known."""


def begins_as_picture(path: Path) -> bool:
    """Return whether a file begins as pictures do of the forms that say what they are; False if it cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(32)
    except OSError:
        return False
    webp, bmp = head[:4] == b"RIFF" and head[8:12] == b"WEBP", head[:2] == b"BM" and head[6:10] == b"\0\0\0\0"
    return head.startswith(_SIGNATURES) or webp or bmp or is_heif(head) or head[4:12] == b"ftypavif"


def is_heif(head: bytes) -> bool:
    """Return whether a file is HEIC or HEIF, by its first 32 bytes; AVIF has the same container but is read without."""
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS and b"avi" not in head[8:]


def register_heif(where: str) -> None:
    """Let Pillow open HEIC.

    Args:
        where: How messages name the file.

    Raises:
        PictureError: The package for it is not installed.
    """
    try:
        import pi_heif
    except ImportError:
        message = f"{where}: HEIC pictures need pi-heif; do: pip install 'sceneparse[heif]'"
        raise PictureError(message, "package") from None
    pi_heif.register_heif_opener()
