"""A sweep's summary as tables: summary.json, summary.csv, summary.md, and on the terminal."""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sceneparse.files import write_json, write_text
from sceneparse.recipes.reading import Figure
from sceneparse.recipes.sweep import Sweep
from sceneparse.training.sweeping.chart import write_chart
from sceneparse.training.sweeping.examples import EXAMPLES
from sceneparse.training.sweeping.figures import MEAN_IOU, RowFigures, figures_of, finished
from sceneparse.training.sweeping.groups import group_notes

NAME = "summary"


def write_summary(sweep: Sweep, out: Path, failed: Mapping[str, str]) -> None:
    """Write summary.json, summary.csv, summary.md and summary.png of what is finished by now.

    Args:
        sweep: The sweep.
        out: Its folder.
        failed: Runs that failed, by name, and why.
    """
    found = {test: figures_of(sweep, test, out) for test in sweep.tests}
    write_json(out / f"{NAME}.json", to_json(sweep, out, found, failed))
    write_text(out / f"{NAME}.csv", to_csv(sweep, found))
    write_text(out / f"{NAME}.md", to_markdown(sweep, out, found, failed))
    write_chart(out / f"{NAME}.png", sweep, found[sweep.tests[0]])


def to_json(
    sweep: Sweep, out: Path, found: Mapping[str, list[RowFigures]], failed: Mapping[str, str]
) -> dict[str, Any]:
    """Return the summary for programs: all figures are fractions of 1, but published ones, which are percent."""

    def row(one: RowFigures, test: str) -> dict[str, Any]:
        published = one.row.published_as(test)
        return {
            "name": one.row.name,
            "seeds": one.seeds,
            "protocol": "; or ".join(one.protocols) or None,
            "figures": {name: spread.to_json() for name, spread in one.figures.items()},
            "gain_over_first_row": {name: spread.to_json() for name, spread in one.gains.items()},
            "classes": {name: spread.to_json() for name, spread in one.classes.items()},
            "minutes": one.minutes.to_json(),
            "published": None if published is None else vars(published),
        }

    runs = sweep.runs()
    return {
        "sweep": sweep.name,
        "description": sweep.description,
        "runs": len(runs),
        "finished": sum(finished(sweep, run, out) is not None for run in runs),
        "failed": dict(failed),
        "seeds": sweep.seeds,
        "groups": sweep.groups,
        **({"notes": notes} if (notes := group_notes(sweep, out)) else {}),
        "tests": {test: [row(one, test) for one in rows] for test, rows in found.items()},
    }


