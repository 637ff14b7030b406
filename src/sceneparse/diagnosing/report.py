"""The report of a diagnosis: diagnosis.json and one HTML file that says what would help most, and why."""

from collections.abc import Mapping
from html import escape
from pathlib import Path

from sceneparse.diagnosing.advice import TITLES, Advice, advise, marked, points
from sceneparse.diagnosing.diagnose import Diagnosis
from sceneparse.diagnosing.example_cards import Again, cards_of
from sceneparse.diagnosing.findings import KINDS
from sceneparse.diagnosing.origin import Origin, anything
from sceneparse.diagnosing.remarks import remarks
from sceneparse.diagnosing.sections import calibration_section, kind_section
from sceneparse.diagnosing.unpredicted import unpredicted_json
from sceneparse.diagnosing.versus import Opponent, differences
from sceneparse.drawing.charts import bar
from sceneparse.errors import counted
from sceneparse.evaluation.class_section import class_section
from sceneparse.evaluation.comparison import check
from sceneparse.evaluation.page import Section, page, percent, table
from sceneparse.evaluation.report import head
from sceneparse.files import write_json, write_text
from sceneparse.version import __version__

DIAGNOSIS_FILE = "diagnosis.json"
"""The file of the findings and figures."""

CHANGES = 3
"""Changes that the report opens with."""


def write_diagnosis(
    folder: Path,
    diagnosis: Diagnosis,
    again: Again,
    *,
    title: str,
    name: str = "this model",
    opponent: Opponent | None = None,
    facts: Mapping[str, str] = {},
    origin: Origin | None = None,
) -> Path:
    """Write `diagnosis.json` and `diagnosis.html`.

    Args:
        folder: Where they go; made if it isn't there.
        diagnosis: What was found.
        again: Tests a picture again, to show the examples.
        title: The report's heading.
        name: What to call the model beside a second one.
        opponent: A second model, diagnosed on the same pictures.
        facts: More to know, by name: data, machine, time.
        origin: What is known of the model's training.

    Returns:
        The path of `diagnosis.html`.

    Raises:
        UserError: The second model can't be compared, or a picture has no truth.
    """
    if opponent is not None:
        check(diagnosis.evaluation, opponent.comparison)
    origin = origin or anything()
    # The figures first: they took long, and whatever may fail below, they stay.
    record = diagnosis.to_json() | {"unpredicted": unpredicted_json(diagnosis), "training": origin.to_json()}
    if opponent is not None:
        record["rival"] = {"name": opponent.comparison.name, **opponent.diagnosis.to_json()}
    write_json(folder / DIAGNOSIS_FILE, record)
    sections = [_changes(diagnosis, again, origin), _losses(diagnosis)]
    if opponent is not None:
        sections.append(differences(name, diagnosis, again, opponent))
        sections.append(class_section(name, diagnosis.evaluation, opponent.comparison))
    sections += [kind_section(kind, diagnosis, again, origin) for kind in KINDS]
    sections.append(calibration_section(diagnosis, origin.temperature))
    path = folder / "diagnosis.html"
    top = head(name, diagnosis.evaluation, None if opponent is None else opponent.comparison, facts)
    write_text(path, page(title, top, sections, _foot(diagnosis)))
    return path


def _changes(diagnosis: Diagnosis, again: Again, origin: Origin) -> Section:
    """What is to be said first, and the findings that are worth most, in full, each with its worst example."""
    found, body = diagnosis.findings.found[:CHANGES], ""
    for advice in remarks(diagnosis, origin):
        body += f"<h3>{escape(advice.title)}</h3><p>{marked(advice.evidence)}</p>{_to_do(advice)}"
    if not found:
        body += (
            "<p><b>No finding.</b> No kind of failure happens surely more often than elsewhere and costs 0.1 points of "
            "the mean IoU.</p>"
        )
        return Section("changes", "What would help most", body)
    body += (
        '<p class="muted">What the mean IoU would gain if each of these were mended and nothing else changed. A change '
        "will mend a part of it; the figure says where work pays.</p>"
    )
    for number, one in enumerate(found, 1):
        advice = advise(one, diagnosis, origin)
        body += (
            f"<h3>{number}. {escape(advice.title)}: {points(one.gain)} points</h3>"
            f'<p><a href="#{one.kind}">{escape(TITLES[one.kind])}</a>. {marked(advice.evidence)}</p>'
            f"{_to_do(advice)}"
            f"{cards_of(one.examples[:1], again, diagnosis.evaluation.labels, whole=one.kind == 'mismatched')}"
        )
    return Section("changes", "What would help most", body)


def _to_do(advice: Advice) -> str:
    return f"<p><b>What to do.</b> {marked(advice.remedy)}</p>"


def _losses(diagnosis: Diagnosis) -> Section:
    """What each kind of failure costs."""
    findings = diagnosis.findings
    now, known = diagnosis.evaluation.scores.mean_iou, int(diagnosis.evaluation.counts.sum())
    wrong = sum(findings.pixels.values())
    header = (
        '<th scope="col">Kind</th><th scope="col"><span class="muted">share of the wrong pixels</span></th>'
        + "".join(
            f'<th scope="col" class="number">{one}</th>'
            for one in ("findings", "wrong pixels", "mean IoU if mended", "gain")
        )
    )
    rows = []
    for kind, title in TITLES.items():
        number = len(findings.of(kind)) if kind != "rest" else None  # type: ignore[arg-type]
        link = escape(title) if number is None else f'<a href="#{kind}">{escape(title)}</a>'
        share = findings.pixels[kind] / max(wrong, 1)
        figures = (
            "–" if number is None else f"{number}",
            f"{findings.pixels[kind]:,} ({percent(share, 0)})",
            percent(now + findings.gains[kind]),
            f"<b>{points(findings.gains[kind])}</b>",
        )
        cells = "".join(f'<td class="number">{one}</td>' for one in figures)
        rows.append(f'<th scope="row">{link}</th><td class="wide">{bar([(share, "var(--bad)")])}</td>{cells}')
    body = (
        f'<p class="muted">{wrong:,} of {counted(known, "pixel")} ({percent(wrong / known)}) '
        f"{'is' if wrong == 1 else 'are'} wrong, and the mean IoU is {percent(now)}. Each wrong pixel stands in one "
        "row. The gains don't add up to the whole: a class's score rises faster the less is left to mend.</p>"
        f"{table(header, rows, caption='What each kind of failure costs')}"
    )
    return Section("losses", "Where it is lost", body)


def _foot(diagnosis: Diagnosis) -> str:
    return (
        f"<p>All figures hold for the protocol “{escape(diagnosis.evaluation.protocol.describe())}”. A finding happens "
        "surely more often than it does elsewhere (99% Wilson interval, in three pictures at least) and is worth "
        "0.1 points of the mean IoU. Pixels without truth are not counted. The figures stand in "
        f"<code>diagnosis.json</code> beside this file.</p>\n<p>Written by sceneparse {__version__}.</p>"
    )
