"""The best part of each pixel's object, as from all upsampled scores."""

from itertools import product

import pytest
import torch
from torch import Tensor

from sceneparse.inference import part_winners as module
from sceneparse.inference.part_winners import part_winners
from sceneparse.labels import IGNORE
from sceneparse.networks import resize
from tests.support.unified import OBJECTS, TREE

SIZES = [((5, 7), (37, 53)), ((5, 7), (20, 28)), ((6, 9), (4, 5)), ((1, 3), (8, 40)), ((4, 4), (1, 1))]


def case(small: tuple[int, int], size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Logits of a part head, and objects: scattered pixels of all of them, and a region of one."""
    generator = torch.Generator().manual_seed(small[0])
    logits = 4 * torch.randn(sum(TREE.sizes), *small, generator=generator)
    objects = torch.randint(0, len(OBJECTS), size, generator=generator, dtype=torch.int16)
    objects[: size[0] // 2] = TREE.owners[0]
    return logits, objects


def plain(logits: Tensor, objects: Tensor, align_corners: bool, temperature: float) -> tuple[Tensor, Tensor]:
    scores = resize(logits[None].double(), (objects.shape[0], objects.shape[1]), align_corners)[0]
    labels, confidence = torch.full(objects.shape, IGNORE, dtype=torch.int16), torch.zeros_like(objects).double()
    for owner, offset, count in zip(TREE.owners, TREE.offsets, TREE.sizes, strict=True):
        inside = objects == owner
        own = scores[offset : offset + count, inside].div(temperature).softmax(dim=0).max(dim=0)
        labels[inside], confidence[inside] = (own.indices + offset).to(torch.int16), own.values
    return labels, confidence


@pytest.mark.parametrize("temperature", [1.0, 2.5])
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(("small", "size"), SIZES)
def test_parts_are_the_best_of_each_pixels_object(
    small: tuple[int, int], size: tuple[int, int], align_corners: bool, temperature: float
) -> None:
    logits, objects = case(small, size)
    expected, probabilities = plain(logits, objects, align_corners, temperature)
    turned = logits[None].contiguous(memory_format=torch.channels_last)[0]
    for given in (logits, turned):
        labels, confidence = part_winners(given, objects, TREE, align_corners, temperature)
        assert labels.dtype == torch.int16 and torch.equal(labels, expected)
        assert confidence.dtype == torch.float32
        torch.testing.assert_close(confidence.double(), probabilities, rtol=0, atol=1e-5)


def test_results_do_not_depend_on_how_many_pixels_are_done_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, objects = case((5, 7), (37, 53))
    expected = part_winners(logits, objects, TREE, False)
    for pixels, scores in product((1, 100, 1 << 30), (1, 10, 1 << 30)):
        monkeypatch.setattr(module, "PIXELS", max(pixels, 50))
        monkeypatch.setattr(module, "SCORES", scores)
        for one, other in zip(part_winners(logits, objects, TREE, False), expected, strict=True):
            assert torch.equal(one, other)


def test_only_parts_of_objects_that_are_there_are_looked_at() -> None:
    logits, _ = case((5, 7), (8, 9))
    logits[TREE.offsets[0] : TREE.offsets[0] + TREE.sizes[0]] = torch.nan
    objects = torch.zeros(8, 9, dtype=torch.int16)  # which has no parts
    labels, confidence = part_winners(logits, objects, TREE, False)
    assert (labels == IGNORE).all() and not confidence.any()
    objects[2:, 3] = TREE.owners[1]
    labels, confidence = part_winners(logits, objects, TREE, False)
    assert torch.equal(labels != IGNORE, objects == TREE.owners[1]) and confidence.isfinite().all()
