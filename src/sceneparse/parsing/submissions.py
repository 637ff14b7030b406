"""Write label maps in the forms that benchmarks' servers take: a folder to be packed and submitted."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from sceneparse.datasets.kinds import KINDS
from sceneparse.datasets.submission import SubmissionForm
from sceneparse.errors import UserError
from sceneparse.parsing.parser import Parser
from sceneparse.progress import progress_bar
from sceneparse.tables import require_known


def submission_form(benchmark: str) -> SubmissionForm:
    """Return the form of submissions to a benchmark's server.

    Args:
        benchmark: The kind of its data set, as in `data.kind`.

    Raises:
        UserError: There is no such kind, or no server that takes results of it.
    """
    require_known("datasets", benchmark, "--as")
    form = KINDS[benchmark].submission
    if form is None:
        known = ", ".join(name for name, kind in KINDS.usable() if kind.submission is not None)
        raise UserError(f"no server takes results of '{benchmark}'; there are forms for: {known}")
    return form


def write_submissions(parser: Parser, out: str | Path, benchmark: str, *, progress: bool = True) -> Path:
    """Write the label maps of an output folder in the form that a benchmark's server takes.

    Args:
        parser: The model; what another one left there is passed over.
        out: Where `predict_pictures` wrote.
        benchmark: The kind of its data set, one with a form of results.
        progress: Show progress on standard error.

    Returns:
        The folder of the results, in which nothing else is.

    Raises:
        UserError: The model has other classes than the benchmark, or left nothing there, or two pictures would have one
            file.
    """
    form, out = submission_form(benchmark), Path(out)
    form.refuse_others(parser.labels, parser.name)
    maps = [found for mark in sorted(out.rglob("*.json")) if (found := _label_map(mark, parser.fingerprint))]
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
            with Image.open(file) as image:
                # Where there is no class, the map holds a value that no class has.
                indices, _ = parser.labels.decode(np.array(image))
            form.write(out, file.stem, indices)
            advance()
    return out / form.folder


def _label_map(mark: Path, fingerprint: str) -> Path | None:
    """The label map that a parse's JSON speaks of, if it is one of this model's."""
    try:
        said = json.loads(mark.read_text(encoding="utf-8"))
        return mark.with_name(said["files"]["labels"]) if said["model_sha256"] == fingerprint else None
    except (OSError, ValueError, KeyError, TypeError):  # no JSON, or not one of a parse
        return None
