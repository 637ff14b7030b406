"""How a video's frames are to be shown: which of its streams, turned or mirrored how."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream


class Turn(NamedTuple):
    """One of the eight ways in which a frame can be turned and mirrored.

    Args:
        transposed: Whether rows become columns; this comes first.
        left_right: Whether it is mirrored from left to right.
        up_down: Whether it is mirrored upside down.
    """

    transposed: bool = False
    left_right: bool = False
    up_down: bool = False

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a frame (H, W, channels) as it is to be shown, contiguous."""
        turned = pixels.swapaxes(0, 1) if self.transposed else pixels
        return np.ascontiguousarray(turned[:: -1 if self.up_down else 1, :: -1 if self.left_right else 1])

    def of(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return height and width of what becomes of a frame of that height and width, and the other way round."""
        return (size[1], size[0]) if self.transposed else size


def turn_of(frame: "VideoFrame") -> Turn:
    """Return how a frame is to be turned by its display matrix (ISO/IEC 14496-12, 6.2.2): the nearest of the eight.

    A point (x, y) of the frame is shown at (a·x + c·y, b·x + d·y), up to a shift. PyAV's `rotation` is an angle, which
    cannot say that a frame is mirrored, and gives a wrong one where it is.
    """
    there: Iterable[Any] = frame.side_data
    matrix = next((bytes(one) for one in there if one.type.name == "DISPLAYMATRIX"), None)
    if matrix is None:
        return Turn()
    a, b, _, c, d = np.frombuffer(matrix, dtype=np.int32)[:5].tolist()
    if not (a or b or c or d):
        return Turn()
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Turn(True, left_right=c < 0, up_down=b < 0)
    return Turn(False, left_right=a < 0, up_down=d < 0)


def shown_stream(streams: "Sequence[VideoStream]") -> "VideoStream | None":
    """Return the stream that players show: the default one, else the largest, else the first; never a cover picture.

    Args:
        streams: The video streams of a file. Pictures that are attached to it (a cover, thumbnails) are among them.
    """
    moving = [one for one in streams if not _has(one.disposition, ("attached_pic", "timed_thumbnails"))]
    return max(moving, key=lambda one: (_has(one.disposition, ("default",)), _area(one)), default=None)


def _has(disposition: Any, names: Iterable[str]) -> bool:
    return any(disposition & getattr(type(disposition), name) for name in names)


def _area(stream: "VideoStream") -> int:
    context = stream.codec_context
    return int(context.width or 0) * int(context.height or 0)
