"""Read pictures as a model wants them, and say what their users should know of that."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from sceneparse.arguments import check_type
from sceneparse.datasets.kinds import KINDS
from sceneparse.labels import IGNORE
from sceneparse.parsing.parse import Parse
from sceneparse.parsing.pixels import Picture, content_of, deep_content, read_pixels, visible
from sceneparse.parsing.remarks import (
    Remark,
    dark_of_type,
    order_text,
    other_range,
    remarks_on,
    unlit_raster,
    unturned,
)
from sceneparse.pictures.decoding import decode
from sceneparse.pictures.headers import Header
from sceneparse.pictures.rasters import BandForm
from sceneparse.pictures.rasters.header import is_raster, is_raster_content
from sceneparse.pictures.rasters.whole import read_whole_raster
from sceneparse.pictures.reading import picture_of
from sceneparse.pictures.turning import Orientation, orientation_of
from sceneparse.settings.ranges import ValueRange
from sceneparse.weights.config import ModelConfig


class PictureRead(NamedTuple):
    """A picture that was read.

    Args:
        image: (C, H, W) uint8, as the network is given it.
        size: The picture's own height and width, where fewer pixels were read; else the image's.
        remarks: What is to be said of it.
        deep: Whether it has more than 8 bits.
        unturned: Its own orientation, 1..8, where that is not applied.
        shown: All its pixels, to be shown, where `image` has fewer and they were asked for.
        valid: (H, W), where a raster has data; None if that is so everywhere. Elsewhere there is no class.
    """

    image: Tensor
    size: tuple[int, int]
    remarks: tuple[Remark, ...] = ()
    deep: bool = False
    unturned: int = 1
    shown: Tensor | None = None
    valid: NDArray[np.bool_] | None = None

    def told_in(self, parse: Parse) -> Parse:
        """Return the picture's parse with what reading it said, and with all its pixels if they are to be shown."""
        changes: dict[str, Any] = {}
        if self.remarks or self.unturned != parse.unturned:
            changes |= {"remarks": self.remarks, "unturned": self.unturned}
        if self.shown is not None:
            # Whoever asks the network again gives it what it was given.
            source = None if parse.source is None else replace(parse.source, image=self.image)
            changes |= {"pixels": visible(self.shown), "source": source}
        if self.valid is not None:
            changes["labels"] = np.where(self.valid, parse.labels, np.int16(IGNORE))
            changes["task_parse"] = parse.task_parse and parse.task_parse.without(~self.valid)
        # At once, if at all: whatever a parse is made of is checked.
        return replace(parse, **changes) if changes else parse


@dataclass(frozen=True)
class PictureReader:
    """Reads pictures for a model.

    Args:
        channels: How many channels the model takes.
        value_range: The numbers that become black and white in pictures of more than 8 bits; None: the type's range.
        rasters: How rasters become pictures, of a model that was trained on such; of any other they are read as
            pictures.
        orientation: Whether pictures are turned as their files say, or parsed as their pixels are stored, as a model
            needs it that learnt from such.
    """

    channels: int
    value_range: ValueRange | None = None
    rasters: BandForm | None = None
    orientation: Orientation = "apply"

    @classmethod
    def of(cls, config: ModelConfig, ranges: tuple[tuple[float, float], ...] = ()) -> "PictureReader":
        """Return the reader that reads as a model's training did: its bands, its ranges, its orientation.

        Args:
            config: The model's settings.
            ranges: The numbers that become black and white in place of its training's: one pair, or one a channel.
        """
        data = config.data
        rasters = KINDS[data.kind].rasters
        form = None if rasters is None else rasters(data)
        if form is not None and ranges:
            form = replace(form, ranges=ranges)
        own = data.range if form is None else form.ranges or None
        return cls(config.backbone.in_channels, ranges or own, form, data.orientation)

    def __call__(
        self,
        picture: Picture,
        least: Callable[[tuple[int, int]], float] | None = None,
        *,
        shown: bool = False,
        header: Header | None = None,
    ) -> PictureRead:
        """Read a picture.

        Args:
            picture: As `Parser` takes it.
            least: As `decode` takes it.
            shown: Whether all its pixels are wanted too where `least` leaves some out.
            header: As `decode` takes it, for a file or its content.

        Raises:
            UserError: The picture cannot be read, or pixels of another type or shape.
        """
        picture = content_of(picture)
        if header is not None:
            check_type("header", header, Header, "the Header of a file")
            check_type("picture", picture, (str, Path, bytes), "a file or its content, which alone has a header")
        if isinstance(picture, Image.Image):
            return self._pil(picture)
        if not isinstance(picture, str | Path | bytes):
            image = read_pixels(picture, self.channels)
            return PictureRead(image, (image.shape[-2], image.shape[-1]))
        source = picture if isinstance(picture, bytes) else Path(picture)
        if self.rasters is not None and (is_raster_content(source) if isinstance(source, bytes) else is_raster(source)):
            return self._raster(source, self.rasters, header)
        read = self._file(source, least, header)
        reduced = read.image.shape[-2:] != read.size
        return read._replace(shown=self._file(source, None, header).image) if reduced and shown else read

    def _file(
        self,
        source: Path | bytes,
        least: Callable[[tuple[int, int]], float] | None = None,
        header: Header | None = None,
    ) -> PictureRead:
        decoded = decode(source, least=least, header=header).with_numbers(self.value_range is not None)
        own = decoded.orientation
        if self.orientation == "ignore":
            decoded = decoded.as_stored()
        image = picture_of(decoded, self.channels, value_range=self.value_range)
        deep = decoded.deep_color or (decoded.numbers is not None and (decoded.numbers.white or 256) > 255)
        largest = int(image.max()) if deep else 255
        read = PictureRead(image, decoded.size, remarks_on(decoded, largest, self.value_range), deep)
        return self._turned(read, own)

    def _pil(self, picture: Image.Image) -> PictureRead:
        own = orientation_of(picture)
        if (content := deep_content(picture, self.orientation)) is not None:
            return self._turned(self._file(content), own)
        image = read_pixels(picture, self.channels, self.orientation)
        return self._turned(PictureRead(image, (image.shape[-2], image.shape[-1])), own)

    def _turned(self, read: PictureRead, own: int) -> PictureRead:
        """Say of a picture which orientation of its own was not applied, if one was not."""
        if own == 1 or self.orientation == "apply":
            return read
        return read._replace(remarks=(unturned(), *read.remarks), unturned=own)

    def _raster(self, source: Path | bytes, form: BandForm, header: Header | None) -> PictureRead:
        whole = read_whole_raster(source, self.channels, form, header)
        remarks = [Remark("order", order_text(whole.reordered))] if whole.reordered else []
        doubt = unlit_raster(whole.extremes, whole.ranges, other_range(), inverted=whole.inverted)
        if text := doubt or dark_of_type(whole.largest, whole.full_scale, inverted=whole.inverted):
            remarks.append(Remark("range", text))
        image = torch.from_numpy(whole.image)
        size, deep = (image.shape[-2], image.shape[-1]), whole.extremes is not None
        return PictureRead(image, size, tuple(remarks), deep, valid=whole.valid)
