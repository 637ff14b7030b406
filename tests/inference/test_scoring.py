import math
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from sceneparse.inference import Prediction, TestProtocol, label, predict, resolve, scores, scoring, winners
from sceneparse.inference.scoring import label_batch
from sceneparse.inference.winners import winners_of
from sceneparse.networks import resize
from sceneparse.networks.exact import label_probabilities
from sceneparse.networks.exact.argmax import upsampled_labels
from sceneparse.settings import ProtocolSettings


def slow_scores(engine: Any, image: Tensor, protocol: TestProtocol) -> Tensor:
    """The protocol word by word: every map whole, every window by itself, float64 sums."""
    height, width = image.shape[1:]
    total = torch.zeros(engine.num_classes, height, width, dtype=torch.float64)
    squash: Callable[[Tensor], Tensor] = (
        (lambda x: x.softmax(0)) if protocol.average == "probabilities" else (lambda x: x)
    )

    def at_size(logits: Tensor, size: tuple[int, int]) -> Tensor:
        return F.interpolate(logits[None], size, mode="bilinear", align_corners=engine.align_corners)[0].double()

    def views(crop: Tensor, size: tuple[int, int]) -> Tensor:
        one = squash(at_size(engine(crop[None])[0], size))
        if not protocol.flip:
            return one
        return (one + squash(at_size(engine(crop.flip(-1)[None])[0], size)).flip(-1)) / 2

    for scale in protocol.scales:
        h, w = protocol.input_size((height, width), scale)
        resized = F.interpolate(image[None].float(), (h, w), mode="bilinear", align_corners=False)[0]
        if protocol.antialias:
            pillow = Image.fromarray(image.permute(1, 2, 0).numpy()).resize((w, h), Image.Resampling.BILINEAR)
            resized = F.interpolate(image[None], (h, w), mode="bilinear", antialias=True)[0]
            apart = resized.permute(1, 2, 0).numpy().astype(int) - np.array(pillow)
            assert np.abs(apart).max() <= 1, "Pillow's to within its rounding"
        if protocol.window is None and protocol.upsampling == "twice":
            total += F.interpolate(views(resized, (h, w))[None], (height, width), mode="bilinear")[0]
            continue
        if protocol.window is None:
            total += views(resized, (height, width))
            continue
        wh, ww = protocol.window
        top, left = max(wh - h, 0) // 2, max(ww - w, 0) // 2
        padded = torch.tensor(engine.padding_color).view(3, 1, 1).repeat(1, max(h, wh), max(w, ww))
        padded[:, top : top + h, left : left + w] = resized
        ph, pw = padded.shape[1:]
        sums, counts = torch.zeros(engine.num_classes, ph, pw, dtype=torch.float64), torch.zeros(ph, pw)
        sh, sw = math.ceil(wh * protocol.stride), math.ceil(ww * protocol.stride)
        for i in range(math.ceil((ph - wh) / sh) + 1):
            for j in range(math.ceil((pw - ww) / sw) + 1):
                bottom, right = min(i * sh + wh, ph), min(j * sw + ww, pw)
                place = (slice(bottom - wh, bottom), slice(right - ww, right))
                sums[:, *place] += views(padded[:, *place], (wh, ww))
                counts[place] += 1
        average = (sums / counts)[:, top : top + h, left : left + w]
        total += F.interpolate(average[None], (height, width), mode="bilinear", align_corners=False)[0]
    return total / len(protocol.scales)


