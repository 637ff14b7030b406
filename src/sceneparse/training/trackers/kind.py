"""The declaration of a tracker: what it is, which package it needs, and how a run is opened in it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from sceneparse.errors import UserError


@dataclass(frozen=True)
class TrackedRun:
    """What a tracker is given of a run.

    Args:
        folder: The run folder.
        project: The project that it belongs to: of a run that goes on, the one that it began in.
        name: What it is called: of a run that goes on, as it was when it began.
        settings: The whole recipe as dotted names and plain values.
        identity: What `Tracker.identity` was when the run began; None for a run that begins.
    """

    folder: Path
    project: str
    name: str
    settings: Mapping[str, Any]
    identity: str | None


class Tracker(Protocol):
    """A run that is open in a tracker.

    Its methods are called one after the other from a thread of its own, so that they may take their time; what they
    raise is said once and changes nothing else.

    Attributes:
        identity: What the run is found by when the training goes on.
    """

    identity: str

    def log(self, values: Mapping[str, float], iteration: int) -> None:
        """Add a point.

        Args:
            values: Figures by name, such as "train/loss" and "validation/mean_iou".
            iteration: Iterations done; never fewer than at the point before.
        """
        ...

    def finish(self, status: str) -> None:
        """End the run here.

        Args:
            status: finished, stopped (it may go on later) or failed.
        """
        ...


def no_check() -> None:
    """Find nothing to object to."""


@dataclass(frozen=True)
class TrackerKind:
    """An entry of the table of trackers.

    Args:
        title: What it is called.
        package: The module that must be there to be imported.
        install: The command that installs it.
        open: Opens a run, as new or to go on with it. Imports the package.
        check: Raises a UserError where a run cannot be opened for a reason that the person can mend now, such as a
            missing login. It is called before the training begins, and must not wait for a network.
        project_variable: The tracker's own variable of the environment for the project, where the settings name none.
        name_variable: The same for the run's name.
    """

    title: str
    package: str
    install: str
    open: Callable[[TrackedRun], Tracker]
    check: Callable[[], None] = no_check
    project_variable: str | None = None
    name_variable: str | None = None

    def refuse_missing(self, name: str) -> None:
        """Refuse a tracker whose package is not installed, or that cannot be used as things are.

        Args:
            name: Its name in the table.

        Raises:
            UserError: It is so.
        """
        self.refuse_not_installed(name)
        self.check()

    def refuse_not_installed(self, name: str) -> None:
        """Refuse a tracker whose package is not installed; it is not imported.

        Args:
            name: Its name in the table.

        Raises:
            UserError: It is not.
        """
        found = find_spec(self.package)
        # A folder of this name in the current one, where W&B writes its runs, is found too.
        if found is None or found.origin is None:
            raise UserError(f"tracking.trackers: {name} needs the package {self.package}: {self.install}")
