"""What a start from a model came to: a table for people and init.json for programs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any

from rich.table import Table
from torch import Tensor

from sceneparse.files import write_json
from sceneparse.training.init.adopting import Difference
from sceneparse.training.init.source import Source
from sceneparse.training.init.transfer import Account
from sceneparse.training.written import STARTED

COUNTER = "num_batches_tracked"
"""Counts a batch norm's steps: nothing that is learnt, so nothing that is counted as taken or new."""

WIDTH = 80
"""Columns of a terminal that reasons and names fit."""


@dataclass(frozen=True)
class Started:
    """A start from a model.

    Args:
        source: The model's name, what it is and its hash, for people and programs.
        account: Where every tensor went.
        sizes: Number of values of each tensor, the network's and the model's.
        settings: The settings that differed.
        before: Values that settings had before the model's were taken over, by their dotted names.
        imported: As in `Source`, like the next one.
        names: Where the names of the model's classes are from; "" where it is a model of ours.
        validation: What it scores before the first step: "mean_iou" and "score", by which the best network is chosen,
            0..1, and their "protocol"; None where its figures could not be compared.
    """

    source: dict[str, str]
    account: Account
    sizes: dict[str, int]
    settings: tuple[Difference, ...]
    before: dict[str, Any]
    imported: tuple[str, ...] = ()
    names: str = ""
    validation: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the content of init.json."""
        account = self.account
        return {
            **self.source,
            "imported": list(self.imported),
            "components": {name: asdict(component) for name, component in self.components().items()},
            "classes": {task: [vars(match) for match in matches] for task, matches in account.classes.items()},
            "classes_left": dict(account.left),
            "settings": [vars(difference) for difference in self.settings],
            "settings_before": self.before,
            "made_new": account.made_new(),
            **({} if self.validation is None else {"validation": self.validation}),
            "tensors": {
                "taken": [*account.taken, *account.adapted],
                "kept_by_name": {name: {"kept": rows, "of": of} for name, (rows, of) in account.kept.items()},
                "made_new": account.new,
                "dropped": account.dropped,
            },
        }

    def write(self, run: Path) -> None:
        """Write init.json into a run folder."""
        write_json(run / STARTED, self.to_json())

    def components(self) -> "dict[str, Component]":
        """Return how many values of each component of the network were taken, kept, made new and dropped."""
        account, components = self.account, dict[str, Component]()
        groups: tuple[tuple[str, Mapping[str, Any] | list[str]], ...] = (
            ("taken", [*account.taken, *account.adapted]),
            ("kept", account.kept),
            ("new", account.new),
            ("dropped", account.dropped),
        )
        for what, names in groups:
            for name in names:
                if name.endswith(COUNTER):
                    continue
                component = components.setdefault(name.partition(".")[0], Component(0, 0, 0, 0, {}))
                size = self.sizes[f"model:{name}" if what == "dropped" else name]
                if what == "kept":
                    rows, of = account.kept[name]
                    component.kept += size * rows // of
                    component.new += size - size * rows // of
                else:
                    setattr(component, what, getattr(component, what) + size)
                if what in ("new", "dropped"):
                    why = account.new[name] if what == "new" else account.dropped[name]
                    component.why[why] = component.why.get(why, 0) + 1
        return components

    def heading(self) -> str:
        """Return what stands above the table."""
        return f"start from {self.source['model']} ({self.source['what']})"

    def table(self) -> Table:
        """Return the table for people, which fits a terminal of 80 columns: reasons stand in `lines`."""
        table = Table()
        for heading in ("component", "taken", "kept by name", "made new", "dropped"):
            table.add_column(heading, justify="left" if heading == "component" else "right", overflow="fold")
        for name, component in self.components().items():
            figures = (component.taken, component.kept, component.new, component.dropped)
            table.add_row(name, *(f"{figure:,}" if figure else "-" for figure in figures))
        return table

    def lines(self) -> list[str]:
        """Return what stands below the table: reasons, classes and settings. Names are listed in lines of `WIDTH`."""
        lines = list(self.imported)
        for name, component in self.components().items():
            if component.why:
                lines += _wrapped(f"{name}: ", component.reasons())
        for task, matches in self.account.classes.items():
            kept = [match for match in matches if match.source is not None]
            shown = [one.name if one.source == one.name else f"{one.name} (from {one.source})" for one in kept]
            new = [match.name for match in matches if match.source is None]
            lines += _wrapped(f"{task} classes known to both: ", _listed(shown))
            lines += _wrapped("  the model's names are ", self.names) if self.names else []
            lines += _wrapped("  new: ", _listed(new))
            lines += [f"  {one.name}: {one.how}" for one in matches if one.how.startswith("fits ")]
            if left := self.account.left.get(task):
                lines += _wrapped("  the model's that are left out: ", _listed(left))
        for one in self.settings:
            said = f"{one.setting}: the recipe has {one.recipe}, the model {one.model}"
            why = f" ({one.why})" if one.why else ""
            stays = f"it stays as the recipe has it{why}"
            lines.append(f"{said}: " + ("the model's is taken" if one.adopted else stays))
        return lines


@dataclass
class Component:
    """Values of one of the layers that a network names: parameters and running statistics.

    Args:
        taken: Taken whole.
        kept: In rows of classes that both know.
        new: Made new.
        dropped: The model's that were not used.
        why: Reasons why tensors are new or were dropped, and for how many.
    """

    taken: int
    kept: int
    new: int
    dropped: int
    why: dict[str, int]

    def reasons(self) -> str:
        """Return the reasons in a line, of many the commonest."""
        if len(self.why) <= 2:
            return "; ".join(self.why)
        return f"{max(self.why, key=lambda one: self.why[one])}; and {len(self.why) - 1} more"


def sizes_of(network: Mapping[str, Tensor], model: Mapping[str, Tensor]) -> dict[str, int]:
    """Return the number of values of each tensor, the model's behind "model:"."""
    return {
        **{name: tensor.numel() for name, tensor in network.items()},
        **{f"model:{name}": tensor.numel() for name, tensor in model.items()},
    }


def source_facts(source: Source) -> dict[str, str]:
    """Return what identifies a source, for init.json."""
    config = source.model.config
    return {
        "model": source.name,
        "what": source.what,
        "sha256": source.sha256,
        "architecture": config.network.architecture,
        "backbone": config.backbone.name,
    }


def _listed(names: list[str]) -> str:
    # A name of several words stays in one line.
    shown = ", ".join(name.replace(" ", _NO_BREAK) for name in names[:12])
    return (shown or "none") if len(names) <= 12 else f"{shown} and {len(names) - 12} more"


def _wrapped(what: str, text: str) -> list[str]:
    found = wrap(
        text, WIDTH, initial_indent=what, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
    return [line.replace(_NO_BREAK, " ") for line in found]


_NO_BREAK = "\u00a0"
