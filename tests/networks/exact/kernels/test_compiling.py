"""Kernels are compiled for a GPU that isn't there: by Triton's own compiler and assembler, up to the machine code."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

triton = pytest.importorskip("triton", reason="Triton is not installed (Linux on x86-64 has it)")

POINTERS = {
    "labels": "*i16",
    "probabilities": "*fp32",
    "sharpness": "fp32",
    "target": "*i64",
    **dict.fromkeys(("scores", "entropies", "normalisers", "shares", "spreads", "weights", "shifts"), "*fp32"),
    **dict.fromkeys(("truth_own", "truth_other", "gradient", "bias"), "*fp32"),
    "maps": "*bf16",
    "shortcut": "*bf16",
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))


def compiled(kernel: Any, warps: int, logits: str = "*bf16", **constants: Any) -> Any:
    """Compile a kernel for an H100 or H200, as it is launched with tensors whose memory starts at a multiple of 16."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    types = {**POINTERS, "logits": logits, **dict.fromkeys(constants, "constexpr")}
    signature = {name: types.get(name, "i32") for name in kernel.arg_names}
    aligned = {
        (index,): [["tt.divisibility", 16]]
        for index, (name, type_) in enumerate(signature.items())
        if type_.startswith("*") or name == "channels"  # which is, in all networks whose maps are large
    }
    source = ASTSource(fn=kernel, signature=signature, constexprs=constants, attrs=aligned)
    return triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": warps})


def resources(found: Any, folder: Path) -> dict[str, int]:
    """What the machine code takes: registers of a thread, bytes of memory that registers are spilled to, …."""
    import triton.backends.nvidia

    (folder / "kernel.cubin").write_bytes(found.asm["cubin"])
    program = Path(triton.backends.nvidia.__file__).parent / "bin" / "cuobjdump"
    if not program.exists():
        pytest.skip("this build of Triton has no cuobjdump")
    command = [str(program), "--dump-resource-usage", str(folder / "kernel.cubin")]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {name: int(value) for name, value in re.findall(r"(REG|STACK|SHARED|LOCAL):(\d+)", text)}


def check(found: Any, folder: Path, registers: int) -> None:
    """Nothing is spilled, and warps enough fit side by side."""
    used = resources(found, folder)
    assert used["STACK"] == used["LOCAL"] == 0 and used["REG"] <= registers, used


@pytest.mark.parametrize("sure", [False, True])
def test_the_labels_kernel_reads_two_classes_at_once_and_spills_nothing(tmp_path: Path, sure: bool) -> None:
    from sceneparse.networks.exact.kernels.labels import _labels

    found = compiled(_labels, 1, class_stride=1, SURE=sure, ROWS=8, COLUMNS=32, VECTOR=2)
    assert "ld.global.b16" not in found.asm["ptx"] and "ld.global.b32" in found.asm["ptx"]
    assert not re.search(r"atom\.|bar\.sync|st\.local", found.asm["ptx"])
    check(found, tmp_path, 80)


def test_logits_of_any_strides_have_a_labels_kernel_too(tmp_path: Path) -> None:
    from sceneparse.networks.exact.kernels.labels import _labels

    check(compiled(_labels, 1, "*fp32", SURE=False, ROWS=4, COLUMNS=32, VECTOR=1), tmp_path, 80)


def test_the_small_map_is_normalised_without_spilling(tmp_path: Path) -> None:
    from sceneparse.networks.exact.kernels.normalising import _normalised

    check(compiled(_normalised, 4, class_stride=1, PIXELS=4, BLOCK=256), tmp_path, 80)


@pytest.mark.parametrize("shares", [False, True])
def test_the_kernel_of_cross_entropies_reads_four_classes_at_once_and_spills_nothing(
    tmp_path: Path, shares: bool
) -> None:
    from sceneparse.networks.exact.kernels.entropies import _entropies

    found = compiled(_entropies, 1, SHARES=shares, ROWS=8, COLUMNS=32)
    assert "ld.global.v4.b32" in found.asm["ptx"] and not re.search(r"atom\.|st\.local", found.asm["ptx"])
    check(found, tmp_path, 128)


@pytest.mark.parametrize("truth", [False, True])
def test_the_kernel_of_gradients_needs_no_atomics_and_spills_nothing(tmp_path: Path, truth: bool) -> None:
    from sceneparse.networks.exact.kernels.pulling import _pulled

    found = compiled(_pulled, 1, TRUTH=truth, COLUMNS=8, BLOCK=64)
    assert not re.search(r"atom\.|red\.|bar\.sync|st\.local", found.asm["ptx"])
    check(found, tmp_path, 128)


@pytest.mark.parametrize("follows", [{"SHORTCUT": False, "LEAST": None}, {"SHORTCUT": True, "LEAST": 0.0}])
def test_the_kernel_of_biases_reads_and_writes_eight_numbers_at_once(tmp_path: Path, follows: Any) -> None:
    from sceneparse.networks.exact.kernels.biasing import _biased

    found = compiled(_biased, 4, PIXELS=8, BLOCK=256, MOST=None, **follows)
    assert "ld.global.v4.b32" in found.asm["ptx"] and "st.global.v4.b32" in found.asm["ptx"]
    check(found, tmp_path, 64)


def test_no_kernel_is_compiled_anew_for_another_size() -> None:
    from sceneparse.networks.exact.kernels import entropies, labels, normalising, pulling
    from sceneparse.networks.exact.kernels.sides import SIDES

    for kernel in (labels._labels, entropies._entropies, pulling._pulled):
        assert {*SIDES, "classes"} <= set(kernel.do_not_specialize)
    assert {"count", "classes", "height", "width"} <= set(normalising._normalised.do_not_specialize)
