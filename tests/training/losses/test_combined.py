"""Cross-entropy and a loss of overlap go over the upsampled scores together, to the same numbers as one by one."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from sceneparse.labels import IGNORE
from sceneparse.networks.exact import banded, class_sums
from sceneparse.networks.exact.bands import Piece, pieces
from sceneparse.training.losses.combined import Combined
from sceneparse.training.losses.cross_entropy import CrossEntropy
from sceneparse.training.losses.dice import Dice
from sceneparse.training.losses.jaccard import Jaccard
from sceneparse.training.losses.kind import HeadLoss, LossContext
from sceneparse.training.losses.lovasz import Lovasz

CLASSES, WEIGHTS = 5, (0.7, 0.3)


def made(*, labelled: bool = True) -> tuple[Tensor, Tensor]:
    """Logits of two pictures, and their classes, a fifth of them unknown; class 3 is nowhere."""
    generator = torch.Generator().manual_seed(0)
    logits = 4 * torch.randn(2, CLASSES, 5, 7, generator=generator, dtype=torch.float64)
    target = torch.randint(0, CLASSES, (2, 33, 47), generator=generator).to(torch.int16)
    unknown = torch.rand(target.shape, generator=generator) < (0.2 if labelled else 2)
    return logits.requires_grad_(), target.masked_fill((target == 3) | unknown, IGNORE)


def value_and_gradient(loss: HeadLoss, logits: Tensor, target: Tensor, context: LossContext) -> tuple[Tensor, Tensor]:
    value = loss(logits, target, context)
    (gradient,) = torch.autograd.grad(value, logits)
    return value.detach(), gradient


@pytest.mark.parametrize(
    "overlap",
    [Dice(), Dice(denominator="squared", classes="all"), Dice(over="picture"), Jaccard(), Jaccard(over="picture")],
    ids=repr,
)
@pytest.mark.parametrize("weighted", [True, False])
def test_together_they_are_what_they_are_one_by_one(overlap: Dice | Jaccard, weighted: bool) -> None:
    logits, target = made()
    weights = torch.tensor([0.5, 2.0, 0.0, 1.0, 3.0], dtype=torch.float64) if weighted else None
    # As in one of two processes, whose other has as much of everything.
    context = LossContext(False, weights, lambda amounts: 2 * amounts)
    found = value_and_gradient(Combined([overlap, CrossEntropy()], WEIGHTS), logits, target, context)
    parts = [value_and_gradient(loss, logits, target, context) for loss in (overlap, CrossEntropy())]
    for number, kind in enumerate(("value", "gradient")):
        expected = sum(weight * part[number] for weight, part in zip(WEIGHTS, parts, strict=True))
        torch.testing.assert_close(found[number], expected, msg=kind)


def test_where_nothing_is_labelled_both_are_0_with_gradients_of_0() -> None:
    logits, target = made(labelled=False)
    value, gradient = value_and_gradient(Combined([CrossEntropy(), Dice()], WEIGHTS), logits, target, LossContext(True))
    assert value == 0
    assert not gradient.any()


@pytest.mark.parametrize(
    ("losses", "sweeps"),
    [
        ((CrossEntropy(), Dice()), 2),
        ((Jaccard(), CrossEntropy()), 2),
        # Each takes its own sweep where the entropy is not the plain one, and where no sums are wanted.
        ((CrossEntropy(label_smoothing=0.1), Dice()), 2),
        ((CrossEntropy(), Lovasz()), 0),
        # A second loss of overlap is computed by itself.
        ((CrossEntropy(), Dice(), Jaccard()), 4),
    ],
    ids=lambda value: "-".join(type(one).__name__ for one in value) if isinstance(value, tuple) else str(value),
)
def test_two_sweeps_are_enough_for_both(
    losses: tuple[HeadLoss, ...], sweeps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept: dict[str, int] = {"sums": 0, "entropy": 0}

    def counting(name: str) -> Callable[..., Iterator[Piece]]:
        def counted(*given: Any) -> Iterator[Piece]:
            swept[name] += 1
            return pieces(*given)

        return counted

    monkeypatch.setattr(class_sums, "pieces", counting("sums"))
    monkeypatch.setattr(banded, "pieces", counting("entropy"))
    logits, target = made()
    value_and_gradient(Combined(losses, [1.0] * len(losses)), logits, target, LossContext(True))
    assert swept == {"sums": sweeps, "entropy": 0 if CrossEntropy() in losses and sweeps else 1}
