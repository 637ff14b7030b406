"""Score a picture under a protocol, and derive labels and confidence from the scores."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from sceneparse.errors import counted
from sceneparse.inference.crf import refine, refuse_reduced
from sceneparse.inference.deciding import HALF, decided, threshold_of
from sceneparse.inference.engine import Engine
from sceneparse.inference.later import Later, done
from sceneparse.inference.protocol import TestProtocol
from sceneparse.inference.rows import MapRows, Rows, band_height
from sceneparse.inference.tempering import NONE, sureness, temperature_of
from sceneparse.inference.views import averages_probabilities, batch_scales, every_scale, gives_one_map, one_map_each
from sceneparse.inference.winners import (
    labels_of,
    labels_on_their_way,
    winners_by_kernels,
    winners_of,
    worth_splitting,
)
from sceneparse.networks.exact.argmax import worth_skipping
from sceneparse.networks.exact.kernels.usable import usable
from sceneparse.networks.exact.reading import Arriving


@dataclass(frozen=True)
class Prediction:
    """The most probable class of each pixel, and its probability.

    Args:
        labels: (H, W) int16 class indices, on the CPU.
        confidence: (H, W) float32, the probability of that class, under the engine's temperature.
    """

    labels: Tensor
    confidence: Tensor

    def __repr__(self) -> str:
        height, width = self.labels.shape
        return f"Prediction({width}×{height}, {counted(len(self.labels.unique()), 'class', 'classes')})"


@torch.no_grad()
def scores(engine: Engine, image: Tensor, protocol: TestProtocol) -> Tensor:
    """Return every class's score at every pixel; for labels use `predict`, which needs a fraction of the memory.

    Args:
        engine: What gives scores.
        image: (C, H, W) uint8.
        protocol: How the picture is tested.

    Returns:
        (classes, H, W) float32 on the CPU: averaged logits or probabilities, as the protocol says, before any CRF.
    """
    height, width = image.shape[-2:]
    result = torch.empty(engine.num_classes, height, width)
    for start, band in bands(engine, every_scale(engine, image, protocol), (height, width)):
        result[:, start : start + band.shape[1]] = band
    return result


@torch.no_grad()
def predict(engine: Engine, image: Tensor, protocol: TestProtocol, size: tuple[int, int] | None = None) -> Prediction:
    """Return the most probable class of every pixel, at the picture's own size.

    Works through bands of rows: scores of the whole picture are never held, unless the protocol has a CRF.

    Args:
        engine: What gives scores.
        image: (C, H, W) uint8.
        protocol: How the picture is tested.
        size: The picture's own height and width, where `image` is reduced already. Default: the image's.

    Raises:
        UserError: The protocol has a CRF, which looks at all pixels of the picture, and `image` is reduced.
    """
    return begin_predictions(engine, image[None], protocol, size)[0]()


@torch.no_grad()
def predict_batch(
    engine: Engine, images: Tensor, protocol: TestProtocol, size: tuple[int, int] | None = None
) -> list[Prediction]:
    """Compute `predict` for several pictures of one size, which the engine scores at once.

    Windows already come in batches, so under a protocol of windows it is one picture after the other, as it is
    with a CRF. A pixel may differ from `predict` where two classes are within rounding of each other.

    Args:
        engine: What gives scores.
        images: (N, C, H, W) uint8.
        protocol: How the pictures are tested.
        size: As in `predict`, of all of them.

    Raises:
        UserError: As `predict`.
    """
    return [later() for later in begin_predictions(engine, images, protocol, size)]


@torch.no_grad()
def begin_predictions(
    engine: Engine, images: Tensor, protocol: TestProtocol, size: tuple[int, int] | None = None
) -> list[Later[Prediction]]:
    """Begin `predict_batch`: where one map of scores decides, a CUDA device is not waited for.

    Args:
        engine: What gives scores.
        images: (N, C, H, W) uint8.
        protocol: How the pictures are tested.
        size: As in `predict`, of all of them.

    Returns:
        What gives each picture's prediction, in their order.

    Raises:
        UserError: As `predict`.
    """
    own = size or (images.shape[-2], images.shape[-1])
    if protocol.crf:
        return [done(_refined(engine, image, protocol, size)) for image in images]
    if gives_one_map(protocol):
        return _begun_of_maps(engine, one_map_each(engine, images, protocol, own), own, protocol)
    sources = _sources(engine, images, protocol, own)
    return [done(predicted(engine, rows, own, protocol)) for rows in sources]


def _refined(engine: Engine, image: Tensor, protocol: TestProtocol, size: tuple[int, int] | None) -> Prediction:
    refined = refined_scores(engine, image, protocol, size)
    winner = decided(refined, threshold_of(engine), probabilities=True)
    best = refined.gather(0, winner[None])[0]
    return Prediction(winner.to(torch.int16).cpu(), best.cpu())


def _sources(engine: Engine, images: Tensor, protocol: TestProtocol, own: tuple[int, int]) -> Iterable[Rows]:
    """Return the rows of each picture's scores, of all scales."""
    if protocol.window is not None or len(images) == 1:
        return (every_scale(engine, image, protocol, size=own) for image in images)
    return batch_scales(engine, images, protocol, size=own)


