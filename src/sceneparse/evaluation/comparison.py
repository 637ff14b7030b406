"""Compare two models in the report: where they differ on classes that look alike."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneparse.data.sample import DataSet, Sample
from sceneparse.errors import UserError
from sceneparse.evaluation.evaluate import Evaluation
from sceneparse.evaluation.gallery import Mark, card, legend, truth_of, views_of
from sceneparse.evaluation.page import Section, named, percent, table
from sceneparse.inference import Engine, label
from sceneparse.labels import LabelSpace

SHOWN = 6
"""Pictures in the section."""
LOOKED_AT = 40
"""Pictures that are predicted again by both models to find those: the ones whose mean IoUs differ most."""


@dataclass(frozen=True)
class Comparison:
    """A second model, evaluated on the same pictures by the same protocol.

    Args:
        name: What the report calls it.
        evaluation: Its scores.
        engine: It, to show its labels.
        lookalikes: Pairs of class names that only the scene around tells apart.
    """

    name: str
    evaluation: Evaluation
    engine: Engine
    lookalikes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class _Difference:
    """Where the two models read a class of a pair differently in one picture.

    `ours` and `theirs` are the fractions of the class that each reads as its look-alike; `size` is the class's share
    of the picture.
    """

    name: str
    sample: Sample
    truth: NDArray[np.int16]
    maps: tuple[NDArray[np.int16], NDArray[np.int16]]
    right: int
    wrong: int
    ours: float
    theirs: float
    size: float
    mark: Mark


def check(evaluation: Evaluation, comparison: Comparison) -> None:
    """Refuse a second model that can't be compared.

    Raises:
        UserError: Other classes, other pictures, another protocol, or a look-alike that is no class.
    """
    theirs = comparison.evaluation
    if theirs.labels.names != evaluation.labels.names:
        raise UserError(f"second model {comparison.name}: has other classes; compare models of one label space")
    if theirs.protocol != evaluation.protocol:
        raise UserError(f"second model {comparison.name}: tested by another protocol; compare under one protocol")
    if [one.index for one in theirs.pictures] != [one.index for one in evaluation.pictures]:
        raise UserError(f"second model {comparison.name}: tested on other pictures; evaluate both on the same ones")
    for name in (name for pair in comparison.lookalikes for name in pair):
        if name not in evaluation.labels.names:
            raise UserError(f"second model {comparison.name}: look-alike '{name}' is not a class of the label space")


def differences(name: str, evaluation: Evaluation, engine: Engine, comparison: Comparison, dataset: DataSet) -> Section:
    """The section "Where they differ".

    Args:
        name: What the report calls the model itself.
        evaluation: Its scores.
        engine: It.
        comparison: The other, with at least one look-alike pair.
        dataset: The pictures both were tested on.
    """
    names = evaluation.labels.names
    pairs = [(names.index(one), names.index(other)) for one, other in comparison.lookalikes]
    classes = sorted({index for pair in pairs for index in pair})
    ours, theirs = (_mean_iou(which, classes) for which in (evaluation, comparison.evaluation))
    body = (
        "<p>The two classes of a pair are drawn alike: cut one out of its picture and nothing tells it from the other. "
        "Only the scene around it does – a model that sees too little of the scene has to guess. "
        f'Over these {len(classes)} classes the mean IoU is <b class="ours">{percent(ours)}</b> for '
        f'{escape(name)} and <b class="other">{percent(theirs)}</b> for {escape(comparison.name)}.</p>'
        f"{_pair_table(name, evaluation, comparison, pairs)}"
    )
    found = _find(evaluation, engine, comparison, dataset, pairs)
    if found:
        body += (
            f"<h3>The pictures in which they differ most</h3><p>The dashed box marks what one of the two takes for its "
            f"look-alike. Chosen from the {min(LOOKED_AT, len(evaluation.pictures))} pictures whose mean IoUs differ "
            "most, whichever model is ahead.</p>"
        )
        body += "".join(_card(one, name, comparison.name, evaluation.labels) for one in found)
    return Section("differences", "Where they differ", body)


def _mean_iou(evaluation: Evaluation, classes: Sequence[int]) -> float | None:
    known = [iou for index in classes if (iou := evaluation.scores.classes[index].iou) is not None]
    return sum(known) / len(known) if known else None


def _pair_table(name: str, evaluation: Evaluation, comparison: Comparison, pairs: Sequence[tuple[int, int]]) -> str:
    """Two rows a pair: each class's IoU and how much of it is read as the other, by both models."""
    both = (("ours", name, evaluation), ("other", comparison.name, comparison.evaluation))
    head = '<th scope="col">Class</th><th scope="col">Look-alike</th>'
    for measure in ("IoU", "read as its look-alike"):
        head += "".join(
            f'<th scope="col" class="number {kind}">{escape(title)}<br>{measure}</th>' for kind, title, _ in both
        )
    space, rows = evaluation.labels, []
    for right, wrong in (direction for pair in pairs for direction in (pair, pair[::-1])):
        row = (
            f'<th scope="row">{named(space.names[right], space.colors[right])}</th>'
            f"<td>{named(space.names[wrong], space.colors[wrong])}</td>"
        )
        row += "".join(f'<td class="number">{percent(which.scores.classes[right].iou)}</td>' for _, _, which in both)
        row += "".join(f'<td class="number">{percent(_read_as(which, right, wrong))}</td>' for _, _, which in both)
        rows.append(row)
    return table(head, rows, caption="Look-alike classes")


