import pytest
import torch

from sceneparse.devices import sums
from sceneparse.devices.sums import summed_in_blocks, wide_sum, widest


def test_sums_are_float64_but_on_apples_gpus() -> None:
    assert {kind: widest(torch.device(kind)) for kind in ("cpu", "cuda", "xpu", "mps")} == {
        "cpu": torch.float64,
        "cuda": torch.float64,
        "xpu": torch.float64,
        "mps": torch.float32,
    }
    values = torch.rand(50, 60)
    assert torch.equal(wide_sum(values), values.sum(dtype=torch.float64))


@pytest.mark.parametrize("count", [0, 1, 127, 128, 129, 128 * 128 + 1, 3_000_000])
def test_sums_in_blocks_of_float32_are_right_to_a_few_roundings(count: int) -> None:
    values = torch.rand(count, generator=torch.Generator().manual_seed(0))
    found, exact = summed_in_blocks(values), values.sum(dtype=torch.float64)
    assert found.dtype == torch.float32 and found.shape == ()
    assert abs(float(found) - float(exact)) <= 4e-7 * float(exact)


def test_whole_numbers_are_counted_exactly() -> None:
    assert int(summed_in_blocks(torch.ones(4, 1000, 1001))) == 4_004_000


def test_without_float64_a_sum_has_a_gradient_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "WITHOUT_FLOAT64", {"cpu"})
    values = torch.rand(300, requires_grad=True)
    wide_sum(values * 2).backward()
    assert values.grad is not None and torch.equal(values.grad, torch.full((300,), 2.0))