def _begun_of_maps(
    engine: Engine, maps: Tensor, own: tuple[int, int], protocol: TestProtocol
) -> list[Later[Prediction]]:
    """Begin to decide every pixel of pictures from the one map of logits each that decides."""
    threshold, temperature = threshold_of(engine), temperature_of(engine)
    if usable(maps, own):
        found = winners_by_kernels(maps, own, engine.align_corners, temperature, threshold)
        return [partial(arrived, *found, index) for index in range(len(maps))]
    if threshold == HALF and worth_splitting(maps[0], own):
        return [done(Prediction(*winners_of(logits, own, engine.align_corners, temperature))) for logits in maps]
    rows = (MapRows([logits], own, engine.align_corners, averages_probabilities(protocol)) for logits in maps)
    return [done(predicted(engine, source, own, protocol)) for source in rows]


def arrived(labels: Arriving, confidence: Arriving, index: int) -> Prediction:
    """Return one picture's prediction of those that are on their way; waits until they are there."""
    return Prediction(labels.values()[index], confidence.values()[index])


def predicted(engine: Engine, source: Rows, size: tuple[int, int], protocol: TestProtocol) -> Prediction:
    """Return the most probable class of every pixel, from scores that come row by row."""
    height, width = size
    labels = torch.empty(height, width, dtype=torch.int16)
    confidence = torch.empty(height, width)
    for start, band in bands(engine, source, size):
        stop = start + band.shape[1]
        winner, confidence[start:stop] = winners(band, protocol, threshold_of(engine), temperature_of(engine))
        labels[start:stop] = winner.to(torch.int16)
    return Prediction(labels, confidence)


@torch.no_grad()
def label(engine: Engine, image: Tensor, protocol: TestProtocol) -> Tensor:
    """Return the labels of `predict` without the confidence, which takes most of its time.

    Where one map of scores decides, only pixels near a boundary are looked at, or a GPU does all of it in one kernel. A
    pixel may differ from `predict` where two classes are within rounding of each other.

    Args:
        engine: What gives scores.
        image: (C, H, W) uint8.
        protocol: How the picture is tested.

    Returns:
        (H, W) int16 class indices, on the CPU.
    """
    return begin_labels(engine, image[None], protocol)[0]()


