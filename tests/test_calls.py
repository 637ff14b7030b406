"""What Python would refuse of a public call is refused by the call that is right."""

from collections.abc import Callable
from inspect import isfunction, signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sceneparse
from sceneparse import Parse, Parser, UserError
from sceneparse.labels import LabelSpace
from sceneparse.weights.model import Model
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

PIXELS = np.zeros((4, 6, 3), np.uint8)


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
        (
            lambda _: API.read_recipe("r", iterations=500),
            "read_recipe has no argument 'iterations': it is a setting of a recipe: "
            "read_recipe('…', training={'iterations': 500})",
        ),
        (
            lambda _: API.read_recipe("r", rename={"a": "b"}),
            "read_recipe('…', data={'classes': {'rename': {'a': 'b'}}})",
        ),
        (lambda _: API.read_recipe("r", weights=None), "read_recipe('…', backbone={'weights': …})"),
        (lambda _: API.read_recipe("r", batch_size=4), "it is training.batch: read_recipe('…', training={'batch': 4})"),
        (
            lambda _: API.read_recipe("r", kind="dice"),
            "read_recipe('…', data={'kind': 'dice'}) or read_recipe('…', optimizer={'kind': 'dice'}) or read_recipe(",
        ),
        (lambda _: API.read_recipe("toy-pspnet", trainig={}), "unknown setting 'trainig'; did you mean 'training'?"),
        (lambda p: p.parse(3, 4, 5), "parser.parse takes 2 values without a name (image, size), but got 3"),
        (lambda p: p.push_to_hub("a/b", secret=1), "parser.push_to_hub has no argument 'secret'; it takes repo_id"),
        (lambda p: p.open("a.png", device="cpu"), "parser.open has no argument 'device': a parser is loaded with it"),
        (lambda _: any_of(Parser)("m", device="cpu"), "Parser has no argument 'device': a parser is loaded with it"),
        (lambda _: any_of(Parser)(), "Parser needs opened: Parser(opened=…)"),
        (lambda _: any_of(Model)(), "Model needs network and config and labels: Model("),
        (lambda _: any_of(Parse)(labels=3), "Parse needs pixels and confidence and space and model and protocol: Par"),
        (lambda p: any_of(p(PIXELS)).mask(), "parse.mask needs name: parse.mask(name=…)"),
        (lambda p: any_of(p(PIXELS)).mask("brick", tsk="part"), "no argument 'tsk'; did you mean task='part'?"),
        (
            lambda p: any_of(p(PIXELS)).overlay(alpha=0.5),
            "parse.overlay has no argument 'alpha'; it takes opacity, leg",
        ),
        (lambda p: any_of(p(PIXELS)).save(), "parse.save needs folder: parse.save(folder=…)"),
        (lambda p: any_of(p(PIXELS)).to_json("x.json"), "parse.to_json takes no arguments, but got 1"),
    ],
)
def test_keywords_that_a_call_does_not_have_or_lacks(call: Callable[[Any], Any], message: str, parser: Parser) -> None:
    with pytest.raises(UserError) as refusal:
        call(parser)
    assert message in str(refusal.value)


def test_methods_keep_their_help_and_their_arguments() -> None:
    assert list(signature(Parse.mask).parameters) == ["self", "name", "task"]
    assert (Parse.overlay.__doc__ or "").startswith("Draw the picture under the colours")
    assert next(iter(signature(Parse).parameters)) == "pixels"
    public = [
        function
        for kind in (Parse, Parser)
        for name, function in vars(kind).items()
        if isfunction(function) and not name.startswith("_")
    ]
    assert len(public) > 15 and all(hasattr(function, "__wrapped__") for function in public)
