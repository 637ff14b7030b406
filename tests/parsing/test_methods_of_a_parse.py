"""Every method of a parse refuses what it cannot take: in one line, in Python's words, before a file is touched."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sceneparse import Parser, UserError
from tests.parsing.conftest import SPACE

HOLDS = "what JSON can hold: text, finite numbers, True, False, None, or lists and mappings of these"

ON_PARSE: list[tuple[Callable[[Any], Any], str]] = [
    (lambda parse: parse.overlay(opacity=2), "opacity is 2, but must be a number from 0 to 1"),
    (lambda parse: parse.overlay(legend="no"), "legend is 'no', but must be True or False"),
    (lambda parse: parse.panels("half"), "opacity is 'half', but must be a number from 0 to 1"),
    (lambda parse: parse.mask("gras"), "no class 'gras'; did you mean 'grass'?"),
    (lambda parse: parse.mask("tarmac"), "no class 'tarmac'; the classes are brick, grass, water"),
    (lambda parse: parse.mask(3), "class 3 is not there: 3 classes, counted from 0"),
    (lambda parse: parse.mask(-1), "class -1 is not there: 3 classes, counted from 0"),
    (lambda parse: parse.mask(True), "a class is a name or an index, not a bool"),
    (
        lambda parse: parse.mask("brick", task="parts"),
        "task is 'parts', but must be one of object, part, material, texture",
    ),
    (
        lambda parse: parse.mask("brick", task="part"),
        "model 'brightest' has no task 'part' in this parse; it has object",
    ),
    (
        lambda parse: parse.mask("street", task="scene"),
        "task 'scene' has no label map: the kinds of scene are in parse.scene",
    ),
    (lambda parse: parse.probabilities(4), "k is 4, but must be a whole number from 1 to 3"),
    (lambda parse: parse.probabilities(k=1.5), "k is 1.5, but must be a whole number from 1 to 3"),
    (lambda parse: parse.polygons("car"), "task is 'car', but must be one of object, part, material, texture"),
    (
        lambda parse: parse.ignoring_below(0),
        "confidence is 0, but must be a probability above 0 and at most 1, such as 0.9",
    ),
    (lambda parse: parse.save(3, "a"), "folder is 3, but must be a path"),
    (lambda parse: parse.save(__file__, "a"), f"{__file__}: is a file, but must be a folder"),
    (lambda parse: parse.save("out", ""), "stem is empty, but must be the files' name without a suffix"),
    (lambda parse: parse.save("out", 3), "stem is 3, but must be the files' name without a suffix"),
    (
        lambda parse: parse.save("out", "a", facts="x"),
        "facts is 'x', but must be a mapping, such as {'camera': 'left'}",
    ),
    (lambda parse: parse.save("out", "a", facts={"a": float("nan")}), f"facts['a'] is nan, but must be {HOLDS}"),
    (
        lambda parse: parse.save("out", "a", facts={"a": [SPACE]}),
        f"facts['a'] is [LabelSpace(3 classes: brick, grass, water)], but must be {HOLDS}",
    ),
    (lambda parse: parse.save("out", "a", facts={3: "a"}), "facts has the key 3, but its keys must be text"),
    (
        lambda parse: parse.save("out", "a", facts={"width": 3}),
        "facts has 'width', which the parse itself writes: name the fact otherwise",
    ),
    (
        lambda parse: parse.save("out", "a", facts={"doubt": "dark"}),
        "facts has 'doubt', which the parse itself writes: name the fact otherwise",
    ),
    (
        lambda parse: parse.save("out", "a", write="labels"),
        "write is 'labels', but must be a list of names, such as ['labels']",
    ),
    (
        lambda parse: parse.save("out", "a", write=["parts"]),
        "write=['parts']: model 'brightest' has none; it has labels, overlay, confidence, confidence16, geojson",
    ),
]


@pytest.mark.parametrize(("call", "message"), ON_PARSE)
def test_methods_of_a_parse(
    call: Callable[[Any], Any], message: str, parser: Parser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    parse = parser(np.zeros((4, 6, 3), np.uint8))
    with pytest.raises(UserError) as caught:
        call(parse)
    assert str(caught.value) == message
    assert not list(tmp_path.iterdir())
