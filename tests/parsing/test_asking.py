"""What a parse answers when it is asked: masks, probabilities, polygons; and several pictures in one call."""

import copy
import pickle
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sceneparse.errors import UserError
from sceneparse.inference import Opened, TorchEngine, scores
from sceneparse.labels import IGNORE
from sceneparse.parsing import Parse, Parser
from sceneparse.settings import ProtocolSettings
from sceneparse.weights.model import Model
from tests.parsing.conftest import SPACE
from tests.support.brightest import brightest_parser
from tests.support.unified import TASKS, unified_model

NOISE = np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8)
BLOCKS = np.kron(NOISE[:5, :7], np.ones((8, 8, 1), np.uint8))


@pytest.fixture(scope="module")
def unified() -> Parser:
    model: Model = unified_model()
    engine = TorchEngine(model.network, model.config.preprocessing, device="cpu", precision="float32")
    return Parser(Opened(engine, model.config, model.labels, "unified", None, model.tasks))


@pytest.fixture(scope="module")
def parse(unified: Parser) -> Parse:
    return unified(BLOCKS)


class TestMask:
    def test_it_says_where_a_class_is_whatever_its_case(self, parser: Parser, halves: NDArray[np.uint8]) -> None:
        parse = parser(halves)
        mask = parse.mask("Brick")
        assert mask.dtype == bool and mask.shape == (6, 8)
        assert (mask == (parse.labels == 0)).all() and (parse.mask(1) == ~mask).all()
        assert not parse.mask("water").any()
        assert {entry.name: parse.share(entry.name) for entry in parse.legend} == {
            entry.name: entry.share for entry in parse.legend
        }
        assert parse.share("water") == 0

    def test_each_task_of_a_unified_model_has_its_own(self, parse: Parse) -> None:
        assert parse.material is not None
        assert (parse.mask("Glass", task="material") == (parse.material == 1)).all()
        assert parse.share("Glass", task="material") == (parse.material == 1).mean()

    def test_a_class_of_another_task_is_pointed_to(self, parse: Parse) -> None:
        with pytest.raises(UserError, match=r"no class 'roof'; .*; there is one with task='part'$"):
            parse.mask("roof")


class TestProbabilities:
    @pytest.mark.parametrize(
        "protocol",
        [
            ProtocolSettings(),
            ProtocolSettings(scales=(0.5, 1.0), flip=True, average="probabilities"),
            ProtocolSettings("window", window=(32, 32)),
            ProtocolSettings(crf=True),
        ],
        ids=["whole", "scales", "windows", "crf"],
    )
    def test_they_are_the_largest_of_all_scores_and_begin_with_the_label(self, protocol: ProtocolSettings) -> None:
        parser = brightest_parser(labels=SPACE, protocol=protocol)
        parse = parser(NOISE)
        classes, probabilities = parse.probabilities(k=3)
        assert classes.shape == probabilities.shape == (3, 40, 56)
        assert classes.dtype == np.int16 and probabilities.dtype == np.float32
        assert (classes[0] == parse.labels).all()
        np.testing.assert_allclose(probabilities[0], parse.confidence, atol=1e-6)
        assert (np.diff(probabilities, axis=0) <= 0).all() and (np.sort(classes, axis=0).T == [0, 1, 2]).all()
        np.testing.assert_allclose(probabilities.sum(axis=0), 1, atol=1e-5)
        if not protocol.crf:
            found = scores(parser.engine, torch.from_numpy(NOISE).permute(2, 0, 1), parse.protocol)
            all_of_them = found if protocol.average == "probabilities" else found.softmax(0)
            ours = torch.from_numpy(probabilities).gather(0, torch.from_numpy(classes).long().argsort(0))
            torch.testing.assert_close(ours, all_of_them)

    def test_fewer_are_the_first_of_more(self, parser: Parser) -> None:
        few, more = (parser(NOISE).probabilities(k) for k in (1, 2))
        assert (few.classes[0] == more.classes[0]).all() and (few.probabilities[0] == more.probabilities[0]).all()

    @pytest.mark.parametrize("task", ["object", "part", "material", "texture"])
    def test_each_task_of_a_unified_model_has_its_own(self, parse: Parse, task: str) -> None:
        one = parse.task_map(task)  # type: ignore[arg-type]
        classes, probabilities = parse.probabilities(k=2, task=task)  # type: ignore[arg-type]
        assert (classes[0] == one.labels).mean() > 0.999  # but for rounding
        np.testing.assert_allclose(probabilities[0], one.confidence, atol=1e-5)
        assert (probabilities[1] <= probabilities[0]).all() and (probabilities.sum(axis=0) <= 1.00001).all()

    def test_only_parts_of_the_object_that_was_found_compete(self, parse: Parse) -> None:
        assert TASKS.tree is not None
        classes, probabilities = parse.probabilities(k=3, task="part")
        for index, parts in enumerate(TASKS.tree.children):
            inside = parse.labels == index
            assert inside.any() and set(np.unique(classes[:, inside])) <= {IGNORE, *parts}
            summed = probabilities[:, inside].sum(axis=0)
            np.testing.assert_allclose(summed, 1 if parts else 0, atol=1e-5)

    def test_a_model_of_many_channels_is_asked_with_all_of_them(self) -> None:
        parser = brightest_parser(labels=SPACE, channels=5)
        engine = parser.engine

        class LastThree:
            name, precision, num_classes, align_corners, padding_color = "last", "float32", 3, False, (0.0,) * 5

            def __call__(self, images: torch.Tensor) -> torch.Tensor:
                return images[:, 2:].float() / 32

            describe = engine.describe

        parser.engine = LastThree()
        pixels = np.random.default_rng(1).integers(0, 256, (8, 9, 5), dtype=np.uint8)
        parse = parser(pixels)
        assert (parse.probabilities(1).classes[0] == parse.labels).all()
        assert (parse.labels == pixels[..., 2:].argmax(axis=2)).all()

    def test_a_picture_that_was_read_reduced_has_them_at_its_own_size(self) -> None:
        protocol = ProtocolSettings(resize="short", size=20)
        parser = brightest_parser(labels=SPACE, protocol=protocol)
        image = torch.from_numpy(NOISE[:20, :28].copy()).permute(2, 0, 1)
        parse = parser.parse(image, (40, 56))
        found = parse.probabilities(2)
        assert found.classes.shape == (2, 40, 56) and (found.classes[0] == parse.labels).all()
        np.testing.assert_allclose(found.probabilities[0], parse.confidence, atol=1e-6)

    def test_a_grey_picture_is_asked_as_grey(self, make_parser: Callable[..., Parser]) -> None:
        parse = make_parser(channels=1)(NOISE[..., 0])
        np.testing.assert_allclose(parse.probabilities(1).probabilities[0], parse.confidence, atol=1e-6)

    @pytest.mark.parametrize(
        "made", [copy.copy, lambda parse: pickle.loads(pickle.dumps(parse)), lambda p: replace(p, source=None)]
    )
    def test_a_parse_without_its_model_says_so(self, made: Callable[[Parse], Parse], parser: Parser) -> None:
        again = made(parser(NOISE))
        assert (again.labels == parser(NOISE).labels).all()
        with pytest.raises(UserError, match="does not know its model any more: parse the picture again"):
            again.probabilities()

    def test_pixels_that_were_left_out_have_theirs_all_the_same(self, parser: Parser) -> None:
        parse = parser(NOISE)
        left = parse.ignoring_below(0.9)
        assert (left.labels == IGNORE).any()
        assert (left.probabilities(1).classes[0] == parse.labels).all()


