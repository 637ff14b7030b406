"""Find out what a device cannot compute, by computing something tiny on it.

What PyTorch can do on CUDA and on CPUs is known. On Apple's and Intel's GPUs it depends on the release, the system and
the chip: operators that are missing, types that are there but not for this operator. So a network is tried there before
the work begins.
"""

import re
import sys
from collections.abc import Callable

import torch

from sceneparse.devices.choosing import device_name
from sceneparse.devices.precisions import DTYPES, choose_precision
from sceneparse.errors import UserError
from sceneparse.settings import Precision
from sceneparse.settings.device import GPUS

UNSURE = {"mps", "xpu"}
"""The types of devices on which a network is tried."""

SMALLEST_SIDE = 65
"""Rows and columns of the pictures that it is tried with: enough for maps of several pixels at a stride of 32."""

_OPERATOR = re.compile(r"aten::[\w.]+")


class NotFiniteError(RuntimeError):
    """The scores or losses of a trial are not finite."""


def is_unsure(device: torch.device) -> bool:
    """Return whether it must be tried what a device can compute."""
    return device.type in UNSURE


def precisions_to_try(device: torch.device, precision: Precision) -> tuple[Precision, ...]:
    """Return the precisions to try, the best first: one that the user names stands alone.

    Raises:
        UserError: As `choose_precision`.
    """
    chosen = choose_precision(device, precision)
    return (chosen, "float32") if precision == "auto" and chosen != "float32" and is_unsure(device) else (chosen,)


def say_on_stderr(text: str) -> None:
    """Write a line to standard error."""
    print(text, file=sys.stderr)


def first_working(
    precisions: tuple[Precision, ...],
    device: torch.device,
    attempt: Callable[[Precision], None],
    *,
    prefix: str = "--",
    say: Callable[[str], None] = say_on_stderr,
) -> Precision:
    """Return the first precision in which an attempt succeeds; those that fail before it are said in a line.

    Args:
        precisions: One or more, the best first.
        device: Where it is tried.
        attempt: Computes something tiny in the way of all that will be computed.
        prefix: What options begin with in messages: "--", or "training." for settings.
        say: Writes a line.

    Raises:
        UserError: It succeeds in none; the message says what the device lacks, and what to do.
    """
    *rest, last = precisions
    for precision in rest:
        try:
            attempt(precision)
        except UserError:
            raise
        except (RuntimeError, TypeError, ValueError) as error:  # NotImplementedError is a RuntimeError
            say(f"note: {precision} does not work on {device_name(device)} ({_reason(error)}); trying {precisions[-1]}")
        else:
            return precision
    try:
        attempt(last)
    except UserError:
        raise
    except (RuntimeError, TypeError, ValueError) as error:
        raise UserError(_advice(error, device, last, prefix)) from error
    return last


def refuse_not_finite(values: torch.Tensor) -> None:
    """Refuse results of a trial that are not finite.

    Raises:
        NotFiniteError: One is not.
    """
    if not bool(values.isfinite().all()):
        raise NotFiniteError("its results are not finite")


def _advice(error: Exception, device: torch.device, precision: Precision, prefix: str) -> str:
    """What a device lacks, and what to do about it."""
    on_cpu, found = f"{prefix}device cpu", _OPERATOR.search(str(error))
    if found is not None:
        return (
            f"{device_name(device)} lacks an operator that this network needs, {found.group()}: set "
            f"PYTORCH_ENABLE_{GPUS.get(device.type, 'MPS')}_FALLBACK=1, which leaves it to the CPU, or use {on_cpu}"
        )
    ways = on_cpu if DTYPES[precision] == torch.float32 else f"{prefix}precision float32 or {on_cpu}"
    return f"this network cannot be computed in {precision} on {device_name(device)} ({_reason(error)}); use {ways}"


def _reason(error: Exception) -> str:
    lines = [" ".join(line.split()) for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__
