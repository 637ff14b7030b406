"""Pictures of one size that come one after the other, parsed together: on a GPU the network scores them at once."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import torch

from sceneparse.devices.memory import ran_out
from sceneparse.errors import UserError
from sceneparse.parsing.opening import PictureRead
from sceneparse.parsing.parse import Parse
from sceneparse.parsing.parser import Parser

Item = TypeVar("Item")

MOST = 8
"""Pictures that are parsed together on a GPU."""

PIXELS = 32_000_000
"""Pictures that are parsed together have at most so many pixels: all are held, and so are their parses."""


def on_gpu(parser: Parser) -> bool:
    """Return whether a parser's engine computes elsewhere than on the CPU, where one picture takes all cores."""
    device = getattr(parser.engine, "device", None)
    return device is not None and device.type != "cpu"


def parse_together(parser: Parser, reads: Sequence[PictureRead]) -> list[Parse]:
    """Parse one picture or several alike, which the network scores at once; see `Parser.parse_batch`.

    Args:
        parser: The model.
        reads: What its `open` returned: pictures of one size, of which the network is given as many pixels.

    Raises:
        UserError: As `Parser.parse_read`, on any of them.
    """
    if len(reads) == 1:
        return [parser.parse_read(reads[0])]
    parses = parser.parse_batch(torch.stack([read.image for read in reads]), reads[0].size)
    return [read.told_in(parse) for read, parse in zip(reads, parses, strict=True)]


def in_batches(
    parser: Parser, items: Iterable[Item], read_of: Callable[[Item], PictureRead | None]
) -> Iterator[tuple[Item, Parse | None]]:
    """Parse pictures together that are alike and come one after the other, where a GPU does that faster.

    Batches are full, since every other number of pictures would be another size to record or to compile for: up to
    `MOST` pictures and `PIXELS`. What is left over is to be parsed by itself. So is each picture of a batch that
    failed, because of one of them or for want of memory; after that, batches are half as large.

    Args:
        parser: The model.
        items: Pictures that were read, and whatever else comes between them.
        read_of: Gives an item's picture; None of one that has none.

    Yields:
        Each item in its order, with its parse; None where there is no picture, or it is to be parsed by itself.
    """
    protocol = parser.protocol
    # Windows come in batches anyway.
    together = on_gpu(parser) and protocol.window is None and not protocol.crf
    most = MOST if together else 1
    waiting: list[Item] = []
    reads: list[PictureRead] = []
    for item in items:
        read = read_of(item)
        if reads and (read is None or not _alike(read, reads[0])):
            yield from ((one, None) for one in waiting)
            waiting, reads = [], []
        if read is None:
            yield item, None
            continue
        waiting.append(item)
        reads.append(read)
        full = max(1, min(most, PIXELS // max(1, read.size[0] * read.size[1])))
        if len(reads) < full:
            continue
        parses: Sequence[Parse | None] = [None] * len(reads)
        if len(reads) > 1:
            try:
                parses = parse_together(parser, reads)
            except UserError:  # said of the picture that it is about when that is parsed by itself
                pass
            except (RuntimeError, MemoryError) as error:
                if not ran_out(error):
                    raise
                most = len(reads) // 2
        yield from zip(waiting, parses, strict=True)
        waiting, reads = [], []
    yield from ((one, None) for one in waiting)


def _alike(one: PictureRead, other: PictureRead) -> bool:
    return one.image.shape == other.image.shape and one.size == other.size
