import math
import random
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from sceneparse.networks import resize
from sceneparse.networks.exact.banded import (
    CrossEntropy,
    PixelLoss,
    upsampled_cross_entropy,
    upsampled_losses,
    upsampled_sum,
)
from sceneparse.networks.exact.kernels import usable
from sceneparse.networks.exact.pixel_losses import Focal, SmoothedCrossEntropy
from tests.support.kernels import Run

Size = tuple[int, int]
Case = tuple[Tensor, Tensor, Tensor]


def case(classes: int, small: Size, size: Size, batch: int = 1, seed: int = 0) -> Case:
    """Logits, classes and weights, of which some are 0."""
    generator = torch.Generator().manual_seed(seed)
    logits = 4 * torch.randn(batch, classes, *small, generator=generator)
    target = torch.randint(0, classes, (batch, *size), generator=generator)
    weights = torch.rand(batch, *size, generator=generator) * (torch.rand(batch, *size, generator=generator) < 0.7)
    weights[0, 0, 0] = 1
    return logits.contiguous(memory_format=torch.channels_last), target, weights


def found(loss: PixelLoss, logits: Tensor, target: Tensor, weights: Tensor, align_corners: bool) -> Any:
    """A loss and the gradient of its triple."""
    logits = logits.detach().requires_grad_()
    result = upsampled_sum(loss, logits, target, weights, align_corners)
    (gradient,) = torch.autograd.grad(3 * result, logits)
    return result.detach(), gradient


def losses(logits: Tensor, target: Tensor, align_corners: bool) -> Tensor:
    """The cross-entropy of each pixel, as one would write it."""
    size = (target.shape[-2], target.shape[-1])
    return F.cross_entropy(resize(logits, size, align_corners), target, reduction="none")


def check(run: Run, given: Case, align_corners: bool) -> None:
    logits, target, weights = given
    double = logits.double().requires_grad_()
    plain = losses(double, target, align_corners)
    (wanted,) = torch.autograd.grad(3 * (plain * weights).sum(), double)
    loss, gradient = run(found, CrossEntropy(), logits, target, weights, align_corners)
    each = run(upsampled_losses, logits, target, align_corners)
    torch.testing.assert_close(each.double(), plain.detach(), rtol=1e-6, atol=2e-6)
    torch.testing.assert_close(loss.double(), (plain * weights).sum().detach(), rtol=1e-6, atol=1e-6)
    assert gradient.dtype == torch.float32
    assert (gradient - wanted).abs().max() <= 2e-6 * wanted.abs().max() + 1e-7


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(
    ("classes", "small", "size"),
    [
        (5, (2, 3), (7, 13)),
        (9, (4, 3), (3, 2)),
        (2, (1, 1), (9, 3)),
        (3, (1, 3), (4, 20)),
        (65, (1, 2), (2, 2)),
        (1, (3, 3), (1, 1)),
    ],
)
def test_loss_and_gradient_are_those_of_the_plain_form(
    run: Run, classes: int, small: Size, size: Size, align_corners: bool
) -> None:
    check(run, case(classes, small, size), align_corners)


@pytest.mark.parametrize("seed", range(2))
def test_any_sizes_and_batches_give_the_plain_numbers(run: Run, seed: int) -> None:
    draw = random.Random(seed)
    small, size = (draw.randint(1, 3), draw.randint(1, 4)), (draw.randint(1, 7), draw.randint(1, 7))
    check(run, case(draw.choice((3, 10, 34)), small, size, draw.randint(1, 2), seed), draw.random() < 0.5)


CLASS_WEIGHTS = torch.tensor([0.5, 1.0, 2.0, 0.0, 1.5])


@pytest.mark.parametrize(
    "loss",
    [
        SmoothedCrossEntropy(0.1),
        SmoothedCrossEntropy(0.2, CLASS_WEIGHTS),
        Focal(2.0),
        Focal(0.5, class_weights=CLASS_WEIGHTS),
        Focal(2.0, 0.1, CLASS_WEIGHTS),
    ],
    ids=["smoothed", "smoothed, weighted", "focal", "focal, weighted", "focal, smoothed"],
)
def test_other_losses_are_those_of_bands_in_double_precision(run: Run, loss: PixelLoss) -> None:
    logits, target, weights = case(5, (2, 3), (5, 8))
    wanted, pulled = found(loss, logits.double(), target, weights.double(), False)
    got, gradient = run(found_on, loss, logits, target, weights, False)
    torch.testing.assert_close(got.double(), wanted, rtol=2e-6, atol=1e-6)
    assert (gradient - pulled).abs().max() <= 3e-6 * pulled.abs().max()


def found_on(loss: Any, logits: Tensor, *rest: Any) -> Any:
    """`found`, the weights of the loss's classes on the device of the logits."""
    if loss.class_weights is not None:
        loss = type(loss)(**{**vars(loss), "class_weights": loss.class_weights.to(logits.device)})
    return found(loss, logits, *rest)


