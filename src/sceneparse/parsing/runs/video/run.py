"""Videos and cameras into a folder: decoded, parsed and encoded at once; a second run goes on."""

import errno
import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from sceneparse.drawing.render import draw_overlay, share_text
from sceneparse.errors import UserError, require
from sceneparse.files import whole_file, write_json
from sceneparse.parsing.artefacts import cannot_write, facts_of_file
from sceneparse.parsing.parse import protocol_json
from sceneparse.parsing.parser import Parser
from sceneparse.parsing.runs.pipe import Ahead, Behind
from sceneparse.parsing.runs.summary import Failure, Summary
from sceneparse.parsing.runs.video.label_frames import LabelFrames
from sceneparse.parsing.runs.video.labelling import FrameLabels
from sceneparse.parsing.runs.video.reading import Frame, VideoReader, installed
from sceneparse.parsing.runs.video.sources import VideoSource
from sceneparse.parsing.runs.video.stopping import frames_progress, stop_by_interrupt
from sceneparse.parsing.runs.video.timeline import Timeline, clock
from sceneparse.parsing.runs.video.writing import VideoWriter

_AHEAD, _BEHIND, _WRITERS = 4, 4, 2
_OPACITY = 0.55
_OF_THE_DISK = frozenset(
    (
        *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES),
        *(errno.EPERM, errno.EIO, errno.EFBIG, errno.EMFILE),
    )
)
"""Faults that the next video would meet, too; any other of FFmpeg's comes from this one."""


def predict_videos(
    parser: Parser,
    videos: Sequence[VideoSource],
    out: Path,
    *,
    overlay: bool = True,
    label_frames: bool = False,
    smooth: float = 0.0,
    seconds: float | None = None,
    again: bool = False,
    progress: bool = True,
) -> Summary:
    """Parse videos, or a camera until it is stopped (by Ctrl-C, or after `seconds`).

    Each gives OUT/NAME_overlay.mp4 (H.264, the source's times, its audio), OUT/NAME_timeline.png (shares over time),
    the label frames OUT/NAME_labels/000000.png, … if they are wanted, and, last, OUT/NAME_video.json; at the end comes
    OUT/videos-summary.json. The objects are told alone.

    A video is skipped if all its files are there and come from the same video, model, protocol and smoothing. One that
    is interrupted leaves no half-written file; its label frames are kept and used by the next run. A video that cannot
    be read is named on stderr, counted and left out.

    Args:
        parser: The model.
        videos: As `split_videos` finds them.
        out: The output folder; made if it isn't there.
        overlay: Whether to write the overlay video.
        label_frames: Whether to write a label map for each frame.
        smooth: Weight of the frames before in the average of the scores, 0 (no smoothing) up to below 1.
        seconds: Parse so much of each video; None: all of it.
        again: Also parse what is already done.
        progress: Show progress and closing lines on stderr.

    Raises:
        UserError: PyAV is missing, values out of their range, or the outputs cannot be written.
    """
    require(0 <= smooth < 1, f"smoothing {smooth:g}: give the weight of the frames before, 0 or more and below 1")
    require(seconds is None or seconds > 0, "seconds: give more than 0")
    av = installed()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(out, error) from None
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if progress:
        console.print(f"engine: {parser.engine.describe()}", markup=False)
    done = skipped = 0
    failures: list[Failure] = []
    for source in videos:
        job = _Job(parser, source, out, overlay, label_frames, smooth, seconds, again, console if progress else None)
        try:
            job.refuse_overwriting(videos)
            facts = job.facts()
            if not again and job.is_done(facts):
                skipped += 1
                continue
            job.run(facts)
            done += 1
        except _UnreadableError as error:
            failures.append(Failure(source.shown, str(error)))
            console.print(f"left out: {error}", markup=False)
        except (OSError, av.FFmpegError) as error:
            if isinstance(error, av.FFmpegError) and error.errno not in _OF_THE_DISK:
                reason = f"{source.shown}: cannot be made into a video ({error.strerror or error})"
                failures.append(Failure(source.shown, reason))
                console.print(f"left out: {reason}", markup=False)
                continue
            raise cannot_write(out, OSError(error.errno, error.strerror or str(error))) from None
    summary = Summary(done, skipped, tuple(failures))
    write_json(out / "videos-summary.json", summary.to_json())
    if progress:
        console.print(f"videos: {summary.told}; see {out / 'videos-summary.json'}", markup=False)
    return summary


