import math
import random
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from sceneparse.networks import resize
from sceneparse.networks.exact import bands
from sceneparse.networks.exact.banded import upsampled_cross_entropy, upsampled_losses
from tests.support.gpus import needs_cuda

CLASSES = 5
SIZES = [
    ((4, 5), (13, 17)),
    ((3, 9), (20, 75)),
    ((6, 7), (6, 7)),
    ((9, 11), (4, 6)),
    ((2, 9), (9, 4)),
    ((1, 1), (6, 7)),
    ((1, 6), (8, 3)),
    ((6, 7), (1, 1)),
    ((1, 1), (1, 1)),
]


def case(
    size: tuple[int, int], target: tuple[int, int], dtype: torch.dtype = torch.float64, batch: int = 3
) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = 4 * torch.randn(batch, CLASSES, *size, generator=generator, dtype=torch.float64)
    classes = torch.randint(0, CLASSES, (batch, *target), generator=generator, dtype=torch.int16)
    weights = torch.rand(batch, *target, generator=generator, dtype=torch.float64)
    weights[torch.rand(weights.shape, generator=generator) < 0.3] = 0
    return logits.to(dtype).requires_grad_(), classes, weights.to(dtype)


def plain_losses(logits: Tensor, target: Tensor, align_corners: bool) -> Tensor:
    return F.cross_entropy(
        resize(logits, (target.shape[-2], target.shape[-1]), align_corners), target.long(), reduction="none"
    )


def gradient(loss: Tensor, logits: Tensor) -> Tensor:
    return torch.autograd.grad(3 * loss, logits)[0]


def distance(got: Tensor, expected: Tensor) -> float:
    """Relative to the largest value."""
    return float((got - expected).abs().max() / expected.abs().max().clamp(min=1e-300))


@pytest.mark.parametrize("rows", [1, 5, 1000])
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(("size", "target"), SIZES)
def test_loss_and_gradient_are_those_of_the_plain_form(
    size: tuple[int, int], target: tuple[int, int], align_corners: bool, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bands, "band_rows", lambda *_: rows)
    logits, classes, weights = case(size, target)
    plain = plain_losses(logits, classes, align_corners)
    expected = (plain * weights).sum()
    got = upsampled_cross_entropy(logits, classes, weights, align_corners)
    assert got.dtype == torch.float64 and abs(got.item() - expected.item()) <= 1e-12 * expected.item()
    assert distance(gradient(got, logits), gradient(expected, logits)) <= 1e-12
    assert distance(upsampled_losses(logits, classes, align_corners), plain.detach()) <= 1e-12


@pytest.mark.parametrize("seed", range(40))
def test_any_sizes_and_batches_give_the_plain_numbers(seed: int) -> None:
    draw = random.Random(seed)
    size, target = ((draw.randint(1, high), draw.randint(1, high)) for high in (14, 90))
    logits, classes, weights = case(size, target, batch=draw.randint(1, 4))
    align_corners = draw.random() < 0.5
    plain = plain_losses(logits, classes, align_corners)
    expected = (plain * weights).sum()
    got = upsampled_cross_entropy(logits, classes, weights, align_corners)
    assert abs(got.item() - expected.item()) <= 1e-12 * expected.item()
    assert distance(gradient(got, logits), gradient(expected, logits)) <= 1e-12
    single = logits.detach().float()
    truth = (plain_losses(single.double(), classes, align_corners) * weights).sum().item()
    rounded = upsampled_cross_entropy(single, classes, weights.float(), align_corners).item()
    assert abs(rounded - truth) <= 2e-6 * truth


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("align_corners", [False, True])
def test_single_precision_is_as_exact_as_its_rounding(align_corners: bool, channels_last: bool) -> None:
    logits, classes, weights = case((8, 9), (61, 70), torch.float32)
    if channels_last:
        logits = logits.detach().contiguous(memory_format=torch.channels_last).requires_grad_()
    double = logits.detach().double().requires_grad_()
    expected = (plain_losses(double, classes, align_corners) * weights).sum()
    got = upsampled_cross_entropy(logits, classes, weights, align_corners)
    assert got.dtype == torch.float32 and got.item() == pytest.approx(expected.item(), rel=1e-6)
    assert distance(gradient(got, logits), gradient(expected, double)) <= 2e-6


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_logits_are_computed_in_single_precision(dtype: torch.dtype) -> None:
    logits, classes, weights = case((4, 5), (13, 17), dtype)
    single = logits.detach().float().requires_grad_()
    expected = upsampled_cross_entropy(single, classes, weights.float(), False)
    with torch.autocast("cpu", torch.bfloat16):
        got = upsampled_cross_entropy(logits, classes, weights.float(), False)
        losses = upsampled_losses(logits, classes, False)
    assert got.dtype == losses.dtype == torch.float32 and torch.equal(got, expected)
    assert torch.equal(losses, upsampled_losses(single, classes, False))
    pulled = gradient(got, logits)
    assert pulled.dtype == dtype and torch.equal(pulled, gradient(expected, single).to(dtype))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_corners_that_exclude_each_others_classes_leave_the_losses_exact(dtype: torch.dtype) -> None:
    """Half-way between them every class has a vanishing interpolated probability."""
    logits = torch.full((1, 3, 2, 2), -4000.0, dtype=dtype)
    logits[0, 0, :, 0] = logits[0, 1, :, 1] = 0
    logits.requires_grad_()
    classes = torch.arange(3, dtype=torch.int16).expand(1, 12, 3)
    weights = torch.ones(1, 12, 3, dtype=dtype)
    plain = plain_losses(logits, classes, False)
    torch.testing.assert_close(upsampled_losses(logits, classes, False), plain.detach())
    got = upsampled_cross_entropy(logits, classes, weights, False)
    torch.testing.assert_close(gradient(got, logits), gradient(plain.sum(), logits))


