"""Clips made by PyAV from scenes of the toy world."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from sceneparse.toyworld import render

Pixels = NDArray[np.uint8]


def scene(index: int, side: int = 96) -> Pixels:
    return np.ascontiguousarray(render(0, index, side).image.permute(1, 2, 0).numpy())


def pan(count: int, size: tuple[int, int] = (48, 64), index: int = 0) -> list[Pixels]:
    """Frames of a camera that moves over a scene, a pixel a frame."""
    whole = scene(index, max(size) + count)
    return [np.ascontiguousarray(whole[n : n + size[0], n : n + size[1]]) for n in range(count)]


def write_clip(
    path: Path,
    frames: Sequence[Pixels] | None = None,
    *,
    times: Sequence[int] | None = None,
    unit: Fraction = Fraction(1, 25),
    rotation: float | None = None,
    sound: str | None = None,
    codec: str = "libx264",
    pix_fmt: str = "yuv444p",
    start: int = 0,
) -> Path:
    """A video of some frames (by default a slow pan), almost without loss; the suffix says the container."""
    frames = pan(8) if frames is None else frames
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream(codec, rate=25, options={"crf": "1"} if codec == "libx264" else {})
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = pix_fmt
        video.codec_context.time_base = unit
        if rotation is not None:
            video.set_display_rotation(rotation)
        audio: Any = container.add_stream(sound, rate=16000) if sound else None
        packets = []
        if audio is not None:
            audio.layout = "mono"
        for index, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
            frame.pts, frame.time_base = start + (times[index] if times else index), unit
            packets.extend(video.encode(frame))
        packets.extend(video.encode(None))
        if audio is not None:
            tone = np.sin(np.arange(16000 * len(frames) // 25) / 10)[None]
            form = "s16" if str(sound).startswith("pcm") else "fltp"
            samples: Any = (tone * 9000).astype(np.int16) if form == "s16" else tone.astype(np.float32)
            step = 1024
            for first in range(0, samples.shape[1], step):
                chunk = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[:, first : first + step]), form, "mono")
                chunk.sample_rate, chunk.time_base = 16000, Fraction(1, 16000)
                chunk.pts = first + round(start * unit * 16000)
                packets.extend(audio.encode(chunk))
            packets.extend(audio.encode(None))
        container.mux(packets)
    return path


def read_clip(path: Path) -> tuple[list[Pixels], list[float]]:
    """The frames of a video and their times in seconds."""
    with av.open(str(path)) as container:
        decoded = list(container.decode(video=0))
        pixels: list[Any] = [frame.to_ndarray(format="rgb24") for frame in decoded]
        return pixels, [float(frame.time) for frame in decoded]
