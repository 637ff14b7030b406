"""The dense conditional random field against mean-field inference by brute force."""

import pytest
import torch
from torch import Tensor

from sceneparse.errors import UserError
from sceneparse.inference import TestProtocol, label, predict
from sceneparse.inference.crf import Field, peak_bytes, refine, work
from sceneparse.inference.ranking import rank
from sceneparse.inference.scoring import predict_batch


def brute_force(scores: Tensor, image: Tensor, field: Field) -> Tensor:
    """Every pair of pixels, in float64."""
    classes, height, width = scores.shape
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    positions = torch.stack([y, x], -1).reshape(-1, 2).double()
    colors = image.double().flatten(1).T
    near = torch.exp(-0.5 * (torch.cdist(positions, positions) / field.smooth_width) ** 2)
    alike = torch.exp(
        -0.5 * (torch.cdist(positions, positions) / field.appearance_width) ** 2
        - 0.5 * (torch.cdist(colors, colors) / field.appearance_color) ** 2
    )
    total = torch.zeros(height * width, height * width, dtype=torch.float64)
    for weight, kernel in ((field.smooth, near), (field.appearance, alike)):
        norm = kernel.sum(dim=1).rsqrt()
        total += weight * norm[:, None] * kernel * norm
    unary = scores.double().flatten(1).log_softmax(dim=0)
    marginals = unary.exp()
    for _ in range(field.steps):
        marginals = (unary + marginals @ total).softmax(dim=0)
    return marginals.reshape(classes, height, width).float()


