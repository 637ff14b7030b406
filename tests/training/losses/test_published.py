"""Every loss gives the numbers of its paper's formula over whole upsampled scores in float64, and its gradient."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from sceneparse.labels import IGNORE
from sceneparse.networks.exact import bands
from sceneparse.networks.exact.lovasz import lovasz_gradient
from sceneparse.settings import LossSettings
from sceneparse.training.losses.kind import LossContext
from sceneparse.training.losses.table import LOSSES
from tests.support import slow_losses
from tests.support.gpus import needs_cuda
from tests.support.slow_losses import Case


def dice(smooth: float) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    return lambda both, found, truth: (2 * both + smooth) / (found + truth + smooth)


def jaccard(smooth: float) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    return lambda both, found, truth: (both + smooth) / (found + truth - both + smooth)


def smoothed(case: Case, smoothing: float) -> Tensor:
    """PyTorch's own cross-entropy."""
    return F.cross_entropy(
        case.log_probabilities, case.target.long(), case.weights, ignore_index=IGNORE, label_smoothing=smoothing
    )


def sum_of_two(case: Case) -> Tensor:
    return 0.5 * smoothed(case, 0.1) + 2 * slow_losses.lovasz(case, by_picture=True)


TERMS = [
    {"kind": "cross_entropy", "weight": 0.5, "options": {"label_smoothing": 0.1}},
    {"kind": "lovasz", "weight": 2.0},
]

FORMS: dict[str, tuple[str, dict[str, Any], Callable[[Case], Tensor]]] = {
    "label smoothing": ("cross_entropy", {"label_smoothing": 0.1}, lambda case: smoothed(case, 0.1)),
    "much of it": ("cross_entropy", {"label_smoothing": 0.9}, lambda case: smoothed(case, 0.9)),
    "focal": ("focal", {}, lambda case: slow_losses.focal(case, 2.0)),
    "gamma 0.5": ("focal", {"gamma": 0.5}, lambda case: slow_losses.focal(case, 0.5)),
    "gamma 0": ("focal", {"gamma": 0.0}, lambda case: smoothed(case, 0.0)),
    "gamma 0, smoothing": ("focal", {"gamma": 0.0, "label_smoothing": 0.2}, lambda case: smoothed(case, 0.2)),
    "focal, smoothing": ("focal", {"label_smoothing": 0.2}, lambda case: slow_losses.focal(case, 2.0, 0.2)),
    "boundary": ("boundary_cross_entropy", {}, lambda case: slow_losses.boundary(case, 10.0, 5.0)),
    "narrow boundary": (
        "boundary_cross_entropy",
        {"weight": 3.0, "distance": 1.2},
        lambda case: slow_losses.boundary(case, 3.0, 1.2),
    ),
    "dice": ("dice", {}, lambda case: slow_losses.overlap(case, dice(1.0))),
    "dice, squared": (
        "dice",
        {"denominator": "squared", "smooth": 0.0},
        lambda case: slow_losses.overlap(case, dice(0.0), squared=True),
    ),
    "dice, all": ("dice", {"classes": "all"}, lambda case: slow_losses.overlap(case, dice(1.0), every=True)),
    "dice, by picture": (
        "dice",
        {"over": "picture", "smooth": 0.5},
        lambda case: slow_losses.overlap(case, dice(0.5), by_picture=True),
    ),
    "dice, squared, all, by picture": (
        "dice",
        {"over": "picture", "classes": "all", "denominator": "squared"},
        lambda case: slow_losses.overlap(case, dice(1.0), by_picture=True, every=True, squared=True),
    ),
    "jaccard": ("jaccard", {}, lambda case: slow_losses.overlap(case, jaccard(1.0))),
    "jaccard, all": ("jaccard", {"classes": "all"}, lambda case: slow_losses.overlap(case, jaccard(1.0), every=True)),
    "jaccard, by picture": (
        "jaccard",
        {"over": "picture", "smooth": 0.0},
        lambda case: slow_losses.overlap(case, jaccard(0.0), by_picture=True),
    ),
    "lovasz": ("lovasz", {}, lambda case: slow_losses.lovasz(case, by_picture=True)),
    "lovasz, batch": ("lovasz", {"over": "batch"}, lambda case: slow_losses.lovasz(case, by_picture=False)),
    "combined": ("combined", {"terms": TERMS}, sum_of_two),
}
"""Kind, options and transcription of each form."""


