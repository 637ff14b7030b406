"""The scores of a picture under a protocol, at every scale and of its mirror image."""

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F

from sceneparse.inference.engine import Engine
from sceneparse.inference.mirroring import mirrored_scores
from sceneparse.inference.protocol import TestProtocol
from sceneparse.inference.rows import MapRows, MeanRows, Rows, StretchedRows, mean
from sceneparse.inference.windows import WindowRows


def gives_one_map(protocol: TestProtocol) -> bool:
    """Return whether one map of logits decides: that of one view, or the mean of two, which is a map as well.

    The softmax of a single view leaves the order of the classes, so that probabilities are no other matter then.
    """
    once = protocol.window is None and protocol.upsampling == "once"
    return once and len(protocol.scales) == 1 and not (protocol.flip and averages_probabilities(protocol))


def one_map_each(engine: Engine, images: Tensor, protocol: TestProtocol, own: tuple[int, int]) -> Tensor:
    """Return the maps of logits (N, classes, h, w) of pictures under a protocol that gives one for each."""
    resized = at_scale(images, protocol, protocol.scales[0], own)
    logits = engine(resized)
    return mean([logits, mirrored_scores(engine, resized)]) if protocol.flip else logits


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
        resized = at_scale(images, protocol, scale, own)
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
    resized = at_scale(image[None], protocol, scale, own)[0]
    if protocol.window is None:
        views = _views(engine, resized, protocol)
        return _whole(views, (resized.shape[-2], resized.shape[-1]), own, engine, protocol, groups)
    windows = WindowRows(
        engine,
        resized,
        protocol.window,
        protocol.stride,
        flip=protocol.flip,
        probabilities=averages_probabilities(protocol),
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
    rows = MapRows(views, size if twice else own, engine.align_corners, averages_probabilities(protocol), groups)
    return StretchedRows(rows, size, own) if twice else rows


def at_scale(images: Tensor, protocol: TestProtocol, scale: float, own: tuple[int, int]) -> Tensor:
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


def averages_probabilities(protocol: TestProtocol) -> bool:
    """Return whether a protocol averages probabilities, not logits."""
    return protocol.average == "probabilities"
