"""The report's sections on the three kinds of failure, boundaries and calibration."""

from collections.abc import Sequence
from html import escape

import numpy as np

from sceneparse.diagnosing.advice import TITLES, advise, marked, points
from sceneparse.diagnosing.boundaries import BANDS
from sceneparse.diagnosing.diagnose import Diagnosis, band_scores, recall
from sceneparse.diagnosing.example_cards import Again, cards_of
from sceneparse.diagnosing.failures import SIZES
from sceneparse.diagnosing.findings import Finding, Kind
from sceneparse.diagnosing.origin import Origin
from sceneparse.drawing.charts import Series, bar, curves
from sceneparse.evaluation.page import Section, named, percent, table

SHOWN, ROWS, EXAMPLES = 4, 20, 2
"""Findings of a kind that are shown with pictures, rows of its table, and pictures of each finding."""
FREQUENT = (0.1, 0.01, 0.001, 0.0)
"""Lower ends of the shares of all pixels by which classes are grouped."""

_MEANING: dict[Kind, str] = {
    "mismatched": (
        "A region whose class can't be where it is: a car on a river. What goes with what was learnt from the truth of "
        "{pictures:,} training pictures: which classes share a picture, and which stand beside, above or below each "
        "other. A predicted region counts if the rest of its prediction speaks against its class more strongly than "
        "against 99 of 100 true ones, if it is wrong, and if its true class fits better there."
    ),
    "confusable": (
        "Classes that the model can't tell apart, so that one object carries both labels. Pixels next to a boundary "
        "between the two are left out, and so is what counts as one of the other kinds. A region carries a class that "
        "takes a tenth of it."
    ),
    "inconspicuous": (
        "Things that are overlooked because they are small: less than a quarter of the region is found, and most of "
        "the rest went down in a predicted region more than twice as large."
    ),
    "boundary": (
        "Boundary IoU (Cheng et al. 2021) compares only what lies within 2% of the picture's diagonal of an outline. A "
        "class whose boundary IoU is far below its IoU is found, but badly drawn."
    ),
}


def kind_section(kind: Kind, diagnosis: Diagnosis, again: Again, origin: Origin) -> Section:
    """The section of one of the three kinds, or of the boundaries."""
    meaning = _MEANING[kind].format(pictures=diagnosis.relations.pictures)
    found = diagnosis.findings.of(kind)
    body = f'<p class="muted">{meaning}</p>'
    if found:
        body += f"<p>{marked(advise(found[0], diagnosis, origin).remedy)}</p>"
    else:
        body += (
            "<p><b>None found.</b> Nothing of this kind happens surely more often than elsewhere (99% interval) and "
            "costs 0.1 points of the mean IoU.</p>"
        )
    more = {"mismatched": _mismatched, "confusable": _confusable, "inconspicuous": _inconspicuous}
    body += more[kind](found, diagnosis) if kind in more else _boundaries(diagnosis)
    for one in found[:SHOWN]:
        advice = advise(one, diagnosis, origin)
        body += (
            f"<h3>{escape(advice.title)}</h3><p>{marked(advice.evidence)} Mended, it would be worth "
            f"<b>{points(one.gain)}</b> points of the mean IoU.</p>"
            f"{cards_of(one.examples[:EXAMPLES], again, diagnosis.evaluation.labels, whole=one.kind == 'mismatched')}"
        )
    return Section(kind, TITLES[kind], body)


def _head(*columns: str) -> str:
    first, *others = columns
    return f'<th scope="col">{first}</th>' + "".join(f'<th scope="col" class="number">{one}</th>' for one in others)


def _cells(*figures: str) -> str:
    return "".join(f'<td class="number">{one}</td>' for one in figures)


def _class(diagnosis: Diagnosis, index: int) -> str:
    space = diagnosis.evaluation.labels
    return named(space.names[index], space.colors[index])


