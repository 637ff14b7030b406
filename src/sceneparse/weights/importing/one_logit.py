"""Networks with a single logit, whose sigmoid says how probable their one class is: two classes here.

A logit of zero for the background beside it leaves the sigmoid as it is, as softmax((0, x)) = (1 - sigmoid(x),
sigmoid(x)).
The threshold is `network.threshold`.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from sceneparse.arguments import argument
from sceneparse.weights.importing.family import OpenSetting, Recognition
from sceneparse.weights.importing.stated import Stated

HALF = 0.5
"""The threshold of a sigmoid where nothing says another."""

BACKGROUND, FOREGROUND = "background", "foreground"
"""What the two classes are called that have no names."""

SETTING = "network.threshold"

THRESHOLD = re.compile(
    r"^((pred|prediction|prob|probability|mask|seg|segmentation|bin|binary|sigmoid|decision|class|cls|out|output|best|"
    r"val|test|eval|infer|inference|fg|foreground)_)?(threshold|thresh|thr)$"
)
"""What training scripts call the probability above which a pixel is the class's."""

OTHER = re.compile(r"^\w+_(threshold|thresh|thr)$")
"""A threshold of something, which may be another one."""


def decided_by_sigmoid(found: Recognition, stated: Iterable[Stated] = ()) -> Recognition:
    """Return what was recognised with the threshold of its sigmoid, if it has a single logit.

    Args:
        found: What was recognised. A threshold that its family has from a configuration stays.
        stated: What the file says beside its weights, of which the threshold is taken if it says one.
    """
    if found.num_classes != 1:
        return found
    why = (*found.why, "one logit, decided by a sigmoid: two classes, of which the first is the background")
    usual = next((one for one in found.open if one.name == SETTING), None)
    if found.threshold is not None and usual is None:
        return replace(found, network=replace(found.network, threshold=found.threshold), why=why)
    known = [one for one in stated if THRESHOLD.match(one.key) and one.of_network]
    numbers = {one.path: number for one in known if (number := _number(one.value)) is not None}
    fitting = {path: number for path, number in numbers.items() if 0 < number < 1}
    others = tuple(one for one in found.open if one.name != SETTING)
    if len(set(fitting.values())) == 1 and len(fitting) == len(numbers):
        [value] = set(fitting.values())
        line = f"the sigmoid's threshold is {value:g}, by {_listed(fitting)} in the file"
        network = replace(found.network, threshold=value)
        return replace(found, network=network, why=(*why, line), open=others, threshold=value)
    taken = found.threshold or HALF
    if len(set(fitting.values())) > 1:
        said = ", ".join(f"{path} is {number:g}" for path, number in fitting.items())
        opened = OpenSetting(SETTING, f"it names several thresholds of its sigmoid ({said})", must=True)
    elif numbers:
        path, number = next((path, number) for path, number in numbers.items() if path not in fitting)
        opened = OpenSetting(SETTING, f"taken as {taken}: {path} in the file is {number:g}, {_unfit(number)}")
    else:
        opened = usual or OpenSetting(
            SETTING,
            f"taken as {HALF}, the usual one of a sigmoid, since the file doesn't say; if yours is another, give it",
        )
        if unclear := [one for one in stated if OTHER.match(one.key) and _number(one.value) is not None]:
            said = ", ".join(f"{one.path} ({one.value})" for one in unclear[:3])
            opened = replace(opened, readings=f"{opened.readings}; {said} was not taken to be it")
    network = replace(found.network, threshold=taken)
    return replace(found, network=network, why=why, open=(*others, opened))


def _number(value: object) -> float | None:
    """Return a number that stands alone, in a list of its own or in a text; None for anything else."""
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _unfit(number: float) -> str:
    """Return what a number that is no probability may be, and what to give then."""
    if 1 < number <= 100:
        # Of percent, or of a logit, whose sigmoid is nearly one.
        return f"which is not between 0 and 1; if it is in percent, give {argument(SETTING, round(number / 100, 4))}"
    if number == 0:
        return f"which is not between 0 and 1 (of a logit, 0 is {HALF}); if yours is another, give {argument(SETTING)}"
    if abs(number) <= 9:
        given = argument(SETTING, float(f"{1 / (1 + math.exp(-number)):.4g}"))
        return f"which is not between 0 and 1; if it is a logit's, give {given}"
    return f"which is not between 0 and 1; if yours is another, give {argument(SETTING)}"


def _listed(paths: Iterable[str]) -> str:
    return " and ".join(list(paths)[:3])


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
