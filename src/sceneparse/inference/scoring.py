"""Scoring a picture under a protocol: an engine's scores, and the labels that follow from them."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from sceneparse.inference.engine import Engine
from sceneparse.inference.protocol import TestProtocol
from sceneparse.inference.rows import MapRows, MeanRows, Rows, StretchedRows, band_height
from sceneparse.inference.windows import WindowRows


@dataclass(frozen=True)
class Prediction:
    """What a picture shows.

    Args:
        labels: (H, W) int16 class indices, on the CPU.
        confidence: (H, W) float32, the probability of that class.
    """

    labels: Tensor
    confidence: Tensor


@torch.no_grad()
def scores(engine: Engine, image: Tensor, protocol: TestProtocol) -> Tensor:
    """Every class's score at every pixel. For labels use `predict`, which needs a fraction of the memory.

    Args:
        engine: What gives scores.
        image: (C, H, W) uint8.
        protocol: How the picture is tested.

    Returns:
        (classes, H, W) float32 on the CPU: averaged logits or probabilities, as the protocol says.
    """
    height, width = image.shape[-2:]
    result = torch.empty(engine.num_classes, height, width)
    for start, band in _bands(engine, image, protocol):
        result[:, start : start + band.shape[1]] = band
    return result


@torch.no_grad()
def predict(engine: Engine, image: Tensor, protocol: TestProtocol) -> Prediction:
    """The most probable class of every pixel, at the picture's own size.

    Works through bands of rows: scores of the whole picture are never held.

    Args:
        engine: What gives scores.
        image: (C, H, W) uint8.
        protocol: How the picture is tested.
    """
    height, width = image.shape[-2:]
    labels = torch.empty(height, width, dtype=torch.int16)
    confidence = torch.empty(height, width)
    for start, band in _bands(engine, image, protocol):
        stop = start + band.shape[1]
        best, winner = band.max(dim=0)
        labels[start:stop] = winner.to(torch.int16)
        if protocol.average == "logits":  # the winner's softmax: 1 / sum of exp(score - best score)
            best = (band - best).exp_().sum(dim=0).reciprocal_()
        confidence[start:stop] = best
    return Prediction(labels, confidence)


def _bands(engine: Engine, image: Tensor, protocol: TestProtocol) -> Iterator[tuple[int, Tensor]]:
    """The first row and the scores of each band, (classes, n, W), from the top down."""
    height, width = image.shape[-2:]
    source = MeanRows([_source(engine, image, protocol, scale) for scale in protocol.scales])
    start, step = 0, band_height(engine.num_classes, width, "cpu")
    while start < height:
        band = source.rows(start, min(start + step, height))
        step = band_height(engine.num_classes, width, band.device.type)
        yield start, band
        start += band.shape[1]


def _source(engine: Engine, image: Tensor, protocol: TestProtocol, scale: float) -> Rows:
    """Rows of the scores at one scale, at the picture's own size."""
    own = (image.shape[-2], image.shape[-1])
    size = protocol.input_size(own, scale)
    # Without antialiasing and without rounding to whole values, as in the published protocols.
    resized = image if size == own else F.interpolate(image[None].float(), size, mode="bilinear")[0]
    probabilities = protocol.average == "probabilities"
    if protocol.window is None:
        views = [engine(resized[None])[0]]
        if protocol.flip:
            views.append(engine(resized.flip(-1)[None])[0].flip(-1))
        return MapRows(views, own, engine.align_corners, probabilities)
    windows = WindowRows(
        engine, resized, protocol.window, protocol.stride, flip=protocol.flip, probabilities=probabilities
    )
    return windows if size == own else StretchedRows(windows, size, own)