def test_the_same_input_gives_the_same_bits() -> None:
    logits, classes, weights = case((9, 11), (50, 70), torch.float32)
    first, second = (upsampled_cross_entropy(logits, classes, weights, True) for _ in range(2))
    assert torch.equal(first, second) and torch.equal(gradient(first, logits), gradient(second, logits))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("counting", [0.0, 1.0])
def test_a_logit_that_is_not_finite_shows_in_the_loss(bad: float, counting: float) -> None:
    logits, classes, weights = case((4, 5), (13, 17))
    with torch.no_grad():
        logits[1, 2, 3, 4] = bad
    assert not upsampled_cross_entropy(logits, classes, counting * weights, False).isfinite()


def test_where_all_weights_are_zero_so_are_loss_and_gradient() -> None:
    logits, classes, weights = case((4, 5), (13, 17))
    loss = upsampled_cross_entropy(logits, classes, 0 * weights, False)
    assert loss.item() == 0 and torch.equal(gradient(loss, logits), torch.zeros_like(logits))


def test_a_second_derivative_is_refused() -> None:
    logits, classes, weights = case((4, 5), (13, 17))
    loss = upsampled_cross_entropy(logits, classes, weights, False)
    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.autograd.grad(loss, logits, create_graph=True)


def test_a_target_that_is_no_class_is_refused() -> None:
    logits, classes, weights = case((4, 5), (13, 17))
    for wrong in (CLASSES, -1):
        classes[1, 2, 3] = wrong
        with pytest.raises(RuntimeError, match="index"):
            upsampled_cross_entropy(logits, classes, weights, False)


def test_training_follows_scoring_in_inference_mode() -> None:
    """The matrices that are kept from one call to the next must serve both."""
    logits, classes, weights = case((5, 5), (23, 29))
    with torch.inference_mode():
        first = upsampled_cross_entropy(logits.detach(), classes, weights, False)
    second = upsampled_cross_entropy(logits, classes, weights, False)
    assert torch.equal(first, second) and not first.requires_grad
    assert gradient(second, logits).isfinite().all()


def test_memory_is_that_of_a_band(monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest tensor made, forward and backward, holds far fewer numbers than the upsampled scores."""
    largest = 0

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            nonlocal largest
            out = func(*args, **(kwargs or {}))
            largest = max(largest, out.numel() if isinstance(out, Tensor) else 0)
            return out

    monkeypatch.setattr(bands, "band_rows", lambda *_: 8)
    logits = torch.randn(2, 50, 8, 10, requires_grad=True)
    classes, weights = torch.zeros(2, 128, 160, dtype=torch.int16), torch.ones(2, 128, 160)
    with Watch():
        upsampled_cross_entropy(logits, classes, weights, False).backward()
    assert 0 < largest <= 2 * 128 * 160 < 50 * 2 * 128 * 160 / 10


@needs_cuda
@pytest.mark.parametrize("align_corners", [False, True])
def test_on_a_gpu_loss_and_gradient_are_those_of_the_plain_form(align_corners: bool) -> None:
    logits, classes, weights = (x.detach().cuda() for x in case((8, 9), (61, 70)))
    logits.requires_grad_()
    plain = plain_losses(logits, classes, align_corners)
    got = upsampled_cross_entropy(logits, classes, weights, align_corners)
    assert distance(gradient(got, logits), gradient((plain * weights).sum(), logits)) <= 1e-12
    assert distance(upsampled_losses(logits, classes, align_corners), plain.detach()) <= 1e-12
