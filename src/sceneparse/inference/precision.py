"""Choose the device and the number format to compute with."""

import torch

from sceneparse.errors import UserError
from sceneparse.settings import Precision

DTYPES: dict[str, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def choose_device(device: str | torch.device = "auto") -> torch.device:
    """Return the device of that name; "auto" is the first CUDA device if there is one, else the CPU.

    Raises:
        UserError: No such device on this machine.
    """
    if str(device) == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError:
        raise UserError(f"device '{device}' is unknown: use auto, cpu, cuda or cuda:N") from None
    if chosen.type == "cuda":
        found = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (chosen.index or 0) >= found:
            raise UserError(f"device '{device}' is not there: this machine has {found} CUDA devices; use --device cpu")
    return chosen


def choose_precision(device: torch.device, precision: Precision = "auto") -> torch.dtype:
    """Return the number format of that name; "auto" is bfloat16 where the device is faster in it, else float32.

    That is the case on CUDA from compute capability 8.0 (Ampere) on, and on CPUs with AMX tiles or AVX512_BF16.

    Raises:
        UserError: The device cannot compute in this format.
    """
    if precision == "auto":
        return torch.bfloat16 if _fast_bfloat16(device) else torch.float32
    if precision not in DTYPES:
        raise UserError(f"precision '{precision}' is unknown: use auto, {', '.join(DTYPES)}")
    if precision == "float16" and device.type == "cpu" and not torch.ops.mkldnn._is_mkldnn_fp16_supported():
        raise UserError("precision float16 is not supported by this processor: use bfloat16 or float32")
    return DTYPES[precision]


def _fast_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return False
