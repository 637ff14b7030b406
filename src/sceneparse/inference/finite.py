"""Scores that are not finite decide nothing: whoever would label pixels by them is told."""

from typing import Any, cast

from torch import Tensor

from sceneparse.arguments import argument
from sceneparse.errors import UserError
from sceneparse.inference.engine import Engine


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


def finite(engine: Engine, model: str) -> Engine:
    """Return an engine that raises `not_finite` where its scores are so, for labels that come without a confidence.

    Args:
        engine: What gives the scores.
        model: The model's name, for the message.
    """
    return cast(Engine, _Finite(engine, model))


class _Finite:
    """See `Engine`; whatever else the engine has, this one has too."""

    def __init__(self, engine: Engine, model: str) -> None:
        self._engine, self._model = engine, model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def __call__(self, images: Tensor) -> Tensor:
        scores = self._engine(images)
        # Scores are small maps, at the network's own stride.
        if not scores.isfinite().all():
            raise not_finite(self._model, self._engine)
        return scores
