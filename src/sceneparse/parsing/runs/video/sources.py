"""Which inputs are videos, and which are cameras."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path

from sceneparse.errors import UserError
from sceneparse.parsing.outputs import Outputs
from sceneparse.parsing.runs.naming import files_matching, fixed_folder, short_names, unique_name
from sceneparse.paths import expanded, meant, refuse_parted
from sceneparse.pictures.finding import FoundPicture, files_in
from sceneparse.pictures.forms import PICTURE_SUFFIXES, VIDEO_SUFFIXES, VOLUME_SUFFIXES

_DEVICES = ("v4l2", "avfoundation", "dshow", "gdigrab", "x11grab", "fbdev", "lavfi")
"""FFmpeg's input devices that may stand before a colon."""
_STREAM = re.compile(r"(rtsp|rtsps|rtmp|rtmps|rtp|udp|srt)://.+")
_AMBIGUOUS = frozenset((".ts", ".mts"))
"""Suffixes that TypeScript has, too."""
_PACKETS = ((0, 188), (4, 192))
"""Where the first packet of an MPEG transport stream begins, and how far away the next is."""
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


def split_videos(
    inputs: Sequence[str], out: Path | None = None, *, folders: bool = False
) -> tuple[list[VideoSource], list[str]]:
    """The videos and cameras among inputs, and the rest: pictures, folders and patterns.

    A video is a file with a suffix of `VIDEO_SUFFIXES`, or a pattern that ends in one. A camera is /dev/video0,
    DEVICE:ADDRESS with one of FFmpeg's input devices (such as "avfoundation:0"), or a stream (rtsp, rtmp, rtp, udp,
    srt). Videos are called by their files' names; by their paths below the pattern where several share one.

    Args:
        inputs: What the user named.
        out: The output folder. What a folder or a pattern holds inside it is an output and left out.
        folders: Whether folders, and patterns that end in something else, are searched for videos, too. They stay among
            the rest if they hold anything else that can be parsed, or no video. Such videos are called by their paths
            below the folder; none is taken twice.

    Raises:
        UserError: A video that doesn't exist, a pattern that no video matches, or a live source beside other inputs.
    """
    refuse_parted(inputs)
    videos: list[VideoSource] = []
    rest: list[str] = []
    taken: set[str] = set()
    outputs = Outputs(out)
    named = {given: _files(given, outputs) for given in inputs if _live(given) is None and _is_named(given)}
    paths = {path.resolve() for files in named.values() for path in files}
    names = iter(short_names([_below(given, path) for given, files in named.items() for path in files]))
    called = {given: [(path, next(names)) for path in files] for given, files in named.items()}
    for given in inputs:
        if (live := _live(given)) is not None:
            videos.append(live)
        elif given in named:
            videos += [VideoSource(str(path), unique_name(name, taken)) for path, name in called[given]]
        else:
            found = list(_found_in(given, outputs)) if folders and "://" not in given else []
            further = [one for one in found if one.path.resolve() not in paths]
            paths |= {one.path.resolve() for one in further}
            videos += [VideoSource(str(one.path), unique_name(one.name, taken)) for one in further]
            if not found or _holds_others(given, outputs):
                rest.append(given)
    if any(video.live for video in videos) and len(inputs) > 1:
        raise UserError("a camera or live stream must be the only input: it ends when you stop it")
    return videos, rest


def _below(given: str, path: Path) -> str:
    """The path of a video below the pattern that gave it, without the suffix; its stem where it was given itself."""
    top = fixed_folder(expanded(given))
    return path.stem if path == top else path.relative_to(top).with_suffix("").as_posix()


def _is_named(given: str) -> bool:
    return Path(given).suffix.lower() in VIDEO_SUFFIXES and not Path(given).is_dir()


def _found_in(given: str, outputs: Outputs) -> Iterator[FoundPicture]:
    """The videos that a folder or a pattern holds, but not those in the output folder."""
    for one in files_in(given, VIDEO_SUFFIXES):
        if outputs.holds(one.path):
            continue
        if one.path.suffix.lower() not in _AMBIGUOUS or _is_transport_stream(one.path):
            yield one


def _holds_others(given: str, outputs: Outputs) -> bool:
    """Whether a folder or a pattern holds pictures or volumes, too."""
    ends = frozenset(Path(suffix).suffix or suffix for suffix in VOLUME_SUFFIXES)
    volumes = (one for one in files_in(given, ends) if one.path.name.lower().endswith(VOLUME_SUFFIXES))
    others = chain(files_in(given, PICTURE_SUFFIXES), volumes)
    return any(not outputs.holds(one.path) for one in others)


def _is_transport_stream(path: Path) -> bool:
    """Whether a file is MPEG-TS (ISO/IEC 13818-1): packets of 188 bytes, each of which may follow a time of four."""
    try:
        with path.open("rb") as file:
            head = file.read(200)
    except OSError:
        return True  # which says what is wrong when it is its turn
    return any(head[start : start + 1] == b"G" == head[start + step : start + step + 1] for start, step in _PACKETS)


def _files(given: str, outputs: Outputs) -> list[Path]:
    path = expanded(given)
    if path.is_file():
        return [path]
    matching = files_matching(path)
    if matching is None:
        raise UserError(f"{given}: no such video{meant(given)}")
    found = [one for one in matching if not outputs.holds(one)]
    if not found:
        inside = f", but in the output folder {outputs.folder}" if matching else ""
        raise UserError(f"{given}: no video matches this pattern{inside}")
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
