"""Two models, picture by picture: what each loses to which kind of failure, and where they differ most."""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from sceneparse.diagnosing.advice import TITLES, points
from sceneparse.diagnosing.diagnose import Diagnosis
from sceneparse.diagnosing.example_cards import Again
from sceneparse.errors import counted
from sceneparse.evaluation.comparison import Comparison
from sceneparse.evaluation.evaluate import PictureScore
from sceneparse.evaluation.gallery import Mark, card, legend, truth_of, views_of
from sceneparse.evaluation.page import Section, lead, percent, table

SHOWN = 3
"""Pictures of each side: where the model is ahead most, and where the other is."""

MARKED = 0.6
"""A mark around more than this share of the picture points at nothing, so there is none."""

Pair = tuple[PictureScore, PictureScore]


@dataclass(frozen=True)
class Opponent:
    """A second model, diagnosed on the same pictures by the same protocol.

    Args:
        comparison: The model, as the report of an evaluation compares it.
        diagnosis: Its diagnosis.
        again: Tests a picture again with it.
    """

    comparison: Comparison
    diagnosis: Diagnosis
    again: Again


def ranked(diagnosis: Diagnosis, other: Diagnosis) -> list[Pair]:
    """The pictures that both have a mean IoU for, the largest lead over the other model first, the largest lag last."""
    both = zip(diagnosis.evaluation.pictures, other.evaluation.pictures, strict=True)
    known = [(one, their) for one, their in both if one.mean_iou is not None and their.mean_iou is not None]
    return sorted(known, key=lambda pair: -_lead(pair))


def _lead(pair: Pair) -> float:
    return (pair[0].mean_iou or 0.0) - (pair[1].mean_iou or 0.0)


def differences(name: str, diagnosis: Diagnosis, again: Again, opponent: Opponent) -> Section:
    """The section "Picture by picture".

    Args:
        name: What the report calls the model itself.
        diagnosis: Its diagnosis.
        again: Tests a picture again with it.
        opponent: The other.
    """
    pairs, other = ranked(diagnosis, opponent.diagnosis), opponent.comparison.name
    ahead = [pair for pair in pairs if _lead(pair) > 0]
    behind = [pair for pair in reversed(pairs) if _lead(pair) < 0]
    body = (
        f'<p><b class="ours">{escape(name)}</b> has the higher mean IoU in {len(ahead):,} of '
        f"{counted(len(pairs), 'picture')}, "
        f'<b class="other">{escape(other)}</b> in {len(behind):,}.</p>{_losses(name, diagnosis, opponent)}'
    )
    for title, chosen in ((f"Where {name} is ahead most", ahead), (f"Where {other} is ahead most", behind)):
        if chosen:
            cards = "".join(_card(pair, name, diagnosis, again, opponent) for pair in chosen[:SHOWN])
            body += f"<h3>{escape(title)}</h3>{cards}"
    return Section("versus", "Picture by picture", body)


def _losses(name: str, diagnosis: Diagnosis, opponent: Opponent) -> str:
    """What each of the two loses to each kind of failure; differences are the first's figure less the second's."""
    both = (("ours", name, diagnosis), ("other", opponent.comparison.name, opponent.diagnosis))
    head = '<th scope="col">To be gained</th>' + "".join(
        f'<th scope="col" class="number {kind}">{escape(title)}</th>' for kind, title, _ in both
    )
    head += '<th scope="col" class="number">difference</th>'
    values: list[tuple[str, Callable[[float], str], list[float]]] = [
        (title, points, [which.findings.gains[kind] for _, _, which in both]) for kind, title in TITLES.items()
    ]
    values += [
        ("mean boundary IoU", percent, [which.boundaries.mean_iou for _, _, which in both]),
        ("expected calibration error", percent, [which.calibration.error for _, _, which in both]),
    ]
    rows = []
    for title, shown, (ours, theirs) in values:
        cells = "".join(f'<td class="number">{one}</td>' for one in (shown(ours), shown(theirs), lead(ours, theirs)))
        rows.append(f'<th scope="row">{title}</th>{cells}')
    return table(head, rows, caption="What both models lose")


def _card(pair: Pair, name: str, diagnosis: Diagnosis, again: Again, opponent: Opponent) -> str:
    """A picture with both models' labels, and a mark around what one has right and the other wrong."""
    mine, theirs = again(pair[0].index), opponent.again(pair[0].index)
    truth, own, others = truth_of(mine.sample), mine.labels.numpy(), theirs.labels.numpy()
    better, worse = (own, others) if _lead(pair) > 0 else (others, own)
    gained = (better == truth) & (worse != truth)
    mark = Mark.around(gained) if gained.any() else None
    if mark is not None and mark.width * mark.height > MARKED:
        mark = None
    space, other = diagnosis.evaluation.labels, opponent.comparison.name
    line = (
        f"<b>{escape(pair[0].name)}</b>"
        f'<span><span class="ours">{escape(name)}</span> {percent(pair[0].mean_iou)}</span>'
        f'<span><span class="other">{escape(other)}</span> {percent(pair[1].mean_iou)}</span>'
    )
    maps = [("truth", truth), (f"labels of {name}", own), (f"labels of {other}", others)]
    views = views_of(pair[0].name, mine.sample, maps, space, mark)
    return card(line, views, legend((truth, own, others), space))
