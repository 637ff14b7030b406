"""What a unified model tells: the tree, the panels and the files."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from sceneparse.errors import UserError
from sceneparse.inference import Opened, Prediction, TaskPrediction, TestProtocol, TorchEngine
from sceneparse.parsing import Parse, Parser, TaskParse, discover, predict_pictures
from sceneparse.parsing.cooccurrence import cooccurrence
from sceneparse.parsing.facts import OWN
from sceneparse.parsing.opening import PictureRead
from tests.support.unified import OBJECTS, TASKS, unified_model


def prediction(labels: list[list[int]], confidence: float = 0.5) -> Prediction:
    values = torch.tensor(labels, dtype=torch.int16)
    return Prediction(values, torch.full(values.shape, confidence))


@pytest.fixture
def parse() -> Parse:
    """A brick house with a roof of brick and a door of glass under the sky, on a street."""
    objects = prediction([[0, 0, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1]], 0.75)
    found = TaskPrediction(
        objects=objects,
        scene=torch.tensor([0.9, 0.1]),
        parts=prediction([[-1, -1, -1, -1], [1, 1, 1, 1], [0, 0, 0, 2]]),
        materials=prediction([[3, 3, 3, 3], [0, 0, 0, 0], [0, 0, 0, 1]]),
        textures=prediction([[0, 0, 0, 0], [1, 1, 1, 1], [1, 1, 1, 0]]),
    )
    image = np.full((3, 4, 3), 100, np.uint8)
    labels, confidence = objects.labels.numpy(), objects.confidence.numpy()
    return Parse(image, labels, confidence, OBJECTS, "m", TestProtocol(), TaskParse.of(found, TASKS))


def parser_of(**options: object) -> Parser:
    model = unified_model()
    engine = TorchEngine(model.network, model.config.preprocessing, device="cpu", precision="float32")
    return Parser(Opened(engine, model.config, model.labels, "f", None, model.tasks), **options)  # type: ignore[arg-type]


@pytest.fixture
def picture() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (40, 56, 3)).astype(np.uint8)


def test_every_task_is_told_in_class_indices(parse: Parse) -> None:
    assert parse.scene is not None
    assert [(entry.name, round(entry.probability, 3)) for entry in parse.scene] == [("street", 0.9), ("field", 0.1)]
    assert parse.parts is not None and parse.parts.tolist() == [[-1] * 4, [0] * 4, [-1, -1, -1, 1]]
    assert parse.material is not None and parse.material[2].tolist() == [0, 0, 0, 1]
    assert parse.texture is not None and parse.texture[2].tolist() == [1, 1, 1, 0]


def test_a_door_of_glass_in_a_brick_house_on_a_street_can_be_read_off_the_json(parse: Parse) -> None:
    said = json.loads(json.dumps(parse.to_json()))
    assert said["scene"][0] == {"name": "street", "probability": 0.9}
    house = said["objects"][0]
    assert (house["name"], house["share"], house["confidence"]) == ("house", pytest.approx(2 / 3, abs=1e-5), 0.75)
    assert house["materials"][0] == {"name": "brick", "share": 0.875, "confidence": 0.5}
    roof, door = house["parts"]
    assert (roof["name"], roof["share"], roof["materials"][0]["name"]) == ("roof", 0.5, "brick")
    assert (door["name"], door["share"]) == ("door", 0.125)
    assert door["materials"] == [{"name": "glass", "share": 1.0, "confidence": 0.5}]
    assert [texture["name"] for texture in house["textures"]] == ["striped", "plain"]
    sky = said["objects"][1]
    assert sky["parts"] == [] and sky["materials"][0]["name"] == "air"


def test_a_parse_of_one_task_says_what_it_always_said(parse: Parse) -> None:
    alone = Parse(parse.image, parse.labels, parse.confidence, OBJECTS, "m", TestProtocol())
    assert {"scene", "objects"}.isdisjoint(alone.to_json())
    assert alone.scene is None and alone.parts is None and alone.material is None and alone.texture is None


def test_facts_may_have_no_key_that_any_parse_writes(parse: Parse) -> None:
    full = replace(parse.ignoring_below(0.8), doubt="dark", unturned=6)
    assert {*full.to_json(), "files"} == OWN


def test_the_panels_show_one_for_each_task(parse: Parse) -> None:
    objects = Parse(parse.image, parse.labels, parse.confidence, OBJECTS, "m", TestProtocol()).panels()
    five = parse.panels()
    assert five.width > 2.5 * objects.width and five.height > 1.5 * objects.height


def test_saved_label_maps_hold_the_ids_of_their_own_task(parse: Parse, tmp_path: Path) -> None:
    said = json.loads(parse.save(tmp_path, "a").read_text())
    assert set(said["files"]) == {"labels", "parts", "materials", "textures", "overlay", "panels"}
    assert all((tmp_path / file).is_file() for file in said["files"].values())
    assert np.asarray(Image.open(tmp_path / said["files"]["materials"]))[2].tolist() == [0, 0, 0, 1]
    assert np.asarray(Image.open(tmp_path / said["files"]["parts"]))[2].tolist() == [255, 255, 255, 1]


def test_a_parser_tells_all_that_its_model_knows_or_what_it_is_asked_for(picture: NDArray[np.uint8]) -> None:
    found = parser_of()(picture).task_parse
    assert found is not None and set(found.maps()) == {"parts", "materials", "textures"} and found.scene is not None
    some = parser_of(tasks=("object", "material"))(picture).task_parse
    assert some is not None and set(some.maps()) == {"materials"} and some.scene is None
    assert parser_of(tasks=("object",))(picture).task_parse is None


def test_objects_are_the_same_whatever_else_is_told(picture: NDArray[np.uint8]) -> None:
    assert np.array_equal(parser_of()(picture).labels, parser_of(tasks=("object",))(picture).labels)


def test_tasks_that_there_are_not_are_refused(parser: Parser) -> None:
    with pytest.raises(UserError, match="task 'mood' is unknown: use scene, object, part, material, texture"):
        parser_of(tasks=("mood",))
    with pytest.raises(UserError, match="model 'brightest' does not tell task 'scene'"):
        Parser(parser._opened, tasks=["scene"])


def test_a_picture_is_done_again_when_more_tasks_are_asked_for(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for tasks, done in ((("object",), 4), (("object",), 0), (("object", "scene"), 4), (None, 4), (None, 0)):
        summary = predict_pictures(parser_of(tasks=tasks), [pictures], out, progress=False)
        assert (summary.done, summary.skipped) == (done, 4 - done)


def test_cooccurrence_counts_pixels_by_both_maps() -> None:
    rows = np.array([[0, 0, 1], [1, -1, 0]], np.int16)
    columns = np.array([[0, 1, 1], [1, 0, -1]], np.int16)
    assert cooccurrence(rows, columns, (2, 2)).tolist() == [[1, 1], [0, 2]]
    weights = np.array([[0.5, 0.25, 1], [2, 9, 9]], np.float32)
    assert cooccurrence(rows, columns, (2, 2), weights).tolist() == [[0.5, 0.25], [0, 3]]


class TestDiscover:
    def test_tables_count_what_the_parses_tell(self, pictures: Path, tmp_path: Path) -> None:
        parser = parser_of()
        tables = {table.name: table for table in discover(parser, [pictures], tmp_path / "out", progress=False)}
        assert set(tables) == {
            "scene - object", "object - part", "object - material", "part - material", "texture - object"
        }  # fmt: skip
        parses = [parser(path) for path in sorted(pictures.rglob("*.png"))]
        table = tables["object - material"]
        for row, name in enumerate(table.rows):
            for column, material in enumerate(table.columns):
                expected = sum(
                    int(((one.labels == OBJECTS.names.index(name)) & (one.material == _material(material))).sum())
                    for one in parses
                )
                assert table.counts[row, column] == expected
        assert table.totals.sum() == sum(one.labels.size for one in parses)
        scenes = tables["scene - object"]
        assert scenes.unit == "pictures" and scenes.totals.sum() == len(parses)
        assert (table.shares.sum(axis=1) == pytest.approx(1)) and (tables["object - part"].shares <= 1).all()
        said = json.loads((tmp_path / "out" / "discoveries.json").read_text())
        assert said["pictures"] == 4 and said["tables"]["object - material"]["counts"] == table.counts.tolist()
        assert Image.open(tmp_path / "out" / "discoveries.png").width > 50

    def test_a_broken_picture_is_named_and_left_out(
        self, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (pictures / "broken.png").write_bytes(b"no picture")
        discover(parser_of(), [pictures], tmp_path / "out", progress=False)
        assert "broken.png" in capsys.readouterr().err
        assert json.loads((tmp_path / "out" / "discoveries.json").read_text())["failed"] == 1

    def test_one_too_large_for_the_memory_is_named_and_left_out(
        self, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        parse, errors = Parser.parse_read, iter([MemoryError()])

        def run_out(parser: Parser, read: PictureRead) -> Parse:
            if error := next(errors, None):
                raise error
            return parse(parser, read)

        monkeypatch.setattr(Parser, "parse_read", run_out)
        discover(parser_of(), [pictures], tmp_path / "out", progress=False)
        assert "a.png: not enough memory" in capsys.readouterr().err
        assert json.loads((tmp_path / "out" / "discoveries.json").read_text())["failed"] == 1

    def test_a_model_of_one_task_has_nothing_to_find(self, parser: Parser, pictures: Path, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="predicts objects alone"):
            discover(parser, [pictures], tmp_path / "out", progress=False)


def _material(name: str) -> int:
    assert TASKS.materials is not None
    return TASKS.materials.names.index(name)
