"""The scores of mirror images, turned back: a class's are then those of what it is in the mirror image."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from sceneparse.inference.engine import Engine


@runtime_checkable
class TurnsBack(Protocol):
    """The interface of engines that keep more of a call than its scores, and have that to turn back as well."""

    def turned_back(self, scores: Tensor) -> Tensor:
        """Return what `turned_back` does, of the last pictures of the last call."""
        ...


def mirror_image_of(engine: object) -> tuple[int, ...]:
    """Return the class that each of an engine's classes is in a mirror image; empty where all stay what they are."""
    return tuple(getattr(engine, "mirror_image", ()))


def mirrored_scores(engine: Engine, images: Tensor) -> Tensor:
    """Score the mirror images of pictures, and turn the scores back.

    Args:
        engine: What gives scores.
        images: (N, C, H, W) the pictures themselves, as engines take them.

    Returns:
        (N, classes, h, w) scores of the pictures.
    """
    return turned_back(engine, engine(images.flip(-1)))


def turned_back(engine: Engine, scores: Tensor) -> Tensor:
    """Return the scores of pictures from those of their mirror images.

    Args:
        engine: What gave them; where it keeps more than scores, they are the last ones of its last call.
        scores: (N, classes, h, w) of the mirror images.
    """
    if isinstance(engine, TurnsBack):
        return engine.turned_back(scores)
    return reordered(scores.flip(-1), mirror_image_of(engine))


def reordered(scores: Tensor, order: Sequence[int]) -> Tensor:
    """Return scores with other classes' in the place of each class's, along axis 1; as they are without an order."""
    return scores.index_select(1, torch.tensor(order, device=scores.device)) if order else scores
