"""The protocols and backbones of a sweep's rows: what can't be is refused before anything runs, or PyTorch loads."""

from sceneparse.datasets.kinds import of_pictures_alone
from sceneparse.errors import UserError
from sceneparse.inference.protocol import check_protocol, resolve
from sceneparse.recipes.sweep import Row, Sweep
from sceneparse.weights.timm_source import refuse_unknown_backbone


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


def refuse_unknown_backbones(sweep: Sweep) -> None:
    """Refuse a sweep one of whose rows names a backbone that there is not.

    Raises:
        UserError: There is one; the message names its row.
    """
    for name in dict.fromkeys(row.recipe.backbone.name for row in sweep.rows):
        try:
            refuse_unknown_backbone(name)
        except UserError as error:
            row = next(one for one in sweep.rows if one.recipe.backbone.name == name)
            raise UserError(f"{where(sweep, row)}: {error}") from None


def where(sweep: Sweep, row: Row) -> str:
    """Return what messages call a row of a sweep."""
    return f"sweep {sweep.name}, row '{row.name}'"
