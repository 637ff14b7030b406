"""The protocols of a sweep's rows: those that don't hold together are refused before anything runs."""

from sceneparse.datasets.kinds import of_pictures_alone
from sceneparse.errors import UserError
from sceneparse.inference.protocol import check_protocol, resolve
from sceneparse.recipes.sweep import Row, Sweep


def refuse_unfit_protocols(sweep: Sweep) -> None:
    """Refuse a sweep one of whose rows is validated or tested by a protocol that doesn't hold together.

    Raises:
        UserError: There is one; the message names its row.
    """
    for row in sweep.rows:
        # Of pictures the training learns the sizes; of rasters and volumes there are none to learn.
        refuse = check_protocol if of_pictures_alone(row.recipe.data) else resolve
        try:
            for settings in (row.recipe.protocol, *row.tests.values()):
                refuse(settings)
        except UserError as error:
            raise UserError(f"{where(sweep, row)}: {error}") from None


def where(sweep: Sweep, row: Row) -> str:
    """Return what messages call a row of a sweep."""
    return f"sweep {sweep.name}, row '{row.name}'"
