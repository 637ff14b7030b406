from types import SimpleNamespace

import pytest
import torch

from sceneparse.devices import choose_device, choosing, device_name, wait
from sceneparse.errors import UserError
from sceneparse.settings.device import checked_device


def found(monkeypatch: pytest.MonkeyPatch, kind: str, count: int = 1) -> None:
    """Make it look as if this machine had accelerators of a kind."""
    module = SimpleNamespace(
        is_available=lambda: count > 0,
        device_count=lambda: count,
        get_device_name=lambda device: f"{device.type} model",
    )
    monkeypatch.setattr(torch, "get_device_module", lambda _: module)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device(kind))


@pytest.mark.parametrize("kind", ["cuda", "mps", "xpu"])
def test_auto_is_the_accelerator_that_pytorch_finds(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    found(monkeypatch, kind)
    assert choose_device() == choose_device(kind) == torch.device(kind)


def test_auto_is_the_cpu_where_there_is_none_or_one_of_a_kind_that_we_do_not_know(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found(monkeypatch, "cuda", 0)
    assert choose_device() == torch.device("cpu")
    found(monkeypatch, "mtia")
    assert choose_device() == torch.device("cpu")


def test_devices_are_chosen_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, "xpu", 2)
    assert choose_device("xpu:1") == torch.device("xpu", 1)
    with pytest.raises(UserError, match=r"^device 'xpu:2' is not there: this machine has 2 XPU devices; use"):
        choose_device("xpu:2")


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("mps", r"^device 'mps' is not there: this machine has 0 MPS devices \(.*Macs.*\); use device='cpu'$"),
        ("xpu:1", r"^device 'xpu:1' is not there: this machine has 0 XPU devices that this PyTorch can use; use"),
        ("cuda:99", r"^device 'cuda:99' is not there: this machine has 0 CUDA devices; use device='cpu'$"),
        ("gpu", "^device 'gpu' is unknown: use auto, cpu, cuda, cuda:N, mps, xpu or xpu:N$"),
        ("meta", "^device 'meta' is unknown"),
    ],
)
def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch, device: str, message: str) -> None:
    monkeypatch.setattr(choosing, "device_count", lambda _: 0)
    with pytest.raises(UserError, match=message):
        choose_device(device)


def test_names_of_devices_are_checked_without_looking_for_them() -> None:
    for name in ("auto", "cpu", "mps", "cuda", "cuda:3", "xpu", "xpu:0"):
        assert checked_device(name) == name
    for name in ("gpu", "mps:1", "cuda:", "cuda:a", "cpu:0"):
        with pytest.raises(UserError, match=f"training.device '{name}' is unknown"):
            checked_device(name, "training.device")


def test_devices_have_names_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, "xpu")
    assert device_name(torch.device("cpu")) == "cpu"
    assert device_name(torch.device("mps")) == "Apple GPU (mps)"
    assert device_name(torch.device("xpu", 0)) == "xpu model"


def test_accelerators_are_waited_for_and_cpus_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[torch.device] = []
    monkeypatch.setattr(torch.accelerator, "synchronize", waited.append)
    for name in ("cpu", "mps", "xpu:1"):
        wait(torch.device(name))
    assert waited == [torch.device("mps"), torch.device("xpu", 1)]
