"""What no graph can hold is refused before anything is recorded; the CPU stands for the device."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sceneparse.inference.host_reads import RefusingHostReads, _copies
from sceneparse.networks import SceneParser
from sceneparse.settings import BackboneSettings, NetworkSettings
from sceneparse.weights.build import build

MAPS = torch.arange(12.0).view(3, 4)
SOME = torch.tensor([True, False, True])
PLACES = torch.tensor([0, 2])
ELSEWHERE = torch.empty(3, 4, device="meta")

READS: dict[str, Callable[[], object]] = {
    "aten.nonzero": lambda: MAPS.nonzero(),
    "aten.masked_select": lambda: MAPS.masked_select(MAPS > 1),
    "aten._unique2": lambda: MAPS.unique(),
    "aten.unique_consecutive": lambda: MAPS.unique_consecutive(),
    "aten.bincount": lambda: torch.bincount(PLACES),
    "aten.equal": lambda: torch.equal(MAPS, MAPS),
    "aten.index": lambda: MAPS[SOME],
    "aten.index_put_": lambda: MAPS.clone().__setitem__(SOME, 0.0),
}
COPIES: dict[str, Callable[[], object]] = {
    "aten._to_copy": lambda: MAPS.to("meta"),
    "aten.copy_": lambda: ELSEWHERE.copy_(MAPS),
    "aten.index": lambda: ELSEWHERE[PLACES],
    "aten.lift_fresh": lambda: torch.ops.aten.lift_fresh(ELSEWHERE),
}
GRAPHS_HOLD: list[Callable[[], object]] = [
    lambda: F.linear(MAPS, MAPS) @ MAPS,
    lambda: MAPS[PLACES] + MAPS.masked_fill(MAPS > 1, 0.0)[PLACES],
    lambda: torch.where(MAPS > 1, MAPS, 0.0).double(),
    lambda: F.interpolate(MAPS[None, None], (7, 9), mode="bilinear"),
]


@pytest.mark.parametrize("inference", [True, False])
@pytest.mark.parametrize("name", READS)
def test_what_waits_for_a_number_is_refused_by_name(name: str, inference: bool) -> None:
    with (
        torch.inference_mode(inference),
        pytest.raises(RuntimeError, match=f"^{name} waits for a number"),
        RefusingHostReads("cpu"),
    ):
        READS[name]()


@pytest.mark.parametrize("inference", [True, False])
def test_a_decision_on_a_number_is_refused(inference: bool) -> None:
    with (
        torch.inference_mode(inference),
        pytest.raises(RuntimeError, match="waits for a number"),
        RefusingHostReads("cpu"),
    ):
        assert MAPS.sum() > 0


@pytest.mark.parametrize("name", COPIES)
def test_what_copies_between_devices_is_refused_by_name(name: str) -> None:
    with (
        torch.inference_mode(),
        pytest.raises(RuntimeError, match=f"^{name} copies between devices"),
        RefusingHostReads("cuda"),
    ):
        COPIES[name]()


def test_a_number_of_main_memory_is_a_constant_of_what_is_computed() -> None:
    number = torch.tensor(2.0)
    assert not _copies(torch.ops.aten.mul.Tensor, (ELSEWHERE, number))
    assert _copies(torch.ops.aten.copy_.default, (ELSEWHERE, number))


def test_numbers_of_other_devices_may_be_read() -> None:
    with torch.inference_mode(), RefusingHostReads("cuda"):
        assert MAPS[SOME].sum().item() == 44


@pytest.mark.parametrize("inference", [True, False])
def test_what_graphs_hold_gives_the_same(inference: bool) -> None:
    for compute in GRAPHS_HOLD:
        wanted = compute()
        with torch.inference_mode(inference), RefusingHostReads("cpu"):
            found = compute()
        assert isinstance(found, Tensor) and isinstance(wanted, Tensor)
        assert torch.equal(found, wanted)


@pytest.mark.parametrize("architecture", ["pspnet", "upernet", "fcn"])
def test_networks_read_nothing(architecture: str) -> None:
    torch.manual_seed(0)
    network: SceneParser = build(
        BackboneSettings(name="test_resnet"), NetworkSettings(architecture=architecture, channels=8), 3
    ).eval()
    pictures = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        wanted = network(pictures).logits
        with RefusingHostReads("cpu"):
            found = network(pictures).logits
    assert torch.equal(found, wanted)
