"""End a training at a loss that is not finite, and write down the steps whose losses are known."""

from dataclasses import dataclass

from sceneparse.data.batch import Batch
from sceneparse.data.device_augment import Windows
from sceneparse.training.keep import Keeper
from sceneparse.training.step import Step


@dataclass
class _Open:
    """A step whose losses were not looked at yet, and how long it took."""

    step: Step
    batch: Batch | Windows
    seconds: float = 0.0
    waited: float = 0.0


class LossCheck:
    """Looks at each step's losses: at once, or after the next step's gradients were asked for.

    On a GPU a look at a step's losses right after it would leave the device without work. There the step leaves itself
    out where its loss is not finite (`update_weights`), so that one step later the weights are still those it was
    computed with, and the next step has not changed them either.

    Args:
        keeper: What writes and ends the training.
        deferred: Whether losses are looked at one step later.
    """

    def __init__(self, keeper: Keeper, *, deferred: bool) -> None:
        self._keeper, self._deferred = keeper, deferred
        self._open: _Open | None = None
        self._asked = False

    def before_update(self, step: Step, batch: Batch | Windows) -> None:
        """Take a step whose gradients are there; the step itself is looked at, or the one before.

        Raises:
            UserError: The loss that is looked at is not finite.
        """
        if self._deferred:
            self.settle()
        elif not step.finite:
            self._keeper.fail(step, batch)
        self._open = _Open(step, batch)

    def after_update(self, seconds: float, waited: float) -> None:
        """Say how long the step took, and how long of this it waited for its batch."""
        assert self._open is not None
        self._open.seconds, self._open.waited = seconds, waited
        if not self._deferred:
            self.settle()

    def settle(self) -> None:
        """Look at the last step as well, and write it down: before anything is kept of the weights.

        Raises:
            UserError: Its loss is not finite.
        """
        if self._open is None:
            return
        last, self._open = self._open, None
        if not last.step.finite:
            self._keeper.fail(last.step, last.batch)
        self._asked = self._asked or last.step.asked_to_stop
        self._keeper.log(last.step, last.seconds, last.waited)

    def stopping(self, asked: bool) -> bool:
        """Return whether the training stops after this step, the same in all processes.

        Args:
            asked: Whether this process was asked to.
        """
        processes = self._keeper.prepared.compute.processes
        # What other processes were asked arrives with the losses.
        return self._asked if self._deferred and processes.world > 1 else processes.any(asked)
