from collections.abc import Callable

import pytest
import torch

from sceneparse.devices import trying
from sceneparse.devices.trying import first_working, precisions_to_try, refuse_not_finite
from sceneparse.errors import UserError
from sceneparse.settings import Precision

MPS, XPU = torch.device("mps"), torch.device("xpu")
MISSING = (
    "The operator 'aten::grid_sampler_2d_backward' is not currently implemented for the MPS device. If you want this "
    "op to be considered for addition please comment on https://github.com/pytorch/pytorch/issues/141287"
)


def failing(**errors: Exception) -> Callable[[Precision], None]:
    """An attempt that fails in these precisions."""

    def attempt(precision: Precision) -> None:
        if precision in errors:
            raise errors[precision]

    return attempt


def test_the_best_precision_is_taken_where_it_works() -> None:
    said: list[str] = []
    assert first_working(("bfloat16", "float32"), MPS, failing(), say=said.append) == "bfloat16"
    assert said == []


@pytest.mark.parametrize(
    "error",
    [
        TypeError("BFloat16 is not supported on MPS"),
        NotImplementedError("\"col2im\" not implemented for 'BFloat16'"),
        trying.NotFiniteError("its results are not finite"),
    ],
)
def test_a_precision_that_fails_gives_way_to_float32_in_one_line(error: Exception) -> None:
    said: list[str] = []
    assert first_working(("bfloat16", "float32"), MPS, failing(bfloat16=error), say=said.append) == "float32"
    assert said == [f"note: bfloat16 does not work on Apple GPU (mps) ({error}); trying float32"]


def test_an_operator_that_is_missing_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    error = NotImplementedError(MISSING)
    with pytest.raises(UserError) as refused:
        first_working(("float32",), MPS, failing(float32=error))
    assert str(refused.value) == (
        "Apple GPU (mps) lacks an operator that this network needs, aten::grid_sampler_2d_backward: set "
        "PYTORCH_ENABLE_MPS_FALLBACK=1, which leaves it to the CPU, or use --device cpu"
    )
    monkeypatch.setattr(trying, "device_name", lambda _: "an Arc")
    with pytest.raises(UserError, match=r"an Arc lacks .* PYTORCH_ENABLE_XPU_FALLBACK=1, .* use training.device cpu$"):
        first_working(("bfloat16", "float32"), XPU, failing(bfloat16=error, float32=error), prefix="training.")


def test_a_precision_that_the_user_named_does_not_give_way() -> None:
    with pytest.raises(UserError) as refused:
        first_working(("bfloat16",), MPS, failing(bfloat16=TypeError("BFloat16 is not supported on MPS")))
    assert str(refused.value) == (
        "this network cannot be computed in bfloat16 on Apple GPU (mps) (BFloat16 is not supported on MPS); use "
        "--precision float32 or --device cpu"
    )


def test_what_is_the_users_to_mend_and_what_is_a_fault_of_ours_are_not_taken_for_the_devices() -> None:
    for error in (UserError("no compiler"), AssertionError("ours")):
        with pytest.raises(type(error), match=str(error)):
            first_working(("bfloat16", "float32"), MPS, failing(bfloat16=error))


def test_only_what_auto_guessed_on_apples_and_intels_gpus_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_macos_or_newer", lambda *_: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    assert precisions_to_try(MPS, "auto") == ("bfloat16", "float32")
    assert precisions_to_try(MPS, "bfloat16") == ("bfloat16",)
    assert precisions_to_try(torch.device("cuda"), "auto") == ("bfloat16",)
    monkeypatch.setattr(torch.backends.mps, "is_macos_or_newer", lambda *_: False)
    assert precisions_to_try(MPS, "auto") == ("float32",)
    assert [trying.is_unsure(torch.device(kind)) for kind in ("cpu", "cuda", "mps", "xpu")] == [
        False,
        False,
        True,
        True,
    ]


def test_results_that_are_not_finite_are_a_failure() -> None:
    refuse_not_finite(torch.ones(3))
    for value in (float("nan"), float("inf")):
        with pytest.raises(trying.NotFiniteError, match="not finite"):
            refuse_not_finite(torch.tensor([1.0, value]))
