"""On which device a training computes, and how its float32 numbers are multiplied."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from lightning_fabric.plugins.precision import MixedPrecision

from sceneparse.devices import memory, precisions
from sceneparse.errors import UserError
from sceneparse.settings import Recipe
from sceneparse.training import batch_size, fabric
from sceneparse.training.batch_size import with_found_batch
from sceneparse.training.fabric import fabric_on
from sceneparse.training.prepare import prepare
from sceneparse.training.random_steps import RandomSteps
from sceneparse.training.start import start_fabric

MakeRecipe = Callable[..., Recipe]
GIB = 1 << 30


@pytest.mark.parametrize(("precision", "wanted"), [("float32", "ieee"), ("tf32", "tf32"), ("bfloat16", "ieee")])
def test_a_step_multiplies_as_its_precision_says_forward_and_backward(
    toy: MakeRecipe, monkeypatch: pytest.MonkeyPatch, precision: str, wanted: str
) -> None:
    monkeypatch.setattr(precisions, "has_tf32", lambda _: True)
    prepared = prepare(toy(training__precision=precision), None, "auto")
    seen: list[str] = []

    def look(*_: Any) -> None:
        seen.append(torch._C._get_fp32_precision_getter("cuda", "conv"))

    prepared.learner.network.backbone.register_forward_hook(look)
    next(prepared.learner.network.backbone.parameters()).register_hook(look)
    RandomSteps(prepared).take(2)
    assert seen == [wanted] * 2
    assert prepared.compute.precision == precision


def test_tf32_on_the_cpu_is_refused(toy: MakeRecipe) -> None:
    with pytest.raises(UserError, match=r"^precision tf32 is not there on the CPU: "):
        start_fabric(toy(training__precision="tf32", training__device="cpu"))


def test_settings_name_devices_of_any_kind_and_refuse_others(toy: MakeRecipe) -> None:
    for name in ("mps", "xpu", "xpu:1", "cuda:2"):
        assert toy(training__device=name).training.device == name
    with pytest.raises(UserError, match=r"training\.device 'gpu' is unknown: use auto, cpu, cuda, cuda:N, mps, xpu or"):
        toy(training__device="gpu")


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("mps", "^several processes compute together on CPUs or on CUDA devices, not on mps: start one, without"),
        ("cuda:1", "^training.device is cuda:1, one device for 2 processes: give cuda$"),
    ],
)
def test_what_several_processes_cannot_share_is_refused(
    toy: MakeRecipe, monkeypatch: pytest.MonkeyPatch, device: str, message: str
) -> None:
    for name, value in {"RANK": 1, "WORLD_SIZE": 2, "LOCAL_RANK": 1, "LOCAL_WORLD_SIZE": 2}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr("sceneparse.training.start.choose_device", torch.device)
    with pytest.raises(UserError, match=message):
        start_fabric(toy(training__device=device, training__precision="float32"))


def test_one_of_intels_gpus_is_trained_on_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fabric, "device_count", lambda _: 2)
    for precision in ("float32", "tf32", "bfloat16"):
        made = fabric_on(torch.device("xpu", 1), precision)
        assert made.device == torch.device("xpu", 1)
        plugin = made.strategy.precision
        assert isinstance(plugin, MixedPrecision) == (precision == "bfloat16")
        assert getattr(plugin, "device", "xpu") == "xpu"


class Gpu:
    """A GPU of so many bytes, on which a step takes what it takes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, free: int, fixed: int, each: int) -> None:
        self.tried: list[int] = []
        for name, found in {
            "tells_memory": lambda _: True,
            "give_back": lambda _: None,
            "forget_peak": lambda _: None,
            "available": lambda _: free,
            "peak_reserved": lambda _: fixed + each * self.tried[-1],
        }.items():
            monkeypatch.setattr(memory, name, found)
        monkeypatch.setattr(batch_size, "wait", lambda _: None)
        monkeypatch.setattr(RandomSteps, "take", lambda _, size: self.tried.append(size))
        monkeypatch.setattr(batch_size, "_fitting_cpu", batch_size._fitting_gpu)


def test_a_batch_is_found_on_any_gpu_that_says_what_steps_take(
    toy: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = Gpu(monkeypatch, 10 * GIB, fixed=GIB, each=GIB)
    prepared = with_found_batch(prepare(toy(training__batch="auto"), None, "auto"))
    assert prepared.recipe.training.batch == 4 and gpu.tried == [2, 4]


def test_a_driver_that_does_not_say_how_much_is_free_asks_for_a_number(
    toy: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    Gpu(monkeypatch, GIB, fixed=GIB, each=GIB)

    def silent(_: torch.device) -> int:
        raise RuntimeError("The device doesn't support querying the available free memory.\nMore.")

    monkeypatch.setattr(memory, "available", silent)
    with pytest.raises(UserError, match=r"driver does not say how much .* \(The device .* memory\.\); give a number$"):
        with_found_batch(prepare(toy(training__batch="auto"), None, "auto"))
