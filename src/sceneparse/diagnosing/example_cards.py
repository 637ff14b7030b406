"""Show examples of findings: for each the picture around it, the truth, the labels and the errors."""

from collections.abc import Callable, Sequence
from html import escape

from sceneparse.data.sample import Sample
from sceneparse.diagnosing.diagnose import Case
from sceneparse.diagnosing.failures import Example
from sceneparse.evaluation.gallery import Mark, card, errors_view, legend, truth_of, views_of
from sceneparse.labels import LabelSpace
from sceneparse.labels.regions import Box

SEEN = 0.4
"""The cut-out around an example is at least this share of the picture's sides."""
AROUND = 1.6
"""And at least so many times as large as the example."""

Again = Callable[[int], Case]
"""Tests a picture again, by its index."""


def cards_of(examples: Sequence[Example], again: Again, space: LabelSpace, *, whole: bool) -> str:
    """Return a card for each example: picture, truth, labels and errors. HTML.

    Args:
        examples: Where something went wrong, and in which pictures.
        again: Tests their pictures again.
        space: The classes.
        whole: Show whole pictures instead of cut-outs, for failures that only the scene explains.
    """
    return "".join(_card(one, again(one.picture), space, whole) for one in examples)


def _card(example: Example, case: Case, space: LabelSpace, whole: bool) -> str:
    name, truth, labels = case.sample.name, truth_of(case.sample), case.labels.numpy()
    height, width = truth.shape
    cut = (0, 0, height, width) if whole else window(example.box, (height, width))
    rows, columns = slice(cut[0], cut[2]), slice(cut[1], cut[3])
    close = Sample(case.sample.image[:, rows, columns], name=name)
    true, read, mark = truth[rows, columns], labels[rows, columns], _mark(example.box, cut)
    views = views_of(name, close, [("truth", true), ("prediction", read)], space, mark)
    line = f'<b>{escape(name)}</b><span class="muted">{example.pixels:,} wrong pixels in the marked box</span>'
    return card(line, [*views, errors_view(name, close, true, read, mark=mark)], legend((true, read), space))


def window(box: Box, size: tuple[int, int]) -> Box:
    """Return the crop that shows a box: of the picture's shape, around the box, inside the picture."""
    top, left, bottom, right = box
    height, width = size
    share = min(max(SEEN, AROUND * (bottom - top) / height, AROUND * (right - left) / width), 1.0)
    tall, wide = round(share * height), round(share * width)
    up = min(max((top + bottom - tall) // 2, 0), height - tall)
    along = min(max((left + right - wide) // 2, 0), width - wide)
    return up, along, up + tall, along + wide


def _mark(box: Box, cut: Box) -> Mark:
    """A mark around a box, with a margin of a hundredth, in a cut-out of the picture."""
    (top, left, bottom, right), height, width = box, cut[2] - cut[0], cut[3] - cut[1]
    up, along = max((top - cut[0]) / height - 0.01, 0.0), max((left - cut[1]) / width - 0.01, 0.0)
    down, across = min((bottom - cut[0]) / height + 0.01, 1.0), min((right - cut[1]) / width + 0.01, 1.0)
    return Mark(along, up, across - along, down - up)
