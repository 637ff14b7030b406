"""Layers of settings, one above the other: a recipe on what it extends, a sweep's row, the command line."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

from sceneparse.errors import UserError
from sceneparse.settings import DataSettings, LossSettings, NetworkSettings, OptimizerSettings, ProtocolSettings
from sceneparse.settings.data import data_of_kind
from sceneparse.settings.loss import OPTIONAL, UNIFIED_ONLY
from sceneparse.settings.optimizer import OF_SCHEDULES, USES
from sceneparse.tables import table

Settings = Mapping[str, Any]
"""What a layer says: the settings of a group by name, or such groups by name."""


def merged(below: Settings, above: Settings) -> dict[str, Any]:
    """Merge nested mappings; where both have a value, that of `above` wins. Lists are taken whole."""
    result = dict(below)
    for key, value in above.items():
        known = result.get(key)
        result[key] = merged(known, value) if isinstance(known, Mapping) and isinstance(value, Mapping) else value
    return result


def layered(below: Settings, above: Settings) -> dict[str, Any]:
    """Merge settings as `merged` does, and drop what `above` makes useless of those below.

    Where `above` chooses another kind of data, network, loss, optimiser or schedule, what belonged to the one below
    goes: its own options, and what else it used and the other doesn't. Another protocol begins with its own values.
    Where a model to start from is chosen, the backbone's weights below go: the model fills it. Minutes and iterations
    replace each other.
    """
    for chooser in CHOOSERS:
        below = chooser.drop(below, above)
    for drop in (
        _for_data,
        _for_architecture,
        _for_class_weights,
        _for_optimizer,
        _for_protocol,
        _for_start,
        _for_length,
    ):
        below = drop(below, above)
    return merged(below, above)


@dataclass(frozen=True)
class Chooser:
    """A setting that names an entry of a table which has options, or uses settings that not all entries use.

    Args:
        group: The group that it stands in.
        name: Its name there.
        usual: Its default.
        table: The table, a key of `sceneparse.tables.HOMES`.
        options: The name of the setting beside it that holds an entry's own options.
        uses: Returns which other settings of the group an entry uses that not all use: of the entry, its name and the
            group's settings. None: there are no such, or they are dropped elsewhere.
    """

    group: str
    name: str
    usual: str
    table: str
    options: str = "options"
    uses: Callable[[Any, str, Settings], Collection[str]] | None = None

    def change(self, below: Settings, above: Settings) -> tuple[str, str] | None:
        """Return the entry's name below and the other one that `above` chooses; None where it chooses no other."""
        was, chosen = _group(below, self.group).get(self.name, self.usual), _group(above, self.group).get(self.name)
        # An entry that isn't there is refused where the settings are read.
        other = isinstance(chosen, str) and chosen != was and chosen in table(self.table)
        return (str(was), str(chosen)) if other else None

    def drop(self, below: Settings, above: Settings) -> Settings:
        """Return the settings below without what belonged to an entry for which `above` chooses another."""
        change, group = self.change(below, above), _group(below, self.group)
        # Entries are asked only where something depends on it: what defines them may take long to import.
        if change is None or not group or (self.uses is None and self.options not in group):
            return below
        was, chosen = change
        old = self.entry(was)
        left = self._without_options(group, old)
        gone = {*self.uses(old, was, group)} & left.keys() if old and self.uses else set()
        if gone and self.uses and (new := self.entry(chosen)):
            gone -= {*self.uses(new, chosen, merged(left, above[self.group]))}
        return {**below, self.group: {name: value for name, value in left.items() if name not in gone}}

    def entry(self, name: str) -> Any:
        """Return an entry; None where there is none, or one of another package that cannot be used."""
        try:
            return table(self.table).get(name)
        except UserError:
            return None

    def _without_options(self, group: Settings, old: Any) -> Settings:
        """The group without the options that an entry declares; all of them go with an entry that is not there.

        One that it doesn't declare is the new entry's: what is set for all rows of a sweep lies below their choices.
        """
        given = group.get(self.options)
        if not isinstance(given, Mapping):
            return group
        own = {item.name for item in fields(old.options)} if old and old.options else set()
        left = {name: value for name, value in given.items() if old and name not in own}
        rest = {name: value for name, value in group.items() if name != self.options}
        return rest | {self.options: left} if left else rest


