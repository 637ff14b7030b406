"""Open picture files that other people made; whatever is wrong with one becomes one clear line."""

import lzma
import math
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import SEEK_CUR, BytesIO
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from sceneparse.errors import counted
from sceneparse.pictures.deep_png import deep_png_numbers
from sceneparse.pictures.deep_ppm import deep_ppm_numbers
from sceneparse.pictures.forms import LOSSY, RAW_PHOTO, is_heif, refuse_unread, register_heif
from sceneparse.pictures.headers import Header, format_of
from sceneparse.pictures.numbers import Numbers
from sceneparse.pictures.problems import PictureError, Problem, described
from sceneparse.pictures.tiff import pillow_reads, readable
from sceneparse.pictures.tiff_tags import JPEG_2000, MAGIC, Directory, directories
from sceneparse.pictures.turning import TURNED_BACK, orientation_of

__all__ = ["Decoded", "PictureError", "Problem", "decode", "described"]

# Pillow warns from half of the size on that it refuses. Appended: a user's own filter comes first.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning, append=True)
# Pillow warns of tags that it cannot read; where these matter, the picture is refused in a line of ours.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.TiffImagePlugin", append=True)


class Decoded(NamedTuple):
    """A decoded picture, with facts about the file that are forgotten once it's decoded.

    Args:
        source: The file, or its content.
        format: File format, such as "JPEG".
        size: Height and width once upright.
        orientation: EXIF orientation 1..8, which is not applied yet; 1 is upright.
        raw: How pixels are packed in the file ("L;4" is four-bit grey), empty where the format has no such notion.
        top: The number that stands for white, where the file says it (PGM's maxval); 0 where it doesn't.
        several: Whether it holds further pages or frames; asked for of stored numbers alone.
        lossy: Whether its compression changes numbers, or may do so.
        maybe_lossless: Whether that compression has a lossless form too, and the file does not say which it is.
        picture: As Pillow holds it; None if Pillow cannot.
        numbers: As the file stores them, where that is what Pillow cannot hold or was asked for.
    """

    source: Path | bytes
    format: str
    size: tuple[int, int]
    orientation: int
    raw: str = ""
    top: int = 0
    several: bool = False
    lossy: bool = False
    maybe_lossless: bool = False
    picture: Image.Image | None = None
    numbers: Numbers | None = None

    @property
    def image(self) -> Image.Image:
        """The picture as Pillow holds it.

        Raises:
            PictureError: Pillow has no form for it.
        """
        if self.picture is None:
            raise PictureError(f"{described(self.source)}: {self.form} is not a form that is read here", "form")
        return self.picture

    @property
    def form(self) -> str:
        """How its pixels are held: Pillow's mode, or bands and type such as "6 bands of uint16"."""
        return self.picture.mode if self.picture is not None else str(self.numbers)

    @property
    def deep_color(self) -> bool:
        """Whether it is a PNG of several bands, or a PPM in colour, of more than 8 bits, of which Pillow keeps 8."""
        if self.format == "PPM":
            return self.raw == "RGB" and self.top > 255
        return self.format == "PNG" and self.raw in ("RGB;16B", "RGBA;16B", "LA;16B")

    def as_stored(self) -> "Decoded":
        """Return the same as one that counts as upright: its pixels stay as they are stored."""
        size = (self.size[1], self.size[0]) if self.orientation >= 5 else self.size
        return self._replace(orientation=1, size=size)

    def with_numbers(self, exact: bool) -> "Decoded":
        """Return the same with its numbers, where pixels are made of these, so that they are asked for once.

        Args:
            exact: Also of 16-bit colour, of which else Pillow's upper bytes serve.
        """
        deep = self.picture is None or self.picture.mode[0] in "IF" or (self.deep_color and exact)
        return self._replace(numbers=self.all_numbers()) if deep else self

    def all_numbers(self) -> Numbers | None:
        """Return the numbers of a picture of more than 8 bits, or of a form that Pillow hasn't; None of others.

        Raises:
            PictureError: Pixels of 16-bit colour cannot be had.
        """
        if self.numbers is not None or self.picture is None:
            return self.numbers
        if self.deep_color:
            return _deep_ppm(self) if self.format == "PPM" else _deep_png(self)
        mode = self.picture.mode
        if mode.startswith("I;16") or (mode == "I" and self.format in ("PNG", "PPM")):
            # Pillow opens 16-bit PGM, and old Pillow 16-bit PNG, as 32-bit integers that hold 0..65535.
            values = np.array(self.picture).astype(np.uint16)
            if self.format == "JPEG2000":
                values >>= 16 - self.top.bit_length()
            elif 0 < self.top < 65535:  # stretched; back to what is stored
                values = ((values.astype(np.uint32) * self.top + 32767) // 65535).astype(np.uint16)
            return Numbers(values[..., None], white=self.top or 65535)
        if mode in ("I", "F"):
            return Numbers(np.array(self.picture)[..., None])
        return None


def decode(
    source: Path | bytes,
    *,
    pixels: bool = True,
    stored: bool = False,
    least: Callable[[tuple[int, int]], float] | None = None,
    oriented: bool = True,
    header: Header | None = None,
) -> Decoded:
    """Open a picture, its first frame if there are several.

    Args:
        source: A file, or a file's content.
        pixels: Decode them. Without, only the header is read (for PNG, whose EXIF may come last, all of it).
        stored: Give numbers as the file stores them, as masks need them, where the format lets them be told: a TIFF's
            own, neither inverted nor stretched.
        least: Gives, of a stored height and width, the share of both sides that must be left; of 1 all pixels are. The
            sides get one next above it where the format can be decoded at a smaller scale (JPEG at 1/2, 1/4 and 1/8).
            `Decoded.size` is the file's own size nevertheless.
        oriented: Look for the orientation, for which all of a PNG is read. Without, the file counts as upright.
        header: What the file must be: it is read in that format alone, and refused before any pixel is decoded if it is
            of another size. Default: any picture.

    Raises:
        PictureError: No such file, empty, not a picture, damaged, another one than the header's, or of more than twice
            `PIL.Image.MAX_IMAGE_PIXELS` pixels (179 million).
    """
    where = described(source)
    try:
        # Never by its name: Pillow maps an uncompressed TIFF into memory then, and its rows lose their length when it
        # is turned.
        with BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
            head = file.read(32)
            file.seek(0)
            refuse_unread(source, head)
            if head[:4] in MAGIC:
                return _decode_tiff(file, source, pixels, stored, header)
            if is_heif(head):
                register_heif(where)
            return _decode(file, source, pixels, stored, least, oriented, header)
    except PictureError:
        raise
    except FileNotFoundError:
        raise PictureError(f"{where}: no such file", "missing") from None
    except IsADirectoryError:
        raise PictureError(f"{where}: is a folder, but a picture file is expected") from None
    except PermissionError:
        raise PictureError(f"{where}: may not be read; check its permissions") from None
    except UnidentifiedImageError:
        raise PictureError(f"{where}: {_why_unknown(source)}") from None
    except Image.DecompressionBombError:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        windows = "let `sceneparse predict` parse it by windows, " if head[:4] in MAGIC else ""
        raise PictureError(
            f"{where}: more than {limit:,} pixels; no more are decoded, against decompression bombs: {windows}cut it "
            "into tiles or, in Python, raise PIL.Image.MAX_IMAGE_PIXELS",
            "too-large",
        ) from None
    except MemoryError:
        raise PictureError(f"{where}: not enough memory to decode it; cut it into tiles", "too-large") from None
    # Pillow's readers let anything escape on damaged input: struct.error, SyntaxError, IndexError, zlib.error, ...
    except Exception as error:
        raise _damaged(source, error) from None


def _damaged(source: Path | bytes, error: Exception) -> PictureError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return PictureError(
        f"{described(source)}: damaged or cut off ({reason}); put a whole one in its place or leave it out"
    )


@contextmanager
def _damage(source: Path | bytes) -> Iterator[None]:
    """Raise what goes wrong with the bytes of a file as a `PictureError`."""
    try:
        yield
    except (ValueError, struct.error, zlib.error, lzma.LZMAError, OSError, OverflowError) as error:
        raise _damaged(source, error) from None


def _decode(
    file: IO[bytes],
    source: Path | bytes,
    pixels: bool,
    stored: bool,
    least: Callable[[tuple[int, int]], float] | None,
    oriented: bool,
    header: Header | None,
) -> Decoded:
    with Image.open(file, formats=None if header is None else (header.format,)) as image:
        if header is not None:
            header.refuse_other(source, format_of(image), (image.height, image.width))
        form, raw, top = image.format or "", *_packing(image)
        if form == "JPEG2000" and image.mode == "I;16":
            top = _jpeg2000_top(file)
        several = stored and getattr(image, "is_animated", False)
        lossy = form in LOSSY or (form == "WEBP" and stored and not _lossless_webp(file))
        drafted = None if least is None else _drafted(image, least((image.height, image.width)))
        if pixels:
            image.load()
        orientation = orientation_of(image) if oriented else 1
        width, height = drafted or image.size
        size = (width, height) if orientation >= 5 else (height, width)
        either = form == "JPEG2000"
        return Decoded(source, form, size, orientation, raw, top, several, lossy, either, image)


def _drafted(image: Image.Image, share: float) -> tuple[int, int] | None:
    """Have a JPEG decoded at a smaller scale; return its own width and height, or None where nothing was done."""
    own = image.size
    if share > 0.5 or image.format not in ("JPEG", "MPO"):
        return None
    image.draft(None, (math.ceil(own[0] * share), math.ceil(own[1] * share)))
    return own


def _deep_ppm(decoded: Decoded) -> Numbers:
    with _damage(decoded.source):
        values = deep_ppm_numbers(_content(decoded.source))
    return Numbers(values, white=decoded.top, color=True)


def _content(source: Path | bytes) -> bytes:
    return source if isinstance(source, bytes) else source.read_bytes()


def _deep_png(decoded: Decoded) -> Numbers:
    with _damage(decoded.source):
        values = deep_png_numbers(_content(decoded.source), (decoded.image.height, decoded.image.width))
    if values is None:
        where = described(decoded.source)
        raise PictureError(f"{where}: the 16-bit colours of an interlaced PNG are not read; save it as TIFF", "form")
    bands = values.shape[2]
    clear = decoded.image.info.get("transparency")
    if bands == 3 and clear is not None:  # a colour that stands for transparency
        alpha = np.where((values == np.array(clear)).all(axis=2), 0, 65535).astype(np.uint16)
        values, bands = np.dstack((values, alpha)), 4
    return Numbers(values, white=65535, color=bands >= 3, alpha=bands - 1 if bands in (2, 4) else None)


def _decode_tiff(file: IO[bytes], source: Path | bytes, pixels: bool, stored: bool, header: Header | None) -> Decoded:
    pages = directories(file)
    directory = next(pages, None)
    if directory is None or 0 in directory.size:
        raise ValueError("no picture in it")
    if directory.raw_photo:
        raise PictureError(f"{described(source)}: {RAW_PHOTO}", "form")
    several = stored and any(page.whole for page in pages)
    if header is not None:
        header.refuse_other(source, "TIFF", directory.size)
    height, width = directory.size
    size = (width, height) if directory.orientation >= 5 else (height, width)
    facts = Decoded(source, "TIFF", size, directory.orientation, several=several, lossy=directory.lossy)
    facts = facts._replace(maybe_lossless=directory.maybe_lossless)
    if stored and directory.lossy:
        return facts  # its numbers are not what was stored, whatever they are
    if readable(directory) and (stored or not pillow_reads(directory, exactly=True)):
        return facts._replace(numbers=Numbers.of_tiff(file, directory, pixels=pixels))
    if not pillow_reads(directory) or directory.compression in JPEG_2000:
        raise PictureError(f"{described(source)}: {_unread_tiff(directory)}", "form")
    file.seek(0)
    with Image.open(file, formats=("TIFF",)) as opened:
        if header is not None:
            header.refuse_other(source, "TIFF", (opened.height, opened.width))
        raw, top = _packing(opened)
        image: Image.Image = opened
        if pixels:
            opened.load()
            # Pillow turns TIFFs while it decodes them. Here all forms are turned in one way, or not.
            image = opened.transpose(TURNED_BACK[directory.orientation]) if directory.orientation > 1 else opened
        return facts._replace(picture=image, raw=raw, top=top)


def _unread_tiff(directory: Directory) -> str:
    kind = {"u": "unsigned", "i": "signed", "f": "floating-point"}.get(directory.sample_format, "complex or mixed")
    return (
        f"a TIFF of {counted(directory.bands, 'band')} of {directory.bits or 'several numbers of'} bits ({kind}), "
        f"compression {directory.compression}, is not read; write it with numbers of 8, 16 or 32 bits and another "
        "compression, such as by: gdal_translate -co COMPRESS=DEFLATE IN OUT"
    )


def _jpeg2000_top(file: IO[bytes]) -> int:
    """The largest number that a JPEG 2000's precision allows; Pillow shifts numbers up to 16 bits."""
    file.seek(0)
    head = file.read(4096)
    at = head.find(b"\xff\x4f\xff\x51")  # the codestream's start and its SIZ segment
    bits = (head[at + 42] & 0x7F) + 1 if 0 <= at < len(head) - 42 else 16
    return (1 << min(bits, 16)) - 1


def _lossless_webp(file: IO[bytes]) -> bool:
    """Whether a WebP's picture is stored in its lossless form."""
    file.seek(12)
    while len(chunk := file.read(8)) == 8:
        if chunk[:4] in (b"VP8 ", b"VP8L"):
            return chunk[:4] == b"VP8L"
        file.seek((int.from_bytes(chunk[4:], "little") + 1) // 2 * 2, SEEK_CUR)
    return False


def _why_unknown(source: Path | bytes) -> str:
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    return "the file is empty" if size == 0 else "not a picture in a form that Pillow reads (JPEG, PNG, WebP, TIFF, …)"


def _packing(image: Image.Image) -> tuple[str, int]:
    """How pixels are packed, and the number that stands for white in a PGM or PPM."""
    tiles = getattr(image, "tile", None)
    if not tiles:
        return "", 0
    raw, top = tiles[0][3], 0
    if isinstance(raw, tuple) and raw:
        # Of a PGM's or PPM's maximal value Pillow makes 255, or 65535 if it is larger than 255.
        top = raw[1] if image.format == "PPM" and len(raw) == 2 and isinstance(raw[1], int) else 0
        raw = raw[0]
    return (raw if isinstance(raw, str) else ""), top