class TestPolygons:
    def test_each_class_has_its_regions_the_largest_class_first(self, parser: Parser) -> None:
        parse = parser(np.kron(NOISE[:6, :8], np.ones((3, 4, 1), np.uint8)))
        found = parse.polygons()
        assert list(found) == [entry.name for entry in parse.legend]
        for entry in parse.legend:
            regions = found[entry.name]
            assert {region.index for region in regions} == {SPACE.names.index(entry.name)}
            assert sum(region.pixels for region in regions) == entry.pixels

    def test_holes_are_holes(self, parser: Parser) -> None:
        pixels = np.zeros((7, 9, 3), np.uint8)
        pixels[..., 0] = 200
        pixels[2:5, 3:6] = (0, 200, 0)
        found = parser(pixels).polygons()
        assert list(found) == ["brick", "grass"]
        (outer,), (inner,) = found["brick"], found["grass"]
        assert outer.exterior.tolist() == [[0, 0], [9, 0], [9, 7], [0, 7]]
        assert len(outer.holes) == 1 and outer.pixels == 63 - 9 and inner.pixels == 9
        assert sorted(map(tuple, outer.holes[0].tolist())) == sorted(map(tuple, inner.exterior.tolist()))
        assert repr(outer) == "Region(class 0, 54 pixels, x 0–9, y 0–7, 1 hole)"

    def test_each_task_of_a_unified_model_has_its_own(self, parse: Parse) -> None:
        found = parse.polygons(task="material")
        assert list(found) == [entry.name for entry in parse.task_map("material").legend]


class TestSeveralPictures:
    @pytest.mark.parametrize("form", [list, tuple, iter], ids=["list", "tuple", "iterator"])
    def test_a_call_with_several_gives_a_parse_for_each_as_they_are_asked_for(
        self, parser: Parser, pictures: Path, form: Callable[[list[Path]], Iterator[Path]]
    ) -> None:
        files = sorted(pictures.glob("*.png"))
        parses = parser(form(files))
        assert iter(parses) is parses and parser.engine.calls == 0  # type: ignore[attr-defined]
        found = list(parses)
        assert [one.labels.tolist() for one in found] == [parser(file).labels.tolist() for file in files]

    def test_a_pattern_of_a_folder_is_several(self, parser: Parser, pictures: Path) -> None:
        assert len(list(parser(pictures.glob("*.png")))) == 3