def to_csv(sweep: Sweep, found: Mapping[str, list[RowFigures]]) -> str:
    """Return the summary as CSV: a line for each test, row and figure, as fractions of 1."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    seeds = [f"seed {seed}" for seed in sweep.seeds]
    writer.writerow(["test", "row", "figure", "runs", "mean", "deviation", "gain", "gain deviation", *seeds])
    for test, rows in found.items():
        for one in rows:
            for name, spread in (
                one.figures | {f"IoU of {name}": spread for name, spread in one.classes.items()}
            ).items():
                gain = one.gains.get(name)
                writer.writerow(
                    [test, one.row.name, name, len(spread.values), spread.mean, spread.deviation]
                    + ([None, None] if gain is None else [gain.mean, gain.deviation])
                    + [spread.values.get(seed) for seed in sweep.seeds]
                )
    return file.getvalue()


def to_markdown(sweep: Sweep, out: Path, found: Mapping[str, list[RowFigures]], failed: Mapping[str, str]) -> str:
    """Return the summary for people, in percent."""
    sections = [f"# {sweep.name}", sweep.description, f"![Bars with spread]({NAME}.png)"]
    sections.append(
        f"Mean ± sample standard deviation (n − 1) over the seeds ({', '.join(map(str, sweep.seeds))}), in percent; "
        f"gains are over “{sweep.rows[0].name}”, seed by seed."
    )
    sections += [
        f"“{name}” is the mean IoU of the classes {', '.join(classes)}." for name, classes in sweep.groups.items()
    ]
    for test, rows in found.items():
        protocols = _protocols(rows)
        said = [f"Protocol: {'; or '.join(protocols)}."] if protocols else []
        sections += [f"## {test}", *said, _markdown(_columns(sweep, rows, test))]
        if sweep.groups:
            sections.append(_markdown(_class_columns(rows)))
    if (out / EXAMPLES).is_file():
        sections.append(f"![Scenes that the rows read differently]({EXAMPLES})")
    missing = [run.name for run in sweep.runs() if finished(sweep, run, out) is None and run.name not in failed]
    if missing:
        sections.append(f"Not finished: {'; '.join(missing)}.")
    sections += [f"**Note**: {note}" for note in group_notes(sweep, out)]
    sections += [f"**Failed**: {name}: {reason}" for name, reason in failed.items()]
    return "\n\n".join(section for section in sections if section) + "\n"


def print_summary(sweep: Sweep, out: Path, failed: Mapping[str, str], console: Console) -> None:
    """Print the tables, what failed, and where the summary lies."""
    for test in sweep.tests:
        rows = figures_of(sweep, test, out)
        columns = _columns(sweep, rows, test)
        # As text: square brackets in names are no markup.
        table = Table(title=Text(f"{sweep.name}: {test}", style="table.title"))
        for name in columns:
            # Where not all fits into the line, figures take several before the names vanish.
            table.add_column(Text(name), justify="left" if name == "row" else "right", no_wrap=name == "row")
        for line in zip(*columns.values(), strict=True):
            table.add_row(*map(Text, line))
        console.print(table)
        for protocol in _protocols(rows):
            console.print(f"protocol {protocol}", highlight=False)
    for name, reason in failed.items():
        console.print(f"failed: {name}: {reason}", style="red", soft_wrap=True, markup=False, highlight=False)
    for note in group_notes(sweep, out):
        console.print(f"note: {note}", soft_wrap=True, markup=False, highlight=False)
    pictures = [f"{NAME}.png", *([EXAMPLES] if (out / EXAMPLES).is_file() else [])]
    print(f"summary: {out / NAME}.md, {NAME}.csv, {NAME}.json; pictures: {', '.join(pictures)}")


def _protocols(rows: list[RowFigures]) -> list[str]:
    """The protocols that a table's figures hold for."""
    return list(dict.fromkeys(protocol for one in rows for protocol in one.protocols))


def _columns(sweep: Sweep, rows: list[RowFigures], test: str) -> dict[str, list[str]]:
    """The main table, column by column."""
    columns = {"row": [one.row.name for one in rows]}
    if len(sweep.seeds) > 1:
        columns["runs"] = [str(len(one.seeds)) for one in rows]
    watched = [MEAN_IOU, *sweep.groups]
    for name in rows[0].figures:
        columns[name] = [one.figures[name].text() for one in rows]
        if name in watched:
            columns["gain" if len(watched) == 1 else f"gain in {name}"] = [
                one.gains[name].text("+") if one.gains else "" for one in rows
            ]
    if any(row.published for row in sweep.rows):
        columns["published"] = [_published(one.row.published_as(test)) for one in rows]
    columns["minutes"] = ["–" if one.minutes.mean is None else f"{one.minutes.mean:.1f}" for one in rows]
    return columns


def _class_columns(rows: list[RowFigures]) -> dict[str, list[str]]:
    """IoU of the grouped classes, column by column."""
    return {"IoU": [one.row.name for one in rows]} | {
        name: [one.classes[name].text() for one in rows] for name in rows[0].classes
    }


def _published(figure: Figure | None) -> str:
    if figure is None:
        return ""
    return " / ".join("–" if value is None else f"{value:.2f}" for value in (figure.mean_iou, figure.pixel_accuracy))


def _markdown(columns: Mapping[str, list[str]]) -> str:
    lines = [_line(cells) for cells in zip(*columns.values(), strict=True)]
    return "\n".join([_line(columns), f"|---{'|---:' * (len(columns) - 1)}|", *lines])


def _line(cells: Iterable[str]) -> str:
    """A row of a table, in which a bar in a name ends no cell."""
    escaped = [cell.replace("|", "\\|") for cell in cells]
    return f"| {' | '.join(escaped)} |"
