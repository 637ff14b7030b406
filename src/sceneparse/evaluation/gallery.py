"""Choose pictures for the report, and show each beside its truth, its prediction and its errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sceneparse.data.sample import DataSet, Sample
from sceneparse.drawing.embedding import data_uri, shrunk
from sceneparse.drawing.paint import CORRECT, WRONG, blend, error_map, paint
from sceneparse.errors import UserError
from sceneparse.evaluation.evaluate import Evaluation, PictureScore
from sceneparse.evaluation.page import percent, picture
from sceneparse.inference import Engine, label
from sceneparse.labels import LabelSpace

BEST, WORST, RANDOM = 4, 6, 4
SIDE = 800
"""Long side of the pictures in the report, in pixels: enough for one that opens large, and a report of 2 or 3 MB."""
BAND_ROWS = 256
"""Rows of a label map that are counted at a time."""
LEGEND = 16
"""At most so many classes are named under a picture, those with the most pixels first."""


@dataclass(frozen=True)
class Choice:
    """The pictures that a report shows, each at most once."""

    best: tuple[PictureScore, ...]
    worst: tuple[PictureScore, ...]
    random: tuple[PictureScore, ...]


@dataclass(frozen=True)
class Mark:
    """A dashed box that points at a region of the picture.

    Args:
        left: In fractions of the picture, as are `top`, `width` and `height`.
    """

    left: float
    top: float
    width: float
    height: float

    @classmethod
    def around(cls, mask: NDArray[np.bool_], margin: float = 0.02) -> "Mark":
        """The box around the bulk of an (H, W) mask that isn't empty, with a margin in fractions of the picture.

        A few far pixels would blow the box up to the whole picture: a twentieth of the mask at each side doesn't count.
        """
        (top, bottom), (left, right) = (_extent(mask.sum(axis=axis), margin) for axis in (1, 0))
        return cls(left, top, right - left, bottom - top)


def _extent(counts: NDArray[Any], margin: float) -> tuple[float, float]:
    """Where the middle nine tenths of the counts along an axis lie, in fractions of it."""
    shares = counts.cumsum() / counts.sum()
    first, last = np.searchsorted(shares, (0.05, 0.95))
    return max(first / len(counts) - margin, 0.0), min((last + 1) / len(counts) + margin, 1.0)


def choose(pictures: Sequence[PictureScore]) -> Choice:
    """The pictures of highest and of lowest mean IoU (the worst first), and some of the others by chance.

    The draw is seeded: the same scores give the same pictures. With few pictures the three groups get a share each.
    """
    ranked = sorted((one for one in pictures if one.mean_iou is not None), key=lambda one: -(one.mean_iou or 0.0))
    best = min(BEST, -(-len(ranked) // 3))
    worst = min(WORST, (len(ranked) - best + 1) // 2)
    rest = ranked[best : len(ranked) - worst]
    drawn = np.random.default_rng(0).permutation(len(rest))[:RANDOM]
    return Choice(
        best=tuple(ranked[:best]),
        worst=tuple(reversed(ranked[len(ranked) - worst :])),
        random=tuple(rest[index] for index in drawn),
    )


def cards(chosen: Sequence[PictureScore], evaluation: Evaluation, engine: Engine, dataset: DataSet) -> str:
    """A card for each picture: its scores, the four views, a legend and the largest mistake. HTML."""
    return "".join(_card(score, evaluation, engine, dataset) for score in chosen)


def _card(score: PictureScore, evaluation: Evaluation, engine: Engine, dataset: DataSet) -> str:
    space = evaluation.labels
    sample = dataset[score.index]
    truth = truth_of(sample)
    prediction = label(engine, sample.image, evaluation.protocol).numpy()
    image = shrunk(rgb_of(sample), SIDE, Image.Resampling.LANCZOS)
    small_truth, small_prediction = (shrunk(labels, SIDE, Image.Resampling.NEAREST) for labels in (truth, prediction))
    views = (
        view(photo(image), "picture", f"Picture {score.name}"),
        view(label_image(small_truth, space), "truth", f"Truth of {score.name}", labels=True),
        view(label_image(small_prediction, space), "prediction", f"Prediction for {score.name}", labels=True),
        view(photo(_errors(image, small_truth, small_prediction)), "errors", f"Errors in {score.name}"),
    )
    return card(
        f"<b>{escape(score.name)}</b><span>mean IoU {percent(score.mean_iou)}</span>"
        f'<span class="muted">{percent(score.pixel_accuracy)} of the pixels right</span>'
        f'<span class="muted">{_largest_mistake(truth, prediction, space)}</span>',
        views,
        legend((truth, prediction), space),
    )


def card(line: str, views: Sequence[str], below: str) -> str:
    """Return a picture's card: a line of figures, its views side by side, and what stands below. HTML."""
    return f'<div class="card"><p class="line">{line}</p><div class="views">{"".join(views)}</div>{below}</div>'


