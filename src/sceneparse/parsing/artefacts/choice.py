"""Which artefacts a run writes: those of the user's choice, or the default ones."""

from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import get_args

from sceneparse.arguments import argument, check_choice, check_names
from sceneparse.datasets.forms.table import FORMS
from sceneparse.datasets.kinds import KINDS
from sceneparse.errors import UserError, require
from sceneparse.parsing.artefacts.artefact import Artefact, Inputs
from sceneparse.parsing.artefacts.table import ARTEFACTS
from sceneparse.settings.legend import LegendLayout
from sceneparse.tables import require_known

_BLIND = frozenset({"labels", "parts", "materials", "textures", "confidence", "confidence16", "geojson"})
"""Artefacts that show nothing of the picture itself; of those that other packages add nothing is known."""


def default_artefacts(tasks: Collection[str], *, overlay: bool = True) -> tuple[str, ...]:
    """Return the names of a picture's artefacts that are written where nobody chooses.

    Args:
        tasks: The tasks that the parse has beside the objects.
        overlay: Whether those for the eye alone are among them.
    """
    return tuple(
        name
        for name, artefact in ARTEFACTS.usable()
        if artefact.default
        and "pictures" in artefact.inputs
        and (overlay or not artefact.drawn)
        and _has(artefact, tasks)
    )


def picture_artefacts(
    tasks: Collection[str], write: Collection[str] | None = None, *, overlay: bool = True, model: str
) -> tuple[str, ...]:
    """Return the names of the artefacts that a run over pictures writes, in the table's order.

    Args:
        tasks: The tasks that the model has beside the objects.
        write: The user's choice; None: the default ones.
        overlay: Of the default ones, whether to write those for the eye alone.
        model: The model's name, for messages.

    Raises:
        UserError: A name that no artefact has, one that the model or pictures don't have, two that would be written to
            the same file, or both a choice and `overlay=False`.
    """
    if write is None:
        return default_artefacts(tasks, overlay=overlay)
    check_names("write", write, "labels")
    refuse_unfit(write, ("pictures",), overlay=overlay)
    for name in write:
        if not _has(ARTEFACTS[name], tasks):
            has = [name for name, known in ARTEFACTS.usable() if "pictures" in known.inputs and _has(known, tasks)]
            raise UserError(f"{_written(name)}: model '{model}' has none; it has {', '.join(has)}")
    chosen = tuple(name for name in ARTEFACTS if name in write)
    taken: dict[str, str] = {}
    for name in chosen:
        if (other := taken.setdefault(ARTEFACTS[name].suffix, name)) != name:
            raise UserError(
                f"{_written(other, name)}: both would be written to PICTURE{ARTEFACTS[name].suffix}; leave one out"
            )
    return chosen


def draws(chosen: Iterable[str]) -> bool:
    """Return whether some of these artefacts are drawings, which have a legend."""
    return any(ARTEFACTS[name].drawn for name in chosen)


def shows_picture(chosen: Iterable[str]) -> bool:
    """Return whether some of these artefacts may show the picture itself, for which all its pixels are read."""
    return not _BLIND.issuperset(chosen)


def check_legend(legend: LegendLayout, chosen: Iterable[str]) -> None:
    """Check where drawings of pictures are to have their legend.

    Args:
        legend: The place.
        chosen: Names of the artefacts that are written.

    Raises:
        UserError: There is no such place, or no drawing.
    """
    check_choice("legend", legend, get_args(LegendLayout))
    require(
        draws(chosen) or legend == "auto",
        f"{argument('legend', legend)}: no overlay is drawn that could have a legend",
    )


def chosen_artefacts(
    inputs: Inputs, write: Collection[str] | None, default: Mapping[str, bool], *, overlay: bool = True
) -> tuple[str, ...]:
    """Return the names of the artefacts that a run over videos, volumes or rasters writes, in the order of `default`.

    Args:
        inputs: What the run parses.
        write: The user's choice; None: the default ones.
        default: All artefacts of these inputs, and whether each is written where nobody chooses.
        overlay: False if those for the eye alone are to be left out, too, which a choice rules out.

    Raises:
        UserError: A name that no artefact has, or that of one for other inputs.
    """
    if write is not None:
        refuse_unfit(write, (inputs,), overlay=overlay)
        if others := [name for name in write if name not in default]:
            raise UserError(f"{_written(others[0])}: cannot be written for {inputs}; they have {', '.join(default)}")
    return tuple(name for name, wanted in default.items() if (wanted if write is None else name in write))


def refuse_unfit(write: Iterable[str], inputs: Iterable[Inputs], *, overlay: bool = True) -> None:
    """Refuse a choice of artefacts that some inputs cannot be written in.

    Args:
        write: The user's choice.
        inputs: What is parsed; each artefact must be for one of them at least.
        overlay: False if those for the eye alone were to be left out, too.

    Raises:
        UserError: A name that no artefact has, one for other inputs alone, or both ways of choosing at once.
    """
    if not overlay:
        drawn = argument("overlay", False, option="--no-overlay")
        raise UserError(f"{argument('write')} says what is written: leave {drawn} out")
    for name in write:
        if name not in ARTEFACTS:
            _refuse_unknown(name, set(inputs))
        if not set(ARTEFACTS[name].inputs) & set(inputs):
            raise UserError(
                f"{_written(name)}: is written for {' and '.join(ARTEFACTS[name].inputs)}, and there are none among "
                "the inputs"
            )


def _refuse_unknown(name: str, inputs: AbstractSet[Inputs]) -> None:
    """Refuse what is no artefact: a form is made of label maps once all are written, by another argument."""
    fits = [one for one, artefact in ARTEFACTS.usable() if set(artefact.inputs) & inputs]
    if name in FORMS or (name in KINDS and KINDS[name].submission is not None):
        way = argument("write_annotations" if name in FORMS else "write_submissions", option=f"--as {name}")
        raise UserError(
            f"{argument('write')} is '{name}', but must be one of {', '.join(fits)}; "
            f"'{name}' is made of label maps: {way}"
        )
    require_known("artefacts", name, argument("write"), shown=fits)


def fitting(write: Iterable[str], inputs: Inputs) -> tuple[str, ...]:
    """Return those of the named artefacts that are for pictures, videos, volumes or rasters."""
    return tuple(name for name in write if inputs in ARTEFACTS[name].inputs)


def _written(*names: str) -> str:
    """The argument that chooses artefacts, with some of them, for a message."""
    return argument("write", list(names))


def _has(artefact: Artefact, tasks: Collection[str]) -> bool:
    """Whether parses of these tasks beside the objects have the artefact."""
    return not artefact.tasks or not artefact.tasks.isdisjoint(tasks)
