"""Videos and cameras as upright RGB frames with their times, and the audio beside them as it is."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sceneparse.errors import UserError
from sceneparse.parsing.runs.video.display import shown_stream, turn_of
from sceneparse.parsing.runs.video.sources import VideoSource
from sceneparse.parsing.runs.video.tone import NAMES as HIGH_RANGES
from sceneparse.parsing.runs.video.tone import to_sdr
from sceneparse.pictures.forms import NO_PYAV

if TYPE_CHECKING:
    import av
    from av.audio.stream import AudioStream
    from av.video.frame import VideoFrame

_UNSPECIFIED, _BT709, _HIGH_DEFINITION = 2, 1, 720
"""Colour spaces by FFmpeg's numbers; where a file names none, players take BT.709 from that height on."""
_BACK = 5
"""Times that jump back by more frames than this begin anew; those that are only out of order don't."""
_PATIENCE = 10.0
"""Seconds that a camera or stream may take to open or to give the next packet."""


class Frame(NamedTuple):
    """A frame of a video.

    Args:
        pixels: (H, W, 3) uint8 RGB, upright.
        pts: Its time in units of `VideoReader.time_base`; the first one's is 0 or a little later.
        duration: How long it is shown, in the same units; 0 if the file doesn't say.
    """

    pixels: NDArray[np.uint8]
    pts: int
    duration: int