def _uses_of_network(entry: Any, _: str, __: Settings) -> Collection[str]:
    # Whether there is an auxiliary head is said of every architecture: one that can have none must be given aux: false.
    return {*entry.settings} - {"aux", "options"}


def _uses_of_loss(entry: Any, name: str, loss: Settings) -> Collection[str]:
    try:
        used: Collection[str] = entry.used(LossSettings(kind=name, options=loss.get("options", {})))
    except UserError:  # which is said where the settings are read
        used = OPTIONAL
    return {*used, "class_weights_end"} if "class_weights" in used else used


DATA = Chooser("data", "kind", DataSettings.kind, "datasets")
NETWORK = Chooser("network", "architecture", NetworkSettings.architecture, "architectures", uses=_uses_of_network)
LOSS = Chooser("loss", "kind", LossSettings.kind, "losses", uses=_uses_of_loss)
SCHEDULE = Chooser("optimizer", "schedule", OptimizerSettings.schedule, "schedules", options="schedule_options")

CHOOSERS = (DATA, NETWORK, LOSS, SCHEDULE)
"""All settings of a recipe that name an entry with options."""


def _for_data(below: Settings, above: Settings) -> Settings:
    """Settings below the choice of a kind of data, without those that it does not use."""
    change = DATA.change(below, above)
    if change is None or not _group(below, "data"):
        return below
    return {**below, "data": data_of_kind(below["data"], change[1])}


def _for_architecture(below: Settings, above: Settings) -> Settings:
    """Settings below the choice of an architecture, without the other's stride and the weights of its tasks."""
    change = NETWORK.change(below, above)
    old, new = (NETWORK.entry(name) for name in change) if change else (None, None)
    if not old or not new:
        return below
    # Where there is but one stride nobody has chosen it.
    if len(old.strides) == 1 or _group(below, "network").get("output_stride") not in new.strides:
        below = _without(below, "network", ("output_stride",))
    return _without(below, "loss", UNIFIED_ONLY) if old.learns_tasks and not new.learns_tasks else below


def _for_class_weights(below: Settings, above: Settings) -> Settings:
    """Settings below the choice of no class weights, without what becomes of them during training."""
    given = _group(above, "loss")
    none = "class_weights" in given and given["class_weights"] is None
    return _without(below, "loss", ("class_weights_end",)) if none else below


def _for_optimizer(below: Settings, above: Settings) -> Settings:
    """Settings below the choice of an optimiser or a schedule, without those of the other one."""
    was, chosen = _group(below, "optimizer").get("kind", OptimizerSettings.kind), _group(above, "optimizer").get("kind")
    if isinstance(was, str) and isinstance(chosen, str):
        below = _without(below, "optimizer", set(USES.get(was, ())) - set(USES.get(chosen, ())))
    if change := SCHEDULE.change(below, above):
        old = SCHEDULE.entry(change[0])
        below = _without(below, "optimizer", old.uses if old else OF_SCHEDULES)
    return below


def _for_protocol(below: Settings, above: Settings) -> Settings:
    """Settings below the choice of a protocol, which begins with its own values."""
    was, chosen = _group(below, "protocol").get("name", ProtocolSettings.name), _group(above, "protocol").get("name")
    return below if chosen in (None, was) else {**below, "protocol": {}}


def _for_start(below: Settings, above: Settings) -> Settings:
    """Settings below the choice of a model to start from, or of none, without what then has no effect."""
    given, was = _group(above, "init"), _group(below, "init").get("model")
    if given.get("model") is not None:
        below = _without(below, "backbone", ("weights",))
    if "model" not in given or given["model"] == was or was is None:
        return below
    return {**below, "init": {}} if given["model"] is None else _without(below, "init", ("sha256",))


def _for_length(below: Settings, above: Settings) -> Settings:
    """Settings below a choice of iterations or minutes, without the other of the two."""
    given = _group(above, "training")
    if given.get("minutes") is not None:
        return _without(below, "training", ("iterations",))
    return _without(below, "training", ("minutes",)) if "iterations" in given else below


def _group(settings: Settings, name: str) -> Settings:
    """A group of settings; one that isn't a mapping, which is refused where it is read, has none."""
    group = settings.get(name)
    return group if isinstance(group, Mapping) else {}


def _without(settings: Settings, group: str, names: Collection[str]) -> Settings:
    if not _group(settings, group):
        return settings
    return {**settings, group: {name: value for name, value in settings[group].items() if name not in names}}
