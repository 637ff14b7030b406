"""The protocol "semseg" beside a slow transcription of what the original PyTorch release of PSPNet does, in float64.

The steps are those of github.com/hszhao/semseg, tool/test.py, written anew and with nothing of the package:
bring the long side to round(scale * base), pad with the mean to the window, slide windows at 2/3 of their size (the
last one shifted back), average each with its mirror image as probabilities, divide by the number of windows over a
pixel, cut the padding off, resize to the picture bilinearly, average over scales.
"""

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from sceneparse.inference import label, predict, resolve, scores
from sceneparse.settings import ProtocolSettings
from tests.support.engines import GivenScores

Floats = NDArray[np.float64]

MEAN, STD = (np.array([values]) * 255 for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
CLASSES, STRIDE = 6, 4
WEIGHT = np.random.default_rng(5).normal(0, 0.8, (3, CLASSES))


def network(normalised: Floats) -> Floats:
    """(H, W, 3) to logits (h, w, classes) at a stride; they depend on the position in the window, as a network's do."""
    small = normalised[::STRIDE, ::STRIDE]
    rows, columns = (np.arange(side, dtype=np.float64) for side in small.shape[:2])
    positions = np.sin(0.3 * rows)[:, None, None] * np.arange(CLASSES) / 4 + np.cos(0.2 * columns)[None, :, None]
    return np.tanh(small @ WEIGHT) * 2 + positions * np.array([1, -1, 0.5, -0.5, 0.2, 0])


class Engine(GivenScores):
    """The same network for the package: (N, 3, H, W) of 0..255 to logits in float32."""

    num_classes, align_corners = CLASSES, True
    padding_color: Sequence[float] = tuple(MEAN[0].tolist())

    def __call__(self, images: Tensor) -> Tensor:
        pictures = images.permute(0, 2, 3, 1).double().numpy()
        logits = np.stack([network((picture - MEAN) / STD) for picture in pictures])
        return torch.from_numpy(logits).permute(0, 3, 1, 2).float()


def stretched(maps: Floats, size: tuple[int, int], *, corners: bool) -> Floats:
    """Bilinear resizing of (H, W, C): corner pixels on corner pixels, or the pixels' areas on each other."""
    for axis, wanted in enumerate(size):
        have = maps.shape[axis]
        to = np.arange(wanted, dtype=np.float64)
        if corners:
            source = to * (have - 1) / max(wanted - 1, 1)
        else:
            source = np.clip((to + 0.5) * have / wanted - 0.5, 0, have - 1)
        low = np.floor(source).astype(int)
        high = np.minimum(low + 1, have - 1)
        share = (source - low).reshape([-1 if other == axis else 1 for other in range(3)])
        maps = np.take(maps, low, axis) * (1 - share) + np.take(maps, high, axis) * share
    return maps


def softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=2, keepdims=True))
    return powers / powers.sum(axis=2, keepdims=True)


def one_window(crop: Floats) -> Floats:
    size = (crop.shape[0], crop.shape[1])
    views = [softmax(stretched(network((one - MEAN) / STD), size, corners=True)) for one in (crop, crop[:, ::-1])]
    return (views[0] + views[1][:, ::-1]) / 2


def one_scale(picture: Floats, window: tuple[int, int], size: tuple[int, int]) -> Floats:
    height, width = picture.shape[:2]
    missing = [max(side - have, 0) for side, have in zip(window, (height, width), strict=True)]
    above, left = missing[0] // 2, missing[1] // 2
    padded = np.broadcast_to(MEAN, (height + missing[0], width + missing[1], 3)).copy()
    padded[above : above + height, left : left + width] = picture
    tall, wide = padded.shape[:2]
    steps = [math.ceil(side * 2 / 3) for side in window]
    total, count = np.zeros((tall, wide, CLASSES)), np.zeros((tall, wide, 1))
    for row in range(math.ceil((tall - window[0]) / steps[0]) + 1):
        for column in range(math.ceil((wide - window[1]) / steps[1]) + 1):
            bottom = min(row * steps[0] + window[0], tall)
            right = min(column * steps[1] + window[1], wide)
            area = (slice(bottom - window[0], bottom), slice(right - window[1], right))
            total[area] += one_window(padded[area])
            count[area] += 1
    average = (total / count)[above : above + height, left : left + width]
    return stretched(average, size, corners=False)


def transcribed(picture: Floats, base: int, window: tuple[int, int], scales: tuple[float, ...]) -> Floats:
    height, width = picture.shape[:2]
    total = np.zeros((height, width, CLASSES))
    for scale in scales:
        side = round(scale * base)
        size = (side, round(side / height * width)) if height > width else (round(side / width * height), side)
        total += one_scale(stretched(picture, size, corners=False), window, (height, width))
    return total / len(scales)


PUBLISHED = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)


@pytest.mark.parametrize(
    ("size", "base", "window", "scales"),
    [
        ((46, 70), 80, (33, 41), PUBLISHED),
        ((70, 46), 80, (33, 41), PUBLISHED),
        ((61, 61), 64, (57, 57), PUBLISHED),  # the smallest scales are padded, the largest have four windows
        ((40, 90), 60, (73, 33), (1.0,)),  # padded along one side only
        ((52, 48), 52, (25, 29), (1.0, 1.37)),
    ],
)
def test_multi_scale_mirrored_windows_equal_the_transcription(
    size: tuple[int, int], base: int, window: tuple[int, int], scales: tuple[float, ...]
) -> None:
    generator = np.random.default_rng(size[0])
    coarse = generator.random((5, 6, 3)) * 200
    picture = np.floor(stretched(coarse, size, corners=True) + 50 * generator.random((*size, 3)))
    expected = transcribed(picture, base, window, scales)
    image = torch.from_numpy(picture).permute(2, 0, 1).to(torch.uint8)
    protocol = resolve(ProtocolSettings("semseg", size=base, window=window, scales=scales))
    assert (protocol.flip, protocol.average, protocol.stride) == (True, "probabilities", 2 / 3)
    got = scores(Engine(), image, protocol).permute(1, 2, 0).double().numpy()
    assert np.abs(got - expected).max() <= 1e-5
    clear = np.diff(np.sort(expected, axis=2)[:, :, -2:], axis=2)[:, :, 0] > 1e-4
    assert clear.mean() > 0.99
    for labels in (label(Engine(), image, protocol), predict(Engine(), image, protocol).labels):
        assert np.array_equal(labels.numpy()[clear], expected.argmax(axis=2)[clear])
