"""Settings of the model that a training starts from: which the recipe takes over, and which differ."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields, replace
from typing import Any

from sceneparse.errors import UserError
from sceneparse.networks.unfilled import sketched
from sceneparse.recipes import to_mapping
from sceneparse.settings import BackboneSettings, NetworkSettings, PreprocessingSettings, Recipe, TaskSettings
from sceneparse.settings.sight import NEUTRAL, UNSEEN, sight_of
from sceneparse.tables import table
from sceneparse.tasks import OTHER_PLURALS
from sceneparse.weights.build import build
from sceneparse.weights.config import ModelConfig

GROUPS = ("backbone", "network", "preprocessing")


@dataclass(frozen=True)
class Difference:
    """A setting that the recipe and the model had different values of.

    Args:
        setting: Its dotted name.
        recipe: What the recipe said.
        model: What the model has.
        adopted: Whether the model's was taken.
        why: Why not, where it could have been.
    """

    setting: str
    recipe: Any
    model: Any
    adopted: bool
    why: str = ""


Changes = Mapping[str, Mapping[str, Any]]
"""Values of settings that are changed together, by group and name."""


def with_models_settings(recipe: Recipe, config: ModelConfig) -> tuple[Recipe, tuple[Difference, ...]]:
    """Take over from a model what `init.adopt` says, where the recipe is at its defaults.

    Args:
        recipe: What is going to be trained.
        config: The settings of the model that it starts from.

    Returns:
        The recipe, and all settings that differed.
    """
    wanted = _adoptable(recipe, config)
    refused: dict[str, str] = {}
    try:
        taken = _changed(recipe, wanted)
    except UserError:
        # One by one, so that what cannot be had with the rest is known, and the rest is taken.
        taken = recipe
        for changes in wanted:
            try:
                taken = _changed(taken, [changes])
            except UserError as error:
                refused |= {f"{group}.{name}": str(error) for group, values in changes.items() for name in values}
    return taken, _differences(recipe, taken, config, refused)


def values_before(before: Recipe, after: Recipe) -> dict[str, Any]:
    """Return what settings of backbone, network and preprocessing were, of those that two recipes have different."""
    old, new = to_mapping(before), to_mapping(after)
    return {
        f"{group}.{name}": value for group in GROUPS for name, value in old[group].items() if new[group][name] != value
    }


def base_name(backbone: str) -> str:
    """Return the name of a backbone without the tag of its weights."""
    return backbone.partition(".")[0]


def _adoptable(recipe: Recipe, config: ModelConfig) -> list[Changes]:
    """Return what may be taken over, those settings first on which others stand."""
    adopt, name = recipe.init.adopt, recipe.backbone.name
    if adopt == "none":
        return []
    found: list[Changes] = []
    if base_name(name) != base_name(config.backbone.name):
        if adopt != "all" or name != BackboneSettings().name:
            return []
        found.append({"backbone": {"name": config.backbone.name}})
    pixels = {"mean": config.preprocessing.mean, "std": config.preprocessing.std}
    of_default = recipe.preprocessing == PreprocessingSettings() != config.preprocessing
    for item in fields(BackboneSettings):
        if item.name == "in_channels" and of_default and adopt == "all" and _is_open(recipe, config, "backbone", item):
            found.append({"backbone": {"in_channels": config.backbone.in_channels}, "preprocessing": pixels})
        elif sight_of(item) == UNSEEN and _is_open(recipe, config, "backbone", item):
            found.append({"backbone": {item.name: getattr(config.backbone, item.name)}})
    if of_default and len(config.preprocessing.mean) in (1, recipe.backbone.in_channels):
        found.append({"preprocessing": pixels})
    return found + _adoptable_of_network(recipe, config)


def _adoptable_of_network(recipe: Recipe, config: ModelConfig) -> list[Changes]:
    ours, theirs = recipe.network.architecture, config.network.architecture
    found: list[Changes] = []
    if ours != theirs:
        if recipe.init.adopt != "all" or ours != NetworkSettings().architecture:
            return []
        auxiliary = table("architectures")[theirs].auxiliary
        # Null is the architecture's own stride.
        changes = {"architecture": theirs, "output_stride": None, "aux": recipe.network.aux and auxiliary}
        found.append({"network": changes})
    for item in fields(NetworkSettings):
        wanted = recipe.init.adopt == "all" or sight_of(item) == UNSEEN
        if item.name != "architecture" and wanted and _is_open(recipe, config, "network", item):
            value = getattr(config.network, item.name)
            found.append({"network": {item.name: _sizes_from_data(value) if item.name == "tasks" else value}})
    return found


def _is_open(recipe: Recipe, config: ModelConfig, group: str, known: "Field[Any]") -> bool:
    """Whether the recipe leaves a setting at its default, and the model has another value."""
    usual = known.default if known.default_factory is MISSING else known.default_factory()
    value = getattr(getattr(recipe, group), known.name)
    if known.name == "output_stride":
        usual = table("architectures")[recipe.network.architecture].strides[0]
    return bool(value == usual) and value != getattr(getattr(config, group), known.name)


def _changed(recipe: Recipe, wanted: Sequence[Changes]) -> Recipe:
    """Return a recipe with other values.

    Raises:
        UserError: They don't go together, or no network can be built with them.
    """
    merged: dict[str, dict[str, Any]] = {}
    for changes in wanted:
        for group, values in changes.items():
            merged[group] = merged.get(group, {}) | dict(values)
    groups: Any = {group: replace(getattr(recipe, group), **values) for group, values in merged.items()}
    changed = replace(recipe, **groups)
    if merged.keys() & {"backbone", "network"}:
        with sketched():
            build(changed.backbone, replace(changed.network, tasks=_without_from_data(changed.network.tasks)), 2)
    return changed


def _without_from_data(tasks: TaskSettings) -> TaskSettings:
    sizes: dict[str, Any] = {name: (2,) if name == "parts" else 2 for name in tasks.from_data}
    return replace(tasks, from_data=(), **sizes)


def _sizes_from_data(tasks: TaskSettings) -> TaskSettings:
    """Return the same heads with as many classes as the data have."""
    names: Any = tuple(name for name in OTHER_PLURALS if getattr(tasks, name))
    nothing: dict[str, Any] = {name: getattr(TaskSettings(), name) for name in OTHER_PLURALS}
    return replace(tasks, from_data=names, **nothing)


def _differences(
    before: Recipe, after: Recipe, config: ModelConfig, refused: Mapping[str, str]
) -> tuple[Difference, ...]:
    found = []
    # What only training needs of the backbone is the recipe's own.
    own = {f"backbone.{item.name}" for item in fields(BackboneSettings) if sight_of(item) == NEUTRAL}
    for group in GROUPS:
        old, new, theirs = (to_mapping(getattr(settings, group)) for settings in (before, after, config.portable()))
        for name, value in theirs.items():
            setting = f"{group}.{name}"
            # Sizes of other tasks are the data's; null means the padding that the model has.
            if setting in own or setting == "network.tasks" or (setting == "backbone.padding" and old[name] is None):
                continue
            if setting == "backbone.name" and base_name(value) == base_name(new[name]) == base_name(old[name]):
                continue
            if old[name] != value or new[name] != old[name]:
                adopted = new[name] != old[name] and new[name] == value
                found.append(Difference(setting, old[name], value, adopted, refused.get(setting, "")))
    return tuple(found)
