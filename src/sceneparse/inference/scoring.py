"""Score a picture under a protocol, and derive labels and confidence from the scores."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from sceneparse.errors import counted
from sceneparse.inference.crf import refine, refuse_reduced
from sceneparse.inference.deciding import HALF, decided, threshold_of
from sceneparse.inference.engine import Engine
from sceneparse.inference.mirroring import mirrored_scores
from sceneparse.inference.protocol import TestProtocol
from sceneparse.inference.rows import MapRows, MeanRows, Rows, StretchedRows, band_height, mean
from sceneparse.inference.tempering import NONE, sureness, temperature_of
from sceneparse.inference.windows import WindowRows
from sceneparse.inference.winners import labels_of, winners_by_kernels, winners_of, worth_splitting
from sceneparse.networks.exact.argmax import worth_skipping
from sceneparse.networks.exact.kernels.usable import usable


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
    if protocol.crf:
        refined = refined_scores(engine, image, protocol, size)
        winner = decided(refined, threshold_of(engine), probabilities=True)
        best = refined.gather(0, winner[None])[0]
        return Prediction(winner.to(torch.int16).cpu(), best.cpu())
    own = size or (image.shape[-2], image.shape[-1])
    if gives_one_map(protocol):
        return _predicted_of_maps(engine, one_map_each(engine, image[None], protocol, own), own, protocol)[0]
    return predicted(engine, every_scale(engine, image, protocol, size=own), own, protocol)


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
    if protocol.window is not None or protocol.crf or len(images) == 1:
        return [predict(engine, image, protocol, size) for image in images]
    own = size or (images.shape[-2], images.shape[-1])
    if gives_one_map(protocol):
        return _predicted_of_maps(engine, one_map_each(engine, images, protocol, own), own, protocol)
    return [predicted(engine, rows, own, protocol) for rows in batch_scales(engine, images, protocol, size=own)]


def gives_one_map(protocol: TestProtocol) -> bool:
    """Return whether one map of logits decides: that of one view, or the mean of two, which is a map as well.

    The softmax of a single view leaves the order of the classes, so that probabilities are no other matter then.
    """
    once = protocol.window is None and protocol.upsampling == "once"
    return once and len(protocol.scales) == 1 and not (protocol.flip and _probabilities(protocol))


def one_map_each(engine: Engine, images: Tensor, protocol: TestProtocol, own: tuple[int, int]) -> Tensor:
    """Return the maps of logits (N, classes, h, w) of pictures under a protocol that gives one for each."""
    resized = _resized(images, protocol, protocol.scales[0], own)
    logits = engine(resized)
    return mean([logits, mirrored_scores(engine, resized)]) if protocol.flip else logits


def _predicted_of_maps(engine: Engine, maps: Tensor, own: tuple[int, int], protocol: TestProtocol) -> list[Prediction]:
    """Return the most probable class of every pixel of pictures, from the one map of logits each that decides."""
    threshold, temperature = threshold_of(engine), temperature_of(engine)
    if usable(maps, own):
        found = winners_by_kernels(maps, own, engine.align_corners, temperature, threshold)
        return [Prediction(*one) for one in zip(*found, strict=True)]
    if threshold == HALF and worth_splitting(maps[0], own):
        return [Prediction(*winners_of(logits, own, engine.align_corners, temperature)) for logits in maps]
    rows = (MapRows([logits], own, engine.align_corners, _probabilities(protocol)) for logits in maps)
    return [predicted(engine, source, own, protocol) for source in rows]


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
    if protocol.crf:
        refined = refined_scores(engine, image, protocol)
        return decided(refined, threshold_of(engine), probabilities=True).to(torch.int16).cpu()
    own = (image.shape[-2], image.shape[-1])
    if gives_one_map(protocol):
        (logits,) = one_map_each(engine, image[None], protocol, own)
        return _winners(engine, logits, own)
    return _row_winners(engine, every_scale(engine, image, protocol), own, probabilities=_probabilities(protocol))


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
    return refine(found.clamp_min(1e-9).log() if _probabilities(protocol) else found, image)


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
        winner = decided(scores, threshold, probabilities=_probabilities(protocol))
        best = scores.gather(0, winner[None])[0]
    return winner, sureness(scores, best, temperature, logits=not _probabilities(protocol))


def bands(engine: Engine, source: Rows, size: tuple[int, int]) -> Iterator[tuple[int, Tensor]]:
    """Yield the first row and the scores (classes, n, W) of each band, from the top down."""
    height, width = size
    start, step = 0, band_height(engine.num_classes, width, "cpu")
    while start < height:
        band = source.rows(start, min(start + step, height))
        step = band_height(engine.num_classes, width, band.device.type)
        yield start, band
        start += band.shape[1]


def every_scale(
    engine: Engine,
    image: Tensor,
    protocol: TestProtocol,
    groups: Sequence[int] | None = None,
    size: tuple[int, int] | None = None,
) -> Rows:
    """Return the rows of the scores averaged over all scales; `groups` as in `MapRows`, `size` as in `predict`."""
    own = size or (image.shape[-2], image.shape[-1])
    return MeanRows([_source(engine, image, protocol, scale, groups, own) for scale in protocol.scales])


def batch_scales(
    engine: Engine,
    images: Tensor,
    protocol: TestProtocol,
    groups: Sequence[int] | None = None,
    size: tuple[int, int] | None = None,
) -> list[Rows]:
    """Return `every_scale` for several whole pictures of one size, which the engine scores at once."""
    own = size or (images.shape[-2], images.shape[-1])
    scales = []
    for scale in protocol.scales:
        tested = protocol.input_size(own, scale)
        resized = _resized(images, protocol, scale, own)
        views = [engine(resized)]
        if protocol.flip:
            views.append(mirrored_scores(engine, resized))
        scales.append((views, tested))
    return [
        MeanRows(
            [_whole([view[index] for view in views], tested, own, engine, protocol, groups) for views, tested in scales]
        )
        for index in range(len(images))
    ]


def _source(
    engine: Engine,
    image: Tensor,
    protocol: TestProtocol,
    scale: float,
    groups: Sequence[int] | None,
    own: tuple[int, int],
) -> Rows:
    """Return the rows of the scores at one scale, at the picture's own size."""
    resized = _resized(image[None], protocol, scale, own)[0]
    if protocol.window is None:
        views = _views(engine, resized, protocol)
        return _whole(views, (resized.shape[-2], resized.shape[-1]), own, engine, protocol, groups)
    windows = WindowRows(
        engine,
        resized,
        protocol.window,
        protocol.stride,
        flip=protocol.flip,
        probabilities=_probabilities(protocol),
        hann=protocol.blend == "hann",
        groups=groups,
    )
    size = (resized.shape[-2], resized.shape[-1])
    return windows if size == own else StretchedRows(windows, size, own)


