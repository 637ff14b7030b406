import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sceneparse.data import Sample
from sceneparse.data.class_counts import count_classes
from sceneparse.errors import UserError
from sceneparse.labels import IGNORE, LabelSpace, TaskLabels
from sceneparse.networks import Output
from sceneparse.training.class_weights import fixed_weights, median_frequency_weights
from sceneparse.training.losses import heads
from sceneparse.training.losses.cross_entropy import CrossEntropy
from sceneparse.training.losses.heads import Loss
from sceneparse.training.losses.kind import LossContext
from sceneparse.training.losses.presence import presence_loss
from sceneparse.training.losses.targets import counted

CLASSES = 5


def segmentation_loss(
    output: Output,
    target: Tensor,
    *,
    align_corners: bool,
    aux_weight: float,
    class_weights: Tensor | None = None,
    hard_fraction: float = 1.0,
    hard_threshold: float = 0.7,
) -> Loss:
    context, loss = LossContext(align_corners, class_weights), CrossEntropy(hard_fraction, hard_threshold)
    return heads.segmentation_loss(output, target, context, loss=loss, aux_weight=aux_weight)


def random_case(batch: int = 4, ignored: float = 0.3, seed: int = 0) -> tuple[Output, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(batch, CLASSES, 4, 5, generator=generator, requires_grad=True)
    aux = torch.randn(batch, CLASSES, 4, 5, generator=generator, requires_grad=True)
    target = torch.randint(0, CLASSES, (batch, 13, 17), generator=generator).to(torch.int16)
    target[torch.rand(target.shape, generator=generator) < ignored] = IGNORE
    return Output(logits, aux), target


def upsampled(logits: Tensor, align_corners: bool = False) -> Tensor:
    return F.interpolate(logits, size=(13, 17), mode="bilinear", align_corners=align_corners)


@pytest.mark.parametrize("align_corners", [False, True])
def test_loss_is_the_mean_over_the_pixels_that_count_plus_the_weighted_auxiliary_one(align_corners: bool) -> None:
    output, target = random_case()
    assert output.aux is not None
    loss = segmentation_loss(output, target, align_corners=align_corners, aux_weight=0.4)
    main, aux = (
        F.cross_entropy(upsampled(logits, align_corners), target.long(), ignore_index=IGNORE)
        for logits in (output.logits, output.aux)
    )
    torch.testing.assert_close(loss.main, main)
    torch.testing.assert_close(loss.aux, aux)
    torch.testing.assert_close(loss.total, main + 0.4 * aux)


def test_class_weights_give_the_weighted_mean() -> None:
    output, target = random_case()
    weights = torch.tensor([0.5, 1, 2, 0, 3])
    loss = segmentation_loss(output, target, align_corners=False, aux_weight=0, class_weights=weights)
    expected = F.cross_entropy(upsampled(output.logits), target.long(), weights, ignore_index=IGNORE)
    torch.testing.assert_close(loss.total, expected)


@pytest.mark.parametrize("weights", [None, torch.tensor([1.0, 2, 3, 4, 5])])
@pytest.mark.parametrize("fraction", [1.0, 0.25])
def test_where_nothing_counts_the_loss_is_zero_and_so_are_the_gradients(
    weights: Tensor | None, fraction: float
) -> None:
    output, target = random_case(ignored=1.1)
    loss = segmentation_loss(
        output, target, align_corners=False, aux_weight=0.4, class_weights=weights, hard_fraction=fraction
    )
    loss.total.backward()
    assert loss.total.item() == 0
    assert output.aux is not None
    for logits in (output.logits, output.aux):
        assert logits.grad is not None and torch.equal(logits.grad, torch.zeros_like(logits))


def test_classes_of_weight_zero_alone_give_zero_too() -> None:
    output, _ = random_case()
    target = torch.zeros(4, 13, 17, dtype=torch.int16)
    loss = segmentation_loss(
        output, target, align_corners=False, aux_weight=0.4, class_weights=torch.tensor([0.0, 1, 1, 1, 1])
    )
    assert loss.total.item() == 0


@pytest.mark.parametrize("weights", [None, torch.tensor([1.0, 2, 3, 0, 5])])
def test_parts_weighted_by_what_counts_in_them_are_the_whole(weights: Tensor | None) -> None:
    output, target = random_case(ignored=0.6)
    target[0] = IGNORE
    assert output.aux is not None
    whole = segmentation_loss(output, target, align_corners=False, aux_weight=0.4, class_weights=weights).total
    parts = torch.zeros((), dtype=torch.float64)
    for part in range(4):
        pieces = Output(output.logits[part : part + 1], output.aux[part : part + 1])
        share = counted(target[part : part + 1], weights) / counted(target, weights)
        loss = segmentation_loss(
            pieces, target[part : part + 1], align_corners=False, aux_weight=0.4, class_weights=weights
        )
        parts = parts + loss.total * share
    torch.testing.assert_close(parts.float(), whole)


def hard_oracle(output: Output, target: Tensor, fraction: float, threshold: float) -> float:
    losses = F.cross_entropy(upsampled(output.logits), target.long(), ignore_index=IGNORE, reduction="none")
    values = sorted(losses[target != IGNORE].tolist(), reverse=True)
    kept = max(1, round(fraction * len(values)))
    kept = max(kept, sum(math.exp(-value) < threshold for value in values))
    return sum(values[:kept]) / kept


@pytest.mark.parametrize(("fraction", "threshold"), [(0.25, 0.0), (0.25, 0.1), (0.1, 0.9), (0.5, 0.05), (1e-9, 0.0)])
def test_hard_mining_keeps_the_highest_losses_and_all_that_is_improbable(fraction: float, threshold: float) -> None:
    output, target = random_case()
    loss = segmentation_loss(
        output, target, align_corners=False, aux_weight=0, hard_fraction=fraction, hard_threshold=threshold
    )
    assert loss.main.item() == pytest.approx(hard_oracle(output, target, fraction, threshold), rel=1e-5)


def test_half_precision_logits_are_summed_in_single_precision() -> None:
    output, target = random_case()
    half = Output(output.logits.bfloat16(), None)
    loss = segmentation_loss(half, target, align_corners=False, aux_weight=0.4)
    assert loss.total.dtype == torch.float32 and loss.aux is None


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("fraction", [1.0, 0.25])
@pytest.mark.parametrize("weights", [None, torch.tensor([1.0, 2, 3, 4, 5])])
def test_scores_that_are_not_finite_give_a_loss_that_is_not(
    bad: float, fraction: float, weights: Tensor | None
) -> None:
    output, target = random_case()
    with torch.no_grad():
        output.logits[2, 1, 3, 4] = bad
    loss = segmentation_loss(
        output, target, align_corners=False, aux_weight=0.4, class_weights=weights, hard_fraction=fraction
    )
    assert not loss.total.isfinite()


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("weights", [None, torch.tensor([1.0, 2, 0, 4, 5])])
@pytest.mark.parametrize("fraction", [1.0, 0.25])
def test_the_gradient_is_that_of_the_upsampled_scores(
    fraction: float, weights: Tensor | None, align_corners: bool
) -> None:
    output, target = random_case()
    loss = segmentation_loss(
        output,
        target,
        align_corners=align_corners,
        aux_weight=0,
        class_weights=weights,
        hard_fraction=fraction,
        hard_threshold=0.0,
    )
    each = F.cross_entropy(
        upsampled(output.logits, align_corners), target.long(), ignore_index=IGNORE, reduction="none"
    )
    counts = target != IGNORE
    if weights is not None:
        counts &= weights[target.long()] > 0
    if fraction < 1:
        kept = each[counts].topk(round(fraction * int(counts.sum()))).values.min()
        counts &= each >= kept
    share = counts * (1.0 if weights is None else weights[target.long()])
    expected = (each * share).sum() / share.sum()
    torch.testing.assert_close(
        torch.autograd.grad(loss.total, output.logits), torch.autograd.grad(expected, output.logits)
    )


@pytest.mark.parametrize("mining", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_loss_and_gradients_are_those_of_the_plain_form_in_double_precision(
    seed: int, align_corners: bool, weighted: bool, mining: bool
) -> None:
    generator = torch.Generator().manual_seed(seed)

    def draw(low: int, high: int) -> int:
        return int(torch.randint(low, high, (), generator=generator))

    batch, size = draw(1, 5), (draw(9, 48), draw(9, 48))
    shapes = [(batch, CLASSES, draw(2, 13), draw(2, 13)) for _ in range(2)]
    maps = [torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_() for shape in shapes]
    target = torch.randint(0, CLASSES, (batch, *size), generator=generator).to(torch.int16)
    target[torch.rand(target.shape, generator=generator) < 0.3] = IGNORE
    weights = torch.rand(CLASSES, generator=generator).double() if weighted else None

    def losses(logits: Tensor) -> Tensor:
        large = F.interpolate(logits, size, mode="bilinear", align_corners=align_corners)
        return F.cross_entropy(large, target.long(), ignore_index=IGNORE, reduction="none")

    fraction = 1.0
    if mining:
        # Only one head, cut where its losses part most clearly: which of equal ones is kept, rounding decides.
        maps.pop()
        ordered = losses(maps[0])[target != IGNORE].detach().sort(descending=True).values
        few, many = len(ordered) // 4, len(ordered) // 2
        fraction = (few + int((ordered[few:many] - ordered[few + 1 : many + 1]).argmax()) + 1) / len(ordered)

    def plain(logits: Tensor) -> Tensor:
        each, counts = losses(logits), target != IGNORE
        if mining:
            counts = counts & (each >= each[counts].topk(round(fraction * int(counts.sum()))).values.min())
        share = counts * (1.0 if weights is None else weights[target.long()])
        return (each * share).sum() / share.sum()

    loss = segmentation_loss(
        Output(maps[0], None if mining else maps[1]),
        target,
        align_corners=align_corners,
        aux_weight=0.4,
        class_weights=weights,
        hard_fraction=fraction,
        hard_threshold=0.0,
    ).total
    expected = plain(maps[0]) if mining else plain(maps[0]) + 0.4 * plain(maps[1])
    assert loss.dtype == torch.float64 and abs(loss.item() / expected.item() - 1) <= 1e-12
    got, wanted = torch.autograd.grad(loss, maps), torch.autograd.grad(expected, maps)
    for ours, theirs in zip(got, wanted, strict=True):
        assert (ours - theirs).abs().max() <= 1e-12 * theirs.abs().max()


class Masks:
    """A data set of given masks."""

    labels = LabelSpace(("a", "b", "c", "d"))

    def __init__(self, masks: list[list[int] | None]) -> None:
        self.masks = masks

    @property
    def tasks(self) -> TaskLabels:
        return TaskLabels(self.labels)

    def __len__(self) -> int:
        return len(self.masks)

    def __getitem__(self, index: int) -> Sample:
        values = self.masks[index]
        mask = None if values is None else torch.tensor([values], dtype=torch.int16)
        return Sample(torch.zeros(3, 1, 4, dtype=torch.uint8), objects=mask, name=self.name(index))

    def name(self, index: int) -> str:
        return f"m{index}"


def test_median_frequency_weights_by_hand() -> None:
    # a: 3 of (4 + 4) pixels, b: 4 of 8 (both pictures), c: 1 of the 4 of the second alone; d never.
    dataset = Masks([[0, 0, 1, 1], [0, 1, 1, 2], [-1, -1, -1, -1]])
    frequency = {0: 3 / 8, 1: 4 / 8, 2: 1 / 4}
    expected = [3 / 8 / frequency[0], 3 / 8 / frequency[1], 3 / 8 / frequency[2], 1]
    counts = count_classes(dataset, split="train")
    assert counts.totals.tolist() == [3, 4, 1, 0] and counts.beside.tolist() == [8, 8, 4, 0]
    torch.testing.assert_close(median_frequency_weights(counts), torch.tensor(expected))


def test_given_class_weights_are_one_useful_number_a_class() -> None:
    assert fixed_weights((1, 0, 2.5), "abc").tolist() == [1, 0, 2.5]
    for wrong in ((1.0, 2.0), (1.0, -1.0, 1.0), (0.0, 0.0, 0.0), (1.0, math.nan, 1.0)):
        with pytest.raises(UserError, match=r"loss\.class_weights"):
            fixed_weights(wrong, "abc")


def test_a_picture_classifier_is_taught_which_classes_a_picture_shows() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, CLASSES, 4, 5, generator=generator)
    image = torch.randn(3, CLASSES, generator=generator, requires_grad=True)
    target = torch.full((3, 13, 17), 2, dtype=torch.int16)
    target[0, :4] = 4
    target[1, 5:] = IGNORE
    target[2] = IGNORE
    shown = torch.zeros(3, CLASSES)
    shown[0, [2, 4]] = 1
    shown[1, 2] = 1
    each = F.binary_cross_entropy_with_logits(image, shown, reduction="none").mean(dim=1)
    # By their labelled pixels: 13 x 17, 5 x 17 and none.
    expected = (13 * each[0] + 5 * each[1]) / 18
    loss = segmentation_loss(Output(logits, None, image), target, align_corners=False, aux_weight=0.4)
    torch.testing.assert_close(loss.aux, expected)
    torch.testing.assert_close(loss.total, loss.main + 0.4 * expected)
    loss.total.backward()
    assert image.grad is not None and not image.grad[2].any() and image.grad[:2].all()


def test_picture_losses_of_parts_add_up_to_that_of_the_whole() -> None:
    _, target = random_case()
    target[0, 3:] = IGNORE
    target[1] = IGNORE
    image = torch.randn(4, CLASSES, generator=torch.Generator().manual_seed(1))
    weights = torch.tensor([1.0, 0.5, 2.0, 0.0, 1.0])
    context = LossContext(False, weights)
    whole = presence_loss(image, target, context)
    parts = [
        presence_loss(image[i : i + 1], target[i : i + 1], context) * counted(target[i : i + 1], weights)
        for i in range(4)
    ]
    torch.testing.assert_close(torch.stack(parts).sum() / counted(target, weights), whole.double())
    assert float(presence_loss(image, torch.full_like(target, IGNORE), context)) == 0


@pytest.mark.parametrize(("fraction", "threshold"), [(0.2, 0.0), (0.2, 0.7), (0.5, 0.3)])
def test_mining_leaves_out_classes_of_weight_0_as_it_does_unlabelled_pixels(fraction: float, threshold: float) -> None:
    output, target = random_case(ignored=0.1)
    # What weighs nothing is what the network is worst at.
    with torch.no_grad():
        output.logits[:, 3] -= 20
    weights = torch.tensor([0.5, 1, 2, 0, 3])
    without = target.masked_fill(target == 3, IGNORE)
    found, expected = (
        segmentation_loss(
            output,
            truth,
            align_corners=False,
            aux_weight=0.4,
            class_weights=weights,
            hard_fraction=fraction,
            hard_threshold=threshold,
        )
        for truth in (target, without)
    )
    assert expected.main > 0
    torch.testing.assert_close(found.total, expected.total)
