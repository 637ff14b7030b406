"""Scores averaged over frames: an exponential average, whatever the protocol asks for."""

import pytest
import torch
from torch import Tensor

from sceneparse.inference.protocol import TestProtocol
from sceneparse.inference.scoring import label, scores
from sceneparse.inference.smoothing import SmoothedEngine
from sceneparse.networks import resize


class Channels:
    """Each channel is a class's score; a quarter of the size."""

    name, precision, num_classes, align_corners = "channels", "float32", 3, False
    padding_color = (0.0, 0.0, 0.0)

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, images: Tensor) -> Tensor:
        self.calls += 1
        return torch.nn.functional.avg_pool2d(images.float(), 4)

    def describe(self) -> str:
        return "channels"


def frames(count: int, size: tuple[int, int] = (32, 48)) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randint(0, 256, (3, *size), generator=generator, dtype=torch.uint8) for _ in range(count)]


WHOLE = TestProtocol()
WINDOWS = TestProtocol("window", window=(16, 16), scales=(0.5, 1.0), flip=True)


def test_the_average_is_exponential() -> None:
    engine, smoothed = Channels(), SmoothedEngine(Channels(), 0.75)
    expected = None
    for frame in frames(4):
        smoothed.begin_frame()
        own = engine(frame[None])
        expected = own if expected is None else 0.75 * expected + 0.25 * own
        torch.testing.assert_close(smoothed(frame[None]), expected)


@pytest.mark.parametrize("protocol", [WHOLE, WINDOWS], ids=["whole", "windows"])
def test_smoothing_the_maps_smooths_the_scores_of_every_protocol(protocol: TestProtocol) -> None:
    smoothed, expected = SmoothedEngine(Channels(), 0.6), None
    for frame in frames(3):
        smoothed.begin_frame()
        own = scores(Channels(), frame, protocol)
        expected = own if expected is None else 0.6 * expected + 0.4 * own
        torch.testing.assert_close(scores(smoothed, frame, protocol), expected, rtol=1e-5, atol=1e-3)


def test_a_still_picture_keeps_its_labels() -> None:
    smoothed, frame = SmoothedEngine(Channels(), 0.9), frames(1)[0]
    for _ in range(3):
        smoothed.begin_frame()
        assert torch.equal(label(smoothed, frame, WHOLE), label(Channels(), frame, WHOLE))


def test_after_a_cut_nothing_is_kept() -> None:
    first, second = frames(2)
    smoothed = SmoothedEngine(Channels(), 0.9)
    for frame, cut in ((first, False), (second, True)):
        smoothed.begin_frame(cut=cut)
        given = smoothed(frame[None])
    assert torch.equal(given, Channels()(second[None]))


def test_another_size_begins_anew() -> None:
    smoothed = SmoothedEngine(Channels(), 0.9)
    for frame in (*frames(1), *frames(1, (16, 16))):
        smoothed.begin_frame()
        given = smoothed(frame[None])
    assert torch.equal(given, Channels()(frames(1, (16, 16))[0][None]))


@pytest.mark.parametrize("protocol", [WHOLE, WINDOWS], ids=["whole", "windows"])
def test_labels_without_smoothing_cost_no_second_look(protocol: TestProtocol) -> None:
    engine = Channels()
    smoothed = SmoothedEngine(engine, 0.9)
    for frame in frames(3):
        smoothed.begin_frame()
        label(smoothed, frame, protocol)
        before = engine.calls
        assert torch.equal(label(smoothed.unsmoothed(), frame, protocol), label(Channels(), frame, protocol))
        assert engine.calls == before


def test_the_average_is_of_the_maps_at_the_networks_resolution() -> None:
    smoothed = SmoothedEngine(Channels(), 0.5)
    first, second = frames(2)
    for frame in (first, second):
        smoothed.begin_frame()
        given = scores(smoothed, frame, WHOLE)
    maps = (Channels()(first[None]) + Channels()(second[None])) / 2
    torch.testing.assert_close(given, resize(maps, (32, 48), False)[0], rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("weight", [-0.1, 1.0, 2.0])
def test_a_weight_that_is_no_average_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="weight"):
        SmoothedEngine(Channels(), weight)
