"""Options of losses that cannot be, or that a loss has no use for, are refused in one line."""

from dataclasses import fields, replace
from typing import Any

import pytest
import torch

from sceneparse.errors import UserError
from sceneparse.recipes import from_mapping, to_mapping
from sceneparse.settings import LossSettings
from sceneparse.tables import table
from sceneparse.training.losses.kind import LossContext, LossKind
from sceneparse.training.losses.table import LOSSES
from tests.support.slow_losses import Case


def terms(*given: dict[str, Any]) -> dict[str, Any]:
    return {"terms": list(given)}


DICE: dict[str, Any] = {"kind": "dice"}


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("cross_entropy", {"label_smoothing": 1.0}, "label_smoothing is 1.0, but must be 0 or more and below 1"),
        ("focal", {"gamma": -1.0}, "gamma is -1.0, but must be 0 or more"),
        ("focal", {"label_smoothing": -0.1}, "label_smoothing is -0.1, but must be 0 or more and below 1"),
        ("boundary_cross_entropy", {"distance": 0.0}, "distance is 0.0, but must be above 0"),
        (
            "boundary_cross_entropy",
            {"weight": 0.0},
            "weight is 0.0, but must be above 0; without it use kind cross_entr",
        ),
        ("dice", {"smooth": -1.0}, "smooth is -1.0, but must be 0 or more"),
        ("dice", {"smooth": 0.0, "classes": "all"}, "smooth is 0, but must be above 0 with classes all"),
        ("dice", {"over": "world"}, "over is 'world', but must be one of batch, picture"),
        ("jaccard", {"denominator": "plain"}, "loss.options: unknown setting 'denominator'"),
        ("lovasz", {"classes": "all"}, "loss.options: unknown setting 'classes'"),
        ("combined", terms(DICE), "terms must be two losses or more; of a single one give its own name as loss.kind"),
        (
            "combined",
            terms(DICE, {"kind": "combined"}),
            "terms: one is of kind combined, but a combination has no other",
        ),
        (
            "combined",
            terms(DICE, {"kind": "focl"}),
            "terms: kind is 'focl', but must be one of .* did you mean 'focal'",
        ),
        ("combined", terms(DICE, {"weight": 2.0}), "loss.options: terms: kind is missing, which has no default"),
        ("combined", terms(DICE, DICE | {"weight": 0.0}), "terms: weight of dice is 0.0, but must be above 0"),
        (
            "combined",
            terms(DICE, DICE | {"options": {"smoth": 1}}),
            "terms: options of dice: unknown setting 'smoth'; did you mean 'smooth'",
        ),
        ("combined", terms(DICE, {"knd": "dice"}), "terms: unknown setting 'knd'; did you mean 'kind'"),
    ],
)
def test_options_that_cannot_be_are_refused(kind: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        LossSettings(kind=kind, options=options)


CHANGES: dict[str, dict[str, Any]] = {
    "cross_entropy": {"label_smoothing": 0.1},
    "focal": {"gamma": 1.0, "label_smoothing": 0.1},
    "boundary_cross_entropy": {"weight": 5.0, "distance": 3.0},
    "dice": {"smooth": 9.0, "denominator": "squared", "classes": "all", "over": "picture"},
    "jaccard": {"smooth": 9.0, "classes": "all", "over": "picture"},
    "lovasz": {"over": "batch"},
    "combined": {"terms": [DICE, {"kind": "focal", "weight": 2.0}]},
}
"""Of each loss all options, with a value that is not the default."""


@pytest.mark.parametrize("kind", LOSSES)
def test_every_option_changes_the_loss(kind: str) -> None:
    declared = LOSSES[kind].options
    assert declared is not None and {item.name for item in fields(declared)} == set(CHANGES[kind])
    case = Case.of(4)

    def loss(options: dict[str, Any]) -> float:
        made = LOSSES[kind].build(LossSettings(kind, options))
        return made(case.logits, case.target, LossContext(case.align_corners)).item()

    assert all(abs(loss({name: value}) - loss({})) > 1e-4 for name, value in CHANGES[kind].items())


@pytest.mark.parametrize("kind", [name for name in LOSSES if name not in ("cross_entropy", "combined")])
def test_mining_is_refused_by_losses_that_do_not_mine(kind: str) -> None:
    with pytest.raises(UserError, match=rf"loss\.hard_fraction has no effect: loss\.kind '{kind}' uses loss\.class_w"):
        LossSettings(kind=kind, hard_fraction=0.5)
    LossSettings(kind=kind, class_weights="median")


def test_a_combination_takes_what_its_terms_take(monkeypatch: pytest.MonkeyPatch) -> None:
    LossSettings(kind="combined", hard_fraction=0.5, class_weights="median")
    no_mining = terms(DICE, {"kind": "focal"})
    with pytest.raises(
        UserError, match=r"loss\.hard_fraction has no effect: loss\.kind 'combined' uses loss\.class_we"
    ):
        LossSettings(kind="combined", options=no_mining, hard_fraction=0.5)
    without = LossKind("without class weights", make=lambda _settings, _options: None, adds_up=True)  # type: ignore[arg-type,return-value]
    monkeypatch.setitem(table("losses")._loaded, "focal", without)
    with pytest.raises(
        UserError, match=r"loss\.class_weights has no effect on the term 'focal' of loss\.kind 'combined'"
    ):
        LossSettings(kind="combined", options=no_mining, class_weights="median")


def test_only_the_terms_that_mine_do_so() -> None:
    case = Case.of(5)
    context = LossContext(case.align_corners, case.weights)

    def loss(settings: LossSettings) -> float:
        return LOSSES[settings.kind].build(settings)(case.logits, case.target, context).item()

    mined = LossSettings(hard_fraction=0.3)
    both = replace(mined, kind="combined", options=terms({"kind": "cross_entropy"}, DICE | {"weight": 0.25}))
    assert loss(both) == pytest.approx(loss(mined) + 0.25 * loss(LossSettings("dice")), rel=1e-12)


def test_a_combination_can_be_written_down_and_read() -> None:
    settings = LossSettings(kind="combined", options=terms(DICE | {"weight": 2.0, "options": {"smooth": 3.0}}, DICE))
    assert from_mapping(LossSettings, to_mapping(settings), "a recipe") == settings


def test_smoothed_labels_are_pytorchs_with_pixels_mined_by_what_they_are_without() -> None:
    case = Case.of(6)
    plain, smoothed = (
        LOSSES["cross_entropy"].build(LossSettings(options=options, hard_fraction=0.3, hard_threshold=0.0))
        for options in ({}, {"label_smoothing": 0.1})
    )
    context = LossContext(case.align_corners, case.weights)
    losses = torch.nn.functional.cross_entropy(
        case.log_probabilities, case.target.long(), ignore_index=-1, reduction="none"
    )
    number = round(0.3 * int(case.known.sum()))
    kept = (losses >= losses[case.known].topk(number).values.min()) & case.known
    target = case.target.where(kept, -1).long()
    for loss, smoothing in ((plain, 0.0), (smoothed, 0.1)):
        expected = torch.nn.functional.cross_entropy(
            case.log_probabilities, target, case.weights, ignore_index=-1, label_smoothing=smoothing
        )
        assert loss(case.logits, case.target, context).item() == pytest.approx(expected.item(), rel=1e-10)
