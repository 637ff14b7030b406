"""Videos from end to end: times, sizes, turns, sound and smoothing."""

import io
import json
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from sceneparse.cli import main
from sceneparse.errors import UserError
from sceneparse.parsing import Parser
from sceneparse.parsing.runs.video.stopping import frames_progress
from sceneparse.settings import LearntSizes
from tests.parsing.conftest import SPACE
from tests.support.brightest import brightest_parser
from tests.support.clips import pan, read_clip, scene
from tests.support.video_runs import calls, record, run, visible

MakeClip = Callable[..., Path]


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
        run(parser, clip, out, legend="none")
        for drawn, source in zip(read_clip(out / "clip_overlay.mp4")[0], read_clip(clip)[0], strict=True):
            expected = np.asarray(parser(source).overlay(legend=False)).astype(int)
            assert np.abs(drawn - expected).mean() < 12  # 4:2:0 colour blurs the borders of small regions

    def test_it_has_a_legend_and_is_made_anew_for_another(self, parser: Parser, make_clip: MakeClip, out: Path) -> None:
        clip = make_clip()
        assert run(parser, clip, out).done == 1
        drawn = read_clip(out / "clip_overlay.mp4")[0][-1]
        # Frames of 64 x 48 are enlarged to 320 x 240, so that names fit; below them is paper.
        assert drawn.shape[1] == 320 and drawn.shape[0] > 240 and drawn.shape[0] % 2 == 0
        assert (drawn[244:, -4:] > 240).all()
        assert record(out)["legend"] == "auto" and run(parser, clip, out).skipped == 1
        assert run(parser, clip, out, legend="none").done == 1
        assert read_clip(out / "clip_overlay.mp4")[0][0].shape == (48, 64, 3)
        assert run(parser, clip, out, legend="none").skipped == 1
        assert run(parser, clip, out, write=["timeline"]).skipped == 1

    def test_the_json_tells_what_is_seen(self, parser: Parser, make_clip: MakeClip, out: Path) -> None:
        clip = make_clip()
        run(parser, clip, out)
        said, frames = record(out), read_clip(clip)[0]
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

    def test_frames_larger_than_what_was_learnt_from_are_parsed_at_that_scale(
        self, make_clip: MakeClip, out: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        learnt = LearntSizes(short=8, largest=8, seen=(6, 12))
        knowing = brightest_parser(labels=SPACE, sizes=learnt)
        run(knowing, make_clip(), out, progress=True)
        found = record(out)
        assert found["tested"]["height"] == 8 < found["height"]
        assert "short side 8, as the model learnt: things of less than some 24 pixels are lost" in found["doubt"]
        assert f"  {found['doubt']}\n" in capsys.readouterr().err

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
        with pytest.raises(UserError, match=r"write=\['montage'\]: is written for volumes"):
            run(parser, clip, out, write=["montage"])

    def test_seconds_end_a_video(self, parser: Parser, make_clip: MakeClip, out: Path) -> None:
        run(parser, make_clip(sound="aac"), out, seconds=0.15)
        assert record(out)["frames"] == 4  # at 0, 0.04, 0.08 and 0.12 s
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
        assert record(out)["smooth"] == 0.5 and "frames/s; see " in capsys.readouterr().err

    def test_a_folders_pictures_and_videos_are_parsed_and_its_volumes_are_named(
        self, tiny_run: Path, make_clip: MakeClip, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "trip" / "day2").mkdir(parents=True)
        Image.fromarray(scene(0)).save(tmp_path / "trip" / "a.png")
        make_clip().rename(tmp_path / "trip" / "day2" / "a.mp4")
        (tmp_path / "trip" / "day2" / "ct.nii.gz").touch()
        out = tmp_path / "trip" / "parsed"
        words = ["predict", str(tiny_run / "model"), str(tmp_path / "trip"), "--out", str(out), "--engine", "torch"]
        assert main([*words, "--legend", "none"]) == 0
        assert {"a.json", "a_overlay.jpg", "day2", "summary.json", "videos-summary.json"} <= set(visible(out))
        assert {"a_overlay.mp4", "a_timeline.png", "a_video.json"} == set(visible(out / "day2"))
        assert Image.open(out / "a_overlay.jpg").size == scene(0).shape[1::-1]
        done = [json.loads((out / name).read_text()) for name in ("summary.json", "videos-summary.json")]
        assert [one["done"] for one in done] == [1, 1]
        assert [one["files"] for one in done[0]["left_out"]] == [1]
        assert "left out 1 file that is a video or a volume: day2/ct.nii.gz" in capsys.readouterr().err
        # What is there is not done again, and outputs are no inputs.
        assert main([*words, "--legend", "none"]) == 0
        assert json.loads((out / "videos-summary.json").read_text())["skipped"] == 1

    @pytest.mark.parametrize(
        ("more", "words"),
        [
            (["--no-overlay"], "leave --no-overlay out"),
            (["--write", "labels"], "add overlay to --write"),
        ],
    )
    def test_a_legend_without_an_overlay_is_refused(
        self, more: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
        given = ["predict", "model", str(tmp_path / "a.png"), "--out", str(tmp_path / "out"), "--legend", "below"]
        assert main([*given, *more]) == 2
        assert words in capsys.readouterr().err

    def test_a_broken_video_is_an_exit_code_of_1(self, tiny_run: Path, out: Path, tmp_path: Path) -> None:
        (tmp_path / "bad.mp4").write_bytes(b"")
        words = ["predict", str(tiny_run / "model"), str(tmp_path / "bad.mp4"), "--out", str(out)]
        assert main([*words, "--engine", "torch"]) == 1
        assert json.loads((out / "videos-summary.json").read_text())["failed"] == 1

    def test_other_tasks_than_objects_are_refused(
        self, make_clip: MakeClip, out: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["predict", "model", str(make_clip()), "--out", str(out), "--tasks", "object", "scene"]) == 2
        assert "for their objects alone, not by 'scene'" in capsys.readouterr().err


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
        run(parser, make_clip(frames=pan(3, (47, 63))), out, label_frames=True, legend="none")
        frames, _ = read_clip(out / "clip_overlay.mp4")
        assert frames[0].shape == (48, 64, 3) and (record(out)["height"], record(out)["width"]) == (47, 63)
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
        assert record(out)["audio"] == "kept (aac)"

    def test_sound_that_mp4_cannot_hold_is_left_out_and_said(
        self, parser: Parser, make_clip: MakeClip, out: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run(parser, make_clip("clip.avi", sound="pcm_mulaw", pix_fmt="yuv420p"), out, progress=True)
        assert record(out)["audio"] == "left out: MP4 cannot hold pcm_mulaw"
        assert "audio left out" in capsys.readouterr().err

    def test_a_grey_model_takes_videos(
        self, make_parser: Callable[..., Parser], make_clip: MakeClip, out: Path
    ) -> None:
        assert run(make_parser(channels=1), make_clip(), out).done == 1


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
        plain, smooth = record(out / "plain")["flicker"], record(out)["flicker"]
        assert smooth["without_smoothing"] == plain["share"] > 2 * smooth["share"] > 0
        assert ", without smoothing " in capsys.readouterr().err

    def test_the_network_is_asked_once_a_frame(self, parser: Parser, make_clip: MakeClip, out: Path) -> None:
        run(parser, make_clip(), out, smooth=0.8)
        assert calls(parser) == 8

    def test_a_cut_begins_anew(self, parser: Parser, make_clip: MakeClip, out: Path) -> None:
        frames = [*pan(4, index=0), *pan(4, index=8)]
        clip = make_clip(frames=frames)
        run(parser, clip, out, smooth=0.95, label_frames=True)
        assert record(out)["scene_cuts"] == [0.16]
        ids = np.array(Image.open(out / "clip_labels" / "000004.png"))
        assert parser.labels.decode(ids)[0].tolist() == parser(read_clip(clip)[0][4]).labels.tolist()