PROTOCOLS = {
    "whole": ProtocolSettings(),
    "whole, mirrored, logits": ProtocolSettings(flip=True),
    "whole, mirrored, probabilities": ProtocolSettings(flip=True, average="probabilities"),
    "whole, three scales": ProtocolSettings(scales=(0.5, 1.0, 1.37), flip=True, average="probabilities"),
    "long side": ProtocolSettings(resize="long", size=33, average="probabilities"),
    "windows": ProtocolSettings("window", window=(17, 23)),
    "windows, mirrored, logits": ProtocolSettings("window", window=(17, 23), stride=0.31, flip=True, average="logits"),
    "one window exactly": ProtocolSettings("window", window=(46, 70), flip=True),
    "windows wider than the picture": ProtocolSettings("window", window=(31, 99), flip=True),
    "windows taller than the picture": ProtocolSettings("window", window=(81, 40)),
    "windows, mirrored, three scales": ProtocolSettings("window", window=(33, 29), scales=(0.6, 1.0, 1.3), flip=True),
    "semseg in small": ProtocolSettings("semseg", size=80, window=(33, 41), scales=(0.4, 0.75, 1.25)),
    "csail in small": ProtocolSettings("csail", size=40, max_long=75),
    "twice": ProtocolSettings(resize="square", size=64, upsampling="twice", flip=True),
    "twice, probabilities": ProtocolSettings(scales=(0.7, 1.0), upsampling="twice", average="probabilities"),
    "antialiased": ProtocolSettings(resize="long", size=33, antialias=True, upsampling="twice"),
    "antialiased windows": ProtocolSettings("window", window=(17, 23), scales=(0.6, 1.3), antialias=True),
}


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("stride", [1, 4])
@pytest.mark.parametrize("name", PROTOCOLS)
def test_scores_equal_the_slow_transcription(
    name: str, stride: int, align_corners: bool, toy: Any, picture: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "band_height", lambda *_: 7)
    engine, protocol = toy(stride=stride, align_corners=align_corners), resolve(PROTOCOLS[name])
    got, expected = scores(engine, picture, protocol), slow_scores(engine, picture, protocol)
    assert got.shape == (4, 46, 70) and got.dtype == torch.float32
    tolerance = 1e-5 if protocol.average == "probabilities" else 1e-5 * float(expected.abs().max())
    assert float((got - expected).abs().max()) <= tolerance


@pytest.mark.parametrize("name", PROTOCOLS)
def test_predictions_are_the_best_class_and_its_probability(name: str, toy: Any, picture: Tensor) -> None:
    engine, protocol = toy(stride=4), resolve(PROTOCOLS[name])
    prediction = predict(engine, picture, protocol)
    all_scores = scores(engine, picture, protocol)
    probabilities = all_scores if protocol.average == "probabilities" else all_scores.softmax(0)
    confidence, labels = probabilities.max(dim=0)
    assert prediction.labels.dtype == torch.int16 and prediction.confidence.dtype == torch.float32
    assert torch.equal(prediction.labels.long(), labels)
    torch.testing.assert_close(prediction.confidence, confidence)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("stride", [1, 4])
@pytest.mark.parametrize("name", PROTOCOLS)
def test_labels_alone_are_those_of_a_prediction(
    name: str, stride: int, align_corners: bool, toy: Any, picture: Tensor
) -> None:
    protocol, first, second = resolve(PROTOCOLS[name]), *(toy(9, stride, align_corners) for _ in range(2))
    labels = label(first, picture, protocol)
    assert labels.dtype == torch.int16
    assert torch.equal(labels, predict(second, picture, protocol).labels)
    assert first.seen == second.seen