def _read_as(evaluation: Evaluation, right: int, wrong: int) -> float | None:
    """The fraction of class `right` that is read as `wrong`."""
    total = int(evaluation.counts[right].sum())
    return int(evaluation.counts[right, wrong]) / total if total else None


def _find(
    evaluation: Evaluation, engine: Engine, comparison: Comparison, dataset: DataSet, pairs: Sequence[tuple[int, int]]
) -> list[_Difference]:
    """The pictures with the largest difference in pixels read as the look-alike, at most `SHOWN`.

    First the largest of each class, then the second ones, so that one class doesn't fill the page.
    """
    gaps = [
        (abs(one.mean_iou - other.mean_iou), one.index, one.name)
        for one, other in zip(evaluation.pictures, comparison.evaluation.pictures, strict=True)
        if one.mean_iou is not None and other.mean_iou is not None
    ]
    found: list[tuple[float, _Difference]] = []
    for _, index, name in sorted(gaps, key=lambda gap: -gap[0])[:LOOKED_AT]:
        sample = dataset[index]
        truth = truth_of(sample)
        if not np.isin(truth, pairs).any():
            continue
        ours, theirs = (
            label(which, sample.image, evaluation.protocol).numpy() for which in (engine, comparison.engine)
        )
        directions = [direction for pair in pairs for direction in (pair, pair[::-1])]
        largest = max((_compare(name, sample, truth, ours, theirs, *one) for one in directions), key=lambda one: one[0])
        if largest[1] is not None:
            found.append((largest[0], largest[1]))
    met: Counter[int] = Counter()
    ranked: list[tuple[int, float, _Difference]] = []
    for gap, one in sorted(found, key=lambda one: -one[0]):
        ranked.append((met[one.right], -gap, one))
        met[one.right] += 1
    return [one for _, _, one in sorted(ranked, key=lambda one: one[:2])[:SHOWN]]


def _compare(
    name: str,
    sample: Sample,
    truth: NDArray[np.int16],
    ours: NDArray[np.int16],
    theirs: NDArray[np.int16],
    right: int,
    wrong: int,
) -> tuple[float, _Difference | None]:
    """How large the difference is for one class in one picture, in fractions of the picture, and what it is."""
    here = truth == right
    mistaken_by_us, mistaken_by_them = here & (ours == wrong), here & (theirs == wrong)
    gap = abs(int(mistaken_by_us.sum()) - int(mistaken_by_them.sum())) / truth.size
    if gap == 0:
        return 0.0, None
    pixels = int(here.sum())
    return gap, _Difference(
        name=name,
        sample=sample,
        truth=truth,
        maps=(ours, theirs),
        right=right,
        wrong=wrong,
        ours=int(mistaken_by_us.sum()) / pixels,
        theirs=int(mistaken_by_them.sum()) / pixels,
        size=pixels / truth.size,
        mark=Mark.around(mistaken_by_us | mistaken_by_them),
    )


def _card(one: _Difference, name: str, other: str, space: LabelSpace) -> str:
    right, wrong = (f"<code>{escape(space.names[index])}</code>" for index in (one.right, one.wrong))
    line = (
        f"<b>{escape(one.name)}</b><span>{right} covers {percent(one.size)} of the picture: "
        f'<span class="ours">{escape(name)}</span> reads {percent(one.ours, 0)} of it as {wrong}, '
        f'<span class="other">{escape(other)}</span> {percent(one.theirs, 0)}.</span>'
    )
    ours, theirs = one.maps
    maps: list[tuple[str, NDArray[Any]]] = [
        ("truth", one.truth),
        (f"labels of {name}", ours),
        (f"labels of {other}", theirs),
    ]
    return card(line, views_of(one.name, one.sample, maps, space, one.mark), legend((one.truth, ours, theirs), space))
