"""The comparison of a file with PyTorch looks at all that the file gives."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sceneparse.errors import UserError
from sceneparse.exporting import checking, running
from sceneparse.exporting.checking import agrees, check_export
from sceneparse.exporting.record import Check
from sceneparse.inference.program import LABELS, LOGITS, ConversionError, Program
from sceneparse.weights.model import Model
from tests.support.unified import unified_model

Outputs = dict[str, Tensor]


@pytest.fixture(scope="module")
def model() -> Model:
    return unified_model()


@pytest.fixture
def checks(model: Model, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Outputs], object]], list[Check]]:
    """Compares a file whose answers are PyTorch's but for what a function changes in them."""
    program = Program(model.network, model.config.preprocessing, labels=True)

    def checks(change: Callable[[Outputs], object]) -> list[Check]:
        @torch.no_grad()
        def run(images: Tensor) -> Outputs:
            found = dict(zip(program.outputs, program(images), strict=True))
            change(found)
            return found

        monkeypatch.setattr(checking, "open_whole", lambda *_: run)
        monkeypatch.setattr(checking, "CHECKED", ((1, 65, 97), (2, 97, 65)))
        return list(check_export(model, Path("m.onnx"), "onnx"))

    return checks


Checks = Callable[[Callable[[Outputs], object]], list[Check]]


def test_what_is_equal_agrees_and_several_pictures_are_compared_at_once(checks: Checks) -> None:
    found = checks(lambda _: None)
    assert all(map(agrees, found)) and [one.pictures for one in found] == ["65×97", "2 of 97×65"]


def test_some_size_is_compared_with_several_pictures() -> None:
    assert len(checking.CHECKED) == 5 and any(batch > 1 for batch, _, _ in checking.CHECKED)


@pytest.mark.parametrize("output", [LOGITS, LABELS, "scene", "part", "material", "texture"])
def test_an_output_that_is_wrong_does_not_agree(output: str, checks: Checks) -> None:
    def change(found: Outputs) -> None:
        found[output] = found[output].roll(1, dims=1) if output != LABELS else 1 - found[output]

    assert not any(map(agrees, checks(change)))


def test_a_file_that_mixes_up_the_pictures_of_a_batch_does_not_agree(checks: Checks) -> None:
    def change(found: Outputs) -> None:
        found.update({name: one[:1].expand_as(one) for name, one in found.items()})

    one, two = checks(change)
    assert agrees(one) and not agrees(two)


def test_logits_of_another_shape_or_of_no_number_do_not_agree(checks: Checks) -> None:
    def first(found: Outputs) -> None:
        found[LOGITS] = found[LOGITS][:1]

    def nothing(found: Outputs) -> None:
        found["texture"] = found["texture"] * math.nan

    assert [agrees(one) for one in checks(first)] == [True, False]
    assert all(math.isnan(one.error) and not agrees(one) for one in checks(nothing))


def test_a_runtime_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Tensor) -> Outputs:
        raise RuntimeError("no kernel")

    monkeypatch.setitem(running.OPENERS, "onnx", lambda _: fails)
    run = running.open_whole(Path("m.onnx"), "onnx")
    with pytest.raises(ConversionError, match=r"onnx file cannot be run for 2 of 65×97 pixels \(no kernel\)") as caught:
        run(torch.zeros(2, 3, 65, 97))
    assert isinstance(caught.value, UserError)