def _whole(
    views: Sequence[Tensor],
    size: tuple[int, int],
    own: tuple[int, int],
    engine: Engine,
    protocol: TestProtocol,
    groups: Sequence[int] | None,
) -> Rows:
    """Return the rows of the scores of a picture that was tested whole, at a size, at its own size."""
    twice = protocol.upsampling == "twice" and size != own
    rows = MapRows(views, size if twice else own, engine.align_corners, _probabilities(protocol), groups)
    return StretchedRows(rows, size, own) if twice else rows


def _resized(images: Tensor, protocol: TestProtocol, scale: float, own: tuple[int, int]) -> Tensor:
    """Resize pictures (N, C, H, W) of that own size to one scale: as they are, float32 or, antialiased, uint8."""
    size = protocol.input_size(own, scale)
    if size == (images.shape[-2], images.shape[-1]):
        return images
    if protocol.antialiases(own):  # bytes in, bytes out: the same kernel as in torchvision's, and Pillow's to within 1
        return F.interpolate(images.cpu(), size, mode="bilinear", antialias=True)
    return F.interpolate(images.float(), size, mode="bilinear")


def _views(engine: Engine, resized: Tensor, protocol: TestProtocol) -> list[Tensor]:
    """Return the logits of the whole picture and, if the protocol wants it, of its mirror image turned back."""
    views = [engine(resized[None])[0]]
    if protocol.flip:
        views.append(mirrored_scores(engine, resized[None])[0])
    return views


def _probabilities(protocol: TestProtocol) -> bool:
    return protocol.average == "probabilities"
