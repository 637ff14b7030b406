"""Whoever goes through pictures tells an engine that may compile how many are still to come."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from sceneparse.data.sample import Sample
from sceneparse.evaluation import evaluate
from sceneparse.inference import TestProtocol
from sceneparse.inference.worth_compiling import Amount, Tell
from sceneparse.labels import LabelSpace, TaskLabels
from sceneparse.parsing import Parser, predict_pictures
from sceneparse.parsing.loading import Loading
from sceneparse.parsing.runs.collection.cluster import Parsed
from sceneparse.parsing.runs.collection.items import packed
from sceneparse.parsing.runs.collection.listing import list_items
from sceneparse.parsing.runs.collection.run import _parse
from sceneparse.parsing.runs.collection.worker import Attempts, ParseChunks, Plan
from sceneparse.parsing.runs.engine import Run
from tests.support.brightest import BrightestChannel
from tests.support.clips import pan, write_clip
from tests.support.video_runs import run

LOADING = Loading("brightest", "torch", "cpu", "float32", None, None)


class Expecting(BrightestChannel):
    """Notes what is still to come at each call, and is compiled at the second."""

    def __init__(self) -> None:
        super().__init__()
        self.tell: Tell | None = None
        self.told: list[Amount | None] = []
        self.compiling = self

    @contextmanager
    def expecting(self, tell: Tell) -> Iterator[None]:
        """As of `WorthCompiling`."""
        self.tell = tell
        yield
        self.tell = None

    def __call__(self, images: Tensor) -> Tensor:
        self.told.append(None if self.tell is None else self.tell())
        return super().__call__(images)

    def describe(self) -> str:
        return "compiled" if len(self.told) > 1 else "graphs"


@pytest.fixture
def engine() -> Expecting:
    return Expecting()


@pytest.fixture
def parser(make_parser: Callable[..., Parser], engine: Expecting) -> Parser:
    return make_parser(engine=engine)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "in"
    found.mkdir()
    for index in range(4):
        Image.new("RGB", (9, 5), (40 * index, 0, 0)).save(found / f"{index}.png")
    return found


def test_predict_tells_what_is_left_and_writes_down_what_it_ended_with(
    parser: Parser, engine: Expecting, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predict_pictures(parser, [folder], tmp_path / "out")
    assert engine.told == [Amount(done, 4 - done) for done in range(4)] and engine.tell is None
    assert "engine: graphs\n" in capsys.readouterr().err
    assert json.loads((tmp_path / "out/summary.json").read_text())["engine"] == {"used": "compiled"}
    # What is done already is no work.
    for path in (tmp_path / "out").glob("[13]*"):
        path.unlink()
    engine.told.clear()
    predict_pictures(parser, [folder], tmp_path / "out", progress=False)
    assert engine.told == [Amount(1, 3), Amount(3, 1)]


def test_a_collections_worker_reckons_with_its_share(
    parser: Parser, engine: Expecting, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Plan, "parser", lambda _: parser)
    out = tmp_path / "out"
    worker = ParseChunks(Plan(LOADING, None, str(out), "files", ("labels",), False, 1, share=7), Attempts())
    items = list_items([str(folder)], str(out))
    answers = [worker({"items": packed(chunk)}) for chunk in (items[:1], items[1:])]
    assert engine.told == [Amount(done, 7 - done) for done in range(4)]
    assert [answer["engine"] for answer in answers] == ["graphs", "compiled"]
    summary = Run(out, progress=False)
    summary.say_engine(parser)
    _parse(summary, items, [Parsed(json.loads(one["outcomes"]), one["engine"]) for one in answers])
    assert summary.described(summary.tally.summary())["engine"] == {"used": "graphs; compiled"}


def test_of_a_video_what_its_file_says(parser: Parser, engine: Expecting, tmp_path: Path) -> None:
    pytest.importorskip("av", reason="av is not installed (extra video)")
    run(parser, write_clip(tmp_path / "clip.mp4", pan(6)), tmp_path / "out")
    assert engine.told == [Amount(done, 6 - done) for done in range(6)]


class Samples:
    """Three pictures and their truth."""

    labels = LabelSpace(("brick", "grass", "water"))
    tasks = TaskLabels(labels)

    def __len__(self) -> int:
        return 3

    def name(self, index: int) -> str:
        return str(index)

    def __getitem__(self, index: int) -> Sample:
        return Sample(torch.zeros(3, 4, 5, dtype=torch.uint8), objects=torch.zeros(4, 5, dtype=torch.int16), name="one")


def test_evaluate_tells_it_of_its_split(engine: Expecting) -> None:
    evaluate(engine, Samples(), TestProtocol())
    assert engine.told == [Amount(done, 3 - done) for done in range(3)] and engine.tell is None
    evaluate(engine, Samples(), TestProtocol(), count=1)
    assert engine.told[3:] == [Amount(0, 1)]
