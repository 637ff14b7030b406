"""Tables of named entries, such as architectures or losses: the package's own, and those of other packages.

An installed package adds an entry by an entry point, without touching this one:

    [project.entry-points."sceneparse.datasets"]
    my_kind = "my_package.my_kind:KIND"

Names are known without importing what they stand for: help and messages must not wait for torch.
"""

import difflib
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sceneparse.errors import UserError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Entry = TypeVar("Entry")

HOMES = {
    "architectures": "sceneparse.weights.architectures:ARCHITECTURES",
    "backbones": "sceneparse.networks.backbones.table:BACKBONES",
    "datasets": "sceneparse.datasets.kinds:KINDS",
    "losses": "sceneparse.training.losses.table:LOSSES",
    "schedules": "sceneparse.training.schedules.table:SCHEDULES",
    "trackers": "sceneparse.training.trackers.table:TRACKERS",
    "families": "sceneparse.weights.importing.families.table:FAMILIES",
    "artefacts": "sceneparse.parsing.artefacts.table:ARTEFACTS",
    "forms": "sceneparse.datasets.forms.table:FORMS",
    "figures": "sceneparse.evaluation.figures:FIGURES",
}
"""Where each table stands that others can add to. Its group of entry points is "sceneparse." and its name here."""


class Table(Mapping[str, Entry], Generic[Entry]):
    """The entries of a kind by name, each imported when it is first asked for.

    Args:
        name: The table's name, a key of `HOMES`.
        own: The package's own entries: where each is defined, as "module:attribute", in the order in which they are
            listed.
        kind: The class that every entry is an instance of, as "module:attribute".
    """

    def __init__(self, name: str, own: Mapping[str, str], kind: str) -> None:
        self.name = name
        self._own = dict(own)
        self._kind = kind
        self._loaded: dict[str, Entry] = {}
        self._broken: set[str] = set()

    @cached_property
    def _added(self) -> "dict[str, list[EntryPoint]]":
        """The entry points of other packages by name: several where they all want the same one.

        A name of ours stays ours. The package that wants it is named on standard error and left out: what does not need
        its entry goes on.
        """
        # Takes as long to import as all of the command line: not before a name is asked for.
        from importlib.metadata import entry_points

        added: dict[str, list[EntryPoint]] = {}
        for point in entry_points(group=f"sceneparse.{self.name}"):
            if point.name in self._own:
                _say(f"warning: {self._where(point)} is left out, since sceneparse has one of this name; rename it")
                continue
            others = added.setdefault(point.name, [])
            if all(other.value != point.value for other in others):
                others.append(point)
        return added

    def __iter__(self) -> Iterator[str]:
        yield from self._own
        yield from sorted(self._added)

    def __len__(self) -> int:
        return len(self._own) + len(self._added)

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in self._added

    def __getitem__(self, name: str) -> Entry:
        """An entry.

        Raises:
            KeyError: There is none of this name.
            UserError: Another package's entry cannot be imported or is not what the table holds, or two packages have
                one of this name.
        """
        if name not in self._loaded:
            self._loaded[name] = _load(self._own[name]) if name in self._own else self._load_added(self._added[name])
        return self._loaded[name]

    def usable(self) -> Iterator[tuple[str, Entry]]:
        """All entries by name, but for those of other packages that cannot be used, which standard error names.

        For what goes over all of them: a command must not fail for an entry that it was not asked for.
        """
        for name in self:
            if name in self._broken:
                continue
            try:
                entry = self[name]
            except UserError as error:
                self._broken.add(name)
                _say(f"warning: {error}; it is left out")
                continue
            yield name, entry

    def _load_added(self, points: "list[EntryPoint]") -> Entry:
        point, *others = points
        where = self._where(point)
        if others:
            packages = " and ".join(_package(one) for one in points)
            raise UserError(f"sceneparse.{self.name}: '{point.name}' is an entry of {packages}; uninstall all but one")
        try:
            entry = point.load()
        except Exception as error:
            reason = " ".join(str(error).split())
            raise UserError(
                f"{where} cannot be imported: {type(error).__name__}: {reason}; mend or uninstall the package"
            ) from error
        kind = _load(self._kind)
        if not isinstance(entry, kind):
            found = type(entry).__name__
            raise UserError(f"{where} is of type {found}, but must be a {kind.__name__}; mend or uninstall the package")
        return entry

    def _where(self, point: "EntryPoint") -> str:
        return f"{_package(point)}: its entry point '{point.name}' of sceneparse.{self.name} ({point.value})"


def table(name: str) -> Table[Any]:
    """The table of this name, a key of `HOMES`.

    The tables stand in the rooms that know what they hold. Settings, which are below all rooms, ask for names here.
    """
    found: Table[Any] = _load(HOMES[name])
    return found


def require_known(name: str, value: str, setting: str, *, shown: Collection[str] | None = None) -> None:
    """Refuse a value that no entry of a table is called.

    Args:
        name: The table, a key of `HOMES`.
        value: What was given.
        setting: The dotted name of the setting, for the message.
        shown: Those of the entries that the message lists; all if None.

    Raises:
        UserError: There is no such entry; the message lists them, and says that a package may be missing.
    """
    known = table(name)
    if value in known:
        return
    several = re.split(r"[\s,;]+", value.strip(" ,;"))
    if len(several) > 1 and all(one in known for one in several):
        raise UserError(f"{setting} is '{value}', but must be one name each time: give {' '.join(several)} one by one")
    listed = list(known) if shown is None else shown
    near = difflib.get_close_matches(value, listed, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"if another package adds '{value}', install that package"
    raise UserError(f"{setting} is '{value}', but must be one of {', '.join(listed)}; {hint}")


def _load(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


def _say(text: str) -> None:
    """Write a line to standard error."""
    print(text, file=sys.stderr)


def _package(point: "EntryPoint") -> str:
    return point.dist.name if point.dist is not None else "a package"
