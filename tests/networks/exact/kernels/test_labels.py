import pytest
import torch
from torch import Tensor

from sceneparse.inference.deciding import decided, shifted
from sceneparse.inference.protocol import resolve
from sceneparse.inference.scoring import Prediction, label, label_batch, predict, predict_batch
from sceneparse.inference.winners import winners_by_kernels
from sceneparse.networks import resize
from sceneparse.networks.exact.argmax import upsampled_labels, worth_skipping
from sceneparse.settings import ProtocolSettings
from tests.support.kernels import Run

Size = tuple[int, int]

SIZES = [
    ((2, 3), (9, 19)),
    ((3, 2), (2, 5)),
    ((4, 5), (4, 5)),
    ((1, 1), (11, 3)),
    ((1, 4), (3, 40)),
    ((3, 1), (10, 1)),
    ((5, 4), (1, 1)),
]


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def expected(logits: Tensor, size: Size, align_corners: bool) -> Tensor:
    """The labels (N, *size) of logits that are upsampled in float64."""
    return resize(logits.double(), size, align_corners).argmax(dim=1).to(torch.int16)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(("small", "size"), SIZES)
def test_labels_are_those_of_the_upsampled_scores(run: Run, small: Size, size: Size, align_corners: bool) -> None:
    logits = noise(1, 5, *small).contiguous(memory_format=torch.channels_last)
    assert torch.equal(run(upsampled_labels, logits, size, align_corners), expected(logits, size, align_corners))


@pytest.mark.parametrize("align_corners", [False, True])
def test_of_classes_that_tie_the_lowest_wins(run: Run, align_corners: bool) -> None:
    """Whole numbers at positions that are sums of powers of two: every score is exact, and many are equal."""
    size = (9, 9) if align_corners else (12, 12)
    logits = torch.randint(0, 3, (1, 9, 3, 3), generator=torch.Generator().manual_seed(0)).float()
    assert torch.equal(run(upsampled_labels, logits, size, align_corners), expected(logits, size, align_corners))


def sure(
    logits: Tensor, size: Size, align_corners: bool, temperature: float, threshold: float
) -> tuple[Tensor, Tensor]:
    labels, confidence = winners_by_kernels(logits, size, align_corners, temperature, threshold)
    return labels.values(), confidence.values()


def expected_sure(logits: Tensor, size: Size, align_corners: bool, temperature: float, labels: Tensor) -> Tensor:
    """The probabilities (N, *size) of labels, in float64."""
    probabilities = (resize(logits.double(), size, align_corners) / temperature).softmax(dim=1)
    return probabilities.gather(1, labels.long()[:, None])[:, 0]


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("classes", [1, 2, 5, 6, 8])
def test_labels_have_the_probabilities_of_the_upsampled_scores(run: Run, classes: int, align_corners: bool) -> None:
    logits = (6 * noise(2, classes, 3, 4)).contiguous(memory_format=torch.channels_last)
    for temperature in (1.0, 2.5):
        labels, found = run(sure, logits, (7, 9), align_corners, temperature, 0.5)
        assert torch.equal(labels, expected(logits, (7, 9), align_corners))
        wanted = expected_sure(logits, (7, 9), align_corners, temperature, labels)
        torch.testing.assert_close(found.double(), wanted, rtol=2e-6, atol=0)


def test_of_classes_that_tie_each_has_its_part(run: Run) -> None:
    logits = torch.randint(0, 3, (1, 9, 3, 3), generator=torch.Generator().manual_seed(0)).float()
    labels, found = run(sure, logits, (12, 12), False, 1.0, 0.5)
    assert torch.equal(labels, expected(logits, (12, 12), False))
    torch.testing.assert_close(found.double(), expected_sure(logits, (12, 12), False, 1.0, labels), rtol=2e-6, atol=0)
    _, alike = run(sure, torch.full((1, 7, 2, 2), -90.0), (4, 4), False, 1.0, 0.5)
    torch.testing.assert_close(alike, torch.full((1, 4, 4), 1 / 7))


@pytest.mark.parametrize("threshold", [0.2, 0.9])
def test_of_two_classes_the_probability_is_that_of_the_decision(run: Run, threshold: float) -> None:
    logits = noise(2, 2, 3, 4)
    labels, found = run(sure, logits, (7, 11), True, 1.5, threshold)
    assert torch.equal(labels.long(), decided(resize(logits.double(), (7, 11), True), threshold, dim=1))
    wanted = expected_sure(logits, (7, 11), True, 1.5, labels)
    torch.testing.assert_close(found.double(), wanted, rtol=0, atol=3e-7)
    assert wanted.min() < 0.5


