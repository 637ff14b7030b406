"""What a call's `protocol` makes of a model's own: settings in its place, a mapping of changes, or a function."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sceneparse.inference.protocol import check_protocol
from sceneparse.recipes import from_mapping, to_mapping
from sceneparse.recipes.hints import GIVEN
from sceneparse.settings.protocol import ProtocolChange, ProtocolGiven, ProtocolSettings


def protocol_change(protocol: ProtocolGiven | None) -> ProtocolChange | None:
    """Return what makes the protocol of a model's own; None where the model's own counts.

    Args:
        protocol: What the call is given.

    Raises:
        UserError: Settings or changes that hold together for no model.
    """
    if protocol is None or callable(protocol):
        return protocol
    if not isinstance(protocol, Mapping):
        check_protocol(protocol)
        return lambda _: protocol
    changes = dict(protocol)
    _changed(ProtocolSettings(), changes)  # what is wrong with them by themselves is said before a model is fetched
    return lambda own: _changed(own, changes)


@dataclass(frozen=True)
class _Tested:
    """A recipe's group of it alone, so that changes are read, and refused, as a recipe's are."""

    protocol: ProtocolSettings = field(default_factory=ProtocolSettings)


def _changed(own: ProtocolSettings, changes: Mapping[str, Any]) -> ProtocolSettings:
    """The protocol with the changes: another one begins with its own values, a size is that of the command's --size."""
    if "size" in changes and not {"name", "resize"} & set(changes):
        read = from_mapping(_Tested, {}, GIVEN, {"protocol": {"size": changes["size"]}}).protocol.size
        if isinstance(read, int | str):
            own = own.at_size(read)
    return from_mapping(_Tested, {"protocol": to_mapping(own)}, "the model's protocol", {"protocol": changes}).protocol
