"""Chunks and processes that share a batch have together its loss and its gradient, or are refused."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from sceneparse.errors import UserError
from sceneparse.labels import IGNORE
from sceneparse.networks import Output
from sceneparse.processes import ALONE, Member
from sceneparse.settings import DataSettings, LossSettings, NetworkSettings, Recipe
from sceneparse.training.losses.kind import LossContext, Total
from sceneparse.training.losses.table import LOSSES
from sceneparse.training.losses.targets import Amounts, Targets
from sceneparse.training.recipe_losses import RecipeLosses
from sceneparse.training.start import _refuse_unshareable as refuse_unshareable
from tests.support.slow_losses import Case
from tests.support.together import in_two_processes

MakeRecipe = Callable[..., Recipe]

FORMS: dict[str, LossSettings] = {
    "cross_entropy": LossSettings(),
    "smoothing": LossSettings(options={"label_smoothing": 0.1}),
    "mining": LossSettings(options={"label_smoothing": 0.1}, hard_fraction=0.3),
    "focal": LossSettings("focal"),
    "focal smoothed": LossSettings("focal", {"label_smoothing": 0.1}),
    "boundary": LossSettings("boundary_cross_entropy"),
    "dice": LossSettings("dice"),
    "dice by picture": LossSettings("dice", {"over": "picture"}),
    "dice of all": LossSettings("dice", {"classes": "all", "denominator": "squared"}),
    "jaccard": LossSettings("jaccard"),
    "jaccard by picture": LossSettings("jaccard", {"over": "picture"}),
    "lovasz": LossSettings("lovasz"),
    "combined": LossSettings("combined"),
    "combined by picture": LossSettings(
        "combined", {"terms": [{"kind": "focal"}, {"kind": "lovasz"}, {"kind": "dice", "options": {"over": "picture"}}]}
    ),
}
"""Losses that processes can share."""

CHUNKS = [name for name in FORMS if name not in ("mining", "dice", "dice of all", "jaccard", "combined")]
"""Those of which chunks add up; mining chooses chunk by chunk."""


def in_two(work: Callable[[int, Total], Tensor]) -> list[Tensor]:
    """What two processes do that exchange sums, each a thread: the first with 0, the second with 1."""
    said: list[Tensor] = [torch.zeros(())] * 2
    barrier = threading.Barrier(2, timeout=60)

    def total_of(process: int) -> Total:
        def total(values: Tensor) -> Tensor:
            said[process] = values.detach().clone()
            barrier.wait()
            found = said[0] + said[1]
            barrier.wait()
            return found

        return total

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda process: work(process, total_of(process)), (0, 1)))


def batch(seed: int) -> Case:
    """Eight pictures, the first two of them unlabelled, the third with a class that no other has."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(8, 5, 4, 5, generator=generator, dtype=torch.float64)
    target = torch.randint(0, 3, (8, 19, 23), generator=generator).to(torch.int16)
    target[torch.rand(target.shape, generator=generator) < 0.3] = IGNORE
    target[:2] = IGNORE
    target[2, 5:9] = 3
    weights = 0.1 + torch.rand(5, generator=generator, dtype=torch.float64) if seed % 2 else None
    return Case(logits.requires_grad_(), target, bool(seed % 2), weights)


def shares(settings: LossSettings, case: Case, pictures: slice, whole: Amounts, total: Total) -> Tensor:
    """The share of some pictures in the loss of the batch, as the training step adds it up."""
    recipe = Recipe(data=DataSettings("toyworld"), network=NetworkSettings(aux=False), loss=settings)
    losses = RecipeLosses(recipe, None, LossContext(case.align_corners, case.weights, total))
    return losses.shares(Output(case.logits[pictures], None), Targets(case.target[pictures]), whole)[0]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("form", FORMS)
