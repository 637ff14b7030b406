"""Videos and cameras into a folder, one after the other; a second run goes on."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import get_args

from sceneparse.arguments import argument, check_choice
from sceneparse.errors import require
from sceneparse.parsing.artefacts.choice import chosen_artefacts
from sceneparse.parsing.parser import Parser
from sceneparse.parsing.runs.engine import Run, all_done, run_jobs
from sceneparse.parsing.runs.tally import Summary
from sceneparse.parsing.runs.video.job import VideoJob, VideoOptions
from sceneparse.parsing.runs.video.sources import VideoSource
from sceneparse.parsing.runs.video.wishes import refuse_unfit
from sceneparse.settings.legend import LegendLayout


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
    write: Collection[str] | None = None,
    legend: LegendLayout = "auto",
) -> Summary:
    """Parse videos, or a camera until it is stopped (by Ctrl-C, or after `seconds`).

    Each gives OUT/NAME_overlay.mp4 (H.264, the source's times, its audio), OUT/NAME_timeline.png (shares over time),
    the label frames OUT/NAME_labels/000000.png, … if they are wanted, and, last, OUT/NAME_video.json; at the end comes
    OUT/videos-summary.json. Only objects are parsed.

    A video is skipped if all its files are there and come from the same video, model, protocol and smoothing, the
    overlay with the same legend. One that
    is interrupted leaves no half-written file; its label frames are kept and used by the next run. A video that cannot
    be parsed, or in whose outputs' place something lies that no run wrote, is named on stderr, counted and left out.

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
        write: Which of "timeline", "overlay" and "labels" to write beside the JSON. Default: the timeline, and the
            others if they are wanted.
        legend: Where the overlay video names the classes that were seen so far: auto (beside upright frames, below any
            others), below, or none.

    Raises:
        UserError: PyAV is missing, values out of their range, or the outputs cannot be written.
    """
    options = _options(overlay, label_frames, smooth, seconds, write, legend, again=again)
    run = Run(out, "video", progress=progress)
    inputs = tuple(Path(video.address) for video in videos if not video.live)

    def job_of(source: VideoSource) -> VideoJob:
        return VideoJob(parser, source, out, options, run.console if progress else None, inputs)

    run_jobs(run, parser, videos, job_of, out=out, again=again)
    summary = run.tally.summary()
    run.close(summary)
    return summary


def videos_done(
    parser: Parser,
    videos: Sequence[VideoSource],
    out: Path,
    *,
    overlay: bool = True,
    label_frames: bool = False,
    smooth: float = 0.0,
    seconds: float | None = None,
    write: Collection[str] | None = None,
    legend: LegendLayout = "auto",
) -> bool:
    """Return whether `predict_videos`, which takes the same, would find each of them done already.

    No engine is asked for scores.

    Raises:
        UserError: PyAV is missing, or values out of their range.
    """
    options = _options(overlay, label_frames, smooth, seconds, write, legend, again=False)
    return all_done(videos, lambda source: VideoJob(parser, source, out, options, None))


def _options(
    overlay: bool,
    label_frames: bool,
    smooth: float,
    seconds: float | None,
    write: Collection[str] | None,
    legend: LegendLayout,
    *,
    again: bool,
) -> VideoOptions:
    """What is wanted of each video, as `predict_videos` takes it."""
    check_choice("legend", legend, get_args(LegendLayout))
    refuse_unfit(smooth, seconds)
    wanted = {"timeline": True, "overlay": overlay, "labels": label_frames}
    chosen = chosen_artefacts("videos", write, wanted, overlay=overlay)
    require(
        "overlay" in chosen or legend == "auto",
        f"{argument('legend', legend)}: no overlay is drawn that could have a legend",
    )
    return VideoOptions(chosen, smooth, seconds, again, legend)
