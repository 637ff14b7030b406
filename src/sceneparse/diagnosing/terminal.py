"""Print a diagnosis on the terminal, and how two models compare class by class."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sceneparse.diagnosing.advice import TITLES, Advice, advise, points
from sceneparse.diagnosing.diagnose import Diagnosis
from sceneparse.diagnosing.origin import Origin, anything
from sceneparse.diagnosing.remarks import remarks
from sceneparse.diagnosing.report import CHANGES
from sceneparse.diagnosing.versus import Opponent
from sceneparse.errors import counted
from sceneparse.evaluation.figures import FIGURES
from sceneparse.evaluation.page import lead


def print_findings(diagnosis: Diagnosis, console: Console, origin: Origin | None = None) -> None:
    """Print what each kind of failure costs, what would help most, and what to do.

    Args:
        diagnosis: What was found.
        console: Where it goes.
        origin: What is known of the model's training.
    """
    origin = origin or anything()
    findings = diagnosis.findings
    console.print(f"protocol {diagnosis.evaluation.protocol.describe()}", highlight=False)
    table = Table("kind of failure")
    for column in ("findings", "wrong pixels", "gain if mended"):
        table.add_column(column, justify="right")
    for kind, title in TITLES.items():
        number = sum(one.kind == kind for one in findings.found)
        shown = "" if kind == "rest" else str(number)
        table.add_row(title, shown, f"{findings.pixels[kind]:,}", points(findings.gains[kind]))
    console.print(table)
    for remark in remarks(diagnosis, origin):
        console.print(remark.title, highlight=False, markup=False, style="bold")
        console.print(_plain(remark.evidence), highlight=False, markup=False)
        _print_remedy(remark, console)
    for number, one in enumerate(findings.found[:CHANGES], 1):
        advice = advise(one, diagnosis, origin)
        title = f"{number}. {advice.title}: {points(one.gain)} points of mean IoU"
        console.print(title, highlight=False, markup=False, style="bold")
        console.print(_plain(advice.evidence), highlight=False, markup=False)
        _print_remedy(advice, console)
    if not findings.found:
        console.print("no finding: nothing happens surely more often than elsewhere and costs 0.1 points")
    scores = diagnosis.evaluation.scores
    console.print(
        f"mean IoU {100 * scores.mean_iou:.2f}, boundary IoU {100 * diagnosis.boundaries.mean_iou:.2f}, "
        f"expected calibration error {100 * diagnosis.calibration.error:.2f}%, "
        f"{counted(len(diagnosis.evaluation.pictures), 'picture')} in {diagnosis.evaluation.seconds:.1f} s",
        highlight=False,
    )


def _print_remedy(advice: Advice, console: Console) -> None:
    # In one line, so that a command can be copied.
    console.print(_plain(advice.remedy), highlight=False, markup=False, soft_wrap=True)


def _plain(text: str) -> str:
    """Advice without the marks of what is typed."""
    return text.replace("`", "")


def print_rival(name: str, diagnosis: Diagnosis, opponent: Opponent, console: Console) -> None:
    """Print the IoU of every class for both models; the difference is the first's less the second's.

    Args:
        name: What to call the first model.
        diagnosis: Its diagnosis.
        opponent: The second.
        console: Where it goes.
    """
    ours, theirs = diagnosis.evaluation.scores, opponent.comparison.evaluation.scores
    rows = [(one.name, one.iou, other.iou) for one, other in zip(ours.classes, theirs.classes, strict=True)]
    table = Table("class", title="IoU %")
    for column in (Text(name), Text(opponent.comparison.name), Text("difference")):
        table.add_column(column, justify="right")
    figure = FIGURES["mean_iou"]
    for title, own, other in rows:
        table.add_row(Text(title), figure.text(own), figure.text(other), lead(own, other))
    table.add_section()
    means = ours.mean_iou, theirs.mean_iou
    table.add_row("mean", *(figure.text(one) for one in means), lead(*means), style="bold")
    console.print(table)