@pytest.mark.parametrize(
    ("name", "stride", "skips"),
    [
        ("whole", 4, True),
        ("whole", 1, False),
        ("whole, mirrored, logits", 4, True),
        ("whole, mirrored, probabilities", 4, False),
        ("long side", 4, True),
        ("whole, three scales", 4, False),
        ("windows", 4, False),
    ],
)
def test_only_boundaries_are_looked_at_where_one_small_map_decides(
    name: str, stride: int, skips: bool, toy: Any, picture: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = []

    def watched(*arguments: Any) -> Tensor:
        called.append(arguments)
        return upsampled_labels(*arguments)

    monkeypatch.setattr(import_module("sceneparse.inference.winners"), "upsampled_labels", watched)
    label(toy(stride=stride), picture, resolve(PROTOCOLS[name]))
    assert bool(called) == skips


def test_results_do_not_depend_on_the_bands(toy: Any, picture: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    def all_bands(name: str) -> list[Prediction]:
        results = []
        for rows in (1, 13, 46, 1000):
            monkeypatch.setattr(scoring, "band_height", lambda *_, rows=rows: rows)
            results.append(predict(toy(stride=4), picture, resolve(PROTOCOLS[name])))
        return results

    for name in ("whole, three scales", "windows, mirrored, three scales"):
        first, *others = all_bands(name)
        for other in others:
            assert torch.equal(first.labels, other.labels)
            torch.testing.assert_close(first.confidence, other.confidence, rtol=0, atol=1e-6)


def test_whole_pictures_go_to_the_engine_as_they_are(toy: Any, picture: Tensor) -> None:
    engine = toy()
    predict(engine, picture, resolve(ProtocolSettings()))
    assert engine.seen == [(torch.uint8, 1, 3, 46, 70)]


def test_resized_pictures_are_not_rounded_to_whole_values(toy: Any, picture: Tensor) -> None:
    engine = toy()
    predict(engine, picture, resolve(ProtocolSettings(resize="long", size=35)))
    assert engine.seen == [(torch.float32, 1, 3, 23, 35)]


def test_memory_is_that_of_a_band_not_of_the_picture(toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest tensor made for a tall picture of many classes holds far fewer numbers than classes x H x W."""
    largest = 0

    class Watch(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            nonlocal largest
            out = func(*args, **(kwargs or {}))
            if isinstance(out, Tensor) and out.is_floating_point() and out.is_contiguous():
                largest = max(largest, out.numel())
            return out

    for module in (scoring, winners):
        monkeypatch.setattr(module, "band_height", lambda *_: 8)
    picture = torch.zeros(3, 1024, 64, dtype=torch.uint8)
    monkeypatch.setattr(label_probabilities, "AT_ONCE", 50 * 64 * 8)
    whole, windows = ProtocolSettings(flip=True), ProtocolSettings("window", window=(32, 32), flip=True)
    for settings, worth in ((whole, 1), (whole, 1 << 30), (windows, 1)):
        monkeypatch.setattr(label_probabilities, "WORTH", worth)
        largest = 0
        with Watch():
            predict(toy(num_classes=50, stride=8), picture, resolve(settings))
        assert 0 < largest < 50 * 1024 * 64 / 8


@pytest.mark.parametrize("stride", [1, 4])
def test_a_batch_has_the_labels_of_its_pictures(toy: Any, picture: Tensor, stride: int) -> None:
    pictures = torch.stack([picture, picture.flip(-1), 255 - picture])
    engine = toy(stride=stride)
    batch = label_batch(engine, pictures)
    assert len(engine.seen) == 1 and batch.dtype == torch.int16
    assert torch.equal(batch, torch.stack([label(engine, one, TestProtocol()) for one in pictures]))


@pytest.mark.parametrize("worth", [1, 1 << 30])
@pytest.mark.parametrize("classes", [2, 16, 31, 32, 150])
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("size", [(37, 53), (9, 200), (64, 5)])
def test_winners_and_their_probabilities_are_those_of_all_upsampled_scores(
    classes: int, align_corners: bool, size: tuple[int, int], worth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_probabilities, "WORTH", worth)
    logits = torch.randn(classes, 5, 7, generator=torch.Generator().manual_seed(classes)) * 4
    logits[0] += 30  # a class whose probability is 1 on one side, and 0 on the other
    logits[0, :, 3:] -= 60
    expected = resize(logits[None].double(), size, align_corners)[0].softmax(dim=0).max(dim=0)
    labels, confidence = winners_of(logits, size, align_corners)
    assert labels.dtype == torch.int16
    assert torch.equal(labels.long(), expected.indices)
    torch.testing.assert_close(confidence.double(), expected.values, atol=2e-5, rtol=0)
