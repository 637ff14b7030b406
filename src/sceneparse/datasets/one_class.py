"""Why a single class is too few to learn, and what to do about it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from itertools import chain

import numpy as np

from sceneparse.arguments import argument
from sceneparse.data.sample import DataSet
from sceneparse.datasets.kinds import KINDS
from sceneparse.errors import UserError, some
from sceneparse.labels import LabelSpace
from sceneparse.settings import DataSettings
from sceneparse.tasks import Task

BACKGROUND = ("background", "bg")
"""What a class is called, in any case, that stands for all that no other class is."""

SPREAD = 16
"""Samples all over a split that are read before the others, since samples of a name often look alike."""

_EFFECT = "so that a network learns to say it everywhere, with a loss of 0"


@dataclass(frozen=True)
class Occurring:
    """What occurs in the masks of a split.

    Args:
        classes: Indices of classes; where the search ends early, only the first that were found.
        ignored: Whether pixels are ignored.
    """

    classes: frozenset[int]
    ignored: bool


def one_class(labels: LabelSpace, settings: DataSettings) -> str:
    """Say that there is one class only, of which a network learns to say it everywhere; empty where there are more.

    Args:
        labels: The classes that are learnt.
        settings: What they were read by, and what became of the data set's own.
    """
    if len(labels) > 1:
        return ""
    return f"'{labels.names[0]}' is the only class, {_EFFECT}: {_second(labels, settings, 0, ignored=True)}"


def one_occurs(labels: LabelSpace, settings: DataSettings, split: str, occurring: Occurring) -> str:
    """Say that one class alone occurs in masks that are trained on; empty where more do, or none.

    Args:
        labels: The classes that are learnt.
        settings: What they were read by, and what became of the data set's own.
        split: The split that is trained on.
        occurring: What occurs there.
    """
    if len(occurring.classes) != 1 or len(labels) < 2:
        return ""
    (only,) = occurring.classes
    found = f"'{labels.names[only]}' is the only class that occurs in the masks of '{split}', {_EFFECT}"
    return f"{found}: {_second(labels, settings, only, ignored=occurring.ignored)}"


def occurring_in(dataset: DataSet, index: int) -> Occurring | None:
    """Return what occurs in a sample, which is read; None where no objects are labelled.

    Args:
        dataset: The split.
        index: The sample's position.

    Raises:
        UserError: It cannot be read.
    """
    objects = dataset[index].objects
    if objects is None:
        return None
    values = np.flatnonzero(np.bincount(objects.numpy().ravel() + 1)) - 1
    return Occurring(frozenset(values[values >= 0].tolist()), bool((values < 0).any()))


Look = Callable[[DataSet, int], Occurring | None]
"""Says what occurs in a sample, as `occurring_in` does."""


def refuse_unlearnable(
    training: DataSet, validation: DataSet, settings: DataSettings, look: Look = occurring_in
) -> None:
    """Refuse splits whose masks hold nothing that can be learnt or measured.

    Samples are read until it is certain that there is something, which the first one shows of most data sets.

    Args:
        training: The split that is trained on.
        validation: The split that is validated on.
        settings: What they were opened by.
        look: Says what occurs in a sample.

    Raises:
        UserError: One class alone occurs in what is trained on, or all of a split is ignored.
    """
    if set(training.tasks.spaces()) != {Task.OBJECT} or KINDS[settings.kind].rendered:
        return
    for split, dataset, least in ((settings.train, training, 2), (settings.val, validation, 1)):
        found = _occurring(dataset, least, look)
        if found is None:
            continue
        if not found.classes:
            raise UserError(nothing_labelled(split, dataset.labels, training=dataset is training))
        if least == 2 and (wrong := one_occurs(dataset.labels, settings, split, found)):
            raise UserError(wrong)


def nothing_labelled(split: str, labels: LabelSpace, *, training: bool) -> str:
    """Say that all of a split is ignored.

    Args:
        split: Its name.
        labels: The label space.
        training: Whether it is trained on, and not measured on.
    """
    return (
        f"{split}: every pixel is ignored, so that nothing can be {'learnt from' if training else 'measured on'}; "
        f"{after_all(labels)}"
    )


def after_all(labels: LabelSpace) -> str:
    """Ask whether something that is ignored is meant to count.

    Args:
        labels: The label space.
    """
    values = ignored_values(labels)
    if not values:
        return "do classes that are dropped (data.classes), or left unlabelled, count after all?"
    return f"is one of the ignored values ({values}) a class after all?"


def ignored_values(labels: LabelSpace) -> str:
    """Return the values or colours of masks that are ignored and that a class can have, for a message; maybe none."""
    if labels.masks == "index":
        return ", ".join(map(str, labels.ignore_written))
    return ", ".join("#" + bytes(color).hex() for color in labels.ignore_colors)


def _occurring(dataset: DataSet, least: int, look: Look) -> Occurring | None:
    """What occurs in a split, as far as it takes to find so many classes; None if a file that may hold more is broken.

    A file that cannot be read is refused, and named, where its turn comes.
    """
    classes: set[int] = set()
    ignored = broken = False
    for index in _spread(len(dataset)):
        try:
            found = look(dataset, index)
        except UserError:
            broken = True
            continue
        if found is not None:
            classes |= found.classes
            ignored |= found.ignored
        if len(classes) >= least:
            break
    return None if broken and len(classes) < least else Occurring(frozenset(classes), ignored)


def _spread(count: int) -> Iterator[int]:
    """All positions, of which the first are far from each other."""
    first = range(0, count, max(1, count // SPREAD))
    return chain(first, (index for index in range(count) if index % first.step))


def _second(labels: LabelSpace, settings: DataSettings, only: int, *, ignored: bool) -> str:
    """What makes a second class."""
    classes, kind = settings.classes, KINDS[settings.kind]
    backgrounds = [name for name in labels.names if is_background(name)]
    is_back, others = is_background(labels.names[only]), [name for name in labels.names if name != labels.names[only]]
    dropped = [own for own, new in classes.renames().items() if new is None]
    if dropped and (back := next(filter(is_background, dropped), None)):
        return f"a background class is needed: drop '{back}' no longer (data.classes)"
    if dropped and is_back:
        return "a class besides the background is needed: drop fewer (data.classes)"
    if dropped:
        option = f"--data.classes.merge '{{background: [{', '.join(dropped)}]}}'"
        merge = argument("data.classes.merge", {"background": dropped}, option=option)
        return f"a background class is needed, such as those that are dropped, as one: {merge}"
    if len(labels) == 1 and classes.renames():
        return "some classes must stay what they are: merge fewer (data.classes)"
    if kind.options is not None and "unlabelled" in {item.name for item in fields(kind.options)}:
        tool = argument("data.options.unlabelled", "background")
        nobody = f"make a class of the pixels that nobody labelled, unless they are one: {tool}"
        return f"{'a second' if is_back else 'a background'} class is needed: {nobody}, or label more"
    values = ignored_values(labels) if ignored else ""
    if values and kind.fixed_labels is None:
        return _of_ignored(labels, only, backgrounds[0] if backgrounds and not is_back else None, values)
    if others:
        look = "compare the masks' values with those of the label space, and see them in `sceneparse data show`"
        return f"the others ({some(others)}) are drawn nowhere: {look}; if they are right, label more"
    return f"a {'second' if is_back else 'background'} class is needed, for all other pixels"


def _of_ignored(labels: LabelSpace, only: int, background: str | None, values: str) -> str:
    """How ignored pixels become a second class in classes.json.

    Args:
        labels: The classes.
        only: The one that occurs.
        background: The name of a background class that doesn't.
        values: The ignored values or colours.
    """
    if background is None:
        if is_background(labels.names[only]):
            what = "a class besides the background is needed, such as"
        else:
            what = "a background class is needed, such as"
        return f"{what} the pixels that are ignored now ({values}): name them in classes.json in place of ignoring them"
    index = labels.names.index(background)
    by_id = labels.masks == "index"
    known = list(labels.ids) if by_id else [list(color) for color in labels.colors]
    given = list(labels.ignore) if by_id else [list(color) for color in labels.ignore_colors]
    keys = ("ids", "ignore") if by_id else ("colors", "ignore_colors")
    example = [*known[:index], given[-1], *known[index + 1 :]]
    which = f"the ignored pixels ({values})" if len(given) == 1 else f"one of the ignored values ({values})"
    return (
        f"if {which} are '{background}', say so in classes.json, in place of ignoring them: such as "
        f'"{keys[0]}": {example}, "{keys[1]}": {given[:-1]}'
    )


def is_background(name: str) -> bool:
    """Return whether a class is all that no other class is, by its name."""
    return name.strip(" _-").lower() in BACKGROUND
