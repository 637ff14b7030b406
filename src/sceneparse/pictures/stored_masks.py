"""The numbers that a mask file stores, as ids or as colours; a refusal where they are not certain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sceneparse.errors import counted
from sceneparse.labels import LabelSpace
from sceneparse.pictures.decoding import Decoded
from sceneparse.pictures.packed_greys import packed_greys
from sceneparse.pictures.problems import PictureError, described

_BITS = {"L;2": 2, "L;4": 4}
"""Bits of grey that Pillow stretches to 0..255; in a mask the numbers themselves count."""


@dataclass(frozen=True)
class StoredMask:
    """What a mask file stores.

    Args:
        where: How messages name the file.
        orientation: The file's own, 1..8, which is not applied yet.
        values: (H, W) numbers of a grey or palette file, or (H, W, 3) of a colour file.
        palette: (N, 3) colours, of a palette file.
        clear: Number of pixels that are not opaque.
        greys: Whether `values` are the greys of a palette, in place of its indices.
        bits: Bits of a number in a grey PNG; 0 of any other file.
        packed: The grey in which each number is shown, of grey of 1, 2 or 4 bits.
    """

    where: str
    orientation: int
    values: NDArray[Any]
    palette: NDArray[np.uint8] | None = None
    clear: int = 0
    greys: bool = False
    bits: int = 0
    packed: tuple[int, ...] = ()

    def shown_as(self) -> tuple[int, ...]:
        """Return the grey in which each number is shown, of grey of few bits or a palette of greys; else nothing."""
        if self.palette is None:
            return self.packed
        used = self.palette[: int(self.values.max()) + 1]
        return tuple(used[:, 0].tolist()) if (used == used[:, :1]).all() else ()

    def shown(self) -> dict[int, int]:
        """Return the numbers that occur, with the grey that each is shown in; empty where all are shown as they are."""
        greys = self.shown_as()
        found = {number: greys[number] for number in np.unique(self.values).tolist()} if greys else {}
        return found if any(number != grey for number, grey in found.items()) else {}

    def ids(self) -> NDArray[Any]:
        """Return (H, W) ids.

        Raises:
            PictureError: Colours, numbers that are no ids, or transparency.
        """
        values = self.values
        if values.ndim == 3:
            if not ((values[..., 0] == values[..., 1]).all() and (values[..., 0] == values[..., 2]).all()):
                raise PictureError(
                    f"{self.where}: a colour picture (RGB), but the label space expects ids (grey or palette files); "
                    'if the colours stand for classes, say "masks": "rgb" in classes.json',
                    "mask-is-rgb",
                )
            values = values[..., 0]
        self._refuse_clear()
        low, high = int(values.min()), int(values.max())
        if low < 0 or high > 65535:
            raise PictureError(
                f"{self.where}: values from {low:,} to {high:,}, but mask ids are 0–65535; give another number to what "
                "is outside",
                "values",
            )
        return values

    def colors(self, labels: LabelSpace) -> NDArray[np.uint8]:
        """Return (H, W, 3) colours.

        Args:
            labels: The colours that there are. A grey file is one of colours if all of its greys are among them, as
                programs that shrink PNGs leave it of a mask of grey classes.

        Raises:
            PictureError: A grey file of other numbers, colours of 16 bits, or transparency.
        """
        values = self.values
        self._refuse_clear()
        if self.palette is not None:
            if int(values.max()) >= len(self.palette):
                raise PictureError(f"{self.where}: indices beyond its palette; save the mask as RGB", "form")
            return self.palette[values]
        channels = self.channels()
        if channels is not None:
            return channels
        if self.packed and self.bits:
            values = np.array(self.packed, dtype=np.uint8)[values]  # a colour is what a PNG shows
        known = {color[0] for color in (*labels.colors, *labels.ignore_colors) if len(set(color)) == 1}
        if values.dtype == np.uint8 and set(np.unique(values).tolist()) <= known:
            return np.repeat(values[..., None], 3, axis=2)
        raise PictureError(
            f'{self.where}: a grey picture, but the label space expects colours ("masks": "rgb" in classes.json); if '
            'the grey values of all masks are ids, say "masks": "index"; if this one alone is grey, export it again '
            "in colours",
            "mask-is-index",
        )

    def channels(self) -> NDArray[np.uint8] | None:
        """Return the (H, W, 3) numbers of a colour file, whatever its transparency; None of a grey or palette file.

        Raises:
            PictureError: Colours of 16 bits.
        """
        values = self.values
        if values.ndim == 2:
            return None
        if values.dtype != np.uint8:
            raise PictureError(
                f"{self.where}: colours of {8 * values.dtype.itemsize} bits, but those of a mask have 8; save the mask "
                "as RGB of 8 bits",
                "form",
            )
        return values

    def _refuse_clear(self) -> None:
        if self.clear:
            raise PictureError(
                f"{self.where}: partly transparent ({counted(self.clear, 'pixel')}), and which label is meant there is "
                "not certain; lay the mask over the value of a background class, or of an ignored one, and save it "
                "without transparency",
                "mask-clear",
            )


def stored_mask(decoded: Decoded) -> StoredMask:
    """Return what a mask file stores.

    Args:
        decoded: The file, decoded for its stored numbers.

    Raises:
        PictureError: A form that changes numbers, several pages, or none that can hold labels.
    """
    where = described(decoded.source)
    if decoded.several:
        raise PictureError(
            f"{where}: holds several pages or frames, and which of them is the mask is not certain; save that one "
            "alone, as PNG",
            "mask-pages",
        )
    if decoded.lossy:
        article = "an" if decoded.format[0] in "AM" else "a"
        what = "a lossy WebP" if decoded.format == "WEBP" else f"{article} {decoded.format}"
        what = "a TIFF of lossy compression" if decoded.format == "TIFF" else what
        if decoded.maybe_lossless:
            named = "a TIFF compressed by JPEG 2000 or WebP" if decoded.format == "TIFF" else "a JPEG 2000"
            raise PictureError(
                f"{where}: is {named}, which may have changed label values, and the file does not say whether it did: "
                "export the masks as PNG from their source or, if it is known to be lossless, convert this file "
                "(gdal_translate -co COMPRESS=DEFLATE IN OUT.tif)",
                "jpeg-mask",
            )
        raise PictureError(
            f"{where}: a mask cannot be {what}, whose compression changes label values; export the masks as PNG from "
            "their source (converting this file would keep the damage)",
            "jpeg-mask",
        )
    numbers = decoded.all_numbers()
    if numbers is None:
        return _of_image(decoded, decoded.image, where)
    values = numbers.values
    if values.dtype.kind not in "iub":
        raise PictureError(f"{where}: a mask cannot be of mode F; save it as 8- or 16-bit grey", "form")
    turn = decoded.orientation
    clear, bands = 0, [band for band in range(values.shape[2]) if band != numbers.alpha]
    if numbers.alpha is not None:
        clear = int((values[..., numbers.alpha] != numbers.white).sum())
    else:
        clear = _clear(decoded.picture, values[..., 0])
    if numbers.color:
        bands = bands[:3]
    if len(bands) == 1:
        bits = 16 if decoded.format == "PNG" else 0
        greys = packed_greys(((numbers.white or 0) + 1).bit_length() - 1)
        greys = greys[::-1] if numbers.inverted else greys
        return StoredMask(where, turn, values[..., bands[0]], numbers.palette, clear, bits=bits, packed=greys)
    if len(bands) != 3:
        raise PictureError(f"{where}: a mask cannot have {len(bands)} bands; save it as grey or RGB", "form")
    return StoredMask(where, turn, values[..., bands], clear=clear)


def _of_image(decoded: Decoded, image: Image.Image, where: str) -> StoredMask:
    mode, turn = image.mode, decoded.orientation
    if mode == "P":
        return _of_palette(decoded, image, where)
    if mode in ("L", "1"):
        held = 1 if mode == "1" else _BITS.get(decoded.raw, 8)
        greys = packed_greys(held)[:: -1 if _inverted(decoded) else 1]
        bits = held if decoded.format == "PNG" else 0
        values = _unstretched(np.array(image), decoded)
        return StoredMask(where, turn, values, clear=_clear(image, values), bits=bits, packed=greys)
    if mode in ("LA", "PA"):
        bands = np.array(image)
        palette = _palette(image) if mode == "PA" else None
        return StoredMask(where, turn, bands[..., 0], palette, int((bands[..., 1] < 255).sum()))
    if mode in ("RGB", "RGBX", "CMYK"):
        values = _unstretched(np.array(image.convert("RGB")), decoded)
        return StoredMask(where, turn, values, clear=_clear(image, values))
    if mode == "RGBA":
        bands = np.array(image)
        return StoredMask(where, turn, bands[..., :3], clear=int((bands[..., 3] < 255).sum()))
    raise PictureError(f"{where}: a mask cannot be of mode {mode}; save it as 8- or 16-bit grey", "form")


def _unstretched(values: NDArray[Any], decoded: Decoded) -> NDArray[Any]:
    """Undo what Pillow does for the eye: few levels are stretched to 0..255, and inverted where 0 is white."""
    raw, top = decoded.raw, decoded.top
    if values.dtype == np.bool_:
        return (~values if _inverted(decoded) else values).astype(np.uint8)
    if raw in _BITS:
        return values // packed_greys(_BITS[raw])[1]
    if 0 < top < 255:
        return ((values.astype(np.uint16) * top + 127) // 255).astype(np.uint8)
    return values


def _inverted(decoded: Decoded) -> bool:
    """Whether 0 is white, of one bit."""
    return decoded.format in ("PPM", "TIFF") and decoded.raw.startswith("1;I")


def _of_palette(decoded: Decoded, image: Image.Image, where: str) -> StoredMask:
    """A palette file; of a GIF or BMP of grey colours, which writers shrink and reorder, the greys count."""
    values, palette, turn = np.array(image), _palette(image), decoded.orientation
    clear = _clear(image, values)
    if decoded.format in ("GIF", "BMP") and (palette == palette[:, :1]).all():
        return StoredMask(where, turn, palette[:, 0][values], clear=clear, greys=True)
    return StoredMask(where, turn, values, palette, clear)


def _clear(image: Image.Image | None, values: NDArray[Any]) -> int:
    """Count the pixels that are not opaque by what stands beside them: PNG's tRNS, or GIF's transparent index.

    Args:
        image: As Pillow holds it; None where it cannot, of forms that say nothing of the kind.
        values: (H, W) numbers as the file stores them, or (H, W, 3) colours.
    """
    said = None if image is None else image.info.get("transparency")
    if said is None:
        return 0
    if isinstance(said, bytes):  # of the first colours of a palette; the others are opaque
        alphas = np.full(256, 255, np.uint8)
        alphas[: len(said)] = np.frombuffer(said, np.uint8)
        return int((alphas[values] < 255).sum())
    same = values == np.array(said)
    return int((same if values.ndim == 2 else same.all(axis=2)).sum())


def _palette(image: Image.Image) -> NDArray[np.uint8]:
    palette = np.zeros((256, 3), dtype=np.uint8)
    given = np.array(image.getpalette("RGB"), dtype=np.uint8).reshape(-1, 3)
    palette[: len(given)] = given
    return palette
