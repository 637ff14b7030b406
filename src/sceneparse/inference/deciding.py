"""The decision between two classes at a threshold other than a half.

A network with a sigmoid decides by its own threshold: the second class is taken where its probability is above that.
Its scores stay what they are; only the decision on them is another.
"""

import math

import torch
from torch import Tensor

HALF = 0.5
"""The threshold at which the most probable class is taken, as with any number of classes."""


def decided(scores: Tensor, threshold: float, *, probabilities: bool = False, dim: int = 0) -> Tensor:
    """Return the class that scores decide for.

    Args:
        scores: Logits or probabilities, the classes along `dim`; two of them if the threshold is not a half.
        threshold: The second class is taken where its probability is above this.
        probabilities: Whether the scores are probabilities, not logits.
        dim: The axis of the classes.

    Returns:
        Class indices, without that axis.
    """
    if threshold == HALF:
        return scores.argmax(dim=dim)
    first, second = scores.unbind(dim)
    if probabilities:
        return (second > threshold).to(torch.int64)
    return (second - first > log_odds(threshold)).to(torch.int64)


def shifted(logits: Tensor, threshold: float, dim: int = 0) -> Tensor:
    """Return logits, the classes along `dim`, of which the larger one is the decision at a threshold."""
    if threshold == HALF:
        return logits
    first, second = logits.unbind(dim)
    return torch.stack([first + log_odds(threshold), second], dim=dim)


def threshold_of(engine: object) -> float:
    """Return the threshold of an engine between its two classes; a half for one that doesn't say."""
    return float(getattr(engine, "threshold", HALF))


def log_odds(threshold: float) -> float:
    """Return the difference of two logits at which the second class has this probability."""
    return math.log(threshold / (1 - threshold))