class VideoReader:
    """Iterates over the frames of a video, and the packets of its first audio stream, in the file's order.

    Frames are turned and mirrored by the display matrix that the file gives, have the size of the first one, and times
    that grow. High dynamic range is brought to that of an ordinary screen (`to_sdr`). What cannot be decoded
    is left out and counted.

    Args:
        source: The video.
        seconds: Stop after so much of it; None: at its end.

    Attributes:
        size: Height and width of the upright frames.
        time_base: Unit of times, in seconds.
        rate: Average frames per second.
        aspect: How many times wider than high a pixel is shown.
        audio: The audio stream; None without one.
        expected: How many frames there should be; None where that is not known.
        damaged: How many packets could not be decoded so far.
        high_range: "PQ" or "HLG" where the frames so far were of high dynamic range, else None.

    Raises:
        UserError: PyAV is missing, or there is no video that FFmpeg can decode.
    """

    def __init__(self, source: VideoSource, seconds: float | None = None) -> None:
        self._av = installed()
        self._where, self._end = source.shown, seconds
        # FFmpeg takes what stands before a colon for a protocol, but not in a path that begins with a slash.
        address = source.address if source.live else str(Path(source.address).absolute())
        try:
            self._container = self._av.open(
                address, "r", format=source.format, timeout=_PATIENCE if source.live else None
            )
        except (self._av.FFmpegError, OSError, ValueError) as error:
            reason = _reason(error).replace(address, source.shown)
            raise UserError(f"{source.shown}: cannot be opened as a video ({reason})") from None
        try:
            self._begin(live=source.live)
        except BaseException:
            self._container.close()
            raise

    def _begin(self, *, live: bool) -> None:
        video = shown_stream(self._container.streams.video)
        if video is None:
            still = " but a cover picture" if self._container.streams.video else ""
            raise UserError(f"{self._where}: holds no video stream{still}")
        self._video = video
        self._video.thread_type = "AUTO"
        # A device's sound would be recorded with the wrong timing: only what is in a file is kept.
        self.audio: AudioStream | None = None
        if self._container.streams.audio and not live:
            self.audio = self._container.streams.audio[0]
        self.time_base: Fraction = self._video.time_base or Fraction(1, 1000)
        self.rate: Fraction = self._video.average_rate or self._video.guessed_rate or Fraction(25)
        start = self._container.start_time
        self._start: Fraction | None = None if start is None or live else Fraction(start, 1_000_000)
        self.damaged = 0
        self.high_range: str | None = None
        self._last = -1
        self._upright: tuple[int, int] | None = None
        self.expected = self._count()
        items = self._items()
        begun: list[Frame | Any] = []
        for item in items:
            begun.append(item)
            if isinstance(item, Frame):
                break
        else:
            raise UserError(
                f"{self._where}: no frame of it can be decoded; put a whole one in its place or leave it out"
            )
        self.size = (begun[-1].pixels.shape[0], begun[-1].pixels.shape[1])
        self._rest = chain(begun, items)

    def _count(self) -> int | None:
        duration = self._container.duration  # in microseconds
        if self._end is None and self._video.frames:
            return self._video.frames
        if duration is None:
            return None
        seconds = duration / 1e6 if self._end is None else min(self._end, duration / 1e6)
        return max(1, round(seconds * self.rate))

    def __iter__(self) -> "Iterator[Frame | av.Packet[Any]]":
        """Frames and audio packets."""
        return self._rest

    def __enter__(self) -> "VideoReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    def seconds(self, pts: int) -> float:
        """A time in seconds."""
        return float(pts * self.time_base)

    def _items(self) -> "Iterator[Frame | av.Packet[Any]]":
        streams = [self._video] if self.audio is None else [self._video, self.audio]
        packets = self._container.demux(*streams)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (self._av.FFmpegError, OSError):  # the file breaks off here
                self.damaged += 1
                return
            if packet.stream is not self._video:
                if packet.dts is not None and (moved := self._moved(packet)) is not None:
                    yield moved
                continue
            try:
                decoded = self._video.decode(packet)
            except self._av.FFmpegError:
                self.damaged += 1
                continue
            for one in decoded:
                frame = self._frame(one)
                if self._end is not None and self.seconds(frame.pts) >= self._end:
                    return
                yield frame

    def _moved(self, packet: "av.Packet[Any]") -> "av.Packet[Any] | None":
        """An audio packet with times from the video's start on; None after the wanted end."""
        unit = packet.time_base
        if self._end is not None and float((packet.pts or 0) * unit - (self._start or 0)) >= self._end:
            return None
        if self._start:
            offset = round(self._start / unit)
            packet.dts = None if packet.dts is None else packet.dts - offset
            packet.pts = None if packet.pts is None else packet.pts - offset
        return packet

    def _frame(self, frame: "VideoFrame") -> Frame:
        pts = frame.pts
        if pts is None:  # a raw stream has no times
            pts = self._last + max(1, round(1 / (self.rate * self.time_base)))
        else:
            if self._start is None:
                self._start = pts * self.time_base
            pts -= round(self._start / self.time_base)
            step = max(1, round(1 / (self.rate * self.time_base)))
            if pts < self._last - _BACK * step:
                # As where recordings were put together: what follows goes on from here, sound and all.
                self._start -= (self._last + step - pts) * self.time_base
                pts = self._last + step
        # Encoders want times that grow; broken files repeat some.
        self._last = pts = max(pts, self._last + 1)
        turn = turn_of(frame)
        if self._upright is None:
            self._upright = turn.of((frame.height, frame.width))
            aspect = self._video.sample_aspect_ratio or Fraction(1)
            self.aspect = 1 / aspect if turn.transposed else aspect
        # A size that changes on the way is brought back to that of the first frame.
        return Frame(turn(self._colors(frame, turn.of(self._upright))), pts, frame.duration or 0)

    def _colors(self, frame: "VideoFrame", size: tuple[int, int]) -> NDArray[np.uint8]:
        """A frame's colours (H, W, 3) at a size."""
        colors = self._av.video.reformatter.Colorspace
        if (name := HIGH_RANGES.get(int(frame.color_trc))) is not None:
            self.high_range = name
            guessed = None if frame.colorspace != _UNSPECIFIED else colors.BT2020
            wide: NDArray[Any] = frame.reformat(size[1], size[0], "rgb48le", src_colorspace=guessed).to_ndarray()
            return to_sdr(wide, int(frame.color_trc))
        guessed = colors.ITU709 if frame.colorspace == _UNSPECIFIED and frame.height >= _HIGH_DEFINITION else None
        return np.asarray(frame.reformat(size[1], size[0], "rgb24", src_colorspace=guessed).to_ndarray())


def installed() -> ModuleType:
    """The av package.

    Raises:
        UserError: It is missing.
    """
    try:
        import av
        import av.video.reformatter
    except ImportError:
        raise UserError(NO_PYAV) from None
    return av


def _reason(error: Exception) -> str:
    return " ".join((getattr(error, "strerror", None) or str(error)).split()) or type(error).__name__
