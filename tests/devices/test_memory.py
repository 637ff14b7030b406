import pytest
import torch

from sceneparse.devices import memory
from sceneparse.devices.memory import tells_memory, to_device


@pytest.mark.parametrize(("kind", "awaited"), [("cuda", False), ("mps", True), ("xpu", True), ("cpu", True)])
def test_a_copy_is_awaited_where_its_source_could_be_gone_before_it_is_read(kind: str, awaited: bool) -> None:
    seen: list[bool] = []

    class Watched(torch.Tensor):
        def to(self, *_: object, non_blocking: bool = False) -> torch.Tensor:  # type: ignore[override]
            seen.append(not non_blocking)
            return self

    to_device(torch.zeros(2).as_subclass(Watched), torch.device(kind))
    assert seen == [awaited]


def test_memory_is_asked_of_the_devices_own_module(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, says in (("cuda", True), ("xpu", True), ("mps", False)):
        assert tells_memory(torch.device(kind)) == says
    monkeypatch.setattr(torch.xpu, "mem_get_info", lambda _: (70, 100))
    monkeypatch.setattr(torch.xpu, "memory_reserved", lambda _: 5)
    assert memory.available(torch.device("xpu", 0)) == 75
