"""Mark settings of backbone and network by whether a model's weights show them.

A training that starts from a model takes over by default what its weights don't show (`init.adopt`). Each field says it
in its metadata:

    align_corners: bool = field(default=False, metadata=UNSEEN)
"""

from collections.abc import Mapping
from dataclasses import Field
from types import MappingProxyType
from typing import Any

_KEY = "sight"

SEEN: Mapping[str, str] = MappingProxyType({_KEY: "seen"})
"""Marks a setting that the shapes of the weights show: what does not fit is not taken from the model."""

UNSEEN: Mapping[str, str] = MappingProxyType({_KEY: "unseen"})
"""Marks a setting under another value of which the same weights mean something else."""

NEUTRAL: Mapping[str, str] = MappingProxyType({_KEY: "neutral"})
"""Marks a setting that weights stand on whatever it is: it is about training, about computing, or their stride."""


def sight_of(item: "Field[Any]") -> Mapping[str, str]:
    """Return the mark of a setting: `SEEN`, `UNSEEN` or `NEUTRAL`.

    Raises:
        KeyError: It has none.
    """
    return {"seen": SEEN, "unseen": UNSEEN, "neutral": NEUTRAL}[item.metadata[_KEY]]
