"""Videos from end to end: times, sizes, turns and sound as they were; none half, none twice."""

import errno
import io
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from sceneparse.cli import main
from sceneparse.errors import UserError
from sceneparse.parsing import Parser
from sceneparse.parsing.runs.tally import Summary
from sceneparse.parsing.runs.video import predict_videos, split_videos
from sceneparse.parsing.runs.video.stopping import frames_progress
from sceneparse.parsing.runs.video.timeline import Flicker
from sceneparse.parsing.runs.video.writing import VideoWriter
from sceneparse.settings import ProtocolSettings
from tests.support.clips import pan, read_clip, scene

MakeClip = Callable[..., Path]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def run(parser: Parser, clip: Path | str, out: Path, **options: Any) -> Summary:
    videos, rest = split_videos([str(clip)])
    assert not rest
    return predict_videos(parser, videos, out, **{"progress": False, **options})


def told(out: Path, name: str = "clip") -> dict[str, Any]:
    said: dict[str, Any] = json.loads((out / f"{name}_video.json").read_text())
    return said


def calls(parser: Parser) -> int:
    return parser.engine.calls  # type: ignore[attr-defined]


def visible(out: Path) -> list[str]:
    return sorted(path.name for path in out.iterdir())


class TestOutputs:
    def test_the_overlay_has_the_frames_and_times_of_the_source(
        self, parser: Parser, make_clip: MakeClip, out: Path
    ) -> None:
        clip = make_clip()
        assert run(parser, clip, out).done == 1
        assert visible(out) == ["clip_overlay.mp4", "clip_timeline.png", "clip_video.json", "videos-summary.json"]
        frames, times = read_clip(out / "clip_overlay.mp4")
        assert times == read_clip(clip)[1] and len(frames) == 8
        with av.open(str(out / "clip_overlay.mp4")) as container:
            stream = container.streams.video[0]
            assert (stream.codec.canonical_name, stream.pix_fmt, stream.average_rate) == (
                "h264",
                "yuv420p",
                Fraction(25),
            )
            assert container.duration is not None
            assert float(container.duration) / 1e6 == pytest.approx(8 / 25, abs=0.01)

    def test_its_pictures_are_the_parsers_overlays(self, parser: Parser, make_clip: MakeClip, out: Path) -> None:
        clip = make_clip()
        run(parser, clip, out)
        for drawn, source in zip(read_clip(out / "clip_overlay.mp4")[0], read_clip(clip)[0], strict=True):
            expected = np.asarray(parser(source).overlay(legend=False)).astype(int)
            assert np.abs(drawn - expected).mean() < 12  # 4:2:0 colour blurs the borders of small regions

    def test_the_json_tells_what_is_seen(self, parser: Parser, make_clip: MakeClip, out: Path) -> None:
        clip = make_clip()
        run(parser, clip, out)
        said, frames = told(out), read_clip(clip)[0]
        labels = [parser(frame).labels for frame in frames]
        total = sum(one.size for one in labels)
        for entry in said["classes"]:
            index = parser.labels.names.index(entry["name"])
            assert entry["pixels"] == sum(int((one == index).sum()) for one in labels)
            assert entry["share"] == pytest.approx(entry["pixels"] / total, abs=1e-6)
        changed = [float((one != other).mean()) for one, other in zip(labels[1:], labels, strict=False)]
        assert said["flicker"] == {"share": pytest.approx(np.mean(changed), abs=1e-6)}
        assert [span["flicker"] for span in said["timeline"][1:]] == [pytest.approx(one, abs=1e-6) for one in changed]
        assert (said["width"], said["height"], said["frames"], said["rate"]) == (64, 48, 8, 25)
        assert said["seconds"] == pytest.approx(0.32) and said["audio"] == "none in the source"
        assert said["video"]["bytes"] == clip.stat().st_size and said["model_sha256"] == parser.fingerprint

    def test_label_frames_are_the_parsers_labels(self, parser: Parser, make_clip: MakeClip, out: Path) -> None:
        clip = make_clip()
        run(parser, clip, out, label_frames=True, overlay=False)
        assert visible(out) == ["clip_labels", "clip_timeline.png", "clip_video.json", "videos-summary.json"]
        for index, source in enumerate(read_clip(clip)[0]):
            ids = np.array(Image.open(out / "clip_labels" / f"{index:06}.png"))
            assert parser.labels.decode(ids)[0].tolist() == parser(source).labels.tolist()

    def test_what_is_chosen_is_written_and_nothing_else(self, parser: Parser, make_clip: MakeClip, out: Path) -> None:
        clip = make_clip()
        assert run(parser, clip, out, write=["labels"]).done == 1
        assert visible(out) == ["clip_labels", "clip_video.json", "videos-summary.json"]
        assert run(parser, clip, out, write=["labels"]).skipped == 1
        assert run(parser, clip, out, write=["labels", "timeline"]).done == 1
        with pytest.raises(UserError, match="--write montage: is written for volumes"):
            run(parser, clip, out, write=["montage"])

    def test_seconds_end_a_video(self, parser: Parser, make_clip: MakeClip, out: Path) -> None:
        run(parser, make_clip(sound="aac"), out, seconds=0.15)
        assert told(out)["frames"] == 4  # at 0, 0.04, 0.08 and 0.12 s
        with av.open(str(out / "clip_overlay.mp4")) as container:
            assert container.duration is not None
            assert float(container.duration) / 1e6 < 0.25


