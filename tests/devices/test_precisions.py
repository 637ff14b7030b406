import platform
from pathlib import Path

import pytest
import torch

from sceneparse import processor
from sceneparse.devices import choose_precision
from sceneparse.errors import UserError
from sceneparse.processor import made_by_amd, told_of_processor

CPU, CUDA, MPS, XPU = (torch.device(kind) for kind in ("cpu", "cuda", "mps", "xpu"))


def capability(monkeypatch: pytest.MonkeyPatch, *numbers: int) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: numbers)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "a card")


@pytest.fixture
def avx512(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")


def instructions(monkeypatch: pytest.MonkeyPatch, *, amx: bool, avx: bool, maker: str) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx)
    monkeypatch.setattr(processor, "told_of_processor", {"vendor_id": maker}.get)


@pytest.mark.usefixtures("avx512")
@pytest.mark.parametrize("maker", ["AuthenticAMD", "GenuineIntel"])
def test_auto_takes_bfloat16_only_where_the_processor_is_faster_in_it(
    maker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_vectors = "bfloat16" if maker == "AuthenticAMD" else "float32"
    for amx, avx, expected in (
        (False, False, "float32"),
        (True, False, "bfloat16"),
        (True, True, "bfloat16"),
        (False, True, of_vectors),
    ):
        instructions(monkeypatch, amx=amx, avx=avx, maker=maker)
        assert choose_precision(CPU) == expected


@pytest.mark.usefixtures("avx512")
def test_auto_takes_float32_where_the_environment_keeps_pytorch_from_what_is_faster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    instructions(monkeypatch, amx=True, avx=True, maker="GenuineIntel")
    for most, expected in (("avx2", "float32"), ("AVX512_CORE_BF16", "float32"), ("AVX512_CORE_AMX", "bfloat16")):
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", most)
        assert choose_precision(CPU) == expected
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    assert choose_precision(CPU) == "float32"


def test_windows_tells_the_processors_maker_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "none")
    told_of_processor.cache_clear()
    try:
        for said, expected in (
            ("AMD64 Family 25 Model 17 Stepping 1, AuthenticAMD", True),
            ("Intel64 Family 6 Model 143 Stepping 8, GenuineIntel", False),
            ("", False),
        ):
            monkeypatch.setattr(platform, "processor", lambda said=said: said)
            assert made_by_amd() is expected
    finally:
        told_of_processor.cache_clear()


def test_what_linux_tells_of_the_processor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = tmp_path / "cpuinfo"
    told.write_text("processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel\t\t: 17\nmodel name\t: AMD EPYC 9R14\n\n")
    monkeypatch.setattr(processor, "CPUINFO", told)
    told_of_processor.cache_clear()
    try:
        assert told_of_processor("model name") == "AMD EPYC 9R14"
        assert told_of_processor("flags") is None
        assert made_by_amd()
    finally:
        told_of_processor.cache_clear()


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
