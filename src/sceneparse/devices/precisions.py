"""Choose the precision to compute in: what a device can, and what it is faster in."""

import os
from collections.abc import Callable

import torch

from sceneparse.devices.choosing import device_name
from sceneparse.errors import UserError
from sceneparse.processor import made_by_amd
from sceneparse.settings import Precision

TF32 = "tf32"

DTYPES: dict[str, torch.dtype] = {
    "float32": torch.float32,
    TF32: torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
"""By precision the type of the numbers; TF32 is a way to multiply float32 (`arithmetic`)."""

WITHOUT_BFLOAT16 = ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI")
"""Values of ONEDNN_MAX_CPU_ISA under which oneDNN, which computes on CPUs, uses no instructions for bfloat16."""

WITHOUT_TILES = ("AVX512_CORE_BF16", "AVX512_CORE_FP16", "AVX10_1_512")
"""Further values, under which it uses no tiles."""


def choose_precision(device: torch.device, precision: Precision = "auto") -> Precision:
    """Return the precision of that name; "auto" is bfloat16 where the device is faster in it, else float32.

    TF32 and float16 are never chosen by "auto": the first is less than what float32 says, the second overflows at
    65,504, which makes a whole picture's scores useless without an error.

    Raises:
        UserError: The device cannot compute in this precision.
    """
    if precision == "auto":
        return "bfloat16" if fast_bfloat16(device) else "float32"
    if precision not in DTYPES:
        raise UserError(f"precision '{precision}' is unknown: use auto, {', '.join(DTYPES)}")
    if precision == "float16" and device.type == "cpu" and not torch.ops.mkldnn._is_mkldnn_fp16_supported():
        raise UserError("precision float16 is not supported by this processor: use bfloat16 or float32")
    if precision == TF32 and not has_tf32(device):
        where = "the CPU" if device.type == "cpu" else device_name(device)
        raise UserError(
            f"precision tf32 is not there on {where}: it is on NVIDIA GPUs from compute capability 8.0 (Ampere) on, "
            "and on some of Intel's; use auto, bfloat16 or float32"
        )
    return precision


def has_tf32(device: torch.device) -> bool:
    """Return whether a device can multiply float32 numbers in TF32."""
    if device.type == "cuda":
        return torch.version.hip is None and torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "xpu":
        asked: Callable[[], bool] | None = getattr(torch.xpu, "is_tf32_supported", None)  # of newer PyTorch alone
        return asked is not None and asked()
    return False


def fast_bfloat16(device: torch.device) -> bool:
    """Return whether a device is faster in bfloat16 than in float32.

    That is the case on CUDA from compute capability 8.0 (Ampere) on, on Intel's GPUs that have it and on Apple's from
    macOS 14 on; and on CPUs with AMX tiles, and AMD's with AVX512_BF16, unless the environment (ONEDNN_MAX_CPU_ISA,
    ATEN_CPU_CAPABILITY) keeps PyTorch from using them: then bfloat16 is emulated. On a Xeon whose tiles a virtual
    machine hides, AVX512_BF16 alone is slower than float32, product for product (docs/performance.md, "Precisions").
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "xpu":
        return torch.xpu.is_bf16_supported()
    if device.type == "mps":
        return torch.backends.mps.is_macos_or_newer(14, 0)
    if device.type == "cpu":
        most = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper()
        if most in WITHOUT_BFLOAT16 or torch.backends.cpu.get_cpu_capability() == "AVX2":
            return False
        if torch.cpu._is_amx_tile_supported() and most not in WITHOUT_TILES:
            return True
        return torch.cpu._is_avx512_bf16_supported() and made_by_amd()
    return False
