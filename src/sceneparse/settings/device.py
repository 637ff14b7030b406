"""The names of devices, as options and settings give them."""

import re

from sceneparse.errors import require

DEVICE_NAMES = "auto, cpu, cuda, cuda:N, mps, xpu or xpu:N"
"""What a device may be called, for help and messages."""

_FORM = re.compile(r"auto|cpu|mps|(cuda|xpu)(:\d+)?")


def checked_device(name: str, what: str = "device") -> str:
    """Return the name of a device as it is; whether the machine has it is another question.

    Args:
        name: Such as "cuda:1".
        what: The option or the setting, for the message.

    Raises:
        UserError: It is no device's name.
    """
    require(_FORM.fullmatch(name) is not None, f"{what} '{name}' is unknown: use {DEVICE_NAMES}")
    return name