def _mismatched(found: Sequence[Finding], diagnosis: Diagnosis) -> str:
    if not found:
        return ""
    failures = diagnosis.failures
    head = _head("Read as", "truly, mostly", "spoken against by", "regions", "mismatched", "pixels", "to be gained")
    rows = [
        f'<th scope="row">{_class(diagnosis, read)}</th>'
        + _cells(
            _class(diagnosis, one.most("truth")),
            _class(diagnosis, int(failures.against[read].argmax())),
            f"{one.chances:,}",
            f"{one.times:,}",
            f"{one.pixels:,}",
            f"<b>{points(one.gain)}</b>",
        )
        for one in found[:ROWS]
        for read in one.classes
    ]
    return table(head, rows, caption="Mismatched relationships")


def _confusable(found: Sequence[Finding], diagnosis: Diagnosis) -> str:
    if not found:
        return ""
    failures = diagnosis.failures
    head = _head("Class", "and class", "pixels lost", "regions", "split", "other label alone", "to be gained")
    rows = []
    for one in found[:ROWS]:
        a, b = one.classes
        split = int(failures.split[a, b] + failures.split[b, a])
        rows.append(
            f'<th scope="row">{_class(diagnosis, a)}</th>'
            + _cells(
                _class(diagnosis, b),
                f"{one.pixels:,}",
                f"{one.chances:,}",
                f"{split:,} ({percent(split / one.chances, 0)})",
                f"{one.times - split:,}",
                f"<b>{points(one.gain)}</b>",
            )
        )
    return table(head, rows, caption="Confusable categories")


def _inconspicuous(found: Sequence[Finding], diagnosis: Diagnosis) -> str:
    body = ""
    if found:
        head = _head("Class", "smaller than", "regions", "overlooked", "mostly read as", "pixels", "to be gained")
        rows = [
            f'<th scope="row">{_class(diagnosis, one.classes[0])}</th>'
            + _cells(
                f"{100 * (one.below or 0.0):g}%",
                f"{one.chances:,}",
                f"{one.times:,} ({percent(one.times / one.chances, 0)})",
                _class(diagnosis, one.most("read")),
                f"{one.pixels:,}",
                f"<b>{points(one.gain)}</b>",
            )
            for one in found[:ROWS]
        ]
        body += table(head, rows, caption="Inconspicuous things")
    return f"{body}{_by_size(diagnosis)}{_by_frequency(diagnosis)}"


def _by_size(diagnosis: Diagnosis) -> str:
    """Recall over all classes by the size of the true region."""
    failures, low, rows = diagnosis.failures, 0.0, []
    for size, high in enumerate(SIZES):
        regions = int(failures.sized[:, size].sum())
        found = recall(failures.sized_right[:, size], failures.sized_pixels[:, size])
        missed = int(failures.missed[:, size].sum())
        rows.append(
            f'<th scope="row">{100 * low:g} – {100 * high:g}%</th>'
            f'<td class="wide">{bar([(found, "var(--ours)")])}</td>'
            + _cells(percent(found), f"{regions:,}", percent(missed / regions if regions else None))
        )
        low = high
    head = '<th scope="col">Share of the picture</th><th scope="col"></th>' + "".join(
        f'<th scope="col" class="number">{one}</th>' for one in ("pixels found", "regions", "missed")
    )
    return f"<h3>By the size of the true region, all classes</h3>{table(head, rows, caption='Recall by size')}"


def _by_frequency(diagnosis: Diagnosis) -> str:
    """Mean recall and IoU of classes by their share of all pixels, and those that are never found."""
    scores = [one for one in diagnosis.evaluation.scores.classes if one.pixels]
    total, high, rows = sum(one.pixels for one in scores), 1.0, []
    for low in FREQUENT:
        group = [one for one in scores if low * total < one.pixels <= high * total]
        title = f"over {100 * low:g}%" if low else f"up to {100 * high:g}%"
        figures = [
            float(np.mean([getattr(one, key) or 0.0 for one in group])) if group else None
            for key in ("accuracy", "iou")
        ]
        names = ", ".join(one.name for one in group[:6]) + (f" and {len(group) - 6} more" if len(group) > 6 else "")
        rows.append(
            f'<th scope="row">{title}</th><td>{escape(names) or "–"}</td>' + _cells(*(percent(one) for one in figures))
        )
        high = low
    head = '<th scope="col">Share of all pixels</th><th scope="col">classes</th>' + "".join(
        f'<th scope="col" class="number">{one}</th>' for one in ("mean accuracy", "mean IoU")
    )
    never = [one.name for one in scores if one.accuracy is not None and one.accuracy < 0.01]
    note = (
        f"<p><b>Missed entirely</b> (less than 1% of the pixels found): {escape(', '.join(never))}.</p>"
        if never
        else "<p>No class is missed entirely: of each, at least 1% of the pixels are found.</p>"
    )
    return f"<h3>By how frequent the class is</h3>{table(head, rows, caption='Recall by frequency')}{note}"


