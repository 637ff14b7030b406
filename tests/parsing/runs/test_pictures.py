"""Many pictures: none lost, none half, none twice, in flat memory."""

import errno
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sceneparse.errors import UserError
from sceneparse.inference.later import Later
from sceneparse.parsing import Parse, Parser, predict_pictures
from sceneparse.parsing.parser import Parser as RealParser
from sceneparse.settings import ProtocolSettings
from tests.support.forked import started
from tests.support.together import ONE_THREAD


def tree(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def outputs(*names: str) -> list[str]:
    return sorted(["summary.json", *(f"{name}{end}" for name in names for end in (".json", ".png", "_overlay.jpg"))])


def calls(parser: Parser) -> int:
    return parser.engine.calls  # type: ignore[attr-defined]


PEAKS = """
import sys, tracemalloc
from pathlib import Path
import numpy as np
from PIL import Image
from sceneparse.parsing import predict_pictures
from tests.parsing.conftest import SPACE
from tests.support.brightest import brightest_parser

out, parser, rng = Path(sys.argv[1]), brightest_parser(labels=SPACE), np.random.default_rng(0)
folder = out / "pictures"
folder.mkdir()
for index in range(160):
    Image.fromarray(rng.integers(0, 256, (100, 100, 3), dtype=np.uint8)).save(folder / f"{index:03}.png")
predict_pictures(parser, [folder / "000.png"], out / "warm", overlay=False, progress=False)
for pattern, count in (("0[0-3]?.png", 40), ("*.png", 160)):
    tracemalloc.start()
    summary = predict_pictures(parser, [str(folder / pattern)], out / str(count), overlay=False, progress=False)
    assert summary.done == count
    print(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
"""
"""Prints the peaks of memory of runs over 40 and 160 pictures."""


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


class TestOutputs:
    def test_the_inputs_tree_is_mirrored(self, parser: Parser, pictures: Path, out: Path) -> None:
        summary = predict_pictures(parser, [pictures], out, progress=False)
        assert tree(out) == outputs("a", "b", "c", "below/d")
        assert (summary.done, summary.skipped, summary.failed) == (4, 0, 0)

    def test_each_is_what_the_parser_says(self, parser: Parser, pictures: Path, out: Path) -> None:
        predict_pictures(parser, [pictures], out, progress=False)
        parse = parser(pictures / "below" / "d.png")
        ids = np.array(Image.open(out / "below" / "d.png"))
        assert parser.labels.decode(ids)[0].tolist() == parse.labels.tolist()
        said = json.loads((out / "below" / "d.json").read_text())
        assert said["classes"] == parse.to_json()["classes"]
        assert said["picture"]["file"] == str(pictures / "below" / "d.png")
        assert said["model_sha256"] == parser.fingerprint

    @pytest.mark.parametrize(("kinds", "pages"), [((0, 0, 0), 3), ((2, 2), 2), ((0, 1, 4), 1)])
    def test_pages_that_are_not_parsed_are_said(
        self, kinds: tuple[int, ...], pages: int, parser: Parser, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        # NewSubfileType: 0 nothing special, 1 a smaller version, 2 a page of a document, 4 a transparency mask.
        scans = [Image.fromarray(np.full((24, 32, 3), 40 * index, np.uint8)) for index in range(len(kinds))]
        for scan, kind in zip(scans, kinds, strict=True):
            scan.encoderinfo = {"tiffinfo": {254: kind}}
        scans[0].save(tmp_path / "scan.tif", save_all=True, append_images=scans[1:], tiffinfo={254: kinds[0]})
        summary = predict_pictures(parser, [tmp_path / "scan.tif"], tmp_path / "out", progress=False)
        said = capsys.readouterr().err
        assert summary.done == 1
        assert (f"scan.tif: {pages} pages, of which the first is parsed" in said) == (pages > 1)

    def test_overlays_can_be_left_out(self, parser: Parser, pictures: Path, out: Path) -> None:
        predict_pictures(parser, [pictures / "a.png"], out, overlay=False, progress=False)
        assert tree(out) == ["a.json", "a.png", "summary.json"]

    def test_with_another_legend_overlays_are_drawn_anew(self, parser: Parser, pictures: Path, out: Path) -> None:
        def drawn(**options: Any) -> tuple[int, tuple[int, int]]:
            done = predict_pictures(parser, [pictures / "a.png"], out, progress=False, **options).done
            return done, Image.open(out / "a_overlay.jpg").size

        size = Image.open(pictures / "a.png").size
        assert drawn()[1] > size and drawn()[0] == 0
        assert drawn(legend="none") == (1, size) and drawn(legend="none")[0] == 0
        assert drawn(overlay=False)[0] == 0
        assert drawn()[0] == 1

    def test_the_summary_is_written(self, parser: Parser, pictures: Path, out: Path) -> None:
        (pictures / "broken.jpg").write_bytes(b"no picture")
        summary = predict_pictures(parser, [pictures], out, progress=False)
        said = json.loads((out / "summary.json").read_text())
        assert (said["done"], said["skipped"], said["failed"]) == (4, 0, 1)
        assert said["failures"] == [
            {"file": str(pictures / "broken.jpg"), "reason": summary.failures[0].reason},
        ]
        assert said["shares"] == {"brick": 0.5, "grass": 0.5} and said["seconds"] >= 0
        assert said["engine"] == {"used": parser.engine.describe()}

    def test_the_summary_says_why_it_is_this_engine(
        self, parser: Parser, pictures: Path, out: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(parser, "why_engine", "OpenVINO is not installed")
        predict_pictures(parser, [pictures / "a.png"], out, progress=False)
        said = json.loads((out / "summary.json").read_text())["engine"]
        assert said == {"used": parser.engine.describe(), "why": "OpenVINO is not installed"}
        predict_pictures(parser, [pictures / "a.png"], out, progress=False)
        assert "engine" not in json.loads((out / "summary.json").read_text()), "an earlier run's gave the scores"

    def test_files_that_are_not_read_are_named_in_the_terminal_and_the_summary(
        self, parser: Parser, pictures: Path, out: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name in ("x.dng", "below/y.dng", "below/z.jxl", "notes.txt"):
            (pictures / name).write_bytes(b"")
        summary = predict_pictures(parser, [pictures], out, progress=False)
        assert (summary.done, summary.failed) == (4, 0)
        line = "left out 3 files that sceneparse does not read: x.dng, below/y.dng, below/z.jxl; convert them to"
        assert line in capsys.readouterr().err
        (said,) = json.loads((out / "summary.json").read_text())["left_out"]
        assert (said["files"], said["by_suffix"]) == (3, {".dng": 2, ".jxl": 1})
        assert said["examples"] == ["x.dng", "below/y.dng", "below/z.jxl"]

    def test_videos_and_volumes_in_a_folder_are_named_unless_they_are_outputs(
        self, parser: Parser, pictures: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (pictures / "parsed").mkdir()
        for name in ("clip.MOV", "below/ct.nii.gz", "x.dng", "notes.gz", "parsed/clip_overlay.mp4"):
            (pictures / name).write_bytes(b"")
        summary = predict_pictures(parser, [pictures], pictures / "parsed", progress=False)
        assert (summary.done, summary.failed) == (4, 0)
        shown = capsys.readouterr().err
        assert "left out 2 files that are videos or volumes: clip.MOV, below/ct.nii.gz; name these one by" in shown
        assert "left out 1 file that sceneparse does not read: x.dng; convert them to" in shown
        said = json.loads((pictures / "parsed" / "summary.json").read_text())["left_out"]
        assert [one["files"] for one in said] == [1, 2]
        with pytest.raises(UserError, match=r"no pictures in this folder .*; left out 1 file that is a video or"):
            (pictures / "videos").mkdir()
            (pictures / "videos" / "clip.mp4").write_bytes(b"")
            predict_pictures(parser, [pictures / "videos"], pictures / "parsed", progress=False)

    def test_a_picture_named_summary_does_not_meet_the_summary(self, parser: Parser, pictures: Path, out: Path) -> None:
        (pictures / "a.png").rename(pictures / "summary.png")
        predict_pictures(parser, [pictures / "summary.png"], out, progress=False)
        assert tree(out) == outputs("summary-picture")
        assert predict_pictures(parser, [pictures / "summary.png"], out, progress=False).skipped == 1

    def test_pictures_that_differ_in_the_suffix_both_get_a_parse(
        self, parser: Parser, pictures: Path, out: Path
    ) -> None:
        Image.open(pictures / "a.png").save(pictures / "a.bmp")
        assert predict_pictures(parser, [pictures], out, progress=False).done == 5
        assert {"a.png.json", "a.bmp.json"} <= set(tree(out))


class TestUnreadable:
    def test_it_is_named_at_once_counted_and_left_out(
        self, parser: Parser, pictures: Path, out: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (pictures / "aa.jpg").write_bytes(b"no picture")
        cut = (pictures / "c.png").read_bytes()[:60]
        (pictures / "c.png").write_bytes(cut)
        summary = predict_pictures(parser, [pictures], out)
        assert tree(out) == outputs("a", "b", "below/d")
        assert [Path(failure.file).name for failure in summary.failures] == ["aa.jpg", "c.png"]
        assert all(failure.file in failure.reason for failure in summary.failures)
        captured = capsys.readouterr()
        assert captured.out == ""
        assert f"left out: {pictures / 'aa.jpg'}: " in captured.err
        assert "3 parsed, 2 failed; see " in captured.err

    def test_it_is_tried_again_by_the_next_run(self, parser: Parser, pictures: Path, out: Path) -> None:
        content = (pictures / "c.png").read_bytes()
        (pictures / "c.png").write_bytes(content[:60])
        predict_pictures(parser, [pictures], out, progress=False)
        (pictures / "c.png").write_bytes(content)
        summary = predict_pictures(parser, [pictures], out, progress=False)
        assert (summary.done, summary.skipped, summary.failed) == (1, 3, 0)

    def test_a_picture_that_vanishes_is_counted(
        self, parser: Parser, pictures: Path, out: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read = RealParser.open

        def vanish(self: Parser, picture: Any, **options: Any) -> Any:
            (pictures / "b.png").unlink(missing_ok=True)
            return read(self, picture, **options)

        monkeypatch.setattr(RealParser, "open", vanish)
        summary = predict_pictures(parser, [pictures], out, progress=False)
        assert summary.done == 3 and [Path(failure.file).name for failure in summary.failures] == ["b.png"]

    def test_one_too_large_for_the_memory_costs_only_itself(
        self, parser: Parser, pictures: Path, out: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begin, errors = RealParser.begin, iter([torch.OutOfMemoryError("CUDA out of memory."), MemoryError()])

        def run_out(self: Parser, reads: Any) -> list[Later[Parse]]:
            if error := next(errors, None):
                raise error
            return begin(self, reads)

        monkeypatch.setattr(RealParser, "begin", run_out)
        summary = predict_pictures(parser, [pictures], out, progress=False)
        assert (summary.done, summary.failed) == (2, 2)
        assert (
            "not enough memory for a picture of this size: protocol.size or protocol.window make do"
            in summary.failures[0].reason
        )

    def test_a_name_too_long_for_the_outputs_costs_only_its_picture(
        self, parser: Parser, pictures: Path, out: Path
    ) -> None:
        (pictures / "a.png").rename(pictures / ("n" * 251 + ".png"))
        summary = predict_pictures(parser, [pictures], out, progress=False)
        assert (summary.done, summary.failed) == (3, 1)
        assert "cannot be written" in summary.failures[0].reason


class TestSecondRun:
    def test_it_skips_what_is_done(self, parser: Parser, pictures: Path, out: Path) -> None:
        first = predict_pictures(parser, [pictures], out, progress=False)
        before = {name: (out / name).stat().st_mtime_ns for name in outputs("a", "b", "c", "below/d")[:-1]}
        second = predict_pictures(parser, [pictures], out, progress=False)
        assert (second.done, second.skipped) == (0, 4) and calls(parser) == 4
        assert second.shares == first.shares
        assert {name: (out / name).stat().st_mtime_ns for name in before} == before

    def test_again_does_everything_again(self, parser: Parser, pictures: Path, out: Path) -> None:
        predict_pictures(parser, [pictures], out, progress=False)
        assert predict_pictures(parser, [pictures], out, again=True, progress=False).done == 4

    @pytest.mark.parametrize("lost", ["a.png", "a_overlay.jpg", "a.json"])
    def test_what_lost_a_file_is_done_again(self, parser: Parser, pictures: Path, out: Path, lost: str) -> None:
        predict_pictures(parser, [pictures], out, progress=False)
        (out / lost).unlink()
        summary = predict_pictures(parser, [pictures], out, progress=False)
        assert (summary.done, summary.skipped) == (1, 3)
        assert tree(out) == outputs("a", "b", "c", "below/d")

    @pytest.mark.parametrize("content", ["", "[]", "{}", "null", "\x00"])
    def test_what_has_a_json_that_says_nothing_is_done_again(
        self, parser: Parser, pictures: Path, out: Path, content: str
    ) -> None:
        predict_pictures(parser, [pictures], out, progress=False)
        (out / "a.json").write_text(content)
        assert predict_pictures(parser, [pictures], out, progress=False).done == 1

    def test_a_changed_picture_is_done_again(self, parser: Parser, pictures: Path, out: Path) -> None:
        predict_pictures(parser, [pictures], out, progress=False)
        Image.new("RGB", (9, 5), (0, 0, 250)).save(pictures / "a.png")
        assert predict_pictures(parser, [pictures], out, progress=False).done == 1
        assert json.loads((out / "a.json").read_text())["classes"][0]["name"] == "water"

    def test_another_model_or_protocol_does_all_again(
        self, make_parser: Callable[..., Parser], pictures: Path, out: Path
    ) -> None:
        first = make_parser()
        predict_pictures(first, [pictures], out, progress=False)
        other = make_parser(name="other")
        assert predict_pictures(other, [pictures], out, progress=False).done == 4
        flipped = other.with_protocol(ProtocolSettings(flip=True))
        assert predict_pictures(flipped, [pictures], out, progress=False).done == 4
        assert predict_pictures(flipped, [pictures], out, progress=False).skipped == 4

    def test_overlays_that_were_left_out_are_made_up_for(self, parser: Parser, pictures: Path, out: Path) -> None:
        predict_pictures(parser, [pictures], out, overlay=False, progress=False)
        assert predict_pictures(parser, [pictures], out, progress=False).done == 4
        assert predict_pictures(parser, [pictures], out, overlay=False, progress=False).skipped == 4


class TestFolders:
    def test_an_output_folder_inside_the_input_is_no_input(self, parser: Parser, pictures: Path) -> None:
        for _ in range(2):
            summary = predict_pictures(parser, [pictures], pictures / "parsed", progress=False)
            assert summary.done + summary.skipped == 4
        assert tree(pictures / "parsed") == outputs("a", "b", "c", "below/d")

    def test_nothing_but_outputs_is_a_mistake(self, parser: Parser, tmp_path: Path) -> None:
        (tmp_path / "in" / "out").mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(tmp_path / "in" / "out" / "a.png")
        with pytest.raises(UserError, match="no pictures but those in the output folder"):
            predict_pictures(parser, [tmp_path / "in"], tmp_path / "in" / "out", progress=False)

    def test_a_picture_is_never_overwritten(self, parser: Parser, pictures: Path) -> None:
        before = (pictures / "a.png").read_bytes()
        Image.open(pictures / "b.png").save(pictures / "x.bmp")
        summary = predict_pictures(parser, [pictures / "a.png", pictures / "x.bmp"], pictures, progress=False)
        assert (pictures / "a.png").read_bytes() == before
        assert summary.done == 1 and "would overwrite" in summary.failures[0].reason
        assert (pictures / "x.png").is_file()

    def test_an_output_folder_that_is_a_file_is_a_mistake(self, parser: Parser, pictures: Path, out: Path) -> None:
        out.write_text("")
        with pytest.raises(UserError, match="cannot be written"):
            predict_pictures(parser, [pictures], out, progress=False)

    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS])
    def test_a_full_or_locked_disk_is_said_in_a_line(
        self, parser: Parser, pictures: Path, out: Path, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        def fail(*_: Any, **__: Any) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(Parse, "save", fail)
        with pytest.raises(UserError, match=f"cannot be written .{os.strerror(number)}.; free space"):
            predict_pictures(parser, [pictures], out, progress=False)

    def test_a_disk_that_is_full_as_a_file_is_written_is_said_once(
        self, parser: Parser, pictures: Path, out: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: Any) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "replace", full)
        with pytest.raises(UserError, match=r"cannot be written \(No space left on device; ") as raised:
            predict_pictures(parser, [pictures], out, progress=False)
        assert str(raised.value).count("cannot be written") == str(raised.value).count("space") == 1


def test_memory_does_not_grow_with_the_number_of_pictures(tmp_path: Path) -> None:
    # In a process of its own: what other tests have left to be collected would count too.
    (tmp_path / "peaks.py").write_text(PEAKS)
    process = started(tmp_path / "peaks.py", [str(tmp_path)], tmp_path / "said.txt", ONE_THREAD)
    process.join()
    assert process.exitcode == 0, (tmp_path / "said.err").read_text()
    few, many = map(int, (tmp_path / "said.txt").read_text().split())
    # A parse of such a picture takes 90 kB: 120 more would be 11 MB if they were kept.
    assert many < few + 400_000


def test_no_more_than_a_few_parses_wait_for_the_disk(
    parser: Parser, pictures: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, written, behind = Parse.save, [], []

    def slow(self: Parse, *arguments: Any, **options: Any) -> Path:
        time.sleep(0.02)
        written.append(1)
        return save(self, *arguments, **options)

    for index in range(20):
        Image.open(pictures / "a.png").save(pictures / f"n{index:02}.png")
    begin = RealParser.begin

    def counted(self: Parser, reads: Any) -> list[Later[Parse]]:
        behind.append(calls(self) - len(written))
        return begin(self, reads)

    monkeypatch.setattr(Parse, "save", slow)
    monkeypatch.setattr(RealParser, "begin", counted)
    assert predict_pictures(parser, [pictures], out, progress=False).done == 24
    assert max(behind) <= 6
