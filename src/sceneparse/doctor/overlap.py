"""The doctor's rule on samples that two settings take at once, such as "train" and "train[:80]", or "trainval"."""

from collections.abc import Hashable, Iterator, Mapping

from sceneparse.datasets.subsets import role_of
from sceneparse.doctor.findings import Finding, Severity, finding_of
from sceneparse.doctor.pair_facts import relative
from sceneparse.doctor.roles import Role
from sceneparse.doctor.rules import Evidence
from sceneparse.errors import counted
from sceneparse.settings import DataSettings

CONSEQUENCES: dict[tuple[Role, Role], tuple[Severity, str]] = {
    ("train", "val"): (
        "warning",
        "the checkpoint is chosen by pictures that were trained on, and figures on them say little",
    ),
    ("train", "test"): ("error", "figures measured on pictures that were trained on say nothing"),
    ("val", "test"): ("warning", "the checkpoint is chosen by pictures that it is tested on"),
}
"""For two roles: how grave it is that they share pictures, and why."""

Taken = Mapping[Hashable, str]
"""The samples that a role takes: what each is, and how it is called in lists."""


def taken_by(evidence: Evidence) -> dict[Role, Taken]:
    """Return the samples that each role takes of what was read."""
    return {
        role: {fact.identity: relative(fact.image, evidence.root) for fact in facts}
        for role, facts in evidence.by_role.items()
    }


def overlapping(settings: DataSettings, taken: Mapping[Role, Taken]) -> Iterator[Finding]:
    """Find samples that the settings take for two roles at once, whatever the splits are called.

    Copies of a file are another rule's.

    Args:
        settings: The splits' names.
        taken: The samples that each role takes.
    """
    for (first, second), (severity, effect) in CONSEQUENCES.items():
        shared = [name for sample, name in taken[first].items() if sample in taken[second]]
        if not shared:
            continue
        names = getattr(settings, first), getattr(settings, second)
        what = f"{counted(len(shared), 'picture')} in data.{first} '{names[0]}' and data.{second} '{names[1]}' at once"
        if first == "train" and all(_apart(one, other) for one, other in _named(settings, first, second)):
            # Nobody asked for it: it is the data set's own splits that share them.
            severity, effect = "error", f"{effect}; take them out of one of the two splits"
        yield finding_of(severity, "overlap", f"{what}: {effect}", shared)


def _named(settings: DataSettings, first: Role, second: Role) -> list[tuple[str, str]]:
    """What two roles are set to; of a mixture, by each of its sources."""
    both = [(getattr(one, first), getattr(one, second)) for one in (settings.sources or (settings,))]
    return [(one, other) for one, other in both if one and other]


def _apart(first: str, second: str) -> bool:
    """Whether two settings name splits that, by their names, have nothing in common, such as "train" and "val"."""
    ones, others = ({role_of(name.partition("[")[0]) for name in names.split("+")} for names in (first, second))
    return None not in ones | others and not ones & others
