"""What a worker does with chunks, without Ray around it."""

import errno
import json
import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sceneparse.errors import UserError
from sceneparse.inference.later import Later, then
from sceneparse.parsing import Parse, Parser, load, predict_pictures
from sceneparse.parsing.loading import Loading
from sceneparse.parsing.runs.collection.cluster import Parsed
from sceneparse.parsing.runs.collection.deduplicate import deduplicate, rows_there
from sceneparse.parsing.runs.collection.items import packed
from sceneparse.parsing.runs.collection.listing import list_items
from sceneparse.parsing.runs.collection.locations import Location
from sceneparse.parsing.runs.collection.run import _files_of_model, _parse
from sceneparse.parsing.runs.collection.stores import read_rows, result_files
from sceneparse.parsing.runs.collection.worker import Attempts, ParseChunks, Plan
from sceneparse.parsing.runs.engine import Run
from sceneparse.settings import LearntSizes, ProtocolSettings

BOTH = ("labels", "overlay")
NOTHING = Loading("brightest", "torch", "cpu", "float32", None, None)


@pytest.fixture
def worker(parser: Parser, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ParseChunks]:
    monkeypatch.setattr(Plan, "parser", lambda _: parser)

    def make(out: Path | str, attempts: Attempts | None = None, **options: Any) -> ParseChunks:
        settings = {"form": "files", "write": BOTH, "again": False, "threads": 1, **options}
        return ParseChunks(Plan(NOTHING, None, str(out), **settings), attempts or Attempts())

    return make


def parse(
    worker: ParseChunks, *inputs: Path | str, out: Path | str = "/nowhere", **changes: Any
) -> list[dict[str, Any]]:
    items = [
        replace(item, **{key: value(item) for key, value in changes.items()})
        for item in list_items([str(one) for one in inputs], str(out))
    ]
    answer = worker({"items": packed(items)})
    assert not answer["wrong"], answer["wrong"]
    outcomes: list[dict[str, Any]] = json.loads(answer["outcomes"])
    return outcomes


