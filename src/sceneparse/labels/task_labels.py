"""Label spaces of several tasks, and which parts an object can have."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneparse.errors import UserError, counted
from sceneparse.labels.mirroring import Pair
from sceneparse.labels.recoloring import recolored
from sceneparse.labels.space import IGNORE, Color, LabelSpace
from sceneparse.tasks import OTHERS, Task


@dataclass(frozen=True)
class PartTree:
    """Which parts an object can have (a door is a part of a house and of a car).

    Args:
        objects: The objects' label space.
        parts: The parts' label space.
        children: For each object, the indices of its parts; empty for objects without parts.
    """

    objects: LabelSpace
    parts: LabelSpace
    children: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        if len(self.children) != len(self.objects):
            raise UserError(f"{len(self.objects)} objects but {len(self.children)} lists of parts: give one for each")
        for name, parts in zip(self.objects.names, self.children, strict=True):
            if wrong := [part for part in parts if not 0 <= part < len(self.parts)]:
                raise UserError(f"object '{name}' has part {wrong[0]}, but there are only {len(self.parts)} parts")
        self._refuse_unequal_sides()

    def _refuse_unequal_sides(self) -> None:
        """Refuse two objects that are a mirror pair, of which one can have a part that the other cannot have."""
        for one, other in enumerate(self.objects.mirror_image):
            turned = {self._part_image[part] for part in self.children[one]}
            if one < other and turned != set(self.children[other]):
                first, second = self.objects.names[one], self.objects.names[other]
                raise UserError(
                    f"objects '{first}' and '{second}' are a mirror pair, but can have other parts: give the one the "
                    "mirror images of the other's parts"
                )

    @cached_property
    def _part_image(self) -> tuple[int, ...]:
        """The part that each part is in a mirror image."""
        return self.parts.mirror_image or tuple(range(len(self.parts)))

    def __repr__(self) -> str:
        return f"PartTree({counted(len(self.parts), 'part')} of {counted(len(self.owners), 'object')})"

    @cached_property
    def owners(self) -> tuple[int, ...]:
        """The objects that have parts."""
        return tuple(index for index, parts in enumerate(self.children) if parts)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """For each owner, the channels that a part head has for it: "no part", then its parts."""
        return tuple(1 + len(self.children[owner]) for owner in self.owners)

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """For each owner, its first channel, which is "no part"."""
        return tuple(accumulate(self.sizes, initial=0))[:-1]

    @cached_property
    def channels(self) -> tuple[tuple[int, int], ...]:
        """For each channel of a part head, the object and the part (`IGNORE` for "no part") that it stands for."""
        return tuple((owner, part) for owner in self.owners for part in (IGNORE, *self.children[owner]))

    @cached_property
    def table(self) -> NDArray[np.int16]:
        """(objects + 1, parts + 1): the channel of each object and part, index -1 standing for an unknown one.

        A part that the object cannot have is "no part", and an object without parts has `IGNORE`.
        """
        table = np.full((len(self.objects) + 1, len(self.parts) + 1), IGNORE, dtype=np.int16)
        for owner, offset in zip(self.owners, self.offsets, strict=True):
            table[owner] = offset
            table[owner, list(self.children[owner])] = np.arange(len(self.children[owner])) + offset + 1
        return table

    @cached_property
    def mirror_table(self) -> NDArray[np.int16] | None:
        """(objects + 1, parts + 1): the part that a part of an object is in a mirror image; None where all stay.

        Index -1 stands for an unknown one. Where an object can have but one part of a pair, both have no mirror image:
        they are `IGNORE`, as are parts whose mirror images are none of the parts.
        """
        if not self.parts.mirror:
            return None
        image = np.array([*self._part_image, IGNORE], dtype=np.int16)
        image[list(self.parts.without_mirror_image)] = IGNORE
        table = np.tile(image, (len(self.objects) + 1, 1))
        for owner in self.owners:
            table[owner, [part for part in range(len(self.parts)) if self._is_alone(owner, part)]] = IGNORE
        return table

    @cached_property
    def mirror_image(self) -> tuple[int, ...]:
        """The channel that each channel is in a mirror image; empty where all stay what they are."""
        if not (self.parts.mirror_image or self.objects.mirror_image):
            return ()
        index = {channel: number for number, channel in enumerate(self.channels)}
        objects = self.objects.mirror_image or tuple(range(len(self.objects)))
        return tuple(
            index[objects[owner], IGNORE if part == IGNORE else self._turned(owner, part)]
            for owner, part in self.channels
        )

    def _turned(self, owner: int, part: int) -> int:
        """The part of an object whose scores stand for those of a part in a mirror image; its own for want of one."""
        return part if self._is_alone(owner, part) else self._part_image[part]

    def _is_alone(self, owner: int, part: int) -> bool:
        """Whether an object can have but one of a part and its mirror image."""
        turned = self.objects.mirror_image[owner] if self.objects.mirror_image else owner
        return (part in self.children[owner]) != (self._part_image[part] in self.children[turned])

    def to_json(self) -> dict[str, list[str]]:
        """The names of each object's parts; objects without parts are left out."""
        return {
            self.objects.names[owner]: [self.parts.names[part] for part in self.children[owner]]
            for owner in self.owners
        }

    @classmethod
    def from_json(cls, value: Any, objects: LabelSpace, parts: LabelSpace, where: str) -> "PartTree":
        """The inverse of `to_json`.

        Raises:
            UserError: An object or a part that there is not, or another form.
        """
        if not isinstance(value, dict) or not all(isinstance(names, list) for names in value.values()):
            raise UserError(f'{where}: the part tree must be an object such as {{"house": ["roof", "wall"]}}')
        if wrong := [name for name in value if name not in objects.names]:
            raise UserError(f"{where}: the part tree names '{wrong[0]}', which is no object")
        for name, listed in value.items():
            if unknown := [part for part in listed if part not in parts.names]:
                raise UserError(f"{where}: the part tree gives '{name}' the part {unknown[0]!r}, which is no part")
        children = (tuple(map(parts.names.index, value.get(name, ()))) for name in objects.names)
        try:
            return cls(objects, parts, tuple(children))
        except UserError as error:
            raise UserError(f"{where}: {error}") from None


