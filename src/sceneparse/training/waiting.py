"""Who waits for whom in a training: the share of its time that steps wait for their pictures."""

from dataclasses import dataclass, field
from itertools import takewhile

import torch

from sceneparse.settings import DataSettings

WARM = 3
"""Steps that are left out of what is said: the loader starts, kernels are chosen, caches fill."""

LEAST = 8
"""Steps after these, before anything is said."""

BRAKE = 0.2
"""The share of its time that a training may wait for pictures before it is told so."""


@dataclass
class Waits:
    """The seconds of steps, and how many of them were spent waiting for a batch.

    Args:
        advice: What helps where that is much.
    """

    advice: str
    _steps: int = 0
    _seconds: float = 0.0
    _waited: float = 0.0
    _since: tuple[float, float] = (0.0, 0.0)
    _said: set[bool] = field(default_factory=set)

    def add(self, seconds: float, waited: float) -> None:
        """Add a step.

        Args:
            seconds: How long it took, with the wait for its batch.
            waited: How long it waited.
        """
        self._steps += 1
        self._since = self._since[0] + seconds, self._since[1] + waited
        if self._steps > WARM:
            self._seconds, self._waited = self._seconds + seconds, self._waited + waited

    @property
    def recent(self) -> float:
        """The share of the time since the last line, 0 to 1."""
        seconds, waited = self._since
        return waited / seconds if seconds else 0.0

    def times(self, idle: float | None) -> dict[str, float]:
        """Return what a line of metrics.jsonl says of the time since the last one, and begin anew.

        Args:
            idle: Seconds in which the device had no work between steps; None where that is not measured.

        Returns:
            "wait", the share of the time that was spent waiting for pictures, and "idle" where it is measured, both in
            0..1 but for the idle time of a step before.
        """
        seconds, found = self._since[0], {"wait": self.recent}
        if idle is not None and seconds:
            found["idle"] = idle / seconds
        self._since = (0.0, 0.0)
        return found

    def share(self) -> float | None:
        """Return the share of all of the time after the first steps; None where there were too few."""
        return self._waited / self._seconds if self._steps >= WARM + LEAST and self._seconds else None

    def line(self, *, end: bool) -> str | None:
        """Return what there is to say where the loader is the brake: once in the training, and once at its end.

        Args:
            end: Whether it is over.
        """
        share = self.share()
        if share is None or end in self._said:
            return None
        self._said.add(end)
        if share <= BRAKE:
            return None
        did = "waited" if end else "wait"
        return f"the loader is the brake: steps {did} {share:.0%} of the time for their pictures; {self.advice}"


def advice(data: DataSettings, device: str, workers: int, auto: int) -> str:
    """Return what makes the loader faster, in the order in which to try it.

    Args:
        data: How the data are loaded now.
        device: The type of the device that computes the steps, such as "cuda".
        workers: Loader processes there are.
        auto: How many `data.workers auto` would start.
    """
    ways = []
    if workers < max(1, auto):
        ways.append(f"more loader processes (data.workers {max(1, auto)}, now {workers})")
    if device != "cpu" and data.augment_on == "host":
        ways.append("changes made to pictures on the device (data.augment_on device)")
    ways.append("pictures that are stored smaller")
    if data.cache_mb < 1 << 14:
        ways.append(f"a larger data.cache_mb (now {data.cache_mb})")
    return f"what helps: {', '.join(ways)}"


class DeviceIdle:
    """Measures how long a GPU has no work between one step and the next, by events that it passes.

    Args:
        device: Where steps are computed. On any but a CUDA device nothing is measured.
    """

    def __init__(self, device: torch.device) -> None:
        self._device, self._measures = device, device.type == "cuda"
        self._ended: torch.cuda.Event | None = None
        self._pauses: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []

    def begin(self) -> None:
        """Note that a step's work is asked for from here on."""
        if self._ended is not None:
            self._pauses.append((self._ended, _event(self._device)))
            self._ended = None

    def end(self) -> None:
        """Note that all of a step's work was asked for."""
        if self._measures:
            self._ended = _event(self._device)

    def take(self) -> float | None:
        """Return the seconds of the pauses that are over and were not asked for yet; None where nothing is measured."""
        if not self._measures:
            return None
        over = list(takewhile(lambda pause: pause[1].query(), self._pauses))
        self._pauses = self._pauses[len(over) :]
        return sum(before.elapsed_time(after) for before, after in over) / 1000


def _event(device: torch.device) -> torch.cuda.Event:
    event = torch.cuda.Event(enable_timing=True)
    event.record(torch.cuda.current_stream(device))
    return event
