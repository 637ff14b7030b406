"""Which inputs are videos, and which are cameras."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sceneparse.errors import UserError
from sceneparse.parsing.runs.naming import files_matching, unique_name
from sceneparse.pictures.forms import VIDEO_SUFFIXES

_DEVICES = ("v4l2", "avfoundation", "dshow", "gdigrab", "x11grab", "fbdev", "lavfi")
"""FFmpeg's input devices that may stand before a colon."""
_STREAM = re.compile(r"(rtsp|rtsps|rtmp|rtmps|rtp|udp|srt)://.+")
_CAMERA = re.compile(r"/dev/video\d+")


@dataclass(frozen=True)
class VideoSource:
    """A video file, a camera or a live stream.

    Args:
        address: What FFmpeg opens.
        name: Name of its outputs, unique among the sources found together.
        format: FFmpeg's name of the device, where the address alone doesn't say.
        live: Whether it goes on by itself and has no end: a camera or a stream.
    """

    address: str
    name: str
    format: str | None = None
    live: bool = False

    @property
    def shown(self) -> str:
        """The address as messages and files have it: without a stream's user and password."""
        return re.sub(r"(?<=://)[^/]*@", "", self.address) if self.live else self.address


def split_videos(inputs: Sequence[str]) -> tuple[list[VideoSource], list[str]]:
    """The videos and cameras among inputs, and the rest: pictures, folders and patterns.

    A video is a file with a suffix of `VIDEO_SUFFIXES`, or a pattern that ends in one. Folders are searched for
    pictures alone. A camera is /dev/video0, DEVICE:ADDRESS with one of FFmpeg's input devices (such as
    "avfoundation:0"), or a stream (rtsp, rtmp, rtp, udp, srt).

    Raises:
        UserError: A video that doesn't exist, a pattern that no video matches, or a live source beside other inputs.
    """
    videos: list[VideoSource] = []
    rest: list[str] = []
    taken: set[str] = set()
    for given in inputs:
        if (live := _live(given)) is not None:
            videos.append(live)
        elif Path(given).suffix.lower() in VIDEO_SUFFIXES and not Path(given).is_dir():
            for path in _files(given):
                videos.append(VideoSource(str(path), unique_name(path.stem, taken)))
        else:
            rest.append(given)
    if any(video.live for video in videos) and len(inputs) > 1:
        raise UserError("a camera or live stream must be the only input: it ends when you stop it")
    return videos, rest


def _files(given: str) -> list[Path]:
    path = Path(given).expanduser()
    if path.is_file():
        return [path]
    found = files_matching(path)
    if not found:
        raise UserError(f"{given}: {'no such video' if found is None else 'no video matches this pattern'}")
    return found


def _live(given: str) -> VideoSource | None:
    device, colon, address = given.partition(":")
    if _CAMERA.fullmatch(given):
        device, address = "v4l2", given
    elif not (colon and address and device in _DEVICES):
        if not _STREAM.fullmatch(given):
            return None
        device, address = "", given
    # Each recording has a name of its own: unlike a file, a camera never shows the same twice.
    label = re.sub(r"\W+", "-", address.split("@")[-1]).strip("-")[:40] or "camera"
    return VideoSource(address, f"{label}-{datetime.now():%Y%m%d-%H%M%S}", device or None, live=True)
