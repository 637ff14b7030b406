"""Broken videos and faults of the disk: what can be parsed is, the rest is named, and nothing is left half."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from sceneparse.errors import UserError
from sceneparse.parsing import Parser
from sceneparse.parsing.runs.video import predict_videos, split_videos
from sceneparse.parsing.runs.video.writing import VideoWriter
from tests.parsing.conftest import SPACE
from tests.support.brightest import BrightestChannel, brightest_parser
from tests.support.clips import pan, read_clip
from tests.support.video_runs import record, run, visible

MakeClip = Callable[..., Path]


class TestBroken:
    def test_what_is_no_video_is_named_and_the_others_are_done(
        self, parser: Parser, make_clip: MakeClip, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        make_clip("good.mp4")
        (tmp_path / "bad.mp4").write_bytes(b"no video at all")
        (tmp_path / "cut.mp4").write_bytes((tmp_path / "good.mp4").read_bytes()[:2000])
        summary = run(parser, tmp_path / "*.mp4", out)
        assert summary.done == 1 and [Path(one.file).name for one in summary.failures] == ["bad.mp4", "cut.mp4"]
        assert "bad.mp4: cannot be opened as a video" in capsys.readouterr().err
        assert not [name for name in visible(out) if name.startswith(("bad", "cut", "."))]

    def test_a_file_that_breaks_off_gives_what_it_has(self, parser: Parser, make_clip: MakeClip, out: Path) -> None:
        clip = make_clip("clip.mkv", frames=pan(40))
        clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 2 // 3])
        assert run(parser, clip, out).done == 1
        assert 5 < record(out)["frames"] < 40 and len(read_clip(out / "clip_overlay.mp4")[0]) == record(out)["frames"]

    def test_damage_in_the_middle_costs_little(self, parser: Parser, make_clip: MakeClip, out: Path) -> None:
        clip = make_clip("clip.avi", frames=pan(30), codec="mjpeg", pix_fmt="yuvj444p")
        content = bytearray(clip.read_bytes())
        middle = len(content) // 2
        content[middle : middle + 3000] = bytes(3000)
        clip.write_bytes(content)
        assert run(parser, clip, out).done == 1 and record(out)["frames"] > 20

    def test_recordings_that_were_put_together_go_on_where_the_first_ends(
        self, parser: Parser, make_clip: MakeClip, out: Path
    ) -> None:
        clip = make_clip("clip.ts", sound="aac", frames=pan(25))
        clip.write_bytes(2 * clip.read_bytes())
        summary = run(parser, clip, out)
        assert summary.done == 1, summary.failures
        times = read_clip(out / "clip_overlay.mp4")[1]
        assert len(times) == record(out)["frames"] == 50
        assert np.diff(times) == pytest.approx([0.04] * 49, abs=1e-3)
        with av.open(str(out / "clip_overlay.mp4")) as container:
            heard = [packet.dts or 0 for packet in container.demux(audio=0) if packet.size]
            assert container.streams.audio[0].time_base is not None
            seconds = float(heard[-1] * container.streams.audio[0].time_base)
        assert heard == sorted(set(heard)) and 1.7 < seconds < 2.1

    def test_a_video_that_cannot_be_encoded_is_left_out_and_the_others_are_done(
        self, parser: Parser, make_clip: MakeClip, out: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_clip("a.mp4", frames=pan(3, (32, 32)))
        make_clip("b.mp4")
        frame = VideoWriter.frame

        def fails_on_small(self: VideoWriter, pixels: np.ndarray, pts: int, duration: int = 0) -> None:
            if len(pixels) == 32:
                raise av.error.FFmpegError(errno.EINVAL, os.strerror(errno.EINVAL))
            frame(self, pixels, pts, duration)

        monkeypatch.setattr(VideoWriter, "frame", fails_on_small)
        summary = run(parser, out.parent / "*.mp4", out, legend="none")
        assert summary.done == 1 and "a.mp4: cannot be made into a video" in summary.failures[0].reason
        assert not list(out.glob("a_*")) and (out / "b_overlay.mp4").is_file()

    def test_a_video_is_never_overwritten(self, parser: Parser, make_clip: MakeClip, out: Path) -> None:
        out.mkdir()
        clip, victim = make_clip(), out / "clip_overlay.mp4"
        victim.write_bytes(clip.read_bytes())
        videos, _ = split_videos([str(clip), str(victim)])
        summary = predict_videos(parser, videos, out, progress=False)
        assert summary.done == 1 and "would overwrite the video" in summary.failures[0].reason
        assert victim.read_bytes() == clip.read_bytes()

    def test_sound_alone_is_no_video(self, parser: Parser, out: Path, tmp_path: Path) -> None:
        path = tmp_path / "clip.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("aac", rate=16000, layout="mono")
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.sample_rate = 16000
            container.mux([*stream.encode(frame), *stream.encode(None)])
        assert "holds no video stream" in run(parser, path, out).failures[0].reason

    def test_without_pyav_it_says_what_to_install(
        self, parser: Parser, make_clip: MakeClip, out: Path, without: Callable[[str], None]
    ) -> None:
        clip = make_clip()
        without("av")
        with pytest.raises(UserError, match=r"pip install 'sceneparse\[video\]'"):
            run(parser, clip, out)

    def test_a_full_disk_is_said_in_a_line_and_leaves_nothing_half(
        self, parser: Parser, make_clip: MakeClip, out: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise av.error.FFmpegError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(VideoWriter, "frame", full)
        with pytest.raises(UserError, match=r"cannot be written .No space left on device.; free space"):
            run(parser, make_clip(), out)
        assert not visible(out)

    def test_an_output_folder_that_is_a_file_is_a_mistake(self, parser: Parser, make_clip: MakeClip, out: Path) -> None:
        out.write_text("")
        with pytest.raises(UserError, match="cannot be written"):
            run(parser, make_clip(), out)

    @pytest.mark.parametrize("options", [{"smooth": 1.0}, {"smooth": -0.5}, {"seconds": 0.0}])
    def test_values_without_meaning_are_refused(
        self, parser: Parser, make_clip: MakeClip, out: Path, options: dict[str, float]
    ) -> None:
        with pytest.raises(UserError):
            run(parser, make_clip(), out, **options)


class TestScores:
    @pytest.mark.parametrize("smooth", [0.0, 0.5])
    def test_that_are_not_finite_cost_their_video(
        self, parser: Parser, make_clip: MakeClip, out: Path, monkeypatch: pytest.MonkeyPatch, smooth: float
    ) -> None:
        original = BrightestChannel.__call__
        monkeypatch.setattr(BrightestChannel, "__call__", lambda self, images: original(self, images) * torch.inf)
        (failure,) = run(parser, make_clip(), out, smooth=smooth).failures
        assert "the scores of model 'brightest' are not finite in float32" in failure.reason
        assert visible(out) == ["videos-summary.json"]

    def test_that_a_model_of_other_channels_cannot_give_cost_their_video(self, make_clip: MakeClip, out: Path) -> None:
        four = brightest_parser(labels=SPACE, channels=4)
        (failure,) = run(four, make_clip(), out).failures
        assert "4" in failure.reason and visible(out) == ["videos-summary.json"]


def test_a_name_with_a_colon_is_no_protocol(
    parser: Parser, make_clip: MakeClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_clip("take1:evening.mp4")
    monkeypatch.chdir(tmp_path)
    assert run(parser, "take1:evening.mp4", Path()).done == 1
    assert Path("take1:evening_overlay.mp4").is_file()
    Path("no:video.mp4").write_bytes(b"none")
    (failure,) = run(parser, "no:video.mp4", Path("out")).failures
    assert failure.reason.startswith("no:video.mp4: cannot be opened as a video (")
