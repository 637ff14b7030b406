"""Pictures of findings: where in the picture it is, and the place itself beside its truth and its labels."""

from collections.abc import Callable, Sequence
from html import escape

from sceneparse.data.sample import Sample
from sceneparse.evaluation.diagnosing.diagnose import Case
from sceneparse.evaluation.diagnosing.failures import Example
from sceneparse.evaluation.diagnosing.regions import Box
from sceneparse.evaluation.gallery import Mark, card, legend, truth_of, views_of
from sceneparse.labels import LabelSpace

SEEN = 0.3
"""The cut-out around a place is at least this share of the picture's sides."""
AROUND = 1.6
"""And at least so many times as large as the place."""

Again = Callable[[int], Case]
"""Tests a picture again, by its index."""


def place_cards(places: Sequence[Example], again: Again, space: LabelSpace) -> str:
    """A card for each place: the picture with a mark, then the cut-out, its truth and its labels. HTML."""
    return "".join(_card(place, again(place.picture), space) for place in places)


def _card(place: Example, case: Case, space: LabelSpace) -> str:
    sample, truth, labels = case.sample, truth_of(case.sample), case.labels.numpy()
    height, width = truth.shape
    cut = window(place.box, (height, width))
    rows, columns = slice(cut[0], cut[2]), slice(cut[1], cut[3])
    whole = views_of(sample.name, sample, [], space, _mark(place.box, (0, 0, height, width)))
    close = Sample(sample.image[:, rows, columns], name=sample.name)
    maps = [("truth", truth[rows, columns]), ("prediction", labels[rows, columns])]
    views = [*whole, *views_of(sample.name, close, maps, space, _mark(place.box, cut))]
    line = f'<b>{escape(sample.name)}</b><span class="muted">{place.pixels:,} wrong pixels at the marked place</span>'
    return card(line, views, legend([one for _, one in maps], space))


def window(box: Box, size: tuple[int, int]) -> Box:
    """What to cut out of a picture to show a box: of the picture's shape, around the box, inside the picture."""
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
