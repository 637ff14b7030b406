"""Pictures that are alike are parsed together on a GPU, for which the CPU stands here; all else stays as it is."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from sceneparse.parsing import Parser, predict_pictures
from sceneparse.parsing.batches import in_batches
from sceneparse.parsing.loading import Loading
from sceneparse.parsing.runs.collection.items import packed
from sceneparse.parsing.runs.collection.listing import list_items
from sceneparse.parsing.runs.collection.worker import Attempts, ParseChunks, Plan
from sceneparse.settings import ProtocolSettings
from tests.support.brightest import BrightestChannel

POISON = 77
"""A picture whose first pixel is this grey has scores that are not finite."""


class OnGpu(BrightestChannel):
    """Says that it computes on a GPU, which has room for some pictures."""

    device = torch.device("cuda")

    def __init__(self, room: int = 8) -> None:
        super().__init__()
        self.room = room

    def __call__(self, images: Tensor) -> Tensor:
        scores = super().__call__(images)
        if len(images) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        scores[(images[:, :, 0, 0] == POISON).all(dim=1), :, 0, 0] = torch.nan
        return scores


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
            # Full; 08 and 08a by themselves; 09 to 15 and the poisoned one, then each of them by itself; the rest.
            assert engine.batches == [8, 1, 1, 8, *[1] * 8, *[1] * 3]
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

    monkeypatch.setattr(Parser, "parse_batch", fails)
    with pytest.raises(RuntimeError, match="a fault of ours"):
        predict_pictures(make_parser(engine=OnGpu()), [draw(tmp_path / "in", 8)], tmp_path / "out", progress=False)


@pytest.mark.parametrize("protocol", [ProtocolSettings("window", window=(32, 32)), ProtocolSettings(crf=True)])
def test_windows_come_in_batches_of_their_own_and_a_crf_in_none(
    make_parser: Callable[..., Parser], protocol: ProtocolSettings
) -> None:
    parser = make_parser(engine=OnGpu(), protocol=protocol)
    read = parser.open(np.zeros((40, 40, 3), np.uint8))
    assert [*in_batches(parser, range(9), lambda _: read)] == [(index, None) for index in range(9)]


def test_a_batch_holds_few_pixels(make_parser: Callable[..., Parser]) -> None:
    parser = make_parser(engine=(engine := OnGpu()))
    small = parser.open(np.zeros((4, 4, 3), np.uint8))
    large = small._replace(size=(4000, 5000))  # as of a file that was decoded at an eighth
    assert [parse for _, parse in in_batches(parser, [large] * 3, lambda one: one)] == [None] * 3
    parses = [parse for _, parse in in_batches(parser, [small] * 17, lambda one: one)]
    assert [parse is not None for parse in parses] == [True] * 16 + [False] and engine.batches == [8, 8]