def scene(height: int = 24, width: int = 32, shades: int = 6) -> tuple[Tensor, Tensor]:
    """Scores that are right but for noise, and a picture of a few colours with the same edges."""
    generator = torch.Generator().manual_seed(0)
    truth = torch.zeros(height, width, dtype=torch.long)
    truth[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4] = 1
    truth[:, -width // 5 :] = 2
    palette = torch.tensor([[40, 60, 90], [200, 160, 40], [90, 200, 120]])
    noise = torch.randint(0, shades, (height, width, 1), generator=generator) * 3
    image = (palette[truth] + noise).permute(2, 0, 1).to(torch.uint8)
    scores = torch.nn.functional.one_hot(truth, 3).permute(2, 0, 1).float()
    return scores + torch.randn(scores.shape, generator=generator), image


@pytest.mark.parametrize("width", [4.0, 9.0])
def test_marginals_are_those_of_brute_force(width: float) -> None:
    scores, image = scene()
    field = Field(appearance_width=width)
    torch.testing.assert_close(refine(scores, image, field), brute_force(scores, image, field), atol=2e-4, rtol=0)


def test_a_wide_kernel_between_cells_hardly_differs() -> None:
    scores, image = scene(41, 55)
    field = Field(appearance_width=60.0)  # cells of 3 pixels
    torch.testing.assert_close(refine(scores, image, field), brute_force(scores, image, field), atol=0.02, rtol=0)


def test_more_colours_than_landmarks_hardly_differ() -> None:
    scores, image = scene()
    generator = torch.Generator().manual_seed(1)
    noisy = (image + torch.randint(0, 30, image.shape, generator=generator)).to(torch.uint8)
    field = Field(appearance_width=9.0)
    assert len(torch.unique(noisy.flatten(1), dim=1).T) > 3 * field.landmarks
    expected = brute_force(scores, noisy, field)
    found = refine(scores, noisy, field)
    assert (found - expected).abs().mean() < 0.02
    assert (found.argmax(0) == expected.argmax(0)).float().mean() > 0.98


def test_noise_in_the_scores_gives_way_to_the_edges_of_the_picture() -> None:
    scores, image = scene(48, 64)
    truth = scene(48, 64)[0] * 0
    truth = (image[0] > 70).long() + (image[1] > 180).long()  # the blocks, by their colours
    right = [(labels == truth).float().mean() for labels in (scores.argmax(0), refine(scores, image).argmax(0))]
    assert right[0] < 0.75 and right[1] > 0.97


def test_a_class_that_is_nowhere_probable_stays_out() -> None:
    scores, image = scene()
    more = torch.cat([scores, torch.full_like(scores[:1], -20)])
    found = refine(more, image)
    assert (found[3] == 0).all()
    torch.testing.assert_close(found[:3], refine(scores, image), atol=1e-5, rtol=0)


class Scores:
    """An engine that gives these scores."""

    name, precision, num_classes, align_corners = "fixed", "float32", 3, False
    padding_color = (0.0, 0.0, 0.0)

    def __init__(self, scores: Tensor) -> None:
        self.scores = scores

    def __call__(self, images: Tensor) -> Tensor:
        return self.scores[None].expand(len(images), -1, -1, -1)

    def describe(self) -> str:
        return "fixed"


@pytest.mark.parametrize("average", ["logits", "probabilities"])
def test_under_a_protocol_with_a_field_labels_are_its_own(average: str) -> None:
    scores, image = scene()
    engine = Scores(scores)
    protocol = TestProtocol(crf=True, average=average)  # type: ignore[arg-type]
    expected = refine(scores, image)
    found = predict(engine, image, protocol)
    assert torch.equal(found.labels, expected.argmax(0).to(torch.int16))
    torch.testing.assert_close(found.confidence, expected.amax(0), atol=1e-4, rtol=0)
    assert torch.equal(label(engine, image, protocol), found.labels)
    assert "dense CRF" in protocol.describe() and "CRF" not in TestProtocol().describe()


@pytest.mark.parametrize("window", [None, (16, 16)])
def test_a_reduced_picture_is_refused_since_the_field_looks_at_all_pixels(window: tuple[int, int] | None) -> None:
    scores, image = scene()
    engine, protocol = Scores(scores), TestProtocol(crf=True, window=window)
    message = (
        r"^a protocol with a CRF looks at all pixels of a picture: give it 48×64 pixels, not 24×32, or leave .*crf"
    )
    with pytest.raises(UserError, match=message):
        predict(engine, image, protocol, (48, 64))
    with pytest.raises(UserError, match=message):
        predict_batch(engine, torch.stack([image, image]), protocol, (48, 64))
    with pytest.raises(UserError, match=message):
        rank(engine, image, protocol, 2, (48, 64))


def test_a_picture_s_own_size_changes_nothing() -> None:
    scores, image = scene()
    engine, protocol = Scores(scores), TestProtocol(crf=True)
    found, expected = predict(engine, image, protocol, (24, 32)), predict(engine, image, protocol)
    assert torch.equal(found.labels, expected.labels) and torch.equal(found.confidence, expected.confidence)
    assert torch.equal(rank(engine, image, protocol, 1, (24, 32)).classes[0], expected.labels)


def test_the_memory_and_work_that_are_foreseen_grow_with_pixels_classes_and_colours() -> None:
    assert 3.5 < peak_bytes((1600, 2400), 20) / peak_bytes((800, 1200), 20) < 4
    assert peak_bytes((800, 1200), 150) > 2.5 * peak_bytes((800, 1200), 20)
    assert peak_bytes((600, 800), 150) == pytest.approx(4.2 * 2**30, rel=0.02)
    assert 7 < work((384, 512)) / work((192, 256)) < 8  # it took 8 times as long
    assert work((192, 256), Field(landmarks=10)) < work((192, 256))


def test_of_many_classes_none_of_which_is_probable_each_pixel_has_its_best() -> None:
    scores = torch.zeros(150, 6, 8)
    scores[3, :, :4] = scores[99, :, 4:] = 0.2
    assert scores.softmax(dim=0).max() < 0.01
    image = torch.zeros(3, 6, 8, dtype=torch.uint8)
    image[:, :, 4:] = 200
    found = refine(scores, image).argmax(dim=0)
    assert (found[:, :4] == 3).all() and (found[:, 4:] == 99).all()