def _boundaries(diagnosis: Diagnosis) -> str:
    """Each class's IoU and boundary IoU, and the mean IoU by distance."""
    scores, boundary = diagnosis.evaluation.scores, diagnosis.boundaries.iou()
    head = '<th scope="col">Class</th><th scope="col"><span class="muted">0 – 100%</span></th>' + "".join(
        f'<th scope="col" class="number {color}">{one}</th>'
        for one, color in (("IoU", "ours"), ("boundary IoU", "other"))
    )
    order = sorted(
        (index for index, one in enumerate(boundary) if one is not None and scores.classes[index].iou is not None),
        key=lambda index: (boundary[index] or 0.0) - (scores.classes[index].iou or 0.0),
    )
    rows = [
        f'<th scope="row">{_class(diagnosis, index)}</th>'
        f'<td class="wide">{bar([(scores.classes[index].iou, "var(--ours)"), (boundary[index], "var(--second)")])}</td>'
        + _cells(percent(scores.classes[index].iou), percent(boundary[index]))
        for index in order
    ]
    low, bands = 0.0, []
    for high, one in zip((*BANDS, None), band_scores(diagnosis), strict=True):
        title = f"{100 * low:g} – {100 * high:g}%" if high else f"beyond {100 * low:g}%"
        bands.append(
            f'<th scope="row">{title}</th><td class="wide">{bar([(one, "var(--ours)")])}</td>' + _cells(percent(one))
        )
        low = high or low
    distance = (
        '<th scope="col">Distance, of the diagonal</th><th scope="col"></th>'
        '<th scope="col" class="number">mean IoU</th>'
    )
    return (
        f"<p>Mean boundary IoU <b>{percent(diagnosis.boundaries.mean_iou)}</b>, mean IoU "
        f"<b>{percent(scores.mean_iou)}</b>.</p>"
        f"{table(head, rows, caption='Boundary IoU of each class', tall=len(rows) > 40)}"
        "<h3>By the distance to the nearest true boundary</h3>"
        f"{table(distance, bands, caption='Mean IoU by distance to a boundary')}"
    )


def calibration_section(diagnosis: Diagnosis, temperature: float) -> Section:
    """Whether the model is right as often as it says.

    Args:
        diagnosis: What was found.
        temperature: What the logits were divided by; 1 where the model has no temperature.
    """
    calibration = diagnosis.calibration
    lean = calibration.overconfidence
    verdict = (
        f"it is too sure of itself by {percent(lean)}"
        if lean > 0
        else f"it is right more often than it says by {percent(-lean)}"
    )
    if diagnosis.evaluation.protocol.crf:
        hint = "These are the dense CRF's own probabilities, on which no temperature acts."
    elif temperature == 1:
        hint = (
            "Where decisions hang on the confidence, <code>sceneparse calibrate</code> fits a temperature on the "
            "validation split, and keeps it in the model folder."
        )
    else:
        hint = f"That is under the model's own temperature, {temperature:.3g}."
    chart = curves(
        [
            Series("as often as it says", [(0.0, 0.0), (1.0, 1.0)], "var(--muted)", faint=True),
            Series("this model", calibration.curve(), dots=True),
        ],
        label="Share of right pixels by confidence",
        x_name="confidence of the label",
        percent=True,
    )
    body = (
        '<p class="muted">Of the pixels whose label has a probability of 80%, 80% should be right. The expected '
        "calibration error is the mean distance from that, over 15 intervals of the probability.</p>"
        f"<p>Expected calibration error <b>{percent(calibration.error)}</b>; on the whole {verdict}. "
        f"{hint}</p>"
        f'<div class="charts">{chart}</div>'
    )
    return Section("calibration", "Calibration", body)
