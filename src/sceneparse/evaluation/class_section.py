"""The table of classes in reports: every class with its IoU, alone or beside a second model's."""

from html import escape

from sceneparse.drawing import charts
from sceneparse.evaluation.comparison import Comparison
from sceneparse.evaluation.evaluate import Evaluation
from sceneparse.evaluation.page import Section, lead, named, percent, table

TALL = 40
"""Rows beyond which the table scrolls in a box of its own."""


def class_section(name: str, evaluation: Evaluation, comparison: Comparison | None) -> Section:
    """Return the section with the IoU of every class, the best first; classes without a score last.

    Args:
        name: What to call the model beside a second one.
        evaluation: Its scores.
        comparison: A second model, tested on the same pictures; the difference is the first's IoU less the second's.
    """
    space, scores = evaluation.labels, evaluation.scores.classes
    total = max(sum(one.pixels for one in scores), 1)
    head = '<th scope="col">Class</th><th scope="col"><span class="muted">0 – 100%</span></th>'
    if comparison is None:
        head += '<th scope="col" class="number">IoU</th>'
    else:
        head += (
            f'<th scope="col" class="number ours">{escape(name)}<br>IoU</th>'
            f'<th scope="col" class="number other">{escape(comparison.name)}<br>IoU</th>'
            '<th scope="col" class="number">difference</th>'
        )
    head += '<th scope="col" class="number">accuracy</th><th scope="col" class="number">share of pixels</th>'
    rows = []
    for index in sorted(range(len(space)), key=lambda index: -1.0 if (iou := scores[index].iou) is None else -iou - 2):
        one = scores[index]
        bars = [(one.iou, "var(--ours)")]
        figures = f'<td class="number"><b>{percent(one.iou)}</b></td>'
        if comparison is not None:
            theirs = comparison.evaluation.scores.classes[index].iou
            bars.append((theirs, "var(--second)"))
            figures += f'<td class="number">{percent(theirs)}</td><td class="number">{lead(one.iou, theirs)}</td>'
        rows.append(
            f'<th scope="row">{named(one.name, space.colors[index])}</th>'
            f'<td class="wide">{charts.bar(bars)}</td>{figures}'
            f'<td class="number">{percent(one.accuracy)}</td>'
            f'<td class="number">{percent(one.pixels / total)}</td>'
        )
    explanation = "IoU of each class, the best first: the pixels that truth and prediction share over those of either."
    shown = table(head, rows, caption="IoU of each class", tall=len(rows) > TALL)
    return Section("classes", "Classes", f'<p class="muted">{explanation}</p>{shown}')
