"""Trainings on devices that may lack something, with a CPU that is taken for one."""

from collections.abc import Callable

import pytest
import torch

from sceneparse.devices import precisions, trying
from sceneparse.errors import UserError
from sceneparse.settings import Recipe
from sceneparse.training import step as steps
from sceneparse.training.prepare import Prepared, prepare
from sceneparse.training.random_steps import RandomSteps
from sceneparse.training.start import start_fabric
from sceneparse.training.trial import prepare_tried

MakeRecipe = Callable[..., Recipe]


@pytest.fixture
def unsure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying, "UNSURE", {"cpu"})
    monkeypatch.setattr(precisions, "fast_bfloat16", lambda _: True)


def lacking(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Make backward passes in these precisions fail."""
    real = steps._computed

    def computed(prepared: Prepared, *rest: object) -> object:
        if prepared.compute.precision in names:
            raise NotImplementedError("The operator 'aten::_cdist_backward' is not currently implemented here.")
        return real(prepared, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(steps, "_computed", computed)


def state(prepared: Prepared) -> list[torch.Tensor]:
    return [*prepared.learner.network.state_dict().values()]


@pytest.mark.usefixtures("unsure")
def test_a_trial_leaves_nothing_behind(toy: MakeRecipe) -> None:
    recipe = toy(training__precision="auto")
    tried, plain = prepare_tried(recipe, None, "auto"), prepare(recipe, None, "auto")
    assert tried.compute.precision == plain.compute.precision == "bfloat16"
    assert all(torch.equal(one, other) for one, other in zip(state(tried), state(plain), strict=True))
    assert not tried.learner.optimizer.state and tried.recipe == plain.recipe


@pytest.mark.usefixtures("unsure")
def test_auto_gives_way_to_float32_in_one_line_and_stays_auto_in_the_recipe(
    toy: MakeRecipe, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lacking(monkeypatch, "bfloat16")
    recipe = toy(training__precision="auto")
    prepared = prepare_tried(recipe, None, "auto")
    assert prepared.compute.precision == "float32" and prepared.recipe.training.precision == "auto"
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and said[0].startswith("note: bfloat16 does not work on cpu (The operator 'aten::_cdist_back")
    RandomSteps(prepared).take(2)


@pytest.mark.usefixtures("unsure")
def test_a_training_that_goes_on_computes_as_it_did_whatever_auto_would_mean_now(toy: MakeRecipe) -> None:
    recipe = toy(training__precision="auto")
    assert start_fabric(recipe).precision == "bfloat16"
    assert start_fabric(recipe, "auto", "float32").precision == "float32"


@pytest.mark.usefixtures("unsure")
@pytest.mark.parametrize("precision", ["auto", "bfloat16"])
def test_what_the_device_lacks_is_found_before_the_first_step(
    toy: MakeRecipe, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    lacking(monkeypatch, "bfloat16", *(["float32"] if precision == "auto" else []))
    with pytest.raises(
        UserError, match=r"cpu lacks an operator .*aten::_cdist_backward: .* or use training.device cpu"
    ):
        prepare_tried(toy(training__precision=precision), None, "auto")


def test_a_cpu_is_not_tried(toy: MakeRecipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying, "first_working", lambda *_, **__: pytest.fail("it was tried"))
    prepare_tried(toy(), None, "auto")