def test_corners_that_exclude_each_others_classes_leave_the_losses_exact(run: Run) -> None:
    """Half-way between them every class has a vanishing interpolated probability."""
    logits = torch.full((1, 3, 2, 2), -4000.0)
    logits[0, 0, :, 0] = logits[0, 1, :, 1] = 0
    target = torch.arange(3).expand(1, 6, 3)
    weights = torch.ones(1, 6, 3)
    check(run, (logits + 1e5, target, weights), False)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_logits_are_computed_in_single_precision(run: Run, dtype: torch.dtype) -> None:
    logits, target, weights = case(5, (2, 2), (3, 4))
    logits = logits.to(dtype)
    wanted, pulled = run(found, CrossEntropy(), logits.float(), target, weights, True)
    got, gradient = run(found, CrossEntropy(), logits, target, weights, True)
    assert got.dtype == torch.float32 and torch.equal(got, wanted)
    assert gradient.dtype == dtype and torch.equal(gradient, pulled.to(dtype))


def test_targets_and_logits_may_have_any_type_and_memory_format(run: Run) -> None:
    logits, target, weights = case(5, (2, 2), (3, 4))
    wanted = run(found, CrossEntropy(), logits, target, weights, False)
    for same in (target.int(), target.byte(), target.short(), target.transpose(1, 2).contiguous().transpose(1, 2)):
        got = run(found, CrossEntropy(), logits.contiguous(), same, weights.double(), False)
        # A sum of another type may be added up in another order.
        torch.testing.assert_close(got[0], wanted[0], rtol=2e-7, atol=0)
        assert all(torch.equal(one, other) for one, other in zip(got[1:], wanted[1:], strict=True))


def in_pieces(programs: int, *arguments: Any) -> Any:
    """`found`, rows of the small map cut for as many programs."""
    from sceneparse.networks.exact.kernels import pulling

    before, pulling.PROGRAMS = pulling.PROGRAMS, programs
    try:
        return found(*arguments)
    finally:
        pulling.PROGRAMS = before


def test_the_same_input_gives_the_same_bits_however_it_is_cut(run: Run) -> None:
    given = (CrossEntropy(), *case(3, (1, 9), (2, 9)), False)
    loss, gradient = run(in_pieces, 1, *given)
    for programs in (1, 1 << 20):
        again, pulled = run(in_pieces, programs, *given)
        assert torch.equal(loss, again) and torch.equal(gradient, pulled)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_logit_that_is_not_finite_shows_in_the_loss(run: Run, bad: float) -> None:
    logits, target, weights = case(5, (2, 3), (4, 5))
    logits[0, 2, 1, 1] = bad
    assert not run(upsampled_cross_entropy, logits, target, 0 * weights, False).isfinite()


def test_a_target_that_is_no_class_shows_in_the_loss(run: Run) -> None:
    logits, target, weights = case(5, (2, 3), (4, 5))
    for wrong in (5, -1, 1 << 40):
        target[0, 1, 1] = wrong
        assert run(upsampled_cross_entropy, logits, target, weights, False).isnan()
        assert int(run(upsampled_losses, logits, target, False).isnan().sum()) == 1


def test_where_all_weights_are_zero_so_are_loss_and_gradient(run: Run) -> None:
    logits, target, weights = case(5, (2, 3), (4, 5))
    loss, gradient = run(found, CrossEntropy(), logits, target, 0 * weights, False)
    assert loss.item() == 0 and not gradient.any()


def test_a_second_derivative_is_refused(run: Run) -> None:
    with pytest.raises(RuntimeError, match="no second derivative"):
        run(twice, *case(2, (1, 2), (2, 3)))


def twice(logits: Tensor, target: Tensor, weights: Tensor) -> None:
    """Ask for a second derivative."""
    logits = logits.detach().requires_grad_()
    torch.autograd.grad(upsampled_cross_entropy(logits, target, weights, False), logits, create_graph=True)


class Watch(TorchDispatchMode):
    """The operators that are called, and the most numbers in a tensor that one of them makes.

    Bytes don't count: they are the interpreter's copies.
    """

    def __init__(self) -> None:
        super().__init__()
        self.called: set[str] = set()
        self.largest = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.called.add(func.overloadpacket.__name__)
        if isinstance(out, Tensor) and out.dtype != torch.uint8:
            self.largest = max(self.largest, out.numel())
        return out


def watched(*given: Any) -> tuple[list[str], int]:
    """The operators of a step and the size of the largest tensor."""
    with Watch() as watch:
        found(CrossEntropy(), *given)
    return sorted(watch.called), watch.largest


def test_nothing_is_read_back_to_the_host_and_nothing_has_the_size_of_the_upsampled_scores(run: Run) -> None:
    logits, target, weights = case(9, (2, 2), (6, 9))
    called, largest = run(watched, logits, target, weights, False)
    assert not {"_local_scalar_dense", "nonzero", "is_nonzero", "item"} & set(called)
    assert largest <= max(16 * 2 * 2, 6 * 9)


def test_float64_stays_on_the_general_path(run: Run) -> None:
    logits, target, weights = case(3, (2, 2), (5, 4))
    assert not run(usable.usable, logits.double(), (5, 4)) and run(usable.usable, logits, (5, 4))
    loss, gradient = run(found, CrossEntropy(), logits.double(), target, weights.double(), False)
    assert loss.dtype == gradient.dtype == torch.float64
