"""The parse of one video: decoded, parsed and encoded at once."""

import errno
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from sceneparse.drawing.growing_legend import GrowingLegend
from sceneparse.drawing.panel import share_text
from sceneparse.files import whole_file, write_json
from sceneparse.inference.scale import doubt_of
from sceneparse.inference.worth_compiling import Amount, work_ahead
from sceneparse.parsing.artefacts.file_names import RECORDS
from sceneparse.parsing.artefacts.table import ARTEFACTS
from sceneparse.parsing.batches import AHEAD_BYTES
from sceneparse.parsing.own_files import read_record
from sceneparse.parsing.parser import Parser
from sceneparse.parsing.runs.earlier import facts_of_file, same_making
from sceneparse.parsing.runs.faults import LeftOutError
from sceneparse.parsing.runs.pipe import Ahead, Behind
from sceneparse.parsing.runs.replacing import Place, replacing
from sceneparse.parsing.runs.video.label_frames import LabelFrames
from sceneparse.parsing.runs.video.labelling import FrameLabels
from sceneparse.parsing.runs.video.reading import Frame, VideoReader, installed
from sceneparse.parsing.runs.video.sources import VideoSource
from sceneparse.parsing.runs.video.stopping import frames_progress, stop_by_interrupt
from sceneparse.parsing.runs.video.timeline import Timeline, clock
from sceneparse.parsing.runs.video.writing import VideoWriter
from sceneparse.settings.legend import LegendLayout

_AHEAD, _BEHIND, _WRITERS = 4, 4, 2
_OPACITY = 0.55
_OF_THE_DISK = frozenset(
    (
        *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES),
        *(errno.EPERM, errno.EIO, errno.EFBIG, errno.EMFILE),
    )
)
"""Faults that the next video would meet, too; any other of FFmpeg's comes from this one."""


@dataclass(frozen=True)
class VideoOptions:
    """What is wanted of each video.

    Args:
        write: Names of the artefacts to write.
        smooth: Weight of the frames before in the average of the scores, 0 (no smoothing) up to below 1.
        seconds: Parse so much of it; None: all of it.
        again: Whether label frames that an earlier run left are made again.
        legend: Where the overlay has its legend.
    """

    write: tuple[str, ...]
    smooth: float
    seconds: float | None
    again: bool
    legend: LegendLayout = "auto"


@dataclass
class _Frames:
    """What was found in the frames of a video.

    Args:
        labeller: What labels them, and counts flicker.
        timeline: What is seen over time.
        count: Number of frames.
        end: When the last one ends, in seconds.
        cuts: When new scenes begin, in seconds.
        dropped: Number of frames that came too fast.
        audio: What became of the audio; None if no video is written.
    """

    labeller: FrameLabels
    timeline: Timeline
    count: int = 0
    end: float = 0.0
    cuts: list[float] = field(default_factory=list)
    dropped: int = 0
    audio: str | None = None


