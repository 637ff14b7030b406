"""Networks with a single logit, whose sigmoid says how probable their one class is: two classes here.

A logit of zero for the background beside it leaves the sigmoid as it is, as softmax((0, x)) = (1 - sigmoid(x),
sigmoid(x)).
The threshold is `network.threshold`.
"""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from sceneparse.weights.importing.family import OpenSetting, Recognition

HALF = 0.5
"""The threshold of a sigmoid where nothing says another."""

BACKGROUND, FOREGROUND = "background", "foreground"
"""What the two classes are called that have no names."""


def decided_by_sigmoid(found: Recognition) -> Recognition:
    """Return what was recognised with the threshold of its sigmoid, if it has a single logit."""
    if found.num_classes != 1:
        return found
    known = found.threshold is not None or any(one.name == "network.threshold" for one in found.open)
    opened = OpenSetting(
        "network.threshold",
        f"taken as {HALF}, the usual one of a sigmoid, since the file doesn't say; if yours is another, give it",
    )
    return replace(
        found,
        network=replace(found.network, threshold=found.threshold or HALF),
        why=(*found.why, "one logit, decided by a sigmoid: two classes, of which the first is the background"),
        open=found.open if known else (*found.open, opened),
    )


def with_background(state: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Return a state of a network of one class as that of one of two, the background's logits zero.

    Args:
        state: By the keys of the network.
        network: The network of two classes.
    """
    shapes = {name: value.shape for name, value in network.state_dict().items()}
    return {
        name: value if value.shape == shapes[name] else torch.cat([torch.zeros_like(value), value])
        for name, value in state.items()
    }


def two_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of both classes, where the checkpoint or its user gives one or both."""
    if len(names) != 1:
        return names
    return (BACKGROUND, FOREGROUND if names[0].strip().lower() == BACKGROUND else names[0])