def test_processes_have_together_the_loss_of_the_batch_and_its_gradient(form: str, seed: int) -> None:
    case, settings = batch(seed), FORMS[form]
    whole = Amounts.of(Targets(case.target), case.weights, None)
    expected = shares(settings, case, slice(None), whole, ALONE.total)
    wanted = torch.autograd.grad(expected, case.logits)[0]

    def half(process: int, total: Total) -> Tensor:
        return shares(settings, case, slice(4 * process, 4 * process + 4), whole, total)

    found = in_two(half)
    assert sum(one.item() for one in found) == pytest.approx(expected.item(), rel=1e-12)
    got = sum(torch.autograd.grad(one, case.logits)[0] for one in found)
    assert isinstance(got, Tensor) and (got - wanted).abs().max() <= 1e-12 * wanted.abs().max()


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("form", CHUNKS)
def test_chunks_add_up_to_the_loss_of_the_batch_and_its_gradient(form: str, seed: int) -> None:
    case, settings = batch(seed), FORMS[form]
    assert LOSSES[settings.kind].undivided(settings, "chunks") is None
    whole = Amounts.of(Targets(case.target), case.weights, None)
    expected = shares(settings, case, slice(None), whole, ALONE.total)
    wanted = torch.autograd.grad(expected, case.logits)[0]
    found = [shares(settings, case, slice(n, n + 2), whole, ALONE.total) for n in range(0, 8, 2)]
    assert found[0].item() == 0
    assert sum(one.item() for one in found) == pytest.approx(expected.item(), rel=1e-12)
    got = sum(torch.autograd.grad(one, case.logits)[0] for one in found)
    assert isinstance(got, Tensor) and (got - wanted).abs().max() <= 1e-12 * wanted.abs().max()


@pytest.mark.parametrize(
    ("kind", "options", "named"),
    [
        ("dice", {}, r"'dice' \(with over: picture it would\)"),
        ("jaccard", {}, r"'jaccard' \(with over: picture it would\)"),
        ("lovasz", {"over": "batch"}, r"'lovasz' \(with over: picture it would\)"),
        ("combined", {}, r"'combined', of which 'dice' \(with over: picture it would\)"),
    ],
)
def test_what_needs_the_whole_batch_is_refused_in_chunks(
    toy: MakeRecipe, kind: str, options: dict[str, Any], named: str
) -> None:
    with pytest.raises(UserError, match=rf"training\.accumulate is 2, but loss\.kind {named} does not add up over"):
        toy(loss__kind=kind, loss__options=options, training__accumulate=2)


def test_a_loss_that_sorts_the_whole_batch_is_refused_in_several_processes(toy: MakeRecipe) -> None:
    recipe, two, device = toy(), Member(0, 2, 0, 2), torch.device("cpu")
    over = {"over": "batch"}
    terms = {"terms": [{"kind": "focal"}, {"kind": "lovasz", "options": over}]}
    refused: list[tuple[str, dict[str, Any], str]] = [
        ("lovasz", over, r"'lovasz' \(with over: picture it would\)"),
        ("combined", terms, r"'combined', of which 'lovasz' \(with over: picture it would\)"),
    ]
    for kind, options, named in refused:
        with pytest.raises(UserError, match=rf"loss\.kind {named} does not add up .* 2 processes cannot share it"):
            refuse_unshareable(replace(recipe, loss=LossSettings(kind, options)), two, device)
    for settings in FORMS.values():
        refuse_unshareable(replace(recipe, loss=settings), two, device)


SHARED = """
import sys

import torch

from sceneparse.processes import join
from sceneparse.training.losses.targets import Amounts, Targets
from tests.training.losses.test_dividing import FORMS, batch, shares

processes, case = join("cpu"), batch(1)
some = slice(4 * processes.rank, 4 * processes.rank + 4)
whole = Amounts(processes.total(Amounts.of(Targets(case.target[some]), case.weights, None).values))
found = {}
for form, settings in FORMS.items():
    share = shares(settings, case, some, whole, processes.total)
    (gradient,) = torch.autograd.grad(share, case.logits)
    found[form] = (processes.total(share), processes.total(gradient))
if processes.first:
    torch.save(found, sys.argv[1])
"""


def test_two_real_processes_have_together_the_loss_of_the_batch_and_its_gradient(tmp_path: Path) -> None:
    (tmp_path / "shared.py").write_text(SHARED)
    in_two_processes(tmp_path / "shared.py", tmp_path / "found.pt")
    found, case = torch.load(tmp_path / "found.pt", weights_only=True), batch(1)
    whole = Amounts.of(Targets(case.target), case.weights, None)
    for form, (value, gradient) in found.items():
        expected = shares(FORMS[form], case, slice(None), whole, ALONE.total)
        assert value.item() == pytest.approx(expected.item(), rel=1e-12), form
        wanted = torch.autograd.grad(expected, case.logits)[0]
        assert (gradient - wanted).abs().max() <= 1e-12 * wanted.abs().max(), form
    assert found.keys() == FORMS.keys()