@dataclass(frozen=True)
class VideoJob:
    """The parse of one video.

    Args:
        parser: The model.
        source: The video.
        out: The output folder.
        options: What is wanted of it.
        console: Where progress is shown; None: nowhere.
        inputs: All files of videos that are parsed in this run.
    """

    parser: Parser
    source: VideoSource
    out: Path
    options: VideoOptions
    console: Console | None
    inputs: tuple[Path, ...] = ()

    def facts(self) -> dict[str, Any]:
        """Return what its outputs depend on.

        Raises:
            LeftOutError: The video cannot be read.
        """
        path = Path(self.source.address)
        try:
            video = {"file": self.source.shown} if self.source.live else facts_of_file(path)
        except OSError as error:
            raise LeftOutError(f"{path}: cannot be read ({error.strerror})") from None
        made_by = {"model_sha256": self.parser.fingerprint, "protocol": self.parser.protocol.described()}
        return {"video": video, **made_by, "smooth": self.options.smooth}

    @property
    def _files(self) -> dict[str, Path]:
        return {name: self.out / f"{self.source.name}{ARTEFACTS[name].video}" for name in self.options.write}

    @property
    def _record(self) -> Path:
        return self.out / f"{self.source.name}{RECORDS['videos']}"

    def is_done(self) -> bool:
        """Return whether an earlier run left it whole.

        Raises:
            LeftOutError: The video cannot be read.
        """
        facts, record = self.facts(), read_record(self._record)
        # What a camera shows is never the same twice.
        if record is None or self.source.live:
            return False
        files, count = record.get("files"), record.get("frames")
        if not isinstance(files, dict) or not isinstance(count, int):  # none of ours
            return False
        whole = all(name in files and path.exists() for name, path in self._files.items())
        if whole and "labels" in self._files:
            whole = len(list(self._files["labels"].glob("*.png"))) >= count
        return whole and same_making(record, self._asked(facts))

    def _asked(self, facts: dict[str, Any]) -> dict[str, Any]:
        """What the outputs depend on, with what was asked of this run."""
        return {**facts, "seconds_asked": self.options.seconds, **self._legend}

    @property
    def _place(self) -> Place:
        source = None if self.source.live else Path(self.source.address)
        shown, files = self.source.shown, tuple(self._files.values())
        return Place("video", shown, self.out, self._record, files, self.inputs, source)

    @property
    def _legend(self) -> dict[str, Any]:
        """What the JSON says of the overlay's legend: nothing where there is no overlay."""
        return {"legend": None if self.options.legend == "none" else self.options.legend} if self._draws else {}

    @property
    def _draws(self) -> bool:
        return "overlay" in self.options.write

    def run(self) -> list[str]:
        """Parse it and write everything; return lines about it.

        Raises:
            UserError: It cannot be read, or holds nothing that can be made into a video.
            OSError: The outputs cannot be written.
        """
        with _ffmpeg_errors(self.source):
            start, facts = time.perf_counter(), self.facts()
            with replacing(self._place, self._asked(facts)):
                with VideoReader(self.source, self.options.seconds) as reader:
                    found = self._parse(reader, facts)
                    described = self._described(reader, found)
                if "timeline" in self._files:
                    with whole_file(self._files["timeline"]) as temporary:
                        found.timeline.draw(described["seconds"]).save(temporary)
                files = {name: path.name for name, path in self._files.items()}
                took = round(time.perf_counter() - start, 2)
                asked = {"seconds_asked": self.options.seconds, "files": files, "took_seconds": took}
                write_json(self._record, {**described, **asked, **self._legend, **facts})
        return _lines(self.source, described, took, self._record)

    def _parse(self, reader: VideoReader, facts: dict[str, Any]) -> _Frames:
        """Go through the frames, and write what is made of each."""
        frames = None
        if "labels" in self._files:
            frames = LabelFrames(self._files["labels"], self.parser.labels, facts, again=self.options.again)
        labeller = FrameLabels(self.parser, self.options.smooth, frames, live=self.source.live)
        found = _Frames(labeller, Timeline(self.parser.labels))
        with ExitStack() as stack:
            legend = GrowingLegend(self.parser.labels, reader.size, self.options.legend)
            writer = stack.enter_context(self._writer(stack, reader, legend.size)) if self._draws else None
            stopped = stack.enter_context(stop_by_interrupt(self.source.live))
            # On a GPU enough for the next batch, unless the frames are large.
            several = min(2 * labeller.together, AHEAD_BYTES // (3 * reader.size[0] * reader.size[1]))
            items = stack.enter_context(Ahead(reader, max(_AHEAD, several), newest=self.source.live))
            encoder = stack.enter_context(Behind(1, _BEHIND))
            saver = stack.enter_context(Behind(_WRITERS, 2 * _BEHIND))

            def amount() -> Amount | None:
                return None if reader.expected is None else Amount(found.count, reader.expected - found.count)

            stack.enter_context(work_ahead(self.parser.engine, amount))
            advance = stack.enter_context(frames_progress(self.console, self.source.name, reader.expected))
            for item, labelled in labeller(takewhile(lambda _: not stopped.is_set(), items), _pixels):
                if labelled is None or not isinstance(item, Frame):
                    if writer is not None:
                        encoder.put(writer.audio, item)
                    continue
                labels = labelled.labels
                if labelled.cut:
                    found.cuts.append(round(reader.seconds(item.pts), 3))
                found.timeline.add(reader.seconds(item.pts), labels, labelled.changed)
                if writer is not None:
                    encoder.put(self._encode, writer, legend, item, labels)
                if frames is not None and not frames.there(found.count):
                    saver.put(frames.write, found.count, labels)
                found.count += 1
                found.end = reader.seconds(item.pts) + (reader.seconds(item.duration) or float(1 / reader.rate))
                advance()
            if not found.count:  # in here, so that no video without frames is left
                raise LeftOutError(f"{self.source.shown}: stopped before its first frame was parsed")
        found.dropped = items.dropped
        found.audio = None if writer is None else writer.audio_note
        return found

    def _described(self, reader: VideoReader, found: _Frames) -> dict[str, Any]:
        """What the JSON says of the frames."""
        height, width = reader.size
        tested = self.parser.protocol.tested_size(reader.size)
        doubt = doubt_of(self.parser.protocol, self.parser.config.sizes, reader.size)
        flicker = {"share": _rounded(found.labeller.flicker.share)}
        if self.options.smooth:
            flicker["without_smoothing"] = _rounded(found.labeller.unsmoothed.share)
        return {
            "width": width,
            "height": height,
            "tested": {"width": tested[1], "height": tested[0]},
            **({} if doubt is None else {"doubt": doubt}),
            "frames": found.count,
            "seconds": round(found.end, 3),
            "rate": round(float(reader.rate), 4),
            "damaged_packets": reader.damaged,
            **({} if reader.high_range is None else {"high_dynamic_range": reader.high_range}),
            "dropped_frames": found.dropped,
            **({} if found.audio is None else {"audio": found.audio}),
            "classes": found.timeline.classes(),
            "flicker": flicker,
            "scene_cuts": found.cuts,
            "timeline": found.timeline.to_json(),
            "model": self.parser.name,
        }

    def _writer(self, stack: ExitStack, reader: VideoReader, size: tuple[int, int]) -> VideoWriter:
        temporary = stack.enter_context(whole_file(self._files["overlay"]))
        return VideoWriter(
            temporary,
            size,
            rate=reader.rate,
            time_base=reader.time_base,
            aspect=reader.aspect,
            audio=reader.audio,
        )

    def _encode(self, writer: VideoWriter, legend: GrowingLegend, frame: Frame, labels: NDArray[np.int16]) -> None:
        drawn = legend.draw(frame.pixels, labels, _OPACITY)
        writer.frame(np.asarray(drawn), frame.pts, frame.duration)


def _pixels(item: Any) -> NDArray[np.uint8] | None:
    return item.pixels if isinstance(item, Frame) else None


@contextmanager
def _ffmpeg_errors(source: VideoSource) -> Iterator[None]:
    """Raise FFmpeg's errors as the disk's, or as a video that is left out."""
    av = installed()
    try:
        yield
    except av.FFmpegError as error:
        reason = error.strerror or str(error)
        if error.errno not in _OF_THE_DISK:
            raise LeftOutError(f"{source.shown}: cannot be made into a video ({reason})") from None
        raise OSError(error.errno, reason) from None


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 6)


def _lines(source: VideoSource, described: dict[str, Any], took: float, record: Path) -> list[str]:
    """What a reader wants to know at once."""
    flicker = described["flicker"]
    lines = [
        f"{source.shown}: {described['frames']} frames ({clock(described['seconds'])}) in {clock(took)}, "
        f"{described['frames'] / max(took, 1e-9):.1f} frames/s; see {record}"
    ]
    if flicker["share"] is not None:
        before = flicker.get("without_smoothing")
        without = "" if before is None else f", without smoothing {share_text(before)}"
        lines.append(f"  labels that change from frame to frame: {share_text(flicker['share'])}{without}")
    if (high := described.get("high_dynamic_range")) is not None:
        lines.append(f"  its high dynamic range ({high}) was brought to that of an ordinary screen")
    if "doubt" in described:
        lines.append(f"  {described['doubt']}")
    if described["damaged_packets"]:
        lines.append(f"  {described['damaged_packets']} damaged packets of the file could not be decoded")
    if described["dropped_frames"]:
        lines.append(f"  {described['dropped_frames']} frames came faster than they could be parsed and were dropped")
    if described.get("audio", "").startswith("left out"):
        lines.append(f"  audio {described['audio']}")
    return lines
