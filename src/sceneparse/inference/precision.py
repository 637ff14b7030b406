"""Choose the device and the number format to compute with."""

import os

import torch

from sceneparse.errors import UserError
from sceneparse.settings import Precision

DTYPES: dict[str, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


WITHOUT_BFLOAT16 = ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI")
"""Values of ONEDNN_MAX_CPU_ISA under which oneDNN, which computes on CPUs, uses no instructions for bfloat16."""


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

    That is the case on CUDA from compute capability 8.0 (Ampere) on, and on CPUs with AMX tiles or AVX512_BF16, unless
    the environment (ONEDNN_MAX_CPU_ISA, ATEN_CPU_CAPABILITY) keeps PyTorch from using them: then bfloat16 is emulated.

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
        kept_from_it = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() in WITHOUT_BFLOAT16
        if kept_from_it or torch.backends.cpu.get_cpu_capability() == "AVX2":
            return False
        return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return False