@torch.no_grad()
def begin_labels(engine: Engine, images: Tensor, protocol: TestProtocol) -> list[Later[Tensor]]:
    """Begin `label` of several pictures of one size, which the engine scores at once where it can; see `predict_batch`.

    Args:
        engine: What gives scores.
        images: (N, C, H, W) uint8.
        protocol: How the pictures are tested.

    Returns:
        What gives each picture's labels, in their order.
    """
    if protocol.crf:
        refined = (refined_scores(engine, image, protocol) for image in images)
        return [done(decided(one, threshold_of(engine), probabilities=True).to(torch.int16).cpu()) for one in refined]
    own = (images.shape[-2], images.shape[-1])
    if not gives_one_map(protocol):
        sources, probabilities = _sources(engine, images, protocol, own), averages_probabilities(protocol)
        return [done(_row_winners(engine, rows, own, probabilities=probabilities)) for rows in sources]
    maps = one_map_each(engine, images, protocol, own)
    if usable(maps, own):
        labels = labels_on_their_way(maps, own, engine.align_corners, threshold_of(engine))
        return [partial(_labels_arrived, labels, index) for index in range(len(maps))]
    return [done(_winners(engine, logits, own)) for logits in maps]


def _labels_arrived(labels: Arriving, index: int) -> Tensor:
    return labels.values()[index]


def refined_scores(
    engine: Engine, image: Tensor, protocol: TestProtocol, size: tuple[int, int] | None = None
) -> Tensor:
    """Return the probabilities (classes, H, W) of the dense conditional random field over averaged scores.

    Raises:
        UserError: `size`, the picture's own height and width, is not the image's.
    """
    if size is not None:
        refuse_reduced(image, size)
    found = scores(engine, image, protocol)
    return refine(found.clamp_min(1e-9).log() if averages_probabilities(protocol) else found, image)


@torch.no_grad()
def label_batch(engine: Engine, images: Tensor) -> Tensor:
    """Compute `label` for pictures (N, C, H, W) uint8, each as it is and whole, scored at once: (N, H, W) int16."""
    own = (images.shape[-2], images.shape[-1])
    batch = engine(images)
    if worth_skipping(batch, own):
        return labels_of(batch, own, engine.align_corners, threshold_of(engine))
    return torch.stack([_winners(engine, logits, own) for logits in batch])


def _winners(engine: Engine, logits: Tensor, own: tuple[int, int]) -> Tensor:
    """Return the labels that one map of logits (classes, h, w) gives."""
    if worth_skipping(logits, own):
        return labels_of(logits, own, engine.align_corners, threshold_of(engine))
    source = MapRows([logits], own, engine.align_corners, probabilities=False)
    return _row_winners(engine, source, own, probabilities=False)


def _row_winners(engine: Engine, source: Rows, own: tuple[int, int], *, probabilities: bool) -> Tensor:
    labels = torch.empty(own, dtype=torch.int16)
    for start, band in bands(engine, source, own):
        winner = decided(band, threshold_of(engine), probabilities=probabilities)
        labels[start : start + band.shape[1]] = winner.to(torch.int16)
    return labels


def winners(
    scores: Tensor, protocol: TestProtocol, threshold: float = HALF, temperature: float = NONE
) -> tuple[Tensor, Tensor]:
    """Return the class that scores decide for, and its probability.

    Args:
        scores: (classes, ...), averaged as the protocol says.
        protocol: The protocol.
        threshold: As in `decided`.
        temperature: As in `sureness`.
    """
    best, winner = scores.max(dim=0)
    if threshold != HALF:
        winner = decided(scores, threshold, probabilities=averages_probabilities(protocol))
        best = scores.gather(0, winner[None])[0]
    return winner, sureness(scores, best, temperature, logits=not averages_probabilities(protocol))


def bands(engine: Engine, source: Rows, size: tuple[int, int]) -> Iterator[tuple[int, Tensor]]:
    """Yield the first row and the scores (classes, n, W) of each band, from the top down."""
    height, width = size
    start, step = 0, band_height(engine.num_classes, width, "cpu")
    while start < height:
        band = source.rows(start, min(start + step, height))
        step = band_height(engine.num_classes, width, band.device.type)
        yield start, band
        start += band.shape[1]
