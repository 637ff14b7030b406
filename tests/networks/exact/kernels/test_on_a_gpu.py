"""What only a GPU shows, at the size that a PSPNet has: memory, no waiting for the host, graphs, bits."""

from collections.abc import Callable, Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sceneparse.networks import resize
from sceneparse.networks.exact.argmax import upsampled_labels
from sceneparse.networks.exact.banded import upsampled_cross_entropy
from sceneparse.networks.exact.kernels.usable import usable
from tests.support.gpus import NEEDS_CUDA

pytestmark = list(NEEDS_CUDA)

SIZE = (473, 473)


@pytest.fixture
def case() -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Logits of 150 classes, targets and weights."""
    generator = torch.Generator("cuda").manual_seed(0)
    logits = 3 * torch.randn(2, 150, 60, 60, device="cuda", generator=generator)
    target = torch.randint(0, 150, (2, *SIZE), device="cuda", generator=generator, dtype=torch.uint8)
    weights = (torch.rand(2, *SIZE, device="cuda", generator=generator) < 0.9).float()
    logits = logits.bfloat16().contiguous(memory_format=torch.channels_last).requires_grad_()
    assert usable(logits, SIZE)
    yield logits, target, weights
    torch.cuda.empty_cache()


def step(logits: Tensor, target: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    loss = upsampled_cross_entropy(logits, target, weights, False)
    return loss.detach(), torch.autograd.grad(loss, logits)[0]


def plain_step(logits: Tensor, target: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    losses = F.cross_entropy(resize(logits.float(), SIZE, False), target.long(), reduction="none")
    loss = (losses * weights).sum()
    return loss.detach(), torch.autograd.grad(loss, logits)[0]


def peak(form: Callable[[], object]) -> int:
    """Bytes that a form takes at most, after what it sets up on its first call."""
    form()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    form()
    return torch.cuda.max_memory_allocated() - before


def test_loss_and_gradient_are_those_of_double_precision(case: tuple[Tensor, Tensor, Tensor]) -> None:
    logits, target, weights = case
    loss, gradient = step(logits.detach().float().requires_grad_(), target, weights)
    double = logits.detach().double().requires_grad_()
    losses = F.cross_entropy(resize(double, SIZE, False), target.long(), reduction="none")
    (wanted,) = torch.autograd.grad((losses * weights).sum(), double)
    torch.testing.assert_close(loss.double(), (losses * weights).sum().detach(), rtol=1e-6, atol=0)
    assert (gradient - wanted).abs().max() <= 5e-6 * wanted.abs().max()


def test_labels_are_those_of_double_precision(case: tuple[Tensor, Tensor, Tensor]) -> None:
    logits = case[0].detach()
    labels = upsampled_labels(logits, SIZE, False).long()
    exact = resize(logits.double(), SIZE, False)
    lost = exact.amax(dim=1) - exact.gather(1, labels[:, None])[:, 0]
    assert lost.max() <= 1e-6 * logits.abs().max()


def test_they_take_a_tenth_of_the_plain_forms_memory(case: tuple[Tensor, Tensor, Tensor]) -> None:
    logits = case[0].detach()
    assert peak(lambda: step(*case)) <= 0.1 * peak(lambda: plain_step(*case))
    ours, plain = (
        peak(lambda: upsampled_labels(logits, SIZE, False)),
        peak(lambda: resize(logits, SIZE, False).argmax(1)),
    )
    assert ours <= 0.1 * plain


def test_the_host_is_never_waited_for(case: tuple[Tensor, Tensor, Tensor]) -> None:
    step(*case)
    upsampled_labels(case[0].detach(), SIZE, False)
    torch.cuda.set_sync_debug_mode("error")
    try:
        step(*case)
        upsampled_labels(case[0].detach(), SIZE, False)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_a_captured_step_gives_the_same_bits(case: tuple[Tensor, Tensor, Tensor]) -> None:
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        wanted = step(*case)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        got = step(*case)
    for _ in range(2):
        graph.replay()
        assert all(torch.equal(one, other) for one, other in zip(got, wanted, strict=True))
