"""Several data sets as one, each labelled for some of the tasks, in shared label spaces.

Classes are the same when their names are, whatever the case; each source's classes can be renamed, merged and dropped
before (Xiao et al., ECCV 2018, section 2.1). What a source doesn't label is unknown, never negative.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from sceneparse.data.class_changes import refuse_unknown
from sceneparse.data.notes import of_source
from sceneparse.data.sample import DataSet, Sample, identity_of, notes_of, size_of
from sceneparse.data.sampling import Batches, Draw, Repeats, mixed_draws
from sceneparse.errors import UserError
from sceneparse.labels import IGNORE, LabelSpace, PartTree, TaskLabels, distinct_colors
from sceneparse.labels.mirroring import Pair, joined, renamed
from sceneparse.tasks import TRUTH_NAMES, Task, TruthName

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor


@dataclass(frozen=True)
class Source:
    """A data set of a mixture.

    Args:
        name: Begins its samples' names.
        dataset: Its samples.
        weight: How often it is drawn, in the unit of the others. None: its number of samples.
        rename: What its classes are called in the mixture, of any task: equal names merge. None drops a class, whose
            pixels are then unknown. Classes that are not listed keep their names.
        tasks: The tasks that it is used for.
        keep: For each task the classes that are used, by the source's own names; others are dropped. Of tasks that
            are not listed all are used.
    """

    name: str
    dataset: DataSet
    weight: float | None = None
    rename: Mapping[str, str | None] = field(default_factory=dict)
    tasks: tuple[TruthName, ...] = TRUTH_NAMES
    keep: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def called(self, task: TruthName, name: str) -> str | None:
        """Return a class's name in the mixture, None if the class is dropped."""
        return self.rename.get(name, name) if name in self.keep.get(task, (name,)) else None


class Mixture:
    """Several data sets as one; see `DataSet`. Training draws from them by weight, see `draws`.

    Args:
        sources: The data sets.
        tasks: The shared label spaces. None: the union of the sources', as `united` makes it.
        batches: Whether a batch comes from one source ("pure") or from many ("mixed").

    Raises:
        UserError: No source, one without samples, two of one name, or a name to be renamed or kept that no class has.
    """

    def __init__(self, sources: Sequence[Source], batches: Batches = "pure", tasks: TaskLabels | None = None) -> None:
        if not sources:
            raise UserError("a mixture needs at least one data set")
        names = [source.name for source in sources]
        for source in sources:
            if names.count(source.name) > 1:
                raise UserError(f"two data sets of the mixture are called '{source.name}': give each a name of its own")
            if len(source.dataset) == 0:
                raise UserError(f"'{source.name}' of the mixture has no samples")
        self.tasks = united(sources) if tasks is None else tasks
        self.sources = tuple(sources)
        self.notes = tuple(of_source(source.name, note) for source in sources for note in notes_of(source.dataset))
        self.batches: Batches = batches
        self._translations = [Translation(source, self.tasks) for source in sources]
        self._ends = list(accumulate(len(source.dataset) for source in sources))

    @property
    def labels(self) -> LabelSpace:
        """The objects' label space.

        Raises:
            UserError: No source labels objects.
        """
        return object_labels(self.tasks, "the mixture")

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> Sample:
        source, inside = self._place(index)
        return self._translations[source](self.sources[source].dataset[inside])

    def name(self, index: int) -> str:
        """The sample's name, without reading it."""
        source, inside = self._place(index)
        return f"{self.sources[source].name}/{self.sources[source].dataset.name(inside)}"

    def identity(self, index: int) -> Hashable | None:
        """What a sample is, whichever source it comes from; see `identity_of`."""
        source, inside = self._place(index)
        return identity_of(self.sources[source].dataset, inside)

    def stored_size(self, index: int) -> tuple[int, int] | None:
        """The sample's size; see `size_of`."""
        source, inside = self._place(index)
        return size_of(self.sources[source].dataset, inside)

    @property
    def shares(self) -> tuple[tuple[int, float], ...]:
        """The samples of each source, and the share of the draws that it gets by its weight; see `shares_of`."""
        weights = self._weights
        return tuple(
            (len(source.dataset), weight / sum(weights)) for source, weight in zip(self.sources, weights, strict=True)
        )

    def draws(
        self, batch: int, seed: int, start: int, stop: int, factors: NDArray[np.float64] | None = None
    ) -> Iterator[list[Draw]]:
        """Yield the samples of iterations start … stop - 1, drawn by weight; see `sampling.mixed_draws`.

        Args:
            batch: Pictures of an iteration.
            seed: Decides draws and orders.
            start: First iteration.
            stop: One past the last.
            factors: (N,) how often each sample comes in an epoch of its source, which leaves the sources' weights as
                they are; None: once.
        """
        samples = [len(source.dataset) for source in self.sources]
        repeats = None if factors is None else [Repeats(own) for own in np.split(factors, self._ends[:-1])]
        return mixed_draws(samples, self._weights, self.batches, batch, seed, start, stop, repeats)

    @property
    def _weights(self) -> list[float]:
        """How often each source is drawn, in a common unit."""
        return [float(len(source.dataset)) if source.weight is None else source.weight for source in self.sources]

    def _place(self, index: int) -> tuple[int, int]:
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        source = bisect_right(self._ends, index)
        return source, index - (self._ends[source - 1] if source else 0)


