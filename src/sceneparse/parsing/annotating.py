"""Write what lies in an output folder in the forms that annotation tools take."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sceneparse.arguments import argument
from sceneparse.datasets.forms.form import Annotated, AnnotatedPictures, refuse_shared_stems
from sceneparse.datasets.forms.table import FORMS
from sceneparse.datasets.forms.whole_folder import refuse_changed, whole_folder
from sceneparse.drawing.legend import read_id_image
from sceneparse.errors import UserError
from sceneparse.parsing.artefacts.file_names import name_of
from sceneparse.parsing.runs.faults import writing
from sceneparse.paths import expanded
from sceneparse.progress import progress_bar

if TYPE_CHECKING:
    from sceneparse.parsing.parser import Parser


def write_annotations(
    parser: "Parser", out: str | Path, form: str, *, ignore_below: float | None = None, progress: bool = True
) -> Path:
    """Write the label maps of an output folder as annotations, in a form that annotation tools take.

    They are made of what lies there, so that a run which was stopped and went on gives the same. Written whole or not
    at all; what an earlier call left is replaced, unless somebody has changed it.

    Args:
        parser: The model; what another one left there is passed over.
        out: Where `predict_pictures` wrote.
        form: The form's name in `sceneparse.datasets.forms.table.FORMS`.
        ignore_below: As in `predict_pictures`; what was parsed otherwise is passed over.
        progress: Show progress on standard error.

    Returns:
        The folder of the annotations, OUT/FORM, in which nothing else is.

    Raises:
        UserError: The model left nothing there, an earlier call's annotations were changed since, or the form cannot
            hold them.
    """
    out = expanded(out)
    annotated = AnnotatedPictures(_annotated(parser, out, ignore_below), parser.labels, parser.name)
    if not annotated.pictures:
        raise UserError(f"{out}: no label map of this model")
    refuse_unwritable(out, form, [(one.name, one.picture) for one in annotated])
    with progress_bar(progress, len(annotated.pictures), f"writing {form}") as advance:
        counted = tuple(replace(one, read=_advancing(one.read, advance)) for one in annotated)
        try:
            with writing(out / form), whole_folder(out / form) as folder:
                FORMS[form].write(folder, replace(annotated, pictures=counted))
        except UserError as error:
            raise UserError(f"{_asked(form)}: {error}") from error
    return out / form


def refuse_unwritable(out: Path, form: str, pictures: Iterable[tuple[str, Path]]) -> None:
    """Refuse annotations where a picture's parse lies, where somebody changed earlier ones, or that share a name.

    Args:
        out: The output folder.
        form: The form's name.
        pictures: The pictures' names and files.

    Raises:
        UserError: It would be so.
    """
    named = list(pictures)
    if any(name.startswith(f"{form}/") for name, _ in named):
        raise UserError(
            f"{_asked(form)}: would be written to {out / form}, where the parses of the pictures in '{form}' are: "
            "rename that folder of pictures"
        )
    if FORMS[form].by_stem:
        try:
            refuse_shared_stems(named)
        except UserError as error:
            raise UserError(f"{_asked(form)}: {error}") from None
    refuse_changed(out / form)


def _asked(form: str) -> str:
    """The argument that chooses a form."""
    return argument("form", form, option=f"--as {form}")


def _annotated(parser: "Parser", out: Path, ignore_below: float | None) -> tuple[Annotated, ...]:
    from sceneparse.parsing.runs.earlier import parses_in  # here, since refusing what is amiss must not wait for torch

    found = []
    for one in parses_in(out, parser.fingerprint, ignore_below):
        name = name_of(one.record.with_suffix("").relative_to(out).as_posix())
        found.append(Annotated(name, one.picture, one.size, partial(read_id_image, one.labels, parser.labels)))
    return tuple(sorted(found, key=lambda one: one.name))


def _advancing(read: Callable[[], NDArray[np.int16]], advance: Callable[[], None]) -> Callable[[], NDArray[np.int16]]:
    def counted() -> NDArray[np.int16]:
        advance()
        return read()

    return counted
