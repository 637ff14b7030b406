"""Pictures that are alike are parsed together on a GPU, for which the CPU stands here; all else stays as it is."""

import itertools
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sceneparse.errors import UserError
from sceneparse.inference.later import Later
from sceneparse.parsing import Parse, Parser, batches, predict_pictures
from sceneparse.parsing.batches import in_batches, read_ahead
from sceneparse.parsing.loading import Loading
from sceneparse.parsing.opening import PictureRead
from sceneparse.parsing.runs.collection.items import packed
from sceneparse.parsing.runs.collection.listing import list_items
from sceneparse.parsing.runs.collection.worker import Attempts, ParseChunks, Plan
from sceneparse.settings import ProtocolSettings
from tests.support.brightest import POISON, BrightestChannel, OnGpu


def draw(folder: Path, count: int, size: tuple[int, int] = (8, 6)) -> Path:
    """Pictures of one size, each unlike the others."""
    folder.mkdir(exist_ok=True)
    for index in range(count):
        pixels = np.random.default_rng(index).integers(100, 256, (size[1], size[0], 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{index:02}.png")
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "summary.json")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def by_predict(parser: Parser, pictures: Path, out: Path, _: pytest.MonkeyPatch) -> list[str]:
    """Parse a folder; the reasons of failures."""
    return [one.reason for one in predict_pictures(parser, [pictures], out, progress=False).failures]


def by_a_worker(parser: Parser, pictures: Path, out: Path, patch: pytest.MonkeyPatch) -> list[str]:
    """The same, as a chunk of a collection."""
    patch.setattr(Plan, "parser", lambda _: parser)
    loading = Loading("brightest", "torch", "cpu", "float32", None, None)
    plan = Plan(loading, None, str(out), form="files", write=("labels", "overlay"), again=False, threads=1)
    answer = ParseChunks(plan, Attempts())({"items": packed(list_items([str(pictures)], str(out)))})
    assert not answer["wrong"], answer["wrong"]
    outcomes = json.loads(answer["outcomes"])
    assert [one["number"] for one in outcomes] == list(range(len(outcomes)))
    return [one["reason"] for one in outcomes if one["status"] == "failed"]


@pytest.mark.parametrize("parse", [by_predict, by_a_worker])
def test_a_gpu_is_given_full_batches_and_each_picture_has_the_same_files(
    parse: Callable[..., list[str]],
    make_parser: Callable[..., Parser],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pictures = draw(tmp_path / "pictures", 19)
    Image.new("RGB", (9, 5), (0, 0, 250)).save(pictures / "08a.png")
    (pictures / "17a.png").write_bytes(b"no picture")
    Image.fromarray(np.full((6, 8, 3), POISON, np.uint8)).save(pictures / "10a.png")
    found = {}
    for engine in (BrightestChannel(), OnGpu()):
        poisoned = isinstance(engine, OnGpu)
        failures = parse(make_parser(engine=engine), pictures, tmp_path / str(poisoned), monkeypatch)
        assert ["17a.png" in one for one in failures][-1]
        assert ["10a.png" in one and "are not finite" in one for one in failures[:-1]] == [True] * poisoned
        found[poisoned] = tree(tmp_path / str(poisoned))
        if poisoned:
            # Full; 08 and 08a by themselves; 09 to 15 and the poisoned one; the rest.
            assert engine.batches == [8, 1, 1, 8, *[1] * 3]
        else:
            assert engine.batches == [1] * 21
    assert len(found[True]) == 3 * 20
    assert found[True] == {name: content for name, content in found[False].items() if not name.startswith("10a")}


def test_where_memory_is_short_each_is_parsed_by_itself_and_later_batches_are_smaller(
    make_parser: Callable[..., Parser], tmp_path: Path
) -> None:
    parser = make_parser(engine=(engine := OnGpu(room=2)))
    summary = predict_pictures(parser, [draw(tmp_path / "in", 15)], tmp_path / "out", progress=False)
    assert (summary.done, summary.failed) == (15, 0)
    assert engine.batches == [8, *[1] * 8, 4, *[1] * 4, 2, 1]


def test_other_errors_of_a_batch_are_not_hidden(
    make_parser: Callable[..., Parser], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(Parser, "begin", fails)
    with pytest.raises(RuntimeError, match="a fault of ours"):
        predict_pictures(make_parser(engine=OnGpu()), [draw(tmp_path / "in", 8)], tmp_path / "out", progress=False)


class Noted:
    """Notes what is begun, by how many pictures, and what is finished, by its number."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        begin, count = Parser.begin, iter(range(1000))

        def noted(parser: Parser, reads: Sequence[PictureRead]) -> list[Later[Parse]]:
            self.done.append(f"begin {len(reads)}")
            return [partial(finish, next(count), one) for one in begin(parser, reads)]

        def finish(number: int, later: Later[Parse]) -> Parse:
            self.done.append(f"finish {number}")
            return later()

        monkeypatch.setattr(Parser, "begin", noted)


@pytest.mark.parametrize("protocol", [ProtocolSettings("window", window=(32, 32)), ProtocolSettings(crf=True)])
def test_windows_come_in_batches_of_their_own_and_a_crf_in_none(
    make_parser: Callable[..., Parser], protocol: ProtocolSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted, parser = Noted(monkeypatch), make_parser(engine=OnGpu(), protocol=protocol)
    read = parser.open(np.zeros((4, 4, 3), np.uint8))
    monkeypatch.setattr(OnGpu, "__call__", lambda *_: None)  # it is not to be asked
    monkeypatch.setattr("sceneparse.parsing.parser.begin_parses", lambda *_: [lambda: None])
    assert [index for index, _ in in_batches(parser, range(9), lambda _: read)] == [*range(9)]
    assert noted.done == ["begin 1"] * 9


def test_a_batch_holds_few_pixels(make_parser: Callable[..., Parser], monkeypatch: pytest.MonkeyPatch) -> None:
    noted, parser = Noted(monkeypatch), make_parser(engine=OnGpu())
    monkeypatch.setattr("sceneparse.parsing.parser.begin_parses", lambda _, images, __: [lambda: None] * len(images))
    small = parser.open(np.zeros((4, 4, 3), np.uint8))
    large = small._replace(size=(4000, 5000))  # as of a file that was decoded at an eighth
    assert len([*in_batches(parser, [large] * 3, lambda one: one)]) == 3
    assert len([*in_batches(parser, [small] * 17, lambda one: one)]) == 17
    assert noted.done == [*["begin 1"] * 3, *["begin 8"] * 2, "begin 1"]


def test_a_batch_is_begun_before_the_one_before_it_is_finished(
    make_parser: Callable[..., Parser], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted = Noted(monkeypatch)
    pictures = draw(tmp_path / "in", 17)
    predict_pictures(make_parser(engine=OnGpu()), [pictures], tmp_path / "out", progress=False)
    finished = [f"finish {number}" for number in range(17)]
    assert noted.done == ["begin 8", "begin 8", *finished[:8], "begin 1", *finished[8:]]
    noted.done.clear()
    predict_pictures(make_parser(), [pictures], tmp_path / "by a CPU", progress=False)
    assert [one.split()[0] for one in noted.done] == ["begin", "finish"] * 17
    assert tree(tmp_path / "out").keys() == tree(tmp_path / "by a CPU").keys()


def test_pictures_by_themselves_are_begun_before_those_before_them_are_finished_in_python_too(
    make_parser: Callable[..., Parser], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = [np.full((4, side, 3), side, np.uint8) for side in (5, POISON, 7)]
    noted = Noted(monkeypatch)
    parses = make_parser(engine=OnGpu()).many(pictures)
    assert next(parses).labels.shape == (4, 5)
    assert noted.done == ["begin 1", "begin 1", "finish 0"]
    with pytest.raises(UserError, match="are not finite"):
        next(parses)
    assert noted.done[3:] == ["begin 1", "finish 1"]
    draw(tmp_path / "in", 1)
    for side in (5, 6):
        draw(tmp_path / f"in/{side}", 1, (side, side))
    noted.done.clear()
    predict_pictures(make_parser(engine=OnGpu()), [tmp_path / "in"], tmp_path / "out", progress=False)
    assert noted.done == ["begin 1", "begin 1", "finish 3", "begin 1", "finish 4", "finish 5"]


def test_what_is_no_picture_does_not_end_a_batch_and_keeps_its_place(
    make_parser: Callable[..., Parser], monkeypatch: pytest.MonkeyPatch
) -> None:
    noted, parser = Noted(monkeypatch), make_parser(engine=OnGpu())
    read = parser.open(np.zeros((4, 4, 3), np.uint8))
    items: list[str | PictureRead] = ["a", *[read] * 3, "b", "c", *[read] * 5, "d", read]
    found = [*in_batches(parser, items, lambda one: None if isinstance(one, str) else one)]
    assert [one for one, _ in found] == items
    assert [later is None for _, later in found] == [isinstance(one, str) for one in items]
    assert noted.done == ["begin 8", "begin 1"]
    # Many of them would hold up what is done.
    many = in_batches(parser, [read, *"x" * 1000], lambda one: None if isinstance(one, str) else one)
    assert next(many)[0] is read


def test_as_many_pictures_are_read_ahead_as_two_batches_have_unless_they_are_large(
    make_parser: Callable[..., Parser],
) -> None:
    parser, gpu = make_parser(), make_parser(engine=OnGpu())
    small = parser.open(np.zeros((4, 4, 3), np.uint8))
    large = small._replace(image=torch.zeros(1, dtype=torch.uint8).expand(3, 2000, 4000))

    def ahead(parser: Parser, read: PictureRead) -> int:
        """How many were taken beyond the tenth when that is there."""
        numbers = itertools.count()
        found = read_ahead(parser, lambda _: read, numbers, lambda one: one)
        for _ in range(10):
            next(found)
        return next(numbers) - 10

    assert ahead(parser, small) == ahead(parser, large) == 4
    assert ahead(gpu, small) == 2 * batches.MOST
    assert ahead(gpu, large) == batches.AHEAD_BYTES // (3 * 2000 * 4000) == 11
