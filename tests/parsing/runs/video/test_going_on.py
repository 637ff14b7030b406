"""Second runs over videos, which do nothing twice, and cameras, which go on until they are stopped."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sceneparse.parsing import Parser
from sceneparse.parsing.runs.video.timeline import Flicker
from sceneparse.settings import ProtocolSettings
from tests.support.clips import read_clip
from tests.support.video_runs import calls, record, run, visible

MakeClip = Callable[..., Path]


class TestSecondRun:
    def test_a_finished_video_is_skipped(self, parser: Parser, make_clip: MakeClip, out: Path) -> None:
        clip = make_clip()
        run(parser, clip, out, label_frames=True)
        before = calls(parser)
        assert run(parser, clip, out, label_frames=True).skipped == 1
        assert run(parser, clip, out).skipped == 1 and calls(parser) == before

    @pytest.mark.parametrize(
        "lost", ["clip_overlay.mp4", "clip_video.json", "clip_timeline.png", "clip_labels/000003.png"]
    )
    def test_what_lost_a_file_is_done_again(self, parser: Parser, make_clip: MakeClip, out: Path, lost: str) -> None:
        clip = make_clip()
        run(parser, clip, out, label_frames=True)
        (out / lost).unlink()
        assert run(parser, clip, out, label_frames=True).done == 1 and (out / lost).is_file()

    def test_other_options_do_it_again(
        self, parser: Parser, make_parser: Callable[..., Parser], make_clip: MakeClip, out: Path
    ) -> None:
        clip = make_clip()
        run(parser, clip, out)
        for other, options in (
            (parser, {"smooth": 0.5}),
            (parser, {"seconds": 0.1}),
            (parser, {"label_frames": True}),
            (parser, {"again": True}),
            (make_parser(name="other"), {}),
            (parser.with_protocol(ProtocolSettings(flip=True)), {}),
        ):
            assert run(other, clip, out, **options).done == 1, options

    def test_label_frames_of_an_interrupted_run_are_taken_not_parsed_again(
        self, parser: Parser, make_clip: MakeClip, out: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clip = make_clip()
        undisturbed = out.with_name("undisturbed")
        run(parser, clip, undisturbed, label_frames=True)
        before = calls(parser)
        count = 0

        def interrupted(self: Any, labels: Any, *, cut: bool) -> Any:
            nonlocal count
            count += 1
            if count == 6:
                raise KeyboardInterrupt
            return original(self, labels, cut=cut)

        original = Flicker.add
        with monkeypatch.context() as patch:
            patch.setattr(Flicker, "add", interrupted)
            with pytest.raises(KeyboardInterrupt):
                run(parser, clip, out, label_frames=True)
        assert not list(out.glob("*overlay*")) and not (out / "clip_video.json").exists()
        kept = len(list((out / "clip_labels").glob("0*.png")))
        assert 0 < kept < 8
        parsed = calls(parser)
        run(parser, clip, out, label_frames=True)
        assert calls(parser) - parsed == 8 - kept and parsed > before
        for index in range(8):
            name = f"clip_labels/{index:06}.png"
            assert (out / name).read_bytes() == (undisturbed / name).read_bytes()
        assert record(out)["timeline"] == record(undisturbed)["timeline"]

    def test_label_frames_hold_ids_where_the_masks_of_the_training_held_colours(
        self, parser: Parser, make_clip: MakeClip, out: Path
    ) -> None:
        clip = make_clip()
        parser.labels = replace(parser.labels, masks="rgb", ignore_colors=((0, 0, 0),))
        run(parser, clip, out, label_frames=True)
        timeline, parsed = record(out)["timeline"], calls(parser)
        (out / "clip_video.json").unlink()
        run(parser, clip, out, label_frames=True)
        assert calls(parser) == parsed and record(out)["timeline"] == timeline

    def test_label_frames_are_made_again_where_that_is_asked(
        self, parser: Parser, make_clip: MakeClip, out: Path
    ) -> None:
        clip = make_clip()
        for expected in (8, 16):
            run(parser, clip, out, label_frames=True, again=True)
            assert calls(parser) == expected

    def test_label_frames_of_another_model_are_not_taken(
        self, parser: Parser, make_parser: Callable[..., Parser], make_clip: MakeClip, out: Path
    ) -> None:
        clip = make_clip()
        run(parser, clip, out, label_frames=True)
        (out / "clip_video.json").unlink()
        other = make_parser(name="other")
        run(other, clip, out, label_frames=True)
        assert calls(other) == 8


class TestLive:
    SOURCE = "lavfi:testsrc=size=64x48:rate=25,realtime"

    def test_seconds_end_a_recording(self, parser: Parser, out: Path) -> None:
        run(parser, self.SOURCE, out, seconds=0.4, legend="none")
        (mark,) = out.glob("*_video.json")
        said = json.loads(mark.read_text())
        assert 1 <= said["frames"] + said["dropped_frames"] <= 11
        frames, _ = read_clip(out / said["files"]["overlay"])
        assert len(frames) == said["frames"] and frames[0].shape == (48, 64, 3)

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_the_first_signal_ends_a_recording_well(self, parser: Parser, out: Path, number: signal.Signals) -> None:
        before = signal.getsignal(number)
        timer = threading.Timer(1.0, lambda: os.kill(os.getpid(), number))
        timer.start()
        began = time.monotonic()
        assert run(parser, self.SOURCE, out).done == 1
        assert time.monotonic() - began < 20
        assert signal.getsignal(number) is before
        (overlay,) = out.glob("*_overlay.mp4")
        assert len(read_clip(overlay)[0]) > 2

    def test_one_that_is_stopped_before_its_first_frame_leaves_nothing(
        self, parser: Parser, out: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stopped = threading.Event()
        stopped.set()
        monkeypatch.setattr("sceneparse.parsing.runs.video.job.stop_by_interrupt", lambda _: nullcontext(stopped))
        summary = run(parser, self.SOURCE, out)
        assert "stopped before its first frame" in summary.failures[0].reason
        assert visible(out) == ["videos-summary.json"]

    def test_a_streams_password_is_never_shown(
        self, parser: Parser, out: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        summary = run(parser, "udp://user:secret@127.0.0.1:1/live?timeout=1", out)
        assert summary.failures[0].file == "udp://127.0.0.1:1/live?timeout=1"
        assert "secret" not in summary.failures[0].reason + capsys.readouterr().err
        assert "secret" not in (out / "videos-summary.json").read_text()

    def test_a_camera_that_is_not_there_is_said(self, parser: Parser, out: Path) -> None:
        assert "/dev/video99: cannot be opened" in run(parser, "/dev/video99", out).failures[0].reason
