"""Settings of MMSegmentation's configurations that no key tells, and of which one value alone can be imported."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sceneparse.errors import UserError
from sceneparse.weights.importing.families.mmseg.configuration import Unread, type_of


@dataclass(frozen=True)
class Only:
    """The one value of a setting that can be imported.

    Args:
        value: It. Lists are tuples here.
        usual: That of MMSegmentation's class, where a configuration leaves the setting out.
    """

    value: Any
    usual: Any


Fixed = Mapping[str, Only]
"""By the name of a setting, such as "num_heads" or "norm_cfg.eps"."""


def only(value: Any) -> Only:
    """Return a value that is the class's own too."""
    return Only(value, value)


RELU: Fixed = {"act_cfg.type": only("ReLU")}
GELU: Fixed = {"act_cfg.type": only("GELU")}

EPS: Fixed = {"norm_cfg.eps": only(1e-5)}
"""What torch's norms add to the variance unless they are told otherwise."""

SMALL_EPS: Fixed = {"norm_cfg.eps": Only(1e-6, 1e-5)}

HEAD: Fixed = {**RELU, **EPS}

NECKS: Mapping[str, Fixed] = {
    "MultiLevelNeck": {"scales": Only((4, 2, 1, 0.5), (0.5, 1, 2, 4)), "act_cfg": only(None)},
    "Feature2Pyramid": {"rescales": only((4, 2, 1, 0.5)), **EPS},
}


def refuse_others(model: Mapping[str, Any], backbone: Fixed) -> None:
    """Refuse a configuration with a setting that has another value than the one that can be imported.

    Args:
        model: The configuration's `model`. What of it cannot be read is passed over.
        backbone: What its backbone must have.

    Raises:
        UserError: There is such a setting.
    """
    neck = model.get("neck")
    necks = NECKS.get(type_of(neck) or "", {}) if isinstance(neck, Mapping) else {}
    for part, fixed in (("backbone", backbone), ("decode_head", HEAD), ("neck", necks)):
        settings = model.get(part)
        if not isinstance(settings, Mapping):
            continue
        for name, one in fixed.items():
            value = _value(settings, name, one.usual)
            if not isinstance(value, Unread) and value != one.value:
                raise UserError(
                    f"its configuration's {part} has {name} {value!r}, but only {one.value!r} can be imported"
                )


def _value(settings: Mapping[str, Any], name: str, usual: Any) -> Any:
    """Return the value of a setting, the class's own where it is left out."""
    outer, _, inner = name.partition(".")
    value = settings.get(outer, {} if inner else usual)
    if isinstance(value, Mapping) and inner:
        return value.get(inner, usual)
    if value is None and outer == "norm_cfg":
        return usual  # no norm at all, which keys tell
    return tuple(value) if isinstance(value, list) else value