def test_a_picture_is_decoded_as_predict_does_it(
    make_parser: Callable[..., Parser], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    learnt = make_parser(sizes=LearntSizes(short=60, largest=60, seen=(40, 100)))
    monkeypatch.setattr(Plan, "parser", lambda _: learnt)
    pixels = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
    Image.fromarray(pixels).resize((1280, 960), Image.Resampling.BICUBIC).save(tmp_path / "a.jpg")
    predict_pictures(learnt, [tmp_path / "a.jpg"], tmp_path / "here", write=["labels"], progress=False)
    for write in (BOTH, ("labels",)):
        out = tmp_path / "-".join(write)
        plan = Plan(NOTHING, None, str(out), form="files", write=write, again=False, threads=1)
        parse(ParseChunks(plan, Attempts()), tmp_path / "a.jpg", out=out)
        assert np.array_equal(
            np.asarray(Image.open(out / "a.png")), np.asarray(Image.open(tmp_path / "here" / "a.png"))
        )


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def test_a_doubt_comes_back_with_its_picture_and_is_said_once(
    worker: Callable[..., ParseChunks],
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    begin = Parser.begin

    def far(parser: Parser, reads: Any) -> list[Later[Parse]]:
        return [then(parse, partial(replace, doubt="far")) for parse in begin(parser, reads)]

    monkeypatch.setattr(Parser, "begin", far)
    outcomes = parse(worker(tmp_path / "out"), folder)
    assert [one["doubt"] for one in outcomes if one["status"] == "parsed"] == ["far"] * 5
    items = list_items([str(folder)], str(tmp_path / "out"))
    _parse(Run(tmp_path / "out", progress=False), items, [Parsed(outcomes, "brightest")])
    assert capsys.readouterr().err.count("far") == 1


def test_one_too_large_for_the_memory_costs_only_itself(
    worker: Callable[..., ParseChunks], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, errors = Parser.begin, iter([torch.OutOfMemoryError("CUDA out of memory.")])

    def run_out(parser: Parser, reads: Any) -> list[Later[Parse]]:
        if error := next(errors, None):
            raise error
        return begin(parser, reads)

    before = [one["status"] for one in parse(worker(tmp_path / "before"), folder)]
    monkeypatch.setattr(Parser, "begin", run_out)
    after = parse(worker(tmp_path / "out"), folder)
    changed = [new for new, old in zip(after, before, strict=True) if new["status"] != old]
    assert [one["status"] for one in changed] == ["failed"]
    assert "not enough memory for a picture of this size" in changed[0]["reason"]


def test_a_machine_without_the_model_folder_loads_the_same_model(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parser = load(tiny_run / "model", engine="torch", device="cpu", precision="float32")
    parser = parser.with_protocol(ProtocolSettings(flip=True))
    assert parser.loading is not None
    files = _files_of_model(parser.loading.model)
    away = replace(parser.loading, model="/nowhere")
    plan = Plan(away, files, "out", "files", BOTH, again=False, threads=1)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    other = pickle.loads(pickle.dumps(plan)).parser()
    assert not list(tmp_path.iterdir()), "a worker that is replaced would leave a model behind each time"
    picture = np.zeros((48, 48, 3), np.uint8)
    assert (other(picture).labels == parser(picture).labels).all()
    assert other.fingerprint == parser.fingerprint and other.protocol == parser.protocol


class TestFiles:
    @pytest.mark.parametrize("options", [{}, {"ignore_below": 0.9}, {"legend": "none"}])
    def test_they_are_those_of_the_plain_loop_byte_by_byte(
        self,
        worker: Callable[..., ParseChunks],
        parser: Parser,
        folder: Path,
        tmp_path: Path,
        options: dict[str, Any],
    ) -> None:
        outcomes = parse(worker(tmp_path / "workers", **options), folder)
        predict_pictures(parser, [folder], tmp_path / "loop", progress=False, **options)
        expected = tree(tmp_path / "loop")
        del expected["summary.json"]
        assert tree(tmp_path / "workers") == expected
        assert [one["status"] for one in outcomes] == ["parsed", "parsed", "failed", "parsed", "parsed", "parsed"]
        assert outcomes[5]["files"] == {"labels": "below/e.png", "overlay": "below/e_overlay.jpg"}
        assert "broken.jpg: not a picture" in outcomes[2]["reason"]

    def test_what_the_plain_loop_has_done_is_done(
        self, worker: Callable[..., ParseChunks], parser: Parser, folder: Path, tmp_path: Path
    ) -> None:
        predict_pictures(parser, [folder], tmp_path / "out", progress=False)
        outcomes = parse(worker(tmp_path / "out"), folder)
        assert [one["status"] for one in outcomes] == ["skipped", "skipped", "failed", "skipped", "skipped", "skipped"]
        assert all(one["pixels"] for one in outcomes if one["status"] == "skipped")
        (tmp_path / "out" / "a_overlay.jpg").unlink()
        assert parse(worker(tmp_path / "out"), folder)[0]["status"] == "parsed"
        assert parse(worker(tmp_path / "out", again=True), folder)[1]["status"] == "parsed"

    def test_with_another_legend_overlays_are_drawn_anew(
        self, worker: Callable[..., ParseChunks], parser: Parser, folder: Path, tmp_path: Path
    ) -> None:
        def status(**options: Any) -> str:
            outcomes = parse(worker(tmp_path / "out", **options), folder / "a.png")
            return str(outcomes[0]["status"])

        predict_pictures(parser, [folder / "a.png"], tmp_path / "out", progress=False, legend="none")
        assert status(legend="none") == "skipped"
        assert status(write=("labels",)) == "skipped"
        assert status() == "parsed"
        assert status(legend="below") == "parsed"

    def test_tar_members_and_rows_are_parsed_like_files(
        self, worker: Callable[..., ParseChunks], tar: Path, tmp_path: Path, folder: Path
    ) -> None:
        for _ in range(2):
            outcomes = parse(worker(tmp_path / "out"), tar)
        assert [one["status"] for one in outcomes] == ["skipped"] * 3
        parse(worker(tmp_path / "files"), folder)
        assert (tmp_path / "out" / "shard-000/train/1.png").read_bytes() == (tmp_path / "files" / "b.png").read_bytes()

    def test_a_changed_tar_is_done_again(self, worker: Callable[..., ParseChunks], tar: Path, tmp_path: Path) -> None:
        parse(worker(tmp_path / "out"), tar)
        tar.write_bytes(tar.read_bytes() + bytes(512))
        assert [one["status"] for one in parse(worker(tmp_path / "out"), tar)] == ["parsed"] * 3

    def test_a_picture_is_never_overwritten(self, worker: Callable[..., ParseChunks], folder: Path) -> None:
        before = (folder / "a.png").read_bytes()
        (outcomes,) = parse(worker(folder), folder / "a.png", out=folder)
        assert outcomes["status"] == "failed" and "would overwrite" in outcomes["reason"]
        assert (folder / "a.png").read_bytes() == before


class TestObjectStore:
    def test_it_takes_the_same_files(self, worker: Callable[..., ParseChunks], folder: Path, tmp_path: Path) -> None:
        out = f"memory://results/{tmp_path.name}"
        outcomes = parse(worker(out), folder)
        parse(worker(tmp_path / "disk"), folder)
        for name, content in tree(tmp_path / "disk").items():
            assert (Location(out) / name).read() == content
        assert [one["status"] for one in parse(worker(out), folder)].count("skipped") == 5
        assert outcomes[0]["files"]["labels"] == "a.png"

    def test_what_lost_a_file_is_done_again(
        self, worker: Callable[..., ParseChunks], folder: Path, tmp_path: Path
    ) -> None:
        out = f"memory://results/{tmp_path.name}"
        parse(worker(out), folder)
        lost = Location(out) / "b.png"
        lost.fs.rm_file(lost.path)
        assert [one["status"] for one in parse(worker(out), folder)].count("parsed") == 1


class TestParquet:
    @pytest.fixture(autouse=True)
    def arrow(self) -> None:
        pytest.importorskip("pyarrow")

    def rows(self, out: Path) -> dict[str, dict[str, Any]]:
        rows = [row for part in result_files(Location(str(out))) for row in read_rows(part)]
        assert len({row["name"] for row in rows}) == len(rows)
        return {row["name"]: row for row in rows}

    def run(self, worker: Callable[..., ParseChunks], folder: Path, out: Path, **options: Any) -> list[dict[str, Any]]:
        there = rows_there(Location(str(out)))
        outcomes = parse(
            worker(out, form="parquet", **options), folder, rows_there=lambda item: tuple(there.get(item.name, ()))
        )
        names = [item.name for item in list_items([str(folder)], str(out))]
        self.pixels = deduplicate(Location(str(out)), dict(zip(names, outcomes, strict=True)))
        return outcomes

    def test_a_row_holds_what_the_files_would(
        self, worker: Callable[..., ParseChunks], folder: Path, tmp_path: Path
    ) -> None:
        self.run(worker, folder, tmp_path / "out")
        parse(worker(tmp_path / "files"), folder)
        rows = self.rows(tmp_path / "out")
        assert sorted(rows) == ["a", "b", "below/e", "c", "d"]
        for name, row in rows.items():
            assert row["labels"] == (tmp_path / "files" / f"{name}.png").read_bytes()
            assert row["overlay"] == (tmp_path / "files" / f"{name}_overlay.jpg").read_bytes()
            said = json.loads((tmp_path / "files" / f"{name}.json").read_text())
            del said["files"]
            assert json.loads(row["json"]) == said
        assert self.pixels.total() == 5 * 48 * 48

    def test_a_second_run_does_nothing_twice(
        self, worker: Callable[..., ParseChunks], folder: Path, tmp_path: Path
    ) -> None:
        self.run(worker, folder, tmp_path / "out")
        before = tree(tmp_path / "out")
        outcomes = self.run(worker, folder, tmp_path / "out")
        assert [one["status"] for one in outcomes].count("skipped") == 5 and tree(tmp_path / "out") == before
        assert self.pixels.total() == 5 * 48 * 48

    def test_rows_of_changed_and_failed_pictures_make_room(
        self, worker: Callable[..., ParseChunks], folder: Path, tmp_path: Path, pngs: list[bytes]
    ) -> None:
        self.run(worker, folder, tmp_path / "out")
        old = self.rows(tmp_path / "out")
        (folder / "a.png").write_bytes(pngs[3])
        (folder / "b.png").write_bytes(b"broken")
        outcomes = self.run(worker, folder, tmp_path / "out")
        assert [one["status"] for one in outcomes].count("parsed") == 1
        rows = self.rows(tmp_path / "out")
        assert sorted(rows) == ["a", "below/e", "c", "d"]
        assert rows["a"]["labels"] == old["d"]["labels"] != old["a"]["labels"] and rows["c"] == old["c"]

    def test_a_folder_with_signs_of_patterns_is_found_again(
        self, worker: Callable[..., ParseChunks], folder: Path, tmp_path: Path
    ) -> None:
        for status in ("parsed", "skipped"):
            outcomes = self.run(worker, folder, tmp_path / "out [1]")
            assert [one["status"] for one in outcomes].count(status) == 5

    def test_a_part_that_is_none_is_said(self, tmp_path: Path) -> None:
        (tmp_path / "parts").mkdir()
        (tmp_path / "parts" / "a.parquet").write_bytes(b"PAR1 nothing")
        with pytest.raises(UserError, match=r"a\.parquet: no Parquet file of results .*take it out"):
            rows_there(Location(str(tmp_path)))

    def test_a_chunk_that_is_done_again_gives_the_same_part(
        self, worker: Callable[..., ParseChunks], folder: Path, tmp_path: Path
    ) -> None:
        one = worker(tmp_path / "out", form="parquet")
        for _ in range(2):
            parse(one, folder)
        assert len(list((tmp_path / "out" / "parts").iterdir())) == 1


class TestMistakes:
    def test_a_full_disk_ends_the_run_with_a_line(
        self, worker: Callable[..., ParseChunks], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: Any, **__: Any) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(Parse, "save", full)
        answer = worker(tmp_path / "out")({"items": packed(list_items([str(folder)], "/nowhere"))})
        assert "cannot be written (No space left on device)" in answer["wrong"]

    def test_a_model_that_cannot_be_loaded_is_said(self, folder: Path) -> None:
        plan = Plan(NOTHING, None, "out", "files", BOTH, again=False, threads=1)
        answer = ParseChunks(plan, Attempts())({"items": packed(list_items([str(folder)], "/nowhere"))})
        assert "brightest" in answer["wrong"]


class TestDeaths:
    def test_a_picture_over_which_workers_die_is_left_out_and_the_others_are_not(
        self, worker: Callable[..., ParseChunks], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class DeadError(BaseException):
            """The worker is gone."""

        read = Parser.open

        def die(self: Parser, picture: Any, **_: object) -> Any:
            if Path(str(picture)).stem == "c":
                raise DeadError
            return read(self, picture)

        monkeypatch.setattr(Parser, "open", die)
        attempts, deaths = Attempts(), 0
        while True:
            try:
                outcomes = parse(worker(tmp_path / "out", attempts), folder)
            except DeadError:
                deaths += 1
                assert deaths < 20
            else:
                break
        assert deaths == 6
        assert [one["status"] for one in outcomes].count("failed") == 2 and "5 workers died over it" in outcomes[3][
            "reason"
        ]
        assert {"a.png", "b.png", "d.png", "below/e.png"} <= set(tree(tmp_path / "out"))
