"""PyTorch's settings of how float32 is multiplied are there without a GPU, and so is what is set of them."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from sceneparse.devices import arithmetic, float32_products, products_beside


def settings() -> dict[str, Any]:
    """Every setting that there is, and what PyTorch's older interface says of them."""
    found = {
        f"{backend}.{op}": torch._C._get_fp32_precision_getter(backend, op) for backend, op in arithmetic.OPERATIONS
    }
    return found | {
        "matmul": torch.get_float32_matmul_precision(),
        "cublas": torch.backends.cuda.matmul.allow_tf32,
        "cudnn": torch.backends.cudnn.allow_tf32,
    }


EXACT = {
    **{f"{backend}.{op}": "ieee" for backend, op in arithmetic.OPERATIONS},
    "matmul": "highest",
    "cublas": False,
    "cudnn": False,
}
ROUNDED = {**dict.fromkeys(EXACT, "tf32"), "matmul": "high", "cublas": True, "cudnn": True}


@pytest.fixture(autouse=True)
def _kept() -> Iterator[None]:
    before = arithmetic._State.now()
    yield
    before.restore()


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_float32_is_ieee_in_every_precision_but_tf32(precision: str) -> None:
    before = settings()
    assert before["cudnn"], "PyTorch's own setting for convolutions is TF32"
    with float32_products(precision):
        assert settings() == EXACT
    assert settings() == before


def test_tf32_is_set_for_products_and_convolutions_alike() -> None:
    before = settings()
    with float32_products("tf32"):
        assert settings() == ROUNDED
    assert settings() == before


def test_beside_16_bits_a_gpu_that_has_tf32_multiplies_float32_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    card, cpu = torch.device("cuda", 0), torch.device("cpu")
    for there in (True, False):
        monkeypatch.setattr(arithmetic, "has_tf32", lambda _, there=there: there)
        assert [products_beside(one, cpu) for one in ("float32", "bfloat16")] == ["float32", "bfloat16"]
        assert products_beside("float32", card) == "float32" and products_beside("tf32", card) == "tf32"
        beside = [products_beside(one, card) for one in ("bfloat16", "float16")]
        assert beside == (["tf32", "tf32"] if there else ["bfloat16", "float16"])


@pytest.mark.parametrize("name", ["highest", "high", "medium"])
def test_what_the_user_had_set_by_the_older_interface_holds_again_afterwards(name: str) -> None:
    torch.set_float32_matmul_precision(name)
    torch.backends.cudnn.allow_tf32 = False
    before = settings()
    for precision in ("float32", "tf32"):
        with float32_products(precision):
            assert settings() == (ROUNDED if precision == "tf32" else EXACT)
        assert settings() == before


def test_what_the_user_had_set_by_the_newer_interface_holds_again_afterwards() -> None:
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    torch.backends.cudnn.conv.fp32_precision = "ieee"  # type: ignore[attr-defined]
    with float32_products("float32"):
        assert settings() == EXACT
    assert torch.backends.cuda.matmul.fp32_precision == "tf32"
    assert torch.backends.cudnn.conv.fp32_precision == "ieee"  # type: ignore[attr-defined]


def test_settings_hold_again_after_an_error() -> None:
    before = settings()
    with pytest.raises(ValueError, match="no"), float32_products("tf32"):
        raise ValueError("no")
    assert settings() == before


def test_each_of_two_that_take_turns_computes_in_its_own() -> None:
    with float32_products("tf32"):
        with float32_products("float32"):
            assert settings() == EXACT
        assert settings() == ROUNDED


def test_threads_of_one_precision_compute_together_and_one_of_the_other_waits() -> None:
    before, inside, seen = settings(), threading.Barrier(2, timeout=10), []

    def compute(precision: str, alone: bool) -> None:
        with float32_products(precision):
            if not alone:
                inside.wait()
            seen.append(settings() == (ROUNDED if precision == "tf32" else EXACT))

    with float32_products("tf32"):
        waiting = threading.Thread(target=compute, args=("float32", True))
        waiting.start()
        together = [threading.Thread(target=compute, args=("tf32", False)) for _ in range(2)]
        for thread in together:
            thread.start()
        for thread in together:
            thread.join(10)
        assert seen == [True, True] and settings() == ROUNDED
    waiting.join(10)
    assert seen == [True] * 3 and settings() == before


def test_what_is_compiled_under_either_compiles() -> None:
    # The compiler's guards ask the older interface, which fails where the two contradict each other.
    for precision in ("float32", "tf32"):
        torch.compiler.reset()
        with torch._dynamo.config.patch(suppress_errors=False), float32_products(precision):
            made = torch.compile(lambda left, right: left @ right, backend="eager")
            assert made(torch.ones(2, 2), torch.ones(2, 2)).sum() == 8