def views_of(
    name: str, sample: Sample, maps: Sequence[tuple[str, NDArray[Any]]], space: LabelSpace, mark: Mark | None
) -> list[str]:
    """The picture and the named label maps, the mark on each."""
    views = [
        view(photo(shrunk(rgb_of(sample), SIDE, Image.Resampling.LANCZOS)), "picture", f"Picture {name}", mark=mark)
    ]
    for caption, labels in maps:
        image = label_image(shrunk(labels, SIDE, Image.Resampling.NEAREST), space)
        views.append(view(image, caption, f"{name}: {caption}", labels=True, mark=mark))
    return views


def errors_view(
    name: str, sample: Sample, truth: NDArray[Any], prediction: NDArray[Any], *, mark: Mark | None = None
) -> str:
    """The picture pale where the labels are right, and what is wrong or unknown in its colour."""
    image = shrunk(rgb_of(sample), SIDE, Image.Resampling.LANCZOS)
    small_truth, small_prediction = (shrunk(labels, SIDE, Image.Resampling.NEAREST) for labels in (truth, prediction))
    errors = photo(_errors(image, small_truth, small_prediction))
    return view(errors, "errors", f"Errors in {name}", mark=mark)


def view(image: Image.Image, caption: str, alt: str, *, labels: bool = False, mark: Mark | None = None) -> str:
    """One picture with its caption, which opens large; label maps keep hard edges when they are enlarged."""
    box = ""
    if mark is not None:
        box = (
            f'<span class="mark" style="left:{100 * mark.left:.1f}%;top:{100 * mark.top:.1f}%;'
            f'width:{100 * mark.width:.1f}%;height:{100 * mark.height:.1f}%"></span>'
        )
    return picture(data_uri(image), image.size, caption, alt, sharp=labels, over=box)


def photo(pixels: NDArray[np.uint8]) -> Image.Image:
    """An (H, W, 3) uint8 array as a picture."""
    return Image.fromarray(pixels)


def label_image(labels: NDArray[Any], space: LabelSpace) -> Image.Image:
    """A label map as a palette image of only the colours that it uses: a few kilobytes as PNG."""
    used, indices = np.unique(labels, return_inverse=True)
    if len(used) > 256:
        return Image.fromarray(paint(labels, space))
    image = Image.fromarray(indices.reshape(labels.shape).astype(np.uint8), "P")
    image.putpalette(paint(used, space).tobytes())
    return image


def legend(maps: Sequence[NDArray[Any]], space: LabelSpace) -> str:
    """The classes of some label maps of one picture, with the colours they are painted in. HTML."""
    counts = np.zeros(len(space) + 1, np.int64)
    for labels in maps:
        for top in range(0, len(labels), BAND_ROWS):  # whole rasters would be copied several times
            counts += np.bincount(labels[top : top + BAND_ROWS].ravel() + 1, minlength=len(counts))
    order = [int(index) for index in np.argsort(-counts[1:], kind="stable") if counts[1 + index]]
    keys = [
        f'<li><i style="background:#{bytes(space.colors[index]).hex()}"></i>{escape(space.names[index])}</li>'
        for index in order[:LEGEND]
    ]
    if len(order) > LEGEND:
        keys.append(f'<li class="muted">and {len(order) - LEGEND} more</li>')
    if counts[0]:
        keys.append('<li class="muted"><i style="background:#000"></i>truth unknown</li>')
    return f'<ul class="keys" aria-label="Classes">{"".join(keys)}</ul>'


def truth_of(sample: Sample) -> NDArray[np.int16]:
    """Return the true label of every pixel of a sample, (H, W).

    Raises:
        UserError: The sample has none.
    """
    if sample.objects is None:
        raise UserError(f"{sample.name}: no truth, so it can't stand in a report; evaluate a split that has masks")
    return sample.objects.numpy()


def _largest_mistake(truth: NDArray[Any], prediction: NDArray[Any], space: LabelSpace) -> str:
    wrong = (truth >= 0) & (truth != prediction)
    if not wrong.any():
        return "no mistake"
    pairs, counts = np.unique(truth[wrong].astype(np.int64) * len(space) + prediction[wrong], return_counts=True)
    largest = int(counts.argmax())
    right, read = divmod(int(pairs[largest]), len(space))
    share = counts[largest] / (truth == right).sum()
    return (
        f"largest mistake: {percent(float(share), 0)} of <code>{escape(space.names[right])}</code> "
        f"is read as <code>{escape(space.names[read])}</code>"
    )


def _errors(image: NDArray[np.uint8], truth: NDArray[Any], prediction: NDArray[Any]) -> NDArray[np.uint8]:
    """The picture pale where it is right; wrong and unknown pixels in their colours, with a trace of the picture."""
    colors = error_map(truth, prediction)
    grey = np.repeat(image.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    pale = blend(grey, np.array(CORRECT, dtype=np.uint8), 0.7)
    return np.where((truth == prediction)[..., None], pale, blend(grey, colors, 0.85))


def rgb_of(sample: Sample) -> NDArray[np.uint8]:
    """Return a sample's picture as colours, (H, W, 3) uint8: its first three channels, or a single one as grey."""
    channels = sample.image if sample.image.shape[0] >= 3 else sample.image[:1].expand(3, -1, -1)
    return channels[:3].permute(1, 2, 0).contiguous().numpy()


WRONG_COLOR = f"#{bytes(WRONG).hex()}"
"""The colour of wrong pixels, for the line that explains it."""
