"""How results show themselves: a line of facts in a terminal, overlay and legend in a notebook."""

import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from PIL import Image

from sceneparse.data.sample import Sample
from sceneparse.evaluation.metrics import ConfusionMatrix, score
from sceneparse.inference import TestProtocol
from sceneparse.inference.scoring import Prediction
from sceneparse.labels import LabelSpace
from sceneparse.parsing import Parse, Parser, TaskMap, TaskParse
from sceneparse.parsing.runs.tally import Failure, StreamSummary
from sceneparse.parsing.task_parse import SceneEntry
from tests.support.unified import PARTS, TASKS, TREE, unified_model

EVIL = "<script>alert('a & \"b\"')</script>"
SPACE = LabelSpace(("road", "sky", "tree", "car", EVIL), colors=((9, 9, 9), (1, 2, 3), (4, 5, 6), (7, 8, 9), (3, 3, 3)))


def parse_of(labels: np.ndarray, task_parse: TaskParse | None = None) -> Parse:
    labels = labels.astype(np.int16)
    image = np.full((*labels.shape, 3), 100, np.uint8)
    return Parse(image, labels, np.full(labels.shape, 0.5, np.float32), SPACE, "m <1>", TestProtocol(), task_parse)


@pytest.fixture
def parse() -> Parse:
    labels = np.zeros((48, 64))
    labels[:12] = 1
    labels[40:, :8] = 2
    labels[40:, 60:] = 4
    return parse_of(labels)


@pytest.fixture
def unified(parse: Parse) -> Parse:
    assert TASKS.scenes is not None and TASKS.materials is not None
    scene = (SceneEntry(EVIL, (1, 1, 1), 0.98), SceneEntry("field", (2, 2, 2), 0.02))
    sure = parse.confidence
    parts = TaskMap(np.where(parse.labels == 1, 0, -1).astype(np.int16), sure, PARTS)
    material = TaskMap((parse.labels == 2).astype(np.int16), sure, TASKS.materials)
    return parse_of(parse.labels, TaskParse(scene, parts, material, None, TREE))


class _Page(HTMLParser):
    """The tags of a page, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += f" {data}"


class TestLines:
    def test_a_parse_is_its_size_and_its_largest_classes(self, parse: Parse, unified: Parse) -> None:
        assert repr(parse) == "Parse(64×48, 4 of 5 classes: road 71.9%, sky 25.0%, tree 2.1%, …)"
        assert repr(unified).endswith(", …; scene " + EVIL + " 98.0%, 1 part, 2 materials)")

    def test_a_parse_without_classes_says_so(self) -> None:
        assert repr(parse_of(np.full((4, 6), -1))) == "Parse(6×4, 0 of 5 classes)"

    def test_what_is_there_never_rounds_to_nothing(self) -> None:
        labels = np.zeros((50, 100))
        labels[0, 0] = 1
        assert "sky <0.1%" in repr(parse_of(labels))

    def test_a_parser_says_network_classes_engine_and_protocol(self, parser: Parser) -> None:
        line = "Parser(brightest: pspnet on resnet50, 3 classes; engine brightest, float32; protocol whole)"
        assert repr(parser) == line

    def test_nothing_that_holds_arrays_prints_them(self, unified: Parse) -> None:
        matrix = ConfusionMatrix(3)
        matrix.update(torch.tensor([[0, 1], [2, 2]]), torch.tensor([[0, 1], [2, 0]]))
        labels = torch.zeros(4, 6, dtype=torch.int16)
        lines = {
            repr(unified.task_map("material")): "TaskMap(64×48, 2 of 4 classes: brick, glass)",
            repr(matrix): "ConfusionMatrix(3 classes, 4 pixels)",
            repr(score(matrix.counts, "abc", "skip")): "Scores(mean IoU 66.67%, pixel accuracy 75.00%, 3 classes)",
            repr(Prediction(labels, torch.zeros(4, 6))): "Prediction(6×4, 1 class)",
            repr(
                Sample(torch.zeros(3, 4, 6), objects=labels, name="a")
            ): "Sample('a', 6×4, 3 channels; truth: objects)",
            repr(SPACE): "LabelSpace(5 classes: road, sky, tree, …)",
            repr(TASKS): "TaskLabels(2 scenes, 3 objects, 3 parts, 4 materials, 2 textures)",
            repr(TREE): "PartTree(3 parts of 2 objects)",
            repr(StreamSummary(8, 0, (Failure("a", "b"),), {"road": 0.5}, 2.0)): (
                "StreamSummary(8 parsed, 1 failed in 2.0 s: road 50.0%)"
            ),
        }
        assert list(lines) == list(lines.values())

    def test_a_model_says_what_it_is_and_how_large(self) -> None:
        line = repr(unified_model())
        assert re.fullmatch(
            r"Model\(unified: upernet_unified on resnet10t, \d\.\d million parameters, TaskLabels\(.*\)\)", line
        )


class TestNotebooks:
    def test_the_picture_is_the_overlay_with_its_legend(self, parse: Parse) -> None:
        with Image.open(io.BytesIO(parse._repr_png_())) as image:
            assert image.format == "PNG" and np.array(image).tolist() == np.array(parse.overlay()).tolist()

    def test_the_page_has_overlay_legend_and_what_made_them(self, parse: Parse) -> None:
        page = _Page(parse._repr_html_())
        (image,) = [given for tag, given in page.tags if tag == "img"]
        assert str(image["src"]).startswith("data:image/webp;base64,") and image["width"] == "320"
        assert "sky" in str(image["alt"])
        for text in ("road", "71.9%", "25.0%", "64×48 pixels · model m <1> · whole: own size"):
            assert text in page.text
        assert any("background:rgb(1,2,3)" in str(given.get("style")) for tag, given in page.tags if tag == "span")

    def test_names_are_text_whatever_they_hold(self, unified: Parse) -> None:
        html = unified._repr_html_()
        page = _Page(html)
        assert "<script" not in html and {tag for tag, _ in page.tags} <= {
            *("div", "figure", "b", "img", "table", "tr", "td", "span")
        }
        assert EVIL in page.text

    def test_a_unified_parse_shows_each_task_under_its_name(self, unified: Parse) -> None:
        page = _Page(unified._repr_html_())
        assert len([tag for tag, _ in page.tags if tag == "img"]) == 3
        for text in ("scene", "98.0%", "objects", "parts", "materials", "roof", "glass"):
            assert text in page.text

    def test_of_many_classes_the_largest_are_named_and_the_others_counted(self) -> None:
        space = LabelSpace(tuple(f"class {n}" for n in range(40)))
        labels = np.repeat(np.arange(40, dtype=np.int16), 3)[None]
        parse = Parse(
            np.zeros((1, 120, 3), np.uint8), labels, np.ones((1, 120), np.float32), space, "m", TestProtocol()
        )
        html = parse._repr_html_()
        assert "class 15<" in html and "class 16<" not in html and "and 24 more" in html

    def test_a_large_picture_is_shown_small(self) -> None:
        large = parse_of(np.zeros((3000, 4000)))
        assert len(large._repr_html_()) < 100_000
        with Image.open(io.BytesIO(large._repr_png_())) as image:
            assert image.width == 800
