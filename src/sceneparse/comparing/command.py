"""`sceneparse compare` as a function: read runs, print them side by side, and write a page."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sceneparse.arguments import check_flag, check_type, several
from sceneparse.calls import by_name
from sceneparse.comparing.comparison import RunComparison
from sceneparse.comparing.page import comparison_page
from sceneparse.comparing.run import read_run
from sceneparse.comparing.terminal import print_comparison
from sceneparse.errors import UserError
from sceneparse.files import write_json, write_text
from sceneparse.paths import expanded
from sceneparse.progress import results_console
from sceneparse.weights.run_folder import find_runs, told_apart

PAGE, RECORD = "comparison.html", "comparison.json"


@by_name("compare", listed="runs")
def compare_runs(
    runs: str | Path | Sequence[str | Path], *, out: str | Path | None = None, progress: bool = True
) -> RunComparison:
    """Compare runs: how far each is, what it scores, by which settings they differ. Runs may be going on.

    Args:
        runs: Run folders, as `train` writes them, or folders of runs; a single one, or several in a list. What of
            several is there and is none is left out, which a note says.
        out: Where comparison.html and comparison.json go. Default: nothing is written.
        progress: Print the table, and where the page is.

    Raises:
        UserError: No run among them, one that is not there, the same one twice, or files that cannot be read in each of
            them.
    """
    named = several("runs", runs, "run folders")
    check_type("out", out, (str, Path, type(None)), "a folder or None")
    check_flag("progress", progress)
    if not named:
        raise UserError("no run to compare: name one or more run folders, such as runs/a runs/b")
    folders, others = find_runs([expanded(one) for one in named])
    names = told_apart(folders)
    runs_read = tuple(read_run(folder, name) for folder, name in zip(folders, names, strict=True))
    comparison = RunComparison(runs_read, tuple(others))
    if all(run.problems for run in comparison.runs):
        raise UserError(next(iter(comparison.runs[0].problems.values())))
    if progress:
        print_comparison(comparison, results_console())
    if out is not None:
        folder = expanded(out)
        write_json(folder / RECORD, comparison.to_json())
        write_text(folder / PAGE, comparison_page(comparison))
        if progress:
            print(f"page: {folder / PAGE}\njson: {folder / RECORD}")
        comparison = replace(comparison, report=folder / PAGE)
    return comparison
