"""Write label maps in the forms that benchmarks' servers take: a folder to be packed and submitted."""

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

from sceneparse.arguments import argument
from sceneparse.datasets.forms.table import FORMS
from sceneparse.datasets.kinds import KINDS
from sceneparse.datasets.submission import SubmissionForm
from sceneparse.drawing.legend import read_id_image
from sceneparse.errors import UserError
from sceneparse.parsing.artefacts.table import ARTEFACTS
from sceneparse.paths import expanded
from sceneparse.progress import progress_bar

if TYPE_CHECKING:
    from sceneparse.parsing.parser import Parser


def submission_form(benchmark: str) -> SubmissionForm:
    """Return the form of submissions to a benchmark's server.

    Args:
        benchmark: The kind of its data set, as in `data.kind`.

    Raises:
        UserError: There is no such kind, or no server that takes results of it.
    """
    known = [name for name, kind in KINDS.usable() if kind.submission is not None]
    if benchmark not in KINDS:
        names = [*FORMS, *known]
        near = difflib.get_close_matches(benchmark, names, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        if benchmark in ARTEFACTS:  # which is written beside label maps, not made of them
            hint = f"; '{benchmark}' is written of each picture: {argument('write', [benchmark])}"
        raise UserError(
            f"{argument('benchmark', option='--as')} is '{benchmark}', but must be one of {', '.join(names)}{hint}"
        )
    form = KINDS[benchmark].submission
    if form is None:
        raise UserError(f"no server takes results of '{benchmark}'; there are forms for: {', '.join(known)}")
    return form


def write_submissions(
    parser: "Parser", out: str | Path, benchmark: str, *, ignore_below: float | None = None, progress: bool = True
) -> Path:
    """Write the label maps of an output folder in the form that a benchmark's server takes.

    Args:
        parser: The model; what another one left there is passed over.
        out: Where `predict_pictures` wrote.
        benchmark: The kind of its data set, one with a form of results.
        ignore_below: As in `predict_pictures`; what was parsed otherwise is passed over.
        progress: Show progress on standard error.

    Returns:
        The folder of the results, in which nothing else is.

    Raises:
        UserError: The model has other classes than the benchmark, or left nothing there, or two pictures would have one
            file.
    """
    from sceneparse.parsing.runs.earlier import parses_in  # here, since knowing the forms must not wait for torch

    form, out = submission_form(benchmark), expanded(out)
    form.refuse_others(parser.labels, parser.name)
    maps = [one.labels for one in parses_in(out, parser.fingerprint, ignore_below)]
    if not maps:
        raise UserError(f"{out}: no label map of this model")
    taken: dict[str, Path] = {}
    for file in maps:
        # A server's folder has no folders below.
        if (other := taken.setdefault(form.file(file.stem), file)) != file:
            raise UserError(
                f"{other} and {file} would both be {form.file(file.stem)}: results for {benchmark} go by the pictures' "
                "names alone, so parse these into different output folders"
            )
    with progress_bar(progress, len(maps), "writing results") as advance:
        for file in maps:
            form.write(out, file.stem, read_id_image(file, parser.labels))
            advance()
    return out / form.folder