class TestCommand:
    def test_videos_and_pictures_go_together(
        self, tiny_run: Path, make_clip: MakeClip, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        picture = tmp_path / "photo.png"
        Image.fromarray(scene(0)).save(picture)
        words = ["predict", str(tiny_run / "model"), str(make_clip()), str(picture), "--out", str(out)]
        assert main([*words, "--engine", "torch", "--smooth", "0.5"]) == 0
        assert {"photo.json", "summary.json", "clip_video.json", "videos-summary.json"} <= set(visible(out))
        assert told(out)["smooth"] == 0.5 and "frames/s; see " in capsys.readouterr().err

    def test_a_broken_video_is_an_exit_code_of_1(self, tiny_run: Path, out: Path, tmp_path: Path) -> None:
        (tmp_path / "bad.mp4").write_bytes(b"")
        words = ["predict", str(tiny_run / "model"), str(tmp_path / "bad.mp4"), "--out", str(out)]
        assert main([*words, "--engine", "torch"]) == 1
        assert json.loads((out / "videos-summary.json").read_text())["failed"] == 1

    def test_other_tasks_than_objects_are_refused(
        self, make_clip: MakeClip, out: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["predict", "model", str(make_clip()), "--out", str(out), "--tasks", "object", "scene"]) == 2
        assert "by their objects alone, not by 'scene'" in capsys.readouterr().err


def test_progress_is_in_frames_a_second() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    with frames_progress(console, "clip", 3) as advance:
        for _ in range(3):
            advance()
            time.sleep(0.01)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "clip" in shown and "3/3" in shown and "frames/s" in shown


class TestForms:
    def test_times_of_a_variable_rate_stay(self, parser: Parser, make_clip: MakeClip, out: Path) -> None:
        times = [0, 40, 50, 200, 210, 500, 505, 900]
        clip = make_clip("clip.mkv", times=times, unit=Fraction(1, 1000))
        run(parser, clip, out)
        assert read_clip(out / "clip_overlay.mp4")[1] == pytest.approx([time / 1000 for time in times], abs=1e-3)

    def test_a_video_that_begins_late_begins_at_once(self, parser: Parser, make_clip: MakeClip, out: Path) -> None:
        run(parser, make_clip("clip.ts", start=25 * 3600, sound="aac"), out)
        times = read_clip(out / "clip_overlay.mp4")[1]
        assert np.diff(times) == pytest.approx([0.04] * 7, abs=1e-3) and times[0] < 0.2

    def test_odd_sides_get_one_more_row_and_column(self, parser: Parser, make_clip: MakeClip, out: Path) -> None:
        run(parser, make_clip(frames=pan(3, (47, 63))), out, label_frames=True)
        frames, _ = read_clip(out / "clip_overlay.mp4")
        assert frames[0].shape == (48, 64, 3) and (told(out)["height"], told(out)["width"]) == (47, 63)
        assert np.abs(frames[0][47].astype(int) - frames[0][46]).mean() < 6
        assert Image.open(out / "clip_labels" / "000000.png").size == (63, 47)

    @pytest.mark.parametrize(("rotation", "turns"), [(90, 1), (-90, 3), (180, 2)])
    def test_frames_stand_upright(
        self, parser: Parser, make_clip: MakeClip, out: Path, rotation: int, turns: int
    ) -> None:
        frames = pan(3)
        run(parser, make_clip(frames=frames, rotation=rotation), out, label_frames=True, overlay=False)
        decoded = read_clip(out.parent / "clip.mp4")[0][0]
        labels = parser(np.ascontiguousarray(np.rot90(decoded, turns))).labels
        ids = np.array(Image.open(out / "clip_labels" / "000000.png"))
        assert parser.labels.decode(ids)[0].tolist() == labels.tolist()

    def test_sound_is_kept_packet_by_packet(self, parser: Parser, make_clip: MakeClip, out: Path) -> None:
        clip = make_clip(sound="aac", frames=pan(25))
        run(parser, clip, out)
        contents = []
        for path in (clip, out / "clip_overlay.mp4"):
            with av.open(str(path)) as container:
                contents.append([(packet.pts, bytes(packet)) for packet in container.demux(audio=0) if packet.size])
        assert contents[0] == contents[1] and len(contents[0]) > 10
        assert told(out)["audio"] == "kept (aac)"

    def test_sound_that_mp4_cannot_hold_is_left_out_and_said(
        self, parser: Parser, make_clip: MakeClip, out: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run(parser, make_clip("clip.avi", sound="pcm_mulaw", pix_fmt="yuv420p"), out, progress=True)
        assert told(out)["audio"] == "left out: MP4 cannot hold pcm_mulaw"
        assert "audio left out" in capsys.readouterr().err

    def test_a_grey_model_takes_videos(
        self, make_parser: Callable[..., Parser], make_clip: MakeClip, out: Path
    ) -> None:
        assert run(make_parser(channels=1), make_clip(), out).done == 1


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
        assert 5 < told(out)["frames"] < 40 and len(read_clip(out / "clip_overlay.mp4")[0]) == told(out)["frames"]

    def test_damage_in_the_middle_costs_little(self, parser: Parser, make_clip: MakeClip, out: Path) -> None:
        clip = make_clip("clip.avi", frames=pan(30), codec="mjpeg", pix_fmt="yuvj444p")
        content = bytearray(clip.read_bytes())
        middle = len(content) // 2
        content[middle : middle + 3000] = bytes(3000)
        clip.write_bytes(content)
        assert run(parser, clip, out).done == 1 and told(out)["frames"] > 20

    def test_recordings_that_were_put_together_go_on_where_the_first_ends(
        self, parser: Parser, make_clip: MakeClip, out: Path
    ) -> None:
        clip = make_clip("clip.ts", sound="aac", frames=pan(25))
        clip.write_bytes(2 * clip.read_bytes())
        summary = run(parser, clip, out)
        assert summary.done == 1, summary.failures
        times = read_clip(out / "clip_overlay.mp4")[1]
        assert len(times) == told(out)["frames"] == 50
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
        summary = run(parser, out.parent / "*.mp4", out)
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
        assert told(out)["timeline"] == told(undisturbed)["timeline"]

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


class TestSmoothing:
    def flickering(self, count: int = 12) -> list[np.ndarray]:
        generator = np.random.default_rng(0)
        still = scene(0)[:48, :64].astype(float)
        return [(still + generator.normal(0, 25, still.shape)).clip(0, 255).astype(np.uint8) for _ in range(count)]

    def test_it_flickers_less_and_says_how_much(
        self, parser: Parser, make_clip: MakeClip, out: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        clip = make_clip(frames=self.flickering())
        run(parser, clip, out / "plain")
        run(parser, clip, out, smooth=0.8, progress=True)
        plain, smooth = told(out / "plain")["flicker"], told(out)["flicker"]
        assert smooth["without_smoothing"] == plain["share"] > 2 * smooth["share"] > 0
        assert ", without smoothing " in capsys.readouterr().err

    def test_the_network_is_asked_once_a_frame(self, parser: Parser, make_clip: MakeClip, out: Path) -> None:
        run(parser, make_clip(), out, smooth=0.8)
        assert calls(parser) == 8

    def test_a_cut_begins_anew(self, parser: Parser, make_clip: MakeClip, out: Path) -> None:
        frames = [*pan(4, index=0), *pan(4, index=8)]
        clip = make_clip(frames=frames)
        run(parser, clip, out, smooth=0.95, label_frames=True)
        assert told(out)["scene_cuts"] == [0.16]
        ids = np.array(Image.open(out / "clip_labels" / "000004.png"))
        assert parser.labels.decode(ids)[0].tolist() == parser(read_clip(clip)[0][4]).labels.tolist()


class TestLive:
    SOURCE = "lavfi:testsrc=size=64x48:rate=25,realtime"

    def test_seconds_end_a_recording(self, parser: Parser, out: Path) -> None:
        run(parser, self.SOURCE, out, seconds=0.4)
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

    def test_a_streams_password_is_told_to_nobody(
        self, parser: Parser, out: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        summary = run(parser, "udp://user:secret@127.0.0.1:1/live?timeout=1", out)
        assert summary.failures[0].file == "udp://127.0.0.1:1/live?timeout=1"
        assert "secret" not in summary.failures[0].reason + capsys.readouterr().err
        assert "secret" not in (out / "videos-summary.json").read_text()

    def test_a_camera_that_is_not_there_is_said(self, parser: Parser, out: Path) -> None:
        assert "/dev/video99: cannot be opened" in run(parser, "/dev/video99", out).failures[0].reason