class _UnreadableError(UserError):
    """A video that cannot be read; the others can."""


@dataclass(frozen=True)
class _Job:
    """One video."""

    parser: Parser
    source: VideoSource
    out: Path
    overlay: bool
    label_frames: bool
    smooth: float
    seconds: float | None
    again: bool
    console: Console | None

    def refuse_overwriting(self, videos: Sequence[VideoSource]) -> None:
        """Refuse outputs that would take the place of a video that is to be parsed."""
        inputs = {Path(video.address).resolve(): video.address for video in videos if not video.live}
        for path in (*self._files.values(), self._path("_video.json")):
            if (victim := inputs.get(path.resolve())) is not None:
                raise _UnreadableError(
                    f"{self.source.shown}: its parse would overwrite the video {victim}; choose another folder"
                )

    def facts(self) -> dict[str, Any]:
        """What its outputs depend on."""
        path = Path(self.source.address)
        try:
            video = {"file": self.source.shown} if self.source.live else facts_of_file(path)
        except OSError as error:
            raise _UnreadableError(f"{path}: cannot be read ({error.strerror})") from None
        made_by = {"model_sha256": self.parser.fingerprint, "protocol": protocol_json(self.parser.protocol)}
        return {"video": video, **made_by, "smooth": self.smooth}

    def _path(self, end: str) -> Path:
        return self.out / f"{self.source.name}{end}"

    @property
    def _files(self) -> dict[str, Path]:
        files = {"timeline": self._path("_timeline.png")}
        if self.overlay:
            files["overlay"] = self._path("_overlay.mp4")
        if self.label_frames:
            files["labels"] = self._path("_labels")
        return files

    def is_done(self, facts: dict[str, Any]) -> bool:
        """Whether an earlier run left it whole."""
        try:
            said = json.loads(self._path("_video.json").read_text(encoding="utf-8"))
            same = all(said[key] == facts[key] for key in ("model_sha256", "protocol", "smooth"))
            same = same and all(said["video"][key] == facts["video"][key] for key in ("bytes", "modified_ns"))
            same = same and said["seconds_asked"] == self.seconds
            whole = all(kind in said["files"] and path.exists() for kind, path in self._files.items())
            if self.label_frames and whole:
                whole = len(list(self._files["labels"].glob("*.png"))) >= said["frames"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):  # none there, or none of ours
            return False
        return bool(same and whole)

    def run(self, facts: dict[str, Any]) -> None:
        """Parse it and write everything."""
        start = time.perf_counter()
        mark = self._path("_video.json")
        mark.unlink(missing_ok=True)
        try:
            reader = VideoReader(self.source, self.seconds)
        except UserError as error:
            raise _UnreadableError(str(error)) from None
        with reader:
            told = self._parse(reader, facts)
        timeline: Timeline = told.pop("_timeline")
        with whole_file(self._files["timeline"]) as temporary:
            timeline.draw(told["seconds"]).save(temporary)
        files = {kind: path.name for kind, path in self._files.items()}
        took = round(time.perf_counter() - start, 2)
        write_json(mark, {**told, "seconds_asked": self.seconds, "files": files, "took_seconds": took, **facts})
        if self.console is not None:
            for line in _said(self.source, told, took, mark):
                self.console.print(line, markup=False)

    def _parse(self, reader: VideoReader, facts: dict[str, Any]) -> dict[str, Any]:
        """Go through the frames; what the JSON says of them, and the timeline."""
        frames = None
        if self.label_frames:
            frames = LabelFrames(self._files["labels"], self.parser.labels, facts, again=self.again)
        labeller = FrameLabels(self.parser, self.smooth, frames)
        timeline, index, last = Timeline(self.parser.labels), 0, (0, 0)
        cuts: list[float] = []
        with ExitStack() as stack:
            writer = stack.enter_context(self._writer(stack, reader)) if self.overlay else None
            stopped = stack.enter_context(stop_by_interrupt(self.source.live))
            items = stack.enter_context(Ahead(reader, _AHEAD, newest=self.source.live))
            encoder = stack.enter_context(Behind(1, _BEHIND))
            saver = stack.enter_context(Behind(_WRITERS, 2 * _BEHIND))
            advance = stack.enter_context(frames_progress(self.console, self.source.name, reader.expected))
            for item in items:
                if stopped.is_set():
                    break
                if not isinstance(item, Frame):
                    if writer is not None:
                        encoder.put(writer.audio, item)
                    continue
                known = len(labeller.cuts)
                labels, changed = labeller(item.pixels)
                if len(labeller.cuts) > known:
                    cuts.append(round(reader.seconds(item.pts), 3))
                timeline.add(reader.seconds(item.pts), labels, changed)
                if writer is not None:
                    encoder.put(self._encode, writer, item, labels)
                if frames is not None and not frames.there(index):
                    saver.put(frames.write, index, labels)
                index, last = index + 1, (item.pts, item.duration)
                advance()
            if not index:  # in here, so that no video without frames is left
                raise _UnreadableError(f"{self.source.shown}: stopped before its first frame was parsed")
        end = reader.seconds(last[0]) + (reader.seconds(last[1]) or float(1 / reader.rate))
        height, width = reader.size
        flicker = {"share": _rounded(labeller.flicker.share)}
        if self.smooth:
            flicker["without_smoothing"] = _rounded(labeller.unsmoothed.share)
        return {
            "width": width,
            "height": height,
            "frames": index,
            "seconds": round(end, 3),
            "rate": round(float(reader.rate), 4),
            "damaged_packets": reader.damaged,
            "dropped_frames": items.dropped,
            **({"audio": writer.audio_note} if writer else {}),
            "classes": timeline.classes(),
            "flicker": flicker,
            "scene_cuts": cuts,
            "timeline": timeline.to_json(),
            "model": self.parser.name,
            "_timeline": timeline,
        }

    def _writer(self, stack: ExitStack, reader: VideoReader) -> VideoWriter:
        temporary = stack.enter_context(whole_file(self._files["overlay"]))
        return VideoWriter(
            temporary,
            reader.size,
            rate=reader.rate,
            time_base=reader.time_base,
            aspect=reader.aspect,
            audio=reader.audio,
        )

    def _encode(self, writer: VideoWriter, frame: Frame, labels: NDArray[np.int16]) -> None:
        drawn = draw_overlay(frame.pixels, labels, self.parser.labels, None, _OPACITY)
        writer.frame(np.asarray(drawn), frame.pts, frame.duration)


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 6)


def _said(source: VideoSource, told: dict[str, Any], took: float, mark: Path) -> list[str]:
    """What a reader wants to know at once."""
    flicker = told["flicker"]
    lines = [
        f"{source.shown}: {told['frames']} frames ({clock(told['seconds'])}) in {clock(took)}, "
        f"{told['frames'] / max(took, 1e-9):.1f} frames/s; see {mark}"
    ]
    if flicker["share"] is not None:
        before = flicker.get("without_smoothing")
        without = "" if before is None else f", without smoothing {share_text(before)}"
        lines.append(f"  labels that change from frame to frame: {share_text(flicker['share'])}{without}")
    if told["damaged_packets"]:
        lines.append(f"  {told['damaged_packets']} damaged packets of the file could not be decoded")
    if told["dropped_frames"]:
        lines.append(f"  {told['dropped_frames']} frames came faster than they could be parsed and were dropped")
    if told.get("audio", "").startswith("left out"):
        lines.append(f"  audio {told['audio']}")
    return lines
