"""Which data a model's training learnt from, as far as its run folder says it."""

from pathlib import Path

from sceneparse.errors import UserError
from sceneparse.recipes import read_recipe
from sceneparse.settings import DataSettings
from sceneparse.weights.run_folder import RECIPE, run_around


def trained_on(model: str | Path) -> DataSettings | None:
    """Return the settings of the data that a run's model learnt from; None of a model elsewhere, or if damaged.

    A model folder alone doesn't say where its data lie.

    Args:
        model: What a command was given: a run folder, or a model folder or a checkpoint in one.
    """
    run = run_around(Path(model))
    if run is None:
        return None
    try:
        return read_recipe(run / RECIPE).data
    except UserError:
        return None
