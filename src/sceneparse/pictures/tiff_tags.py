"""What the first directory of a TIFF says of its picture: size, bands, bits, what the numbers mean."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import IO, Any

from PIL import ExifTags, TiffImagePlugin

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""How TIFF files begin, the last two BigTIFF."""

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR, LAB = 0, 1, 2, 3, 5, 6, 8
"""Values of PhotometricInterpretation (TIFF 6.0, tag 262)."""

COLORS = ("red", "green", "blue")
"""The bands of a picture in the order in which a network takes them."""

INKS = frozenset((CMYK, YCBCR, LAB, 9, 10))
"""Those of photographs and of print whose bands are no light that adds up; 9 and 10 are Lab too (ICC's and ITU's)."""

_NO_COMPRESSION = 1
_SAMPLE_FORMATS = {1: "u", 2: "i", 3: "f", 4: "u"}
_LOSSY = frozenset((6, 7, 33003, 33005, 34712, 34892, 50001))
"""Compressions that change values or may do so: JPEG old and new, JPEG 2000 in its forms, lossy DNG JPEG, WebP."""
JPEG_2000 = frozenset((33003, 33005, 34712))
"""JPEG 2000 in its forms, which Pillow does not read in a TIFF."""
_META_ITEM = re.compile(r"<Item\b([^>]*)>([^<]*)</Item>")
_EITHER = JPEG_2000 | {50001}
"""Those of them that have a lossless form: JPEG 2000 and WebP."""


@dataclass(frozen=True)
class Directory:
    """A directory (IFD) of a TIFF, and how its numbers are packed.

    Args:
        tags: Pillow's reading of the tags.
        little: Whether the least significant byte of a number comes first.
        big: Whether the file is a BigTIFF, whose offsets have 64 bits.
    """

    tags: Any
    little: bool
    big: bool = False

    def _one(self, tag: int, default: int) -> int:
        value = self.tags.get(tag, default)
        return int(value[0] if isinstance(value, tuple) else value)

    def several(self, tag: int) -> tuple[int, ...]:
        """All values of a tag of whole numbers."""
        value = self.tags.get(tag, ())
        return tuple(int(one) for one in value) if isinstance(value, tuple) else (int(value),)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width as stored, before the orientation is applied."""
        return self._one(257, 0), self._one(256, 0)

    @property
    def bands(self) -> int:
        """Numbers of a pixel (SamplesPerPixel)."""
        return self._one(277, 3 if self.photometric == RGB and 277 not in self.tags else 1)

    @cached_property
    def bits(self) -> int:
        """Bits of a number; 0 if bands have different ones."""
        found = set(self.several(258)) or {1}
        return found.pop() if len(found) == 1 else 0

    @property
    def sample_format(self) -> str:
        """What a number is, as numpy calls it: "u", "i" or "f"; empty for others (complex numbers)."""
        found = set(self.several(339)) or {1}
        return _SAMPLE_FORMATS.get(found.pop(), "") if len(found) == 1 else ""

    @property
    def photometric(self) -> int:
        """What the numbers mean."""
        return self._one(262, WHITE_IS_ZERO)

    @property
    def extra(self) -> tuple[int, ...]:
        """What the bands beyond those of the colours are: 0 not said, 1 and 2 transparency."""
        return self.several(338)

    @property
    def planar(self) -> bool:
        """Whether bands are stored one after the other."""
        return self._one(284, 1) == 2

    @property
    def compression(self) -> int:
        """Compression (tag 259)."""
        return self._one(259, _NO_COMPRESSION)

    @property
    def lossy(self) -> bool:
        """Whether the compression changes numbers, or may do so."""
        return self.compression in _LOSSY

    @property
    def maybe_lossless(self) -> bool:
        """Whether the compression has a lossless form too, which the tags do not tell from the other."""
        return self.compression in _EITHER

    @property
    def predictor(self) -> int:
        """1 none, 2 differences, 3 differences of the bytes of floating-point numbers."""
        return self._one(317, 1)

    @property
    def reversed_bits(self) -> bool:
        """Whether the first pixel of a byte is its lowest bit (FillOrder 2)."""
        return self._one(266, 1) == 2

    @property
    def orientation(self) -> int:
        """EXIF orientation 1..8."""
        value = self._one(ExifTags.Base.Orientation, 1)
        return value if 1 <= value <= 8 else 1

    @property
    def nodata(self) -> float | None:
        """The number that stands for no data, as GDAL writes it (tag 42113)."""
        try:
            return float(str(self.tags.get(42113, "")).strip(" \0"))
        except ValueError:
            return None

    @cached_property
    def meanings(self) -> dict[int, str]:
        """What bands are, as GDAL writes it (tag 42112), such as {0: "blue", 3: "nir"}; bands count from 0."""
        found = {}
        for attributes, value in _META_ITEM.findall(str(self.tags.get(42112, ""))):
            sample = re.search(r'\bsample="(\d+)"', attributes)
            if sample is not None and 'name="COLORINTERP"' in attributes:
                found[int(sample[1])] = value.strip().lower()
        return found

    @cached_property
    def order(self) -> tuple[int, ...]:
        """Red, green and blue and then all other bands, counted from 0, where GDAL names these; else empty.

        Also empty where they are stored in this order and the tags say that they are colours.
        """
        meanings = [self.meanings.get(band, "") for band in range(self.bands)]
        if any(meanings.count(color) != 1 for color in COLORS):
            return ()
        order = colors_first(meanings)
        return () if self.photometric == RGB and order == tuple(range(self.bands)) else order

    @property
    def raw_photo(self) -> bool:
        """Whether it is a camera's raw file (DNG), whose first picture is a preview."""
        return 50706 in self.tags or self.photometric in (32803, 34892)

    @property
    def whole(self) -> bool:
        """Whether it is a picture of its own: no smaller version (overview) and no transparency mask of another."""
        return not self._one(254, 0) & 0b101


def colors_first(meanings: Sequence[str]) -> tuple[int, ...]:
    """Return bands, counted from 0, in the order in which a network takes them: red, green and blue, then the others.

    Args:
        meanings: What each band is, such as "blue"; where one of the colours is not named once, all stay as they are.
    """
    if any(meanings.count(color) != 1 for color in COLORS):
        return tuple(range(len(meanings)))
    first = [meanings.index(color) for color in COLORS]
    return (*first, *(band for band in range(len(meanings)) if band not in first))


def directories(file: IO[bytes]) -> Iterator[Directory]:
    """Yield the directories of a TIFF, one for each of its pages.

    Args:
        file: The file, which is read from its beginning.
    """
    file.seek(0)
    header = file.read(8)
    order, big = header[:2], header[:4] in MAGIC[2:]
    if big:
        # Pillow knows a BigTIFF by its third byte, which is another where the most significant byte comes first.
        header = MAGIC[2] + header[4:] + file.read(8)
    offset, seen = TiffImagePlugin.ImageFileDirectory_v2(header, order).next, set[int]()
    # A directory that names an earlier one as its next would go round for ever.
    while offset and offset not in seen:
        seen.add(offset)
        tags = TiffImagePlugin.ImageFileDirectory_v2(header, order)
        file.seek(offset)
        tags.load(file)
        yield Directory(tags, order == b"II", big)
        offset = tags.next
