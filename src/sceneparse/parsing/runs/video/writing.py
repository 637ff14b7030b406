"""Writing a video that anything plays: H.264 in MP4, the source's times, its audio as it was."""

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sceneparse.errors import UserError
from sceneparse.parsing.runs.video.reading import installed

if TYPE_CHECKING:
    import av
    from av.audio.stream import AudioStream

_ENCODER = "libx264"
_OPTIONS = {"preset": "veryfast", "crf": "20"}
_BT709, _LIMITED_RANGE = 1, 1


class VideoWriter:
    """Encodes frames and copies audio packets into an MP4 file.

    Args:
        path: The file; its suffix is ".mp4".
        size: Height and width of the frames. 4:2:0 colour halves both, so an odd one gets another row or column, which
            repeats the last.
        rate: Average frames per second.
        time_base: Unit of the frames' times, in seconds.
        aspect: How many times wider than high a pixel is shown.
        audio: An audio stream whose packets will be copied.

    Attributes:
        audio_note: What became of the audio, in words.

    Raises:
        UserError: PyAV is missing, or has no H.264 encoder.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        *,
        rate: Fraction,
        time_base: Fraction,
        aspect: Fraction = Fraction(1),
        audio: "AudioStream | None" = None,
    ) -> None:
        self._av = installed()
        if _ENCODER not in self._av.codecs_available:
            raise UserError("this PyAV has no H.264 encoder (libx264); install the one from PyPI: pip install av")
        # The index comes first, so that a page plays it before it is loaded. The path in full: see `VideoReader`.
        options = {"movflags": "+faststart"}
        self._container = self._av.open(str(path.absolute()), "w", format="mp4", container_options=options)
        self._odd = (size[0] % 2, size[1] % 2)
        stream = self._container.add_stream(_ENCODER, rate=rate, options=_OPTIONS)
        stream.height, stream.width = size[0] + self._odd[0], size[1] + self._odd[1]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = time_base
        stream.sample_aspect_ratio = aspect
        stream.codec_context.colorspace = _BT709
        stream.codec_context.color_range = _LIMITED_RANGE
        self._stream, self._time_base = stream, time_base
        self._audio: Any = None
        self._heard: int | None = None
        self.audio_note = "none in the source"
        if audio is not None:
            names = {audio.codec.name, audio.codec.canonical_name}
            if names & self._container.supported_codecs:
                self._audio = self._container.add_stream_from_template(audio)
                self.audio_note = f"kept ({audio.codec.canonical_name})"
            else:
                self.audio_note = f"left out: MP4 cannot hold {audio.codec.canonical_name}"

    def frame(self, pixels: NDArray[np.uint8], pts: int, duration: int = 0) -> None:
        """Encode a frame.

        Args:
            pixels: (H, W, 3) uint8 RGB of the given size.
            pts: Its time; must be later than that of the one before.
            duration: How long it is shown; 0 if that is not known.
        """
        if any(self._odd):
            pixels = np.pad(pixels, ((0, self._odd[0]), (0, self._odd[1]), (0, 0)), mode="edge")
        colors = self._av.video.reformatter.Colorspace
        frame = self._av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(
            format="yuv420p", dst_colorspace=colors.ITU709
        )
        frame.pts, frame.time_base, frame.duration = pts, self._time_base, duration
        self._container.mux(self._stream.encode(frame))

    def audio(self, packet: "av.Packet[Any]") -> None:
        """Copy an audio packet. One that comes no later than the one before, as in broken files, is left out."""
        dts = packet.dts
        if self._audio is None or dts is None or (self._heard is not None and dts <= self._heard):
            return
        self._heard = dts
        packet.stream = self._audio
        self._container.mux(packet)

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._container.mux(self._stream.encode(None))
        finally:
            self._container.close()
