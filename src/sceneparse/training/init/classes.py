"""Match the classes of a data set with those of a model: by what the user says, by equal names, by alternatives."""

import difflib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from sceneparse.errors import UserError, reason_of, require, some
from sceneparse.labels import LabelSpace, TaskLabels
from sceneparse.recipes.yaml_text import load_yaml
from sceneparse.settings import InitSettings
from sceneparse.settings.init import refuse_several
from sceneparse.settings.types import quotes_needed
from sceneparse.tasks import Task


@dataclass(frozen=True)
class Match:
    """What a class starts from.

    Args:
        name: The class.
        source: The model's class; None for a new one.
        how: map, name or alternative; for a new one, why it is none of these.
    """

    name: str
    source: str | None
    how: str


def match_spaces(
    new: Mapping[Task, LabelSpace], old: Mapping[Task, LabelSpace], given: Mapping[str, str | None]
) -> dict[Task, list[Match]]:
    """Match the classes of each task.

    Args:
        new: The label spaces of the data.
        old: The model's.
        given: The model's class, or None, of classes whose names don't tell. It holds for every task that has both.

    Raises:
        UserError: A class that is in no label space.
    """
    _refuse_unknown(given, new, "the data has")
    _refuse_lists(given)
    _refuse_unknown([source for source in given.values() if source is not None], old, "the model has")
    for name, source in given.items():
        if source is not None:
            fits = any(name in space.names and task in old and source in old[task].names for task, space in new.items())
            require(fits, f"init.classes: '{name}' and '{source}' are classes of different tasks")
    return {
        task: [_match(name, old[task].names, given) for name in space.names]
        for task, space in new.items()
        if task in old
    }


def spaces_of(objects: LabelSpace, tasks: TaskLabels | None) -> dict[Task, LabelSpace]:
    """Return the label spaces of all tasks that there are, the objects' among them."""
    return {**({} if tasks is None else tasks.spaces()), Task.OBJECT: objects}


def given_classes(settings: InitSettings) -> dict[str, str | None]:
    """Return what `init.classes` and the file of `init.classes_file` say together.

    Raises:
        UserError: The file is missing, or holds no mapping of names.
    """
    if settings.classes_file is None:
        return dict(settings.classes)
    where = settings.classes_file
    try:
        content = load_yaml(Path(where).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"init.classes_file: {where} cannot be read ({reason_of(error)})") from None
    if not isinstance(content, dict) or not all(
        isinstance(new, str) and (old is None or isinstance(old, str)) for new, old in content.items()
    ):
        raise UserError(
            f"init.classes_file: {where} must map names of classes to the model's, such as 'bike: bicycle'"
            f"{quotes_needed(content)}"
        )
    return {**content, **settings.classes}


def _match(name: str, known: Sequence[str], given: Mapping[str, str | None]) -> Match:
    if name in given:
        source = given[name]
        if source is None:
            return Match(name, None, "as init.classes says")
        if source in known:
            return Match(name, source, "map")
    if name in known:
        return Match(name, name, "name")
    # The stricter comes first: what is called the same is not mixed up with what shares an alternative.
    for how, likeness in LIKENESSES:
        found = [one for one in known if likeness(_alternatives(name), _alternatives(one))]
        if len(found) == 1:
            return Match(name, found[0], how)
        if found:
            return Match(name, None, f"fits {', '.join(found[:3])}: say which with init.classes")
    return Match(name, None, "no class of this name")


def _alternatives(name: str) -> list[str]:
    """Return the alternatives in a name ("sidewalk;pavement"), in small letters and with single blanks."""
    parts = re.split(r"[;,/]", name)
    return [" ".join(re.sub(r"[_-]", " ", part).split()).casefold() for part in parts if part.strip()]


LIKENESSES: tuple[tuple[str, Callable[[list[str], list[str]], bool]], ...] = (
    ("name", lambda one, other: one == other),
    ("alternative", lambda one, other: one[:1] == other[:1]),
    ("alternative", lambda one, other: not set(one).isdisjoint(other)),
)
"""How alike the alternatives in two names must be, and what that is called."""


def _refuse_lists(given: Mapping[str, str | None]) -> None:
    """Refuse a list of classes in place of one, which the command line passes on as text."""
    for name, source in given.items():
        if source is None or source[:1] not in ("[", "{"):
            continue
        try:
            content = load_yaml(source)
        except yaml.YAMLError:
            continue
        refuse_several(name, content.get(name) if isinstance(content, dict) else content)


def _refuse_unknown(given: Collection[str], spaces: Mapping[Task, LabelSpace], who: str) -> None:
    names = [known for space in spaces.values() for known in space.names]
    unknown = [name for name in dict.fromkeys(given) if name not in names]
    if not unknown:
        return
    shown = ", ".join(f"'{name}'" for name in unknown)
    near = [found[0] for name in unknown if (found := difflib.get_close_matches(name, names, n=1))]
    hint = f"did you mean {', '.join(map(repr, near))}?" if near else f"there are {some(names, 5)}"
    what = "no such class" if len(unknown) == 1 else "no such classes"
    raise UserError(f"init.classes names {shown}, but {who} {what}; {hint}")
