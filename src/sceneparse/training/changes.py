"""Whether a training can go on in its run folder by the recipe that is given: known before PyTorch is loaded."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from sceneparse.arguments import argument, together
from sceneparse.errors import UserError
from sceneparse.recipes import read_recipe, to_mapping
from sceneparse.recipes.flat import flat_settings
from sceneparse.settings import Recipe
from sceneparse.training.written import read_budget, read_started
from sceneparse.weights.run_folder import CHECKPOINTS, MODEL, RECIPE, named

FREE = frozenset(
    {
        "name",
        "description",
        "data.root",
        "data.test",
        "data.workers",
        "data.cache_mb",
        "tracking.trackers",
        "tracking.project",
        "tracking.name",
        "training.decided",
        "training.device",
        "training.checkpoint_every",
        "training.log_every",
    }
)
"""The settings that may change when a training goes on: none of them changes what it is going to give."""

LENGTH = {"training.iterations", "training.minutes"}
"""The settings that say how long a training is."""


def refuse_unresumable(recipe: Recipe, out: Path) -> bool:
    """Refuse to go on with a training of another recipe, or where there is a model alone; return whether one goes on.

    Args:
        recipe: The recipe to train by.
        out: The run folder, there or not.

    Raises:
        UserError: It is so.
    """
    if any((out / CHECKPOINTS).glob("last-[0-9]*.pt")):
        refuse_changes(recipe, read_recipe(out / RECIPE), out)
        return True
    if (out / MODEL).exists():
        raise UserError(
            f"{out} holds a model but no checkpoint to resume from: name another folder ({argument('out', 'DIR')})"
        )
    return False


def refuse_changes(recipe: Recipe, saved: Recipe, out: Path) -> None:
    """Refuse to go on by another recipe than the one that a run began with.

    Raises:
        UserError: A setting that isn't `FREE` differs; the message names the first three.
    """
    given, began = flat_settings(to_mapping(recipe)), flat_settings(to_mapping(saved))
    if saved.init.model is not None:
        # The run took over settings of the model that it started from, and wrote down which model that was.
        before = flat_settings(read_started(out)["settings_before"]) | {"init.sha256": None}
        began |= {name: value for name, value in before.items() if given.get(name, value) == value}
    if given["backbone.padding"] is None:
        # The run wrote down what null meant.
        began["backbone.padding"] = None
    if recipe.training.minutes is not None and (budget := read_budget(out)) is not None:
        # The run wrote down how many iterations the minutes came to.
        began |= {"training.minutes": budget["minutes"], "training.iterations": given["training.iterations"]}
    if given["training.batch"] == "auto":
        # The run wrote down how many it found.
        began["training.batch"] = "auto"
    for name in recipe.network.tasks.from_data:
        if began[f"network.tasks.{name}"]:  # the run wrote down how many the data name
            began[f"network.tasks.{name}"] = given[f"network.tasks.{name}"]
    began["network.tasks.from_data"] = given["network.tasks.from_data"]
    # An option of a loss may stand in one of them alone.
    different = [key for key in {**began, **given} if key not in FREE and given.get(key) != began.get(key)]
    if different:
        shown = ", ".join(f"{key} is {given.get(key)!r} but was {began.get(key)!r}" for key in different[:3])
        changed = {key: given[key] for key in different if given.get(key) is not None}
        # A run that began with a model wrote down which one; the next begins with another.
        again = {} if saved.init.sha256 is None else {"init.sha256": None}
        more = f" and {len(different) - 3} more" if len(different) > 3 else ""
        raise UserError(
            f"{out} began with another recipe: {shown}{more}; resume with the same, or train into another "
            f"{argument('out')} folder{_onwards(out, changed | again) if LENGTH & set(different) else ''}"
        )


def _onwards(out: Path, changed: Mapping[str, object]) -> str:
    """The command by which a training that is done is followed by another one; empty where it has no model yet.

    Args:
        out: The run folder.
        changed: The settings in which the other one differs from its recipe.
    """
    if not (out / MODEL).exists():
        return ""
    longer = str(out.with_name(f"{named(out).name}-longer"))
    recipe = str(out / RECIPE)
    values = {"recipe": recipe, **changed, "init.model": str(out), "out": longer}
    options = {
        "recipe": f"sceneparse train {shlex.quote(recipe)}",
        "init.model": f"--init {shlex.quote(str(out))}",
        "init.sha256": "--init.sha256 null",
    }
    given = together(values, options=options)
    return f"; to train on from its model, leave {argument('resume', True, option='--resume')} out: {given}"
