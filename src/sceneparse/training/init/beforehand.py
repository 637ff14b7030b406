"""What a recipe asks of the model that it starts from, as far as it can be refused before PyTorch is loaded."""

from pathlib import Path

from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace
from sceneparse.settings import Recipe
from sceneparse.tables import table
from sceneparse.tasks import Task
from sceneparse.training.init.classes import given_classes, match_spaces, spaces_of
from sceneparse.weights.at_hand import folder_at_hand, labels_at_hand
from sceneparse.weights.conversions import fingerprint_of, untempered_fingerprint


def refuse_contradictions(recipe: Recipe, objects: LabelSpace | None) -> None:
    """Refuse classes that are not there, and another model than the recipe names.

    Args:
        recipe: What is going to be trained, from a model.
        objects: The classes of the data; None where they are not known yet.

    Raises:
        UserError: As of `given_classes`, `match_spaces` or `same_model`.
    """
    init, given = recipe.init, given_classes(recipe.init)
    folder = None if init.model is None else folder_at_hand(init.model)
    if init.model is None or folder is None:
        return
    if init.sha256 is not None:
        same_model(init.model, init.sha256, *fingerprints(folder))
    known = labels_at_hand(init.model)
    # Of several tasks the data say more classes when they are opened.
    several = table("architectures")[recipe.network.architecture].learns_tasks
    if given and known is not None and objects is not None and not several:
        match_spaces({Task.OBJECT: objects}, spaces_of(*known), given)


def fingerprints(folder: Path) -> tuple[str, str]:
    """Return the hashes by which a recipe may name a model folder, the usual one first."""
    # Temperatures change nothing that a training starts from.
    return untempered_fingerprint(folder), fingerprint_of(folder)


def same_model(name: str, wanted: str | None, found: str, *older: str) -> str:
    """Return the hash of a model, or the one that an earlier version took for it and that a recipe names.

    Args:
        name: The model, as it was asked for.
        wanted: `init.sha256`.
        found: Its hash.
        older: Those by which earlier versions named it.

    Raises:
        UserError: The recipe names neither.
    """
    if wanted is None:
        return found
    if wanted not in (found, *older):
        raise UserError(
            f"{name}: is another model than the recipe names: its SHA-256 is {found}, but init.sha256 is {wanted}"
        )
    return wanted
