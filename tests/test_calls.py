"""What Python would refuse of a public call is refused by the call that is right."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sceneparse
from sceneparse import Parser, UserError
from sceneparse.labels import LabelSpace
from tests.support.brightest import brightest_parser

API: Any = sceneparse


@pytest.fixture(scope="module")
def parser() -> Parser:
    return brightest_parser(labels=LabelSpace(("brick", "grass", "water")))


def any_of(call: Any) -> Any:
    """A call that no type checker looks at, as in a notebook."""
    return call


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda _: API.load("m", "cpu"), "load takes 1 value without a name (model), but got 2"),
        (lambda _: API.load("m", "cpu"), "give the others by name: load('m', device='cpu')"),
        (lambda _: API.load("m", "torch", "cuda:1"), "load('m', engine='torch', device='cuda:1')"),
        (lambda _: API.load("m", "auto"), "by name: engine, device, precision, protocol, tasks"),
        (lambda _: API.compare("a", "b"), "several runs stand in a list: compare(['a', 'b'])"),
        (lambda _: API.compare(["a"], ["b"]), "give the others by name: out, progress"),
        (lambda _: API.evaluate("m", "d", "bfloat16"), "evaluate('m', 'd', precision='bfloat16')"),
        (lambda _: API.diagnose("m", "d", "val"), "give the others by name: kind, split, comparison"),
        (lambda _: API.calibrate(Path("m"), "d", "cpu"), "calibrate('m', 'd', device='cpu')"),
        (lambda _: API.export("m", "onnx", "m.onnx"), "give the others by name: out, size"),
        (lambda p: API.predict(p, "a.png", Path("b.png"), "out"), "predict(parser, ['a.png', 'b.png'], 'out')"),
        (lambda _: API.train("toy-pspnet", "out", True), "give the others by name: resume, strategy"),
        (lambda _: API.read_recipe("toy-pspnet", {"training": {}}), "read_recipe takes 1 value without a name"),
    ],
)
def test_values_without_a_name_that_have_no_place(call: Callable[[Any], Any], message: str, parser: Parser) -> None:
    with pytest.raises(UserError) as refusal:
        call(parser)
    assert message in str(refusal.value)


TRAIN_IT = "train has no argument"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda _: API.evaluate("m", "d", flip=True),
            "evaluate has no argument 'flip': it is a setting of the protocol: evaluate(…, protocol={'flip': True})",
        ),
        (lambda _: API.load("m", size=480), "load has no argument 'size': it is a setting of the protocol: load(…, "),
        (lambda _: API.load("m", model="n"), "load got model twice: without a name, and as model=…"),
        (lambda _: API.load(), "load needs model: load(model=…)"),
        (lambda _: API.load("m", devise="cpu"), "load has no argument 'devise'; did you mean device='cpu'?"),
        (lambda _: API.diagnose("m", rival="b"), "diagnose has no argument 'rival': did you mean comparison='b'?"),
        (lambda _: API.evaluate("m", rival="b"), "evaluate has no argument 'rival'; it takes model, data, kind, split"),
        (lambda p: API.predict(p, "photos"), "predict needs out: predict(parser, 'photos', out=…)"),
        (lambda p: API.predict(p, "a", "b", engine="torch"), "with it: sceneparse.load(…, engine='torch')"),
        (lambda p: any_of(p)("a.png", size=480), "sceneparse.load(…, protocol={'size': 480})"),
        (lambda p: any_of(p)(), "parser needs picture: parser(picture=…)"),
        (lambda p: p.many(["a.png"], batch=3), "parser.many has no argument 'batch'; it takes pictures"),
        (lambda p: p.with_ranges([(0, 1)], 3), "parser.with_ranges takes 1 value without a name (ranges), but got 2"),
        (
            lambda _: API.train("r", iterations=500),
            f"{TRAIN_IT} 'iterations': it is a setting of a recipe: "
            "train(read_recipe('…', training={'iterations': 500}))",
        ),
        (lambda _: API.train("r", data="my-data"), "train(read_recipe('…', data={'root': 'my-data'}))"),
        (lambda _: API.train("r", data={"root": "d"}), "train(read_recipe('…', data={'root': 'd'}))"),
        (lambda _: API.train("r", epochs=9), "training={'iterations': …})) or train(read_recipe('…', training={'min"),
        (lambda _: API.train("r", batch_size=9), "'batch_size': it is training.batch: train(read_recipe('…', tra"),
        (lambda _: API.train("r", outt="x"), f"{TRAIN_IT} 'outt'; did you mean out='x'?"),
        (lambda _: API.compare(["a"], save="x"), "compare has no argument 'save'; it takes runs, out, progress"),
        (lambda _: API.build(), "build needs backbone and network and num_classes: build("),
    ],
)
def test_keywords_that_a_call_does_not_have_or_lacks(call: Callable[[Any], Any], message: str, parser: Parser) -> None:
    with pytest.raises(UserError) as refusal:
        call(parser)
    assert message in str(refusal.value)