def formats() -> dict[str, Tensor]:
    """Logits of two pictures in all memory formats: classes read by fours, by twos, one by one."""
    wide = noise(2, 4, 3, 16).permute(0, 3, 1, 2)
    return {
        "fours": noise(2, 8, 3, 4).contiguous(memory_format=torch.channels_last),
        "twos": noise(2, 6, 3, 4).contiguous(memory_format=torch.channels_last),
        "ones": noise(2, 7, 3, 4).contiguous(memory_format=torch.channels_last),
        "contiguous": noise(2, 8, 3, 4),
        "some of the classes": wide[:, 4:12],
        "classes that start anywhere": wide[:, 3:11],
        "a part of the map": noise(2, 8, 5, 6).contiguous(memory_format=torch.channels_last)[:, :, 1:4, 2:6],
        "mirrored": noise(2, 8, 3, 4).contiguous(memory_format=torch.channels_last).flip(-1),
    }


@pytest.mark.parametrize("name", formats())
def test_any_memory_format_will_do(run: Run, name: str) -> None:
    logits = formats()[name]
    assert torch.equal(run(upsampled_labels, logits, (5, 9), False), expected(logits, (5, 9), False))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_logits_are_compared_in_single_precision(run: Run, dtype: torch.dtype) -> None:
    logits = noise(6, 3, 4).to(dtype).contiguous()
    assert torch.equal(run(upsampled_labels, logits, (8, 13), False), expected(logits[None], (8, 13), False)[0])


def test_of_two_classes_the_threshold_decides(run: Run) -> None:
    logits = noise(2, 2, 3, 4)
    found = run(upsampled_labels, shifted(logits, 0.2, dim=1), (7, 11), True)
    wanted = decided(resize(logits.double(), (7, 11), True), 0.2, dim=1)
    assert torch.equal(found.long(), wanted) and 0.5 < wanted.float().mean() < 1


class Fixed:
    """An engine of two classes that gives the same logits whatever it is shown."""

    name, precision, num_classes, align_corners, threshold, padding_color = "fixed", "float32", 2, False, 0.3, (0.0,)

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits

    def __call__(self, images: Tensor) -> Tensor:
        return self.logits[: len(images)]

    def describe(self) -> str:
        return self.name


def labelled(logits: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
    """The labels of a batch and of its first picture."""
    engine = Fixed(logits)
    return label_batch(engine, images), label(engine, images[0], resolve(ProtocolSettings()))


def test_pictures_are_labelled_by_it_one_by_one_and_in_batches(run: Run) -> None:
    logits = noise(2, 2, 3, 4)
    batch, single = run(labelled, logits, torch.zeros(2, 3, 7, 10, dtype=torch.uint8))
    wanted = decided(resize(logits.double(), (7, 10), False), 0.3, dim=1).to(torch.int16)
    assert torch.equal(batch, wanted) and torch.equal(single, wanted[0])


def parsed(logits: Tensor, images: Tensor) -> list[list[Tensor]]:
    """The labels and probabilities of a batch and of its first picture."""
    engine, protocol = Fixed(logits), resolve(ProtocolSettings())
    found: list[Prediction] = [*predict_batch(engine, images, protocol), predict(engine, images[0], protocol)]
    return [[one.labels, one.confidence] for one in found]


def test_pictures_are_parsed_by_it_one_by_one_and_in_batches(run: Run) -> None:
    logits, images = noise(2, 2, 3, 4), torch.zeros(2, 3, 7, 10, dtype=torch.uint8)
    wanted = parsed(logits, images)  # on the CPU, without kernels
    for found, (labels, confidence) in zip(run(parsed, logits, images), wanted, strict=True):
        assert torch.equal(found[0], labels)
        torch.testing.assert_close(found[1], confidence, rtol=0, atol=3e-7)


def test_the_kernel_is_taken_where_it_can_be_used(run: Run) -> None:
    """Positions beyond 32 bits, and float64, are left to the general path."""
    logits = noise(3, 2, 2)
    assert run(worth_skipping, logits, (16, 16)) and run(worth_skipping, logits.bfloat16(), (16, 16))
    found = run(upsampled_labels, logits.double(), (9, 9), False)
    assert torch.equal(found, expected(logits[None], (9, 9), False)[0])
