"""Choose a device by its name, or the one that is there."""

from typing import Any

import torch

from sceneparse.errors import UserError
from sceneparse.settings.device import DEVICE_NAMES, GPUS, not_there


def choose_device(device: str | torch.device = "auto") -> torch.device:
    """Return the device of that name; "auto" is the accelerator that PyTorch finds, else the CPU.

    Args:
        device: auto, cpu, cuda, cuda:N, mps, xpu or xpu:N.

    Raises:
        UserError: No such device on this machine.
    """
    if str(device) == "auto":
        return _accelerator() or torch.device("cpu")
    chosen = named_device(device)
    if chosen.type != "cpu":
        found = device_count(chosen.type)
        if not 0 <= (chosen.index or 0) < found:  # PyTorch wraps large numbers: cuda:999 has index -25
            raise not_there(str(device), found)
    return chosen


def named_device(device: str | torch.device) -> torch.device:
    """Return the device of a name, whether or not this machine has it.

    Args:
        device: cpu, cuda, cuda:N, mps, xpu or xpu:N.

    Raises:
        UserError: No device is called so.
    """
    try:
        named = torch.device(device)
    except RuntimeError:
        named = None
    if named is None or named.type not in ("cpu", *GPUS):
        raise UserError(f"device '{device}' is unknown: use {DEVICE_NAMES}")
    return named


def _accelerator() -> torch.device | None:
    """The accelerator that PyTorch finds, if it is of a type that we know."""
    if not torch.accelerator.is_available():
        return None
    found = torch.accelerator.current_accelerator()
    return torch.device(found.type) if found is not None and found.type in GPUS else None


def device_count(kind: str) -> int:
    """Return how many devices of a type, such as "cuda", this process can use."""
    module: Any = torch.get_device_module(kind)
    return int(module.device_count()) if module.is_available() else 0


def device_name(device: torch.device) -> str:
    """Return an accelerator's name for people, such as "NVIDIA H200"; of a CPU its type."""
    if device.type in ("cuda", "xpu"):
        return str(torch.get_device_module(device).get_device_name(device))
    return "Apple GPU (mps)" if device.type == "mps" else str(device)


def wait(device: torch.device) -> None:
    """Wait until a device has finished all work; nothing to do on a CPU."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
