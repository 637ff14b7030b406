"""Scores that are not finite decide nothing: whoever would label pixels by them is told."""

from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import Tensor

from sceneparse.arguments import argument
from sceneparse.errors import UserError
from sceneparse.inference.engine import Engine
from sceneparse.inference.later import Later
from sceneparse.networks.exact.reading import Arriving, reads_are_free


def not_finite(model: str, engine: Engine) -> UserError:
    """Return the error that an engine's scores are not finite.

    Args:
        model: The model's name.
        engine: What gave them.
    """
    return UserError(
        f"the scores of model '{model}' are not finite in {engine.precision}: its weights are damaged "
        f"or too large for that format ({argument('precision', 'float32')} has room for more)"
    )


def finite(engine: Engine, model: str) -> "Watched":
    """Return an engine that refuses scores that are not finite, for labels that come without a confidence.

    Args:
        engine: What gives the scores.
        model: The model's name, for the message.
    """
    return Watched(engine, model)


class Watched:
    """See `Engine`; whatever else the engine has, this one has too.

    Where numbers are read without a wait, a call raises `not_finite`. Elsewhere whether scores are finite is on its way
    to main memory with the labels, and `verdict` gives what raises it.
    """

    name: str
    precision: str
    num_classes: int
    align_corners: bool
    padding_color: Sequence[float]

    def __init__(self, engine: Engine, model: str) -> None:
        self._engine, self._model = engine, model
        # One thread may score what another one labels.
        self._arriving: deque[Arriving] = deque()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def __call__(self, images: Tensor) -> Tensor:
        """Score pictures; see `Engine`.

        Raises:
            UserError: Scores are not finite, as far as that is known without a wait.
        """
        scores = self._engine(images)
        all_finite = scores.isfinite().all()  # they are small maps, at the network's own stride
        if not reads_are_free(scores.device):
            self._arriving.append(Arriving(all_finite))
        elif not all_finite:
            raise not_finite(self._model, self._engine)
        return scores

    def verdict(self) -> Later[None]:
        """Return what raises `not_finite` if scores of the calls since the last verdict are so; waits for them."""
        return partial(self._judge, [self._arriving.popleft() for _ in range(len(self._arriving))])

    def _judge(self, arriving: Sequence[Arriving]) -> None:
        if not all(one.values() for one in arriving):
            raise not_finite(self._model, self._engine)

    def describe(self) -> str:
        """Describe in one line what computes, where and how."""
        return self._engine.describe()