@dataclass(frozen=True)
class TaskLabels:
    """The label spaces of all tasks; None where a task is not labelled.

    Args:
        objects: The objects.
        scenes: What a whole picture can show.
        tree: The parts, and which objects can have them; it stands on `objects`.
        materials: What a pixel's surface can be made of.
        textures: What a pixel's surface can look like.
    """

    objects: LabelSpace | None = None
    scenes: LabelSpace | None = None
    tree: PartTree | None = None
    materials: LabelSpace | None = None
    textures: LabelSpace | None = None

    def __post_init__(self) -> None:
        if self.tree is not None and self.tree.objects != self.objects:
            raise UserError("the tree of parts must stand on the same objects as the label space beside it")

    def __repr__(self) -> str:
        return f"TaskLabels({', '.join(f'{len(space)} {task.plural}' for task, space in self.spaces().items())})"

    @property
    def parts(self) -> LabelSpace | None:
        """The parts' label space."""
        return None if self.tree is None else self.tree.parts

    def space(self, task: Task) -> LabelSpace | None:
        """The label space of a task; None where it is not labelled."""
        space: LabelSpace | None = getattr(self, task.plural)
        return space

    def spaces(self) -> dict[Task, LabelSpace]:
        """The label spaces that there are, in the order of `Task`."""
        found = {task: self.space(task) for task in Task}
        return {task: space for task, space in found.items() if space is not None}

    def only(self, tasks: Collection[str]) -> "TaskLabels":
        """The objects and the named tasks, without the label spaces of the others."""
        left_out = {task for task in OTHERS if task not in tasks}
        fields = {"tree" if task is Task.PART else task.plural: None for task in left_out}
        return replace(self, **fields)

    def with_mirror(self, pairs: Mapping[Task, tuple[Pair, ...]]) -> "TaskLabels":
        """The same label spaces with other mirror pairs.

        Args:
            pairs: The pairs of each task; none of those that are not listed.

        Raises:
            UserError: Pairs that do not fit the classes or the tree of parts.
        """
        return self._of({task: replace(space, mirror=pairs.get(task, ())) for task, space in self.spaces().items()})

    def with_colors(self, colors: Mapping[str, Color]) -> "TaskLabels":
        """The same label spaces, drawn in other colours.

        Args:
            colors: The colours of some classes, by name, of any task.

        Raises:
            UserError: One is that of another class of the same task.
        """
        return self._of({task: recolored(space, colors) for task, space in self.spaces().items()})

    def _of(self, spaces: dict[Task, LabelSpace]) -> "TaskLabels":
        """Label spaces of the same tasks and classes, with the same tree."""
        objects, parts = spaces.get(Task.OBJECT), spaces.pop(Task.PART, None)
        tree = None
        if self.tree is not None and objects is not None and parts is not None:
            tree = PartTree(objects, parts, self.tree.children)
        return TaskLabels(tree=tree, **{task.plural: space for task, space in spaces.items()})

    def names(self) -> dict[str, Any]:
        """All names by the label spaces' names, for comparing what two of them know; of parts, those of each object."""
        known: dict[str, Any] = {task.plural: space.names for task, space in self.spaces().items()}
        return known if self.tree is None else {**known, Task.PART.plural: self.tree.to_json()}