def object_labels(tasks: TaskLabels, what: str) -> LabelSpace:
    """The objects' label space.

    Raises:
        UserError: There is none.
    """
    if tasks.objects is None:
        raise UserError(f"{what} labels no objects: it is of use as one data set of a mixture with others that do")
    return tasks.objects


def united(sources: Sequence[Source], *, mirror: bool = True, what: str = "the mixture") -> TaskLabels:
    """Return label spaces with all classes of all sources, in the order in which they appear first.

    A class keeps the spelling and, unless it is taken, the colour of the first source that has it. An object can have
    the parts that any source gives it. What is a mirror pair in one source is one, by the names that the two get.

    Args:
        sources: The data sets.
        mirror: Whether mirror pairs are kept; else there are none.
        what: What messages call what gives the classes their names.

    Raises:
        UserError: A name to be renamed or kept that no class has, or a class that becomes part of two mirror pairs.
    """
    for source in sources:
        spaces = spaces_by_truth(source.dataset.tasks)
        own = {name for space in spaces.values() for name in space.names}
        refuse_unknown(source.rename, own, f"'{source.name}' of the mixture", "data.sources, rename")
        for task, space in spaces.items():
            kept = source.keep.get(task, ())
            refuse_unknown(kept, space.names, f"'{source.name}' of the mixture", f"data.sources, keep of {task}")
    shared = {task: _union(sources, task.truth, mirror=mirror, what=what) for task in Task}
    objects, parts = shared[Task.OBJECT], shared[Task.PART]
    children: list[dict[int, None]] = [{} for _ in range(len(objects) if objects else 0)]
    for source in sources:
        tree = source.dataset.tasks.tree
        if tree is None or objects is None or parts is None or Task.PART.truth not in source.tasks:
            continue
        to_object, to_part = (
            _indices(source, Task.OBJECT.truth, tree.objects, objects),
            _indices(source, Task.PART.truth, tree.parts, parts),
        )
        for index, own_parts in enumerate(tree.children):
            if to_object[index] != IGNORE:
                children[to_object[index]] |= {to_part[part]: None for part in own_parts if to_part[part] != IGNORE}
    tree = None
    if objects is not None and parts is not None:
        tree = PartTree(objects, parts, tuple(tuple(own) for own in children))
    return TaskLabels(objects, shared[Task.SCENE], tree, shared[Task.MATERIAL], shared[Task.TEXTURE])


def spaces_by_truth(tasks: TaskLabels) -> dict[TruthName, LabelSpace]:
    """The label spaces that there are, by the task's name."""
    return {task.truth: space for task, space in tasks.spaces().items()}


def _used(source: Source) -> dict[TruthName, LabelSpace]:
    """The label spaces of the tasks that a source is used for; parts cannot be without the objects that own them."""
    parts, objects = Task.PART.truth, Task.OBJECT.truth
    wanted = {*source.tasks, *((objects,) if parts in source.tasks and source.dataset.tasks.tree else ())}
    return {task: space for task, space in spaces_by_truth(source.dataset.tasks).items() if task in wanted}


def _key(name: str) -> str:
    return " ".join(name.casefold().split())


