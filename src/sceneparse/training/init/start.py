"""Start from a model: open it, take over its settings, and fill a network with what fits."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from sceneparse.errors import UserError, counted
from sceneparse.labels import LabelSpace, TaskLabels
from sceneparse.networks import SceneParser
from sceneparse.settings import Recipe
from sceneparse.tasks import Task
from sceneparse.training.init.adopting import Difference, values_before, with_models_settings
from sceneparse.training.init.classes import given_classes, match_spaces
from sceneparse.training.init.report import Started, sizes_of, source_facts
from sceneparse.training.init.source import Source, open_source
from sceneparse.training.init.transfer import transfer

THRESHOLD = "network.threshold"
"""What decides between two classes alone."""


@dataclass(frozen=True)
class Start:
    """A model that is open, before the network is built that starts from it.

    Args:
        source: The model.
        settings: The settings that differed.
        asked: The recipe before the model's settings were taken over.
    """

    source: Source
    settings: tuple[Difference, ...]
    asked: Recipe

    def on_classes(self, recipe: Recipe, objects: LabelSpace) -> tuple[Recipe, "Start"]:
        """Give back what was taken over of the model's settings and cannot be had with the data's classes.

        Args:
            recipe: The recipe with the model's settings.
            objects: The classes of the data.

        Raises:
            UserError: As of `match_spaces`.
        """
        taken = next((one for one in self.settings if one.setting == THRESHOLD and one.adopted), None)
        why = "" if taken is None else self._other_decision(recipe, objects)
        if taken is None or not why:
            return recipe, self
        left = replace(taken, adopted=False, why=why)
        settings = tuple(left if one is taken else one for one in self.settings)
        network = replace(recipe.network, threshold=taken.recipe)
        return replace(recipe, network=network), replace(self, settings=settings)

    def _other_decision(self, recipe: Recipe, objects: LabelSpace) -> str:
        """Return why the model's threshold means nothing for classes of other data; "" where it does."""
        if len(objects) != 2:
            return f"of {counted(len(objects), 'class', 'classes')}, the likeliest is taken"
        known = self.source.model.labels
        spaces = {Task.OBJECT: objects}, {Task.OBJECT: known}
        second = match_spaces(*spaces, given_classes(recipe.init))[Task.OBJECT][1]
        if second.source == known.names[1]:
            return ""
        return f"it decides for {known.names[1]} in the model, and {second.name} does not start from that"

    def fill(self, network: SceneParser, recipe: Recipe, objects: LabelSpace, tasks: TaskLabels | None) -> Started:
        """Fill a network with all that fits.

        Args:
            network: The network, which is changed.
            recipe: What it was built by.
            objects: The classes of the data.
            tasks: The label spaces of the other tasks that it learns.

        Raises:
            UserError: Nothing fits, nothing is new that is to learn faster, or something new would be frozen.
        """
        model = self.source.model
        account = transfer(network, recipe, objects, tasks, model, given_classes(recipe.init))
        if account.took_nothing():
            advice = f"set backbone.name to {model.config.backbone.name}"
            if recipe.init.adopt != "all":
                advice += ", or take all of its settings with init.adopt all"
            else:
                advice += ", or leave it out of the recipe: only what a recipe leaves at its default is the model's"
            raise UserError(
                f"init.model {self.source.name}: nothing of it fits: it is {model.config.network.architecture} on "
                f"{model.config.backbone.name}, but the recipe has {recipe.network.architecture} on "
                f"{recipe.backbone.name}; {advice}"
            )
        new = account.made_new()
        if recipe.optimizer.new_factor != 1 and not _learning(network, new):
            raise UserError(
                "optimizer.new_factor has no effect: init.model fills every parameter of the network; set it to 1"
            )
        sizes = sizes_of(network.state_dict(), model.network.state_dict())
        # The tasks' sizes are the data's, whatever the recipe said.
        facts, before = source_facts(self.source), values_before(self.asked, recipe)
        return Started(facts, account, sizes, self.settings, before, self.source.imported, self.source.classes)


def begin_from_model(recipe: Recipe) -> tuple[Recipe, Start | None]:
    """Open the model that a recipe starts from, and take over what settings of it the recipe leaves open.

    Args:
        recipe: What is going to be trained.

    Returns:
        The recipe with these settings and the model's hash, and the model; None where there is none.

    Raises:
        UserError: No such model, or another than `init.sha256` says.
    """
    if recipe.init.model is None:
        return recipe, None
    source = open_source(recipe.init.model, recipe.init.sha256)
    adopted, settings = with_models_settings(recipe, source.model.config)
    return replace(adopted, init=replace(adopted.init, sha256=source.sha256)), Start(source, settings, recipe)


def refuse_new_and_frozen(network: SceneParser, made_new: Collection[str]) -> None:
    """Refuse to hold what started from random numbers.

    Raises:
        UserError: A frozen parameter is new.
    """
    frozen = [name for name, one in network.named_parameters() if not one.requires_grad and name in made_new]
    if frozen:
        raise UserError(
            f"backbone.frozen holds {counted(len(frozen), 'parameter')} that init.model did not fill, such as "
            f"{frozen[0]}: freeze less, or nothing"
        )


def _learning(network: SceneParser, names: Collection[str]) -> bool:
    return any(name in names for name, _ in network.named_parameters())
