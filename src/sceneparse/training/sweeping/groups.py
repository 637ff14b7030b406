"""Groups of a sweep that name a class which the data don't have: refused where that is known, else said."""

from collections.abc import Collection
from pathlib import Path

from sceneparse.data.class_changes import refuse_unknown
from sceneparse.datasets.testing import open_for_testing
from sceneparse.errors import UserError
from sceneparse.recipes.sweep import Row, Sweep
from sceneparse.settings import DataSettings
from sceneparse.training.sweeping.figures import finished, ious_of


def refuse_unknown_groups(sweep: Sweep) -> None:
    """Refuse groups that name a class which the data set of a row doesn't have, before anything runs.

    Rows whose data cannot be opened are passed over: each of their runs says why.

    Raises:
        UserError: A group names one.
    """
    if not sweep.groups:
        return
    known: list[tuple[DataSettings, int, Collection[str]]] = []
    for row in sweep.rows:
        data, channels = row.recipe.data, row.recipe.backbone.in_channels
        names = next((found for one, count, found in known if (one, count) == (data, channels)), None)
        if names is None:
            try:
                names = open_for_testing(data, channels=channels).labels.names
            except UserError:
                names = ()
            known.append((data, channels, names))
        if names:
            _refuse(sweep, row, names)


def group_notes(sweep: Sweep, folder: Path) -> list[str]:
    """Say which groups name a class that finished runs know nothing of, a line each.

    Args:
        sweep: The sweep.
        folder: The sweep's folder.
    """
    notes: dict[str, None] = {}
    for run in sweep.runs():
        tests = finished(sweep, run, folder)
        try:
            if tests is not None:
                _refuse(sweep, run.row, ious_of(tests[sweep.tests[0]]))
        except UserError as error:
            notes[f"{error}. The group has no figure there: correct it, and the same command sums up anew"] = None
    return list(notes)


def _refuse(sweep: Sweep, row: Row, known: Collection[str]) -> None:
    for name, classes in sweep.groups.items():
        refuse_unknown(classes, known, f"the data set of row '{row.name}'", f"sweep {sweep.name}: groups.{name}")