def _union(sources: Sequence[Source], task: TruthName, *, mirror: bool, what: str) -> LabelSpace | None:
    colors: dict[str, tuple[int, int, int]] = {}
    names: dict[str, str] = {}
    for source in sources:
        space = _used(source).get(task)
        if space is None:
            continue
        for own, color in zip(space.names, space.colors, strict=True):
            name = source.called(task, own)
            if name is not None and names.setdefault(_key(name), name) is name:
                colors.setdefault(_key(name), color)
    if not names:
        return None
    taken: set[tuple[int, int, int]] = set()
    spare = iter(distinct_colors(len(names) * 3))
    final = []
    for color in colors.values():
        while color in taken:
            color = next(spare)
        taken.add(color)
        final.append(color)
    pairs = [pair for source in sources for pair in _pairs(source, task, names)] if mirror else []
    try:
        pairs = list(joined(pairs, what))
        unsure = _mixed(sources, task, names) if pairs else set()
        # Whether a mirrored pixel of such a class shows the pair's other class or its own is not known any more.
        sure: list[Pair] = []
        for pair in pairs:
            sure += [(name, None) for name in pair if name is not None] if unsure & {*pair} else [pair]
        return LabelSpace(tuple(names.values()), tuple(final), mirror=joined(sure, what))
    except UserError as error:
        advice = "merge or rename both sides alike, or leave all pairs out with data.classes.mirror null"
        raise UserError(f"{error}; {advice}") from None


def _pairs(source: Source, task: TruthName, names: Mapping[str, str]) -> tuple[Pair, ...]:
    """A source's mirror pairs by the names of the shared label space, which are listed by their keys."""
    space = _used(source).get(task)
    if space is None or not space.mirror:
        return ()
    called = {own: source.called(task, own) for own in space.names}
    return renamed(space.mirror, {own: None if name is None else names[_key(name)] for own, name in called.items()})


def _mixed(sources: Sequence[Source], task: TruthName, names: Mapping[str, str]) -> set[str]:
    """The shared classes that are made of a side of a mirror pair and of a class of another name that is in none."""
    sides: dict[str, set[str]] = {}
    others: dict[str, set[str]] = {}
    for source in sources:
        space = _used(source).get(task)
        if space is None:
            continue
        paired = {name for pair in space.mirror for name in pair}
        for own in space.names:
            if (name := source.called(task, own)) is not None:
                (sides if own in paired else others).setdefault(names[_key(name)], set()).add(_key(own))
    # Of one name they are the same class, which not every source lists as paired.
    return {name for name, own in others.items() if name in sides and own - sides[name]}


def _indices(source: Source, task: TruthName, own: LabelSpace, shared: LabelSpace) -> list[int]:
    """For each class of a source its index in the shared label space, `IGNORE` for dropped ones."""
    index_of = {_key(name): index for index, name in enumerate(shared.names)}
    names = [source.called(task, name) for name in own.names]
    return [IGNORE if name is None else index_of.get(_key(name), IGNORE) for name in names]


class Translation:
    """A source's samples in the shared label spaces."""

    def __init__(self, source: Source, tasks: TaskLabels) -> None:
        import torch  # not at the top: reading a recipe must not wait for it

        self.source = source
        shared = spaces_by_truth(tasks)
        self.indices = {
            task: _indices(source, task, space, shared[task]) for task, space in _used(source).items() if task in shared
        }
        # One more entry, which index -1 picks.
        self.tables = {
            task: torch.tensor([*indices, IGNORE], dtype=torch.int16) for task, indices in self.indices.items()
        }

    def __call__(self, sample: Sample) -> Sample:
        """Return a sample of the mixture."""
        return replace(self.translated(sample), name=f"{self.source.name}/{sample.name}")

    def translated(self, sample: Sample) -> Sample:
        """Return a sample with its labels in the shared label spaces, its name as it was."""
        parts, objects = (task.truth in self.source.tasks for task in (Task.PART, Task.OBJECT))
        if parts and not objects and sample.owners is None:
            sample = replace(sample, owners=sample.objects)
        sample = sample.only(self.source.tasks)
        masks = {name: self._mask(name, mask) for name, mask in sample.masks().items()}
        scene = None if sample.scene is None else self.indices[Task.SCENE.truth][sample.scene]
        translated = sample.with_images(sample.image, masks)
        return replace(translated, scene=None if scene == IGNORE else scene)

    def _mask(self, name: str, mask: Tensor) -> Tensor:
        table = self.tables[Task.OBJECT.truth if name == "owners" else name]  # type: ignore[index]
        return table[mask.long()]
