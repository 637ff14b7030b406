"""Take what fits of a model into a new network, and account for every tensor of both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from timm.models import adapt_input_conv
from torch import Tensor

from sceneparse.labels import LabelSpace, PartTree, TaskLabels
from sceneparse.networks import SceneParser
from sceneparse.networks.fpn import FeaturePyramid
from sceneparse.networks.unfilled import sketched
from sceneparse.settings import NetworkSettings, Recipe, TaskSettings
from sceneparse.tasks import Task
from sceneparse.training.init.adopting import base_name
from sceneparse.training.init.classes import Match, match_spaces, spaces_of
from sceneparse.weights.build import build
from sceneparse.weights.model import Model

BACKBONE, AUXILIARY = "backbone", "aux_head"
"""The parts of a network that mean the same under every architecture."""

MORE = {Task.OBJECT: 1, Task.SCENE: 2, Task.PART: 3, Task.MATERIAL: 5, Task.TEXTURE: 7}
"""So many classes more of each task tell, by how much a tensor grows, whose it is."""


@dataclass
class Account:
    """Where the tensors of a network came from, and those of a model went, by their names.

    Args:
        taken: Taken whole.
        kept: Whose rows of classes that both know were kept, and how many of how many.
        adapted: Taken, with the first convolution adapted to other channels.
        new: Made new, and why.
        dropped: The model's that were not used, and why.
        classes: What each class of each task starts from.
        left: The model's classes from which none starts.
    """

    taken: list[str] = field(default_factory=list)
    kept: dict[str, tuple[int, int]] = field(default_factory=dict)
    adapted: list[str] = field(default_factory=list)
    new: dict[str, str] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    classes: dict[Task, list[Match]] = field(default_factory=dict)
    left: dict[Task, list[str]] = field(default_factory=dict)

    def made_new(self) -> list[str]:
        """Return the names of the tensors that the model did not fill, or not whole."""
        return [*self.new, *(name for name, (rows, of) in self.kept.items() if rows < of)]

    def took_nothing(self) -> bool:
        """Return whether there is nothing of the model in the network."""
        return not (self.taken or self.kept or self.adapted)


def transfer(
    network: SceneParser,
    recipe: Recipe,
    objects: LabelSpace,
    tasks: TaskLabels | None,
    model: Model,
    given: Mapping[str, str | None],
) -> Account:
    """Fill a network with all of a model that fits.

    Under the same architecture every tensor of the same name and shape is taken; under another the backbone, the
    auxiliary head and, between the UPerNets, the feature pyramid. Of classifiers the rows of classes that both know are
    kept, where what stands before them was taken.

    Args:
        network: The network, which is changed.
        recipe: What it was built by.
        objects: The classes of the data.
        tasks: The label spaces of the other tasks that it learns.
        model: The model.
        given: As of `match_spaces`.

    Raises:
        UserError: A given class is in no label space.
    """
    old, new = spaces_of(model.labels, model.tasks), spaces_of(objects, tasks)
    account = Account(classes=match_spaces(new, old, given))
    sources = {
        task: [None if one.source is None else old[task].names.index(one.source) for one in matches]
        for task, matches in account.classes.items()
    }
    account.left = {
        task: [name for index, name in enumerate(old[task].names) if index not in found]
        for task, found in sources.items()
    }
    rows = dict(sources)
    if tasks is not None and tasks.tree is not None and model.tasks is not None and model.tasks.tree is not None:
        rows[Task.PART] = _part_rows(tasks.tree, model.tasks.tree, sources)
    filling = _Filling(network, recipe, model, rows, account)
    filling.fill(_class_axes(network, recipe, len(objects)))
    return account


def _part_rows(new: PartTree, old: PartTree, sources: Mapping[Task, Sequence[int | None]]) -> list[int | None]:
    """Return the channel of the old part head that each of the new one starts from."""
    place = {channel: index for index, channel in enumerate(old.channels)}
    objects, parts = sources[Task.OBJECT], sources[Task.PART]
    return [
        place.get((objects[owner], part if part < 0 else parts[part]))  # type: ignore[arg-type] # None is in none
        for owner, part in new.channels
    ]


def _class_axes(network: SceneParser, recipe: Recipe, classes: int) -> dict[str, tuple[int, Task]]:
    """Return which axis of which tensors counts a task's classes, found by building the network with more of them."""
    tasks = recipe.network.tasks
    counts: dict[str, Any] = {}
    for task in (Task.SCENE, Task.MATERIAL, Task.TEXTURE):
        counts[task.plural] = getattr(tasks, task.plural) and getattr(tasks, task.plural) + MORE[task]
    parts = (*tasks.parts[:-1], tasks.parts[-1] + MORE[Task.PART]) if tasks.parts else ()
    more: TaskSettings = replace(tasks, parts=parts, **counts)
    with sketched():
        # A threshold decides between two classes, and no tensor depends on it.
        settings = replace(recipe.network, tasks=more, threshold=NetworkSettings().threshold)
        larger = build(recipe.backbone, settings, classes + MORE[Task.OBJECT])
    task_of = {number: task for task, number in MORE.items()}
    axes = {}
    ours = network.state_dict()
    for name, tensor in larger.state_dict().items():
        grown = [long - short for long, short in zip(tensor.shape, ours[name].shape, strict=True)]
        if grown_axes := [axis for axis, number in enumerate(grown) if number]:
            axes[name] = (grown_axes[0], task_of[grown[grown_axes[0]]])
    return axes