def loss_of(form: str, case: Case) -> Tensor:
    kind, options, _ = FORMS[form]
    loss = LOSSES[kind].build(LossSettings(kind=kind, options=options))
    return loss(case.logits, case.target, LossContext(case.align_corners, case.weights))


def gradient(loss: Tensor, case: Case) -> Tensor:
    return torch.autograd.grad(3 * loss, case.logits)[0]


def distance(got: Tensor, expected: Tensor) -> float:
    """Relative to the largest value."""
    return float((got - expected).abs().max() / expected.abs().max().clamp(min=1e-300))


@pytest.mark.parametrize("form", FORMS)
def test_loss_and_gradient_are_those_of_the_formula(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(12):
        monkeypatch.setattr(bands, "band_rows", lambda *_, seed=seed: (1, 5, 1000)[seed % 3])
        case = Case.of(seed)
        if not case.known.any():
            continue
        got, expected = loss_of(form, case), FORMS[form][2](case)
        assert got.dtype == torch.float64 and got.item() == pytest.approx(expected.item(), rel=1e-11, abs=1e-13)
        assert distance(gradient(got, case), gradient(expected, case)) <= 1e-10


@pytest.mark.parametrize("form", FORMS)
def test_single_precision_is_as_exact_as_its_rounding(form: str) -> None:
    case = Case.of(5)
    single = replace(case, logits=case.logits.detach().float().requires_grad_())
    double = replace(case, logits=single.logits.detach().double().requires_grad_())
    got, expected = loss_of(form, single), FORMS[form][2](double)
    assert got.dtype == torch.float32 and got.item() == pytest.approx(expected.item(), rel=3e-6)
    assert distance(gradient(got, single), gradient(expected, double)) <= 2e-5


@pytest.mark.parametrize("form", FORMS)
def test_half_precision_logits_are_computed_in_single_precision(form: str) -> None:
    case = Case.of(7)
    half = replace(case, logits=case.logits.detach().bfloat16().requires_grad_())
    single = replace(case, logits=half.logits.detach().float().requires_grad_())
    with torch.autocast("cpu", torch.bfloat16):
        got = loss_of(form, half)
        pulled = gradient(got, half)
    expected = loss_of(form, single)
    assert got.dtype == torch.float32 and torch.equal(got, expected)
    assert pulled.dtype == torch.bfloat16 and distance(pulled.float(), gradient(expected, single)) < 1e-2


@pytest.mark.parametrize("form", FORMS)
def test_where_nothing_is_labelled_loss_and_gradient_are_zero(form: str) -> None:
    for seed in (2, 3):
        case = replace(Case.of(seed), target=torch.full((4, 11, 13), IGNORE, dtype=torch.int16))
        case = replace(case, logits=torch.randn(4, case.logits.shape[1], 3, 4, dtype=torch.float64).requires_grad_())
        loss = loss_of(form, case)
        assert loss.item() == 0 and not gradient(loss, case).any()


@pytest.mark.parametrize("form", FORMS)
def test_where_all_that_is_labelled_weighs_nothing_loss_and_gradient_are_zero(form: str) -> None:
    logits = torch.randn(2, 3, 4, 5, dtype=torch.float64).requires_grad_()
    target = torch.zeros(2, 13, 17, dtype=torch.int16)
    case = Case(logits, target, False, torch.tensor([0.0, 1.0, 2.0]))
    loss = loss_of(form, case)
    if "all" in form:  # the other classes are wrong wherever they are found
        assert loss.isfinite()
    else:
        assert loss.item() == 0 and not gradient(loss, case).any()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("form", FORMS)
def test_a_logit_that_is_not_finite_shows_in_the_loss(form: str, bad: float) -> None:
    case = Case.of(5)
    with torch.no_grad():
        case.logits[0, 0, 0, 0] = bad
    assert not loss_of(form, case).isfinite()


@pytest.mark.parametrize("form", ["focal", "label smoothing", "dice", "jaccard", "lovasz"])
def test_corners_that_exclude_each_others_classes_leave_the_loss_exact(form: str) -> None:
    """Half-way between them every class has a vanishing interpolated probability."""
    logits = torch.full((1, 3, 2, 2), -4000.0, dtype=torch.float64)
    logits[0, 0, :, 0] = logits[0, 1, :, 1] = 0
    case = Case(logits.requires_grad_(), torch.arange(3, dtype=torch.int16).repeat(1, 12, 1), False, None)
    got, expected = loss_of(form, case), FORMS[form][2](case)
    assert got.item() == pytest.approx(expected.item(), rel=1e-10)
    if form != "lovasz":  # of equal errors, the order decides which subgradient it is
        torch.testing.assert_close(gradient(got, case), gradient(expected, case))


@pytest.mark.parametrize("form", FORMS)
def test_the_same_input_gives_the_same_bits(form: str) -> None:
    case = Case.of(5)
    case = replace(case, logits=case.logits.detach().float().requires_grad_())
    first, second = loss_of(form, case), loss_of(form, case)
    assert torch.equal(first, second) and torch.equal(gradient(first, case), gradient(second, case))


@pytest.mark.parametrize("form", FORMS)
def test_a_second_derivative_is_refused(form: str) -> None:
    case = Case.of(4)
    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.autograd.grad(loss_of(form, case), case.logits, create_graph=True)


@pytest.mark.parametrize("form", ["dice", "jaccard", "lovasz"])
def test_a_class_that_is_not_there_neither_helps_nor_hinders(form: str) -> None:
    """The network finds none of it: no class less, no better loss."""
    case = Case.of(6)
    silent = torch.full_like(case.logits[:, :1], -1e4)
    more = replace(case, logits=torch.cat([case.logits, silent], dim=1).detach().requires_grad_())
    assert loss_of(form, more).item() == pytest.approx(loss_of(form, case).item(), rel=1e-12)
    alone = torch.zeros(1, 3, 4, 4, dtype=torch.float64)
    alone[:, 0] = 50  # class 0 alone is there and found
    right = Case(alone, torch.zeros(1, 9, 9, dtype=torch.int16), False, None)
    assert loss_of(form, right).item() == pytest.approx(0, abs=1e-12)


def test_with_all_classes_what_is_found_of_an_absent_one_is_wrong() -> None:
    target = torch.zeros(1, 9, 9, dtype=torch.int16)
    logits = torch.zeros(1, 3, 4, 4, dtype=torch.float64).requires_grad_()
    loss = loss_of("dice, all", Case(logits, target, False, None))
    first, *others = (-torch.autograd.grad(loss, logits)[0]).sum((0, 2, 3)).tolist()
    assert first > 0 and all(one < 0 for one in others)


def test_the_lovasz_extension_of_errors_of_one_and_zero_is_the_jaccard_loss() -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        own, wrong = (torch.rand(30, generator=generator) < 0.4 for _ in range(2))
        own[0] = True
        order = wrong.double().sort(descending=True, stable=True).indices
        found = own ^ wrong
        jaccard_loss = 1 - (own & found).sum().double() / (own | found).sum()
        got = (wrong[order] * lovasz_gradient(own[order], torch.float64)).sum()
        assert got.item() == pytest.approx(jaccard_loss.item(), rel=1e-12)


@pytest.mark.parametrize(
    "form", ["label smoothing", "focal", "focal, smoothing", "boundary", "dice", "jaccard", "lovasz"]
)
def test_memory_is_that_of_a_band_and_of_one_class_where_errors_are_sorted(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The largest tensor made, forward and backward, holds far fewer numbers than the upsampled scores."""
    largest = 0

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            nonlocal largest
            out = func(*args, **(kwargs or {}))
            largest = max(largest, out.numel() if isinstance(out, Tensor) else 0)
            return out

    monkeypatch.setattr(bands, "band_rows", lambda *_: 8)
    target = torch.arange(2, dtype=torch.int16)[:, None, None].expand(2, 128, 160).contiguous()
    case = Case(torch.randn(2, 50, 8, 10, requires_grad=True), target, False, None)
    with Watch():
        loss_of(form, case).backward()
    assert 0 < largest <= target.numel()


@needs_cuda
@pytest.mark.parametrize("form", FORMS)
def test_on_a_gpu_loss_and_gradient_are_those_of_the_formula(form: str) -> None:
    case = Case.of(5)
    weights = None if case.weights is None else case.weights.cuda()
    there = Case(case.logits.detach().cuda().requires_grad_(), case.target.cuda(), case.align_corners, weights)
    got, expected = loss_of(form, there), FORMS[form][2](case)
    assert got.item() == pytest.approx(expected.item(), rel=1e-11)
    assert distance(gradient(got, there).cpu(), gradient(expected, case)) <= 1e-10
