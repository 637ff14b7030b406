import pytest
import torch

from sceneparse.devices import choose_precision
from sceneparse.errors import UserError

CPU, CUDA, MPS, XPU = (torch.device(kind) for kind in ("cpu", "cuda", "mps", "xpu"))


def capability(monkeypatch: pytest.MonkeyPatch, *numbers: int) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: numbers)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "a card")


def test_auto_takes_bfloat16_only_where_the_processor_has_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    for amx, avx, expected in ((False, False, "float32"), (True, False, "bfloat16"), (False, True, "bfloat16")):
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda amx=amx: amx)
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda avx=avx: avx)
        assert choose_precision(CPU) == expected
    with monkeypatch.context() as patched:
        patched.setenv("ONEDNN_MAX_CPU_ISA", "avx2")
        assert choose_precision(CPU) == "float32"
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    assert choose_precision(CPU) == "float32"


def test_auto_on_a_gpu_is_bfloat16_where_it_has_it_else_float32_and_never_tf32_or_float16(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for numbers, expected in (((7, 5), "float32"), ((8, 0), "bfloat16"), ((9, 0), "bfloat16")):
        capability(monkeypatch, *numbers)
        assert choose_precision(CUDA) == expected
    for has, expected in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(torch.xpu, "is_bf16_supported", lambda has=has: has)
        monkeypatch.setattr(torch.backends.mps, "is_macos_or_newer", lambda *_, has=has: has)
        assert choose_precision(XPU) == choose_precision(MPS) == expected


def test_tf32_is_taken_by_name_where_the_device_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "hip", None)
    capability(monkeypatch, 8, 0)
    assert choose_precision(CUDA, "tf32") == "tf32"
    monkeypatch.setattr(torch.xpu, "is_tf32_supported", lambda: True, raising=False)
    assert choose_precision(XPU, "tf32") == "tf32"


def test_tf32_is_refused_where_the_device_lacks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"^precision tf32 is not there on the CPU: it is on NVIDIA.*float32$"):
        choose_precision(CPU, "tf32")
    capability(monkeypatch, 7, 5)
    with pytest.raises(UserError, match=r"^precision tf32 is not there on a card: it is on NVIDIA GPUs from"):
        choose_precision(CUDA, "tf32")
    monkeypatch.setattr(torch.xpu, "is_tf32_supported", lambda: False, raising=False)
    monkeypatch.setattr(torch.xpu, "get_device_name", lambda _: "an Arc")
    for device in (XPU, MPS):
        with pytest.raises(UserError, match=r"^precision tf32 is not there on (an )?A"):
            choose_precision(device, "tf32")


def test_a_precision_of_another_name_is_refused() -> None:
    with pytest.raises(UserError, match="precision 'int8' is unknown: use auto, float32, tf32, bfloat16, float16"):
        choose_precision(CPU, "int8")  # type: ignore[arg-type]