class _Filling:
    """A network that is being filled from a model."""

    def __init__(
        self,
        network: SceneParser,
        recipe: Recipe,
        model: Model,
        rows: Mapping[Task, Sequence[int | None]],
        account: Account,
    ) -> None:
        self.network, self.rows, self.account = network, rows, account
        self.ours, self.theirs = network.state_dict(), model.network.state_dict()
        self.same_backbone = base_name(recipe.backbone.name) == base_name(model.config.backbone.name)
        self.same_network = recipe.network.architecture == model.config.network.architecture
        self.both_pyramids = isinstance(network, FeaturePyramid) and isinstance(model.network, FeaturePyramid)
        self.ours_on, self.theirs_on = recipe, model.config
        self.first = {f"{BACKBONE}.body.{name}" for name in network.backbone.first_weights()}

    def fill(self, axes: Mapping[str, tuple[int, Task]]) -> None:
        account = self.account
        values: dict[str, Tensor] = {}
        for name in self.ours:
            if name not in axes:
                value = self._taken(name)
                if value is not None:
                    values[name] = value
        for name, (axis, task) in axes.items():
            kept = self._kept(name, axis, task)
            if kept is not None:
                values[name] = kept
        self.network.load_state_dict(self.ours | values)
        for name in self.theirs:
            if name not in values:
                why = self._not_of(name) or ("no such layer" if name not in self.ours else account.new[name])
                account.dropped[name] = why

    def _taken(self, name: str) -> Tensor | None:
        """Return the model's tensor for one of ours that no class counts; None, and noted as new, if none fits."""
        account, ours = self.account, self.ours[name]
        if why := self._not_of(name):
            account.new[name] = why
            return None
        theirs = self.theirs.get(name)
        if theirs is None:
            account.new[name] = "the model has no such layer"
        elif theirs.shape == ours.shape:
            account.taken.append(name)
            return theirs
        elif name in self.first and theirs.ndim == 4 and theirs.shape[1] == 3 and theirs.shape[0] == ours.shape[0]:
            account.adapted.append(name)
            adapted: Tensor = adapt_input_conv(ours.shape[1], theirs)
            return adapted
        else:
            account.new[name] = f"{_shape(ours)} here, {_shape(theirs)} in the model"
        return None

    def _kept(self, name: str, axis: int, task: Task) -> Tensor | None:
        """Return one of our classifiers with the rows of classes that both know; None if there are none."""
        account, ours, theirs = self.account, self.ours[name], self.theirs.get(name)
        why = self._not_of(name)
        if theirs is None and not why:
            why = "the model has no such layer"
        rows = self.rows.get(task)
        if not why and rows is None:
            why = f"the model's {task.plural} have no names"
        if not why and (before := self._new_before(name)):
            why = f"{before} before it is new"
        if not why:
            assert theirs is not None and rows is not None
            known = [(place, source) for place, source in enumerate(rows) if source is not None]
            rest = [side for number, side in enumerate(ours.shape) if number != axis]
            if rest != [side for number, side in enumerate(theirs.shape) if number != axis]:
                why = f"{_shape(ours)} here, {_shape(theirs)} in the model"
            elif not known:
                why = "no class is known to both"
            else:
                filled = ours.clone()
                places, sources = (torch.tensor(side) for side in zip(*known, strict=True))
                filled.index_copy_(axis, places, theirs.index_select(axis, sources).to(filled.dtype))
                account.kept[name] = (len(known), len(rows))
                return filled
        account.new[name] = why
        return None

    def _not_of(self, name: str) -> str:
        """Return why nothing of this name is taken, whatever its shape."""
        child = name.partition(".")[0]
        ours, theirs = self.ours_on, self.theirs_on
        if not self.same_backbone:
            return f"the backbone is {ours.backbone.name} here, {theirs.backbone.name} in the model"
        if child in (BACKBONE, AUXILIARY) or self.same_network or (self.both_pyramids and child in PYRAMID):
            return ""
        return f"the architecture is {ours.network.architecture} here, {theirs.network.architecture} in the model"

    def _new_before(self, name: str) -> str | None:
        """Return a new tensor of the head that a classifier ends, which makes its rows worthless."""
        classifier = name.rpartition(".")[0]
        head = classifier.rpartition(".")[0]
        before = (one for one in self.account.new if not one.startswith(f"{classifier}."))
        return next((one for one in before if head and one.startswith(f"{head}.")), None)


PYRAMID = frozenset({"norms", "pyramid", "top", "laterals", "levels"})
"""The layers of `FeaturePyramid`, which the architectures on it have in common."""


def _shape(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "one number"
