"""The doctor's rule on samples that two settings take at once, such as "train" and "train[:80]"."""

from collections.abc import Iterator
from contextlib import suppress

from sceneparse.datasets.opening import samples_in_both
from sceneparse.doctor.findings import Finding, Severity
from sceneparse.errors import UserError, counted
from sceneparse.settings import DataSettings

CONSEQUENCES: dict[tuple[str, str], tuple[Severity, str]] = {
    ("train", "val"): (
        "warning",
        "the checkpoint is chosen by pictures that were trained on, and figures on them say little",
    ),
    ("train", "test"): ("error", "figures measured on pictures that were trained on say nothing"),
    ("val", "test"): ("warning", "the checkpoint is chosen by pictures that it is tested on"),
}
"""For two roles: how grave it is that they share pictures, and why."""


def overlapping(settings: DataSettings) -> Iterator[Finding]:
    """Find pictures that the settings take for two roles at once.

    Copies of a file are another rule's.

    Args:
        settings: Kind and place of the data set, and the splits' names.
    """
    for (first, second), (severity, effect) in CONSEQUENCES.items():
        names = getattr(settings, first), getattr(settings, second)
        with suppress(UserError):  # of a split that is not there, or cannot be opened, others tell
            count = samples_in_both(settings, *names)
            if count:
                what = (
                    f"{counted(count, 'picture')} in data.{first} '{names[0]}' and data.{second} '{names[1]}' at once"
                )
                yield Finding(severity, "overlap", f"{what}: {effect}", count)
