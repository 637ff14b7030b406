"""What can be made of a parse."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneparse.errors import UserError
from sceneparse.inference import TestProtocol
from sceneparse.labels import LabelSpace
from sceneparse.parsing import Parse

SPACE = LabelSpace(
    ("brick", "grass", "water"), colors=((200, 10, 10), (10, 200, 10), (10, 10, 200)), ids=(7, 0, 30), ignore=(255,)
)


def parse_of(labels: np.ndarray, space: LabelSpace = SPACE) -> Parse:
    labels = labels.astype(np.int16)
    confidence = np.where(labels == 1, 0.5, 0.75).astype(np.float32)
    return Parse(np.full((*labels.shape, 3), 100, np.uint8), labels, confidence, space, "m", TestProtocol())


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def parse() -> Parse:
    labels = np.zeros((10, 20), np.int16)
    labels[:, 12:] = 1
    labels[0, 0] = -1
    return parse_of(labels)


class TestLegend:
    def test_classes_come_by_share_with_what_describes_them(self, parse: Parse) -> None:
        brick, grass = parse.legend
        assert (brick.name, brick.id, brick.color, brick.pixels) == ("brick", 7, (200, 10, 10), 119)
        assert brick.share == 119 / 200 and brick.confidence == 0.75
        assert (grass.name, grass.pixels, grass.confidence) == ("grass", 80, 0.5)

    def test_pixels_of_a_tall_picture_are_all_counted(self) -> None:
        labels = np.random.default_rng(0).integers(-1, 3, (700, 30))
        counted = {entry.name: entry.pixels for entry in parse_of(labels).legend}
        assert counted == {name: int((labels == index).sum()) for index, name in enumerate(SPACE.names)}

    def test_a_picture_without_classes_has_none(self) -> None:
        parse = parse_of(np.full((4, 4), -1))
        assert parse.legend == ()
        assert parse.overlay().size == (4, 4)


class TestLabelImage:
    def test_pixel_values_are_ids_and_colours_the_classes(self, parse: Parse, tmp_path: Path) -> None:
        parse.label_image().save(tmp_path / "labels.png")
        with Image.open(tmp_path / "labels.png") as image:
            assert image.mode == "P"
            ids, colors = np.array(image), np.array(image.convert("RGB"))
        assert SPACE.decode(ids)[0].tolist() == parse.labels.tolist()
        assert ids[0, 0] == 255 and ids[5, 5] == 7
        assert tuple(colors[5, 5]) == (200, 10, 10) and tuple(colors[5, 15]) == (10, 200, 10)
        assert tuple(colors[0, 0]) == (0, 0, 0)

    def test_large_ids_give_a_16_bit_picture(self, tmp_path: Path) -> None:
        space = LabelSpace(("a", "b"), ids=(3, 40000))
        labels = np.array([[0, 1, -1]])
        parse_of(labels, space).label_image().save(tmp_path / "labels.png")
        with Image.open(tmp_path / "labels.png") as image:
            assert np.array(image).tolist() == [[3, 40000, 65535]]


class TestJson:
    def test_it_says_what_is_where_and_what_made_it(self, parse: Parse) -> None:
        value = json.loads(json.dumps(parse.to_json(), allow_nan=False))
        assert (value["width"], value["height"], value["model"]) == (20, 10, "m")
        assert value["classes"][0] == {
            "name": "brick",
            "id": 7,
            "color": [200, 10, 10],
            "share": 0.595,
            "confidence": 0.75,
            "pixels": 119,
        }
        assert value["protocol"]["name"] == "whole" and value["protocol"]["scales"] == [1.0]
        assert value["protocol"]["description"] == TestProtocol().describe()


class TestSave:
    def test_three_files_appear_and_the_json_names_them(self, parse: Parse, tmp_path: Path) -> None:
        mark = parse.save(tmp_path, "below/street.view", facts={"picture": {"file": "x.jpg"}})
        assert files_in(tmp_path / "below") == [
            "street.view.json",
            "street.view.png",
            "street.view_overlay.jpg",
        ]
        value = json.loads(mark.read_text())
        assert value["files"] == {"labels": "street.view.png", "overlay": "street.view_overlay.jpg"}
        assert value["picture"] == {"file": "x.jpg"} and value["width"] == 20

    def test_one_name_is_a_folder_and_what_the_files_in_it_are_called(
        self, parse: Parse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert parse.save("x") == Path("x.json")
        assert parse.save(tmp_path / "below" / "frame.0001").name == "frame.0001.json"
        assert files_in(tmp_path / "below") == ["frame.0001.json", "frame.0001.png", "frame.0001_overlay.jpg"]
        with pytest.raises(UserError, match=r"below: is a folder, .*such as save\('below', 'street'\)"):
            parse.save("below")
        with pytest.raises(UserError, match=r"y\.png: has a suffix, .*such as save\('y'\)"):
            parse.save("y.png")

    def test_facts_may_be_numbers_of_numpy(self, parse: Parse, tmp_path: Path) -> None:
        facts = {"a": np.int64(3), "b": [np.float32(0.5), np.bool_(True)], "c": {"d": (1, None)}}
        said = json.loads(parse.save(tmp_path, "a", facts=facts).read_text())
        assert (said["a"], said["b"], said["c"]) == (3, [0.5, True], {"d": [1, None]})

    def test_facts_that_are_none_leave_what_is_there(self, parse: Parse, tmp_path: Path) -> None:
        before = parse.save(tmp_path, "a").read_text()
        with pytest.raises(UserError, match=r"facts\['a'\]"):
            parse.save(tmp_path, "a", facts={"a": object()})
        assert (tmp_path / "a.json").read_text() == before

    def test_the_overlay_can_be_left_out(self, parse: Parse, tmp_path: Path) -> None:
        parse.save(tmp_path, "a", overlay=False)
        assert files_in(tmp_path) == ["a.json", "a.png"]

    def test_what_is_too_long_for_a_jpeg_becomes_a_png(self, tmp_path: Path) -> None:
        parse_of(np.zeros((1, 65600))).save(tmp_path, "a")
        assert "a_overlay.png" in files_in(tmp_path)
        with Image.open(tmp_path / "a_overlay.png") as image:
            assert image.width == 65600

    def test_the_json_comes_last_and_a_stale_one_goes_first(
        self, parse: Parse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_: Parse) -> None:
            raise ZeroDivisionError

        parse.save(tmp_path, "a")
        monkeypatch.setattr(Parse, "overlay", fail)
        with pytest.raises(ZeroDivisionError):
            parse.save(tmp_path, "a")
        assert [name for name in files_in(tmp_path) if name[0] != "."] == ["a.png", "a_overlay.jpg"]
        monkeypatch.undo()
        parse.save(tmp_path, "a")  # what was left is its own
        assert files_in(tmp_path) == ["a.json", "a.png", "a_overlay.jpg"]

    @pytest.mark.parametrize("name", ["a.png", "a_overlay.jpg", "a.json"])
    def test_what_no_parse_of_that_name_wrote_stays(self, parse: Parse, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_text('{"shapes": []}')
        with pytest.raises(UserError, match=rf"{name}: is there, and no parse .* or give replace=True$"):
            parse.save(tmp_path, "a")
        assert files_in(tmp_path) == [name] and (tmp_path / name).read_text() == '{"shapes": []}'
        parse.save(tmp_path, "a", replace=True)
        assert files_in(tmp_path) == ["a.json", "a.png", "a_overlay.jpg"]
        parse.save(tmp_path, "a")

    def test_forms_of_one_parse_may_be_saved_one_after_the_other(self, parse: Parse, tmp_path: Path) -> None:
        parse.save(tmp_path, "a", write=["labels"])
        said = json.loads(parse.save(tmp_path, "a", write=["overlay"]).read_text())
        assert said["files"] == {"labels": "a.png", "overlay": "a_overlay.jpg"}
        assert files_in(tmp_path) == ["a.json", "a.png", "a_overlay.jpg"]
        said = json.loads(parse_of(np.ones((10, 20))).save(tmp_path, "a", overlay=False).read_text())
        assert said["files"] == {"labels": "a.png"}
        assert files_in(tmp_path) == ["a.json", "a.png"], "the overlay was another parse's"
