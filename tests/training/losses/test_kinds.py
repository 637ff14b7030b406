"""Losses by name: those of other packages work in recipes, and settings that a loss doesn't use are refused."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from sceneparse.cli import main
from sceneparse.errors import UserError
from sceneparse.labels import IGNORE
from sceneparse.networks import Output
from sceneparse.processes import Member
from sceneparse.recipes import read_recipe, to_yaml
from sceneparse.settings import LossSettings, Recipe
from sceneparse.training.checkpoint import Checkpoints
from sceneparse.training.loop import train
from sceneparse.training.losses.heads import segmentation_loss
from sceneparse.training.losses.kind import LossContext, LossKind
from sceneparse.training.losses.table import LOSSES
from sceneparse.training.start import _refuse_unshareable as refuse_unshareable
from tests.support.outside import install
from tests.support.together import run_to_its_end

MakeRecipe = Callable[..., Recipe]

DICE = '''
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from sceneparse.errors import require
from sceneparse.labels import IGNORE
from sceneparse.networks import resize
from sceneparse.training.losses.kind import LossKind


@dataclass(frozen=True)
class DiceOptions:
    """What Dice can be made to do.

    Args:
        smooth: Added to both sums.
    """

    smooth: float = 1.0

    def __post_init__(self):
        require(self.smooth > 0, f"smooth is {self.smooth}, but must be positive")


@dataclass(frozen=True)
class Dice:
    smooth: float

    def __call__(self, logits, target, context):
        known = (target != IGNORE)[:, None]
        found = resize(logits, target.shape[-2:], context.align_corners).float().softmax(dim=1) * known
        truth = F.one_hot(target.clamp(min=0).long(), logits.shape[1]).permute(0, 3, 1, 2) * known
        both, either = (found * truth).sum((0, 2, 3)), (found + truth).sum((0, 2, 3))
        return 1 - ((2 * both + self.smooth) / (either + self.smooth)).mean()


DICE = LossKind(
    title="Dice",
    make=lambda settings, options: Dice(options.smooth),
    adds_up=False,
    options=DiceOptions,
)
'''


@pytest.fixture(autouse=True)
def dice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    entries = {"soft_dice": "DICE"}
    install(tmp_path / "package", monkeypatch, package="outside_dice", group="losses", entries=entries, code=DICE)
    yield
    sys.modules.pop("outside_dice", None)


def oracle(logits: torch.Tensor, target: torch.Tensor, smooth: float) -> torch.Tensor:
    """Dice, class by class."""
    probabilities = F.interpolate(logits, target.shape[-2:], mode="bilinear").softmax(dim=1)
    known, scores = target != IGNORE, []
    for index in range(logits.shape[1]):
        found, truth = probabilities[:, index][known], (target == index)[known].float()
        scores.append((2 * (found * truth).sum() + smooth) / (found.sum() + truth.sum() + smooth))
    return 1 - torch.stack(scores).mean()


def test_the_loss_of_another_package_is_that_of_the_main_and_of_the_auxiliary_head() -> None:
    generator = torch.Generator().manual_seed(0)
    logits, aux = (torch.randn(2, 4, 5, 6, generator=generator) for _ in range(2))
    target = torch.randint(-1, 4, (2, 17, 19), generator=generator, dtype=torch.int16)
    settings = LossSettings(kind="soft_dice", options={"smooth": 0.5})
    loss = segmentation_loss(
        Output(logits, aux), target, LossContext(False), loss=LOSSES["soft_dice"].build(settings), aux_weight=0.4
    )
    torch.testing.assert_close(loss.main, oracle(logits, target, 0.5))
    torch.testing.assert_close(loss.aux, oracle(aux, target, 0.5))


def test_a_recipe_names_it_with_its_options_trains_by_it_and_goes_on(toy: MakeRecipe, tmp_path: Path) -> None:
    recipe = toy(
        loss__kind="soft_dice", loss__options={"smooth": 2.0}, training__iterations=2, training__checkpoint_every=1
    )
    run = train(recipe, tmp_path / "run")
    assert read_recipe(run / "recipe.yaml").loss == recipe.loss
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        if line["kind"] == "train":
            assert 0 < line["main_loss"] < 1 and 0 < line["aux_loss"] < 1
            assert line["loss"] == pytest.approx(line["main_loss"] + 0.4 * line["aux_loss"], rel=1e-5)
    whole = Checkpoints(run / "checkpoints").load(print)
    (run / "checkpoints" / "last-00000002.pt").unlink()
    (run / "model").rename(tmp_path / "gone")
    other = toy(loss__kind="soft_dice", training__iterations=2, training__checkpoint_every=1)
    with pytest.raises(UserError, match=r"loss\.options\.smooth is None but was 2\.0"):
        train(other, run, resume=True)
    train(recipe, run, resume=True)
    again = Checkpoints(run / "checkpoints").load(print)
    assert whole is not None and again is not None
    assert all(torch.equal(value, again.network[name]) for name, value in whole.network.items())


def test_a_loss_that_does_not_add_up_is_refused_in_chunks_and_in_several_processes(toy: MakeRecipe) -> None:
    with pytest.raises(UserError, match=r"training\.accumulate is 2, but loss\.kind 'soft_dice' does not add up"):
        toy(loss__kind="soft_dice", training__accumulate=2)
    with pytest.raises(UserError, match=r"'soft_dice' does not add up .* 2 processes cannot share it: train in one"):
        refuse_unshareable(toy(loss__kind="soft_dice"), Member(0, 2, 0, 2), torch.device("cpu"))
    refuse_unshareable(toy(), Member(0, 2, 0, 2), torch.device("cpu"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"loss__kind": "soft_dise"},
            r"'soft_dise', but must be one of cross_entropy, .*, combined, soft_dice; did you mean 'soft_dice'\?",
        ),
        ({"loss__hard_fraction": 0.5}, r"loss\.hard_fraction has no effect: loss\.kind 'soft_dice' uses loss\.options"),
        (
            {"loss__class_weights": "median"},
            r"loss\.class_weights has no effect: loss\.kind 'soft_dice' uses loss\.options",
        ),
        ({"loss__options": {"smoth": 1.0}}, r"loss\.options: unknown setting 'smoth'; did you mean 'smooth'\?"),
        ({"loss__options": {"smooth": "much"}}, r"loss\.options: smooth is 'much', but must be a number"),
        ({"loss__options": {"smooth": 0.0}}, r"loss\.options: smooth is 0\.0, but must be positive"),
        (
            {"loss__kind": "cross_entropy", "loss__options": {"smooth": 1.0}},
            "loss.options: unknown setting 'smooth'; known here: label_smoothing",
        ),
    ],
)
def test_what_a_loss_does_not_use_or_know_is_refused(
    toy: MakeRecipe, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        toy(**{"loss__kind": "soft_dice", **settings})


def test_options_can_be_given_on_the_command_line(toy: MakeRecipe, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(to_yaml(toy(loss__kind="soft_dice")), encoding="utf-8")
    assert read_recipe(tmp_path / "recipe.yaml", loss={"options": {"smooth": 3}}).loss.options == {"smooth": 3}


@pytest.mark.parametrize("words", [["--loss.kind", "soft_dice"], ["--loss.kind=soft_dice"]])
def test_help_shows_the_options_of_the_loss_that_is_chosen(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["train", "toy-pspnet", *words, "--help"])
    shown = capsys.readouterr().out
    assert "options of --loss.kind soft_dice:\n  --loss.options.smooth 1.0\n      Added to both sums.\n" in shown


def test_an_entry_that_cannot_be_right_is_refused_where_it_is_made() -> None:
    with pytest.raises(ValueError, match="momentum"):
        LossKind("x", make=lambda _settings, _options: oracle, adds_up=True, uses=frozenset({"momentum"}))  # type: ignore[arg-type,return-value]
    with pytest.raises(ValueError, match="dataclass"):
        LossKind("x", make=lambda _settings, _options: oracle, adds_up=True, options=int)  # type: ignore[arg-type,return-value]


def test_the_names_of_losses_are_known_without_torch() -> None:
    code = "import sys; from sceneparse.settings import LossSettings; LossSettings(); print('torch' in sys.modules)"
    assert run_to_its_end(sys.executable, "-c", code).stdout == "False\n"
