"""Probabilities by products are those of the softmax of upsampled scores."""

import pytest
import torch
from torch import Tensor

from sceneparse.networks import resize
from sceneparse.networks.exact import label_probabilities as module
from sceneparse.networks.exact.label_probabilities import DEEPEST, label_probabilities
from tests.networks.exact.test_argmax import SIZES, maps, maps_of_ties


def compare(logits: Tensor, size: tuple[int, int], align_corners: bool, *, last: bool) -> Tensor:
    """Compare with the definition in float64, for the best class and for any, and return the best's probabilities."""
    logits = logits.permute(1, 2, 0).contiguous().permute(2, 0, 1) if last else logits.contiguous()
    expected = resize(logits[None].double(), size, align_corners)[0].softmax(dim=0)
    best = expected.argmax(dim=0)
    some = torch.randint(len(logits), size, generator=torch.Generator().manual_seed(0))
    # Scores that lie far apart are themselves interpolated with an error of float32's.
    error = 5e-6 + 2 * torch.finfo(torch.float32).eps * float(logits.abs().max())
    for labels in (some, best):
        found = label_probabilities(logits, labels.to(torch.int16), align_corners)
        assert found.dtype == torch.float32 and tuple(found.shape) == size
        assert float(found.min()) >= 0 and float(found.max()) <= 1
        wanted = expected.gather(0, labels[None])[0]
        torch.testing.assert_close(found.double(), wanted, atol=error, rtol=0)
    return found


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(("small", "size"), [*SIZES, ((3, 2), (200, 61)), ((2, 3), (70, 400))])
def test_they_are_those_of_the_softmax(
    small: tuple[int, int], size: tuple[int, int], align_corners: bool, last: bool
) -> None:
    for logits in (*maps(small), *maps_of_ties(small)):
        compare(logits, size, align_corners, last=last)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("rows", [1, 2, 5, 16, 64])
@pytest.mark.parametrize("at_once", [1, 300, 1 << 20])
def test_it_does_not_matter_how_many_are_made_together(
    rows: int, at_once: int, last: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROWS", rows)
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    compare(5 * torch.randn(6, 4, 5, generator=torch.Generator().manual_seed(1)), (190, 33), False, last=last)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("depth", [DEEPEST / 2, DEEPEST / 1.45, DEEPEST, 3 * DEEPEST, 1e4])
def test_classes_change_places_between_two_rows_however_deep_they_lie(depth: float, last: bool) -> None:
    """From the top to the bottom, from the bottom to the top, and one that is the best in the middle."""
    logits = torch.zeros(3, 6, 3)
    logits[0, ::2], logits[1, 1::2], logits[2] = depth, depth, 0.55 * depth
    logits[:, 4:] = torch.randn(3, 2, 3, generator=torch.Generator().manual_seed(1))  # others are none of its concern
    best = resize(logits[None], (90, 30), False)[0].argmax(dim=0)
    assert best[:60].unique().tolist() == [0, 1, 2]
    compare(logits, (90, 30), False, last=last)


def test_scores_that_are_not_finite_give_no_probability() -> None:
    for value in (torch.nan, torch.inf):
        logits = torch.randn(5, 4, 4, generator=torch.Generator().manual_seed(2))
        logits[2, 1, 1] = value
        found = label_probabilities(logits, torch.zeros(32, 32, dtype=torch.int16), False)
        assert found[10:14, 10:14].isnan().all() and found[20:, 20:].isfinite().all()
