"""Devices by their names, as options and settings give them, and what is known of them before PyTorch is loaded."""

import re
import sys
from pathlib import Path

from sceneparse.arguments import argument
from sceneparse.errors import UserError, require

DEVICE_NAMES = "auto, cpu, cuda, cuda:N, mps, xpu or xpu:N"
"""What a device may be called, for help and messages."""

GPUS = {"cuda": "CUDA", "mps": "MPS", "xpu": "XPU"}
"""The types of accelerators that we compute on, and what messages call them."""

_FORM = re.compile(r"auto|cpu|mps|(cuda|xpu)(:\d+)?")


def is_device(name: str) -> bool:
    """Return whether a name has the form of a device's."""
    return _FORM.fullmatch(name) is not None


def checked_device(name: str, what: str = "device") -> str:
    """Return the name of a device as it is; whether the machine has it is another question.

    Args:
        name: Such as "cuda:1".
        what: The option or the setting, for the message.

    Raises:
        UserError: It is no device's name.
    """
    require(is_device(name), f"{what} '{name}' is unknown: use {DEVICE_NAMES}")
    return name


def may_have_cuda() -> bool:
    """Return whether PyTorch may find a CUDA device, of NVIDIA or AMD: False only where there is surely none."""
    if sys.platform != "linux":
        return sys.platform != "darwin"
    # The last two are those of Jetsons and of Linux on Windows.
    return any(next(Path("/dev").glob(name), None) for name in ("nvidia*", "kfd", "nvhost*", "dxg"))


def refuse_absent(device: str) -> None:
    """Refuse a device of a type that this machine surely has none of.

    Args:
        device: Its name, as `checked_device` returns it.

    Raises:
        UserError: There is none.
    """
    kind = device.partition(":")[0]
    if (kind == "mps" and sys.platform != "darwin") or (kind == "cuda" and not may_have_cuda()):
        raise not_there(device, 0)


def not_there(device: str, found: int) -> UserError:
    """Return the error that a machine lacks a device.

    Args:
        device: Its name.
        found: How many devices of its type there are.
    """
    kind = device.partition(":")[0]
    why = {"mps": " (they are the GPUs of Macs with Apple's chips)", "xpu": " that this PyTorch can use"}
    return UserError(
        f"device '{device}' is not there: this machine has {found} {GPUS[kind]} devices"
        f"{'' if found else why.get(kind, '')}; use {argument('device', 'cpu')}"
    )
