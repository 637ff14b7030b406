"""Two processes that share a batch compute what one process does: batch norm, dropout, the mining of hard pixels."""

from typing import Any

import pytest
import torch
from timm.layers.drop import DropPath
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, nn

from tests.support.together import in_two_processes

SHARED = """
import sys
import torch
from torch import nn
from timm.layers.drop import DropPath
from timm.layers.norm_act import BatchNormAct2d
from sceneparse.networks.shared_batch import share_batch
from sceneparse.processes import join
from sceneparse.training.losses.mining import largest

processes = join("cpu")
given = torch.load(sys.argv[1], weights_only=True)
network = nn.Sequential(
    nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), BatchNormAct2d(4), nn.Conv2d(4, 5, 1), nn.BatchNorm2d(5, momentum=None)
).double()
network.load_state_dict(given["network"])
share_batch(network, torch.device("cpu"))
half = slice(0, 1) if processes.first else slice(1, 4)
images = given["images"][half].requires_grad_()
loss = (network(images) * given["factors"][half]).sum()
loss.backward()
network.eval()
found = {
    "images": images.grad,
    "evaluated": network(images).detach(),
    **{f"gradient {name}": processes.total(one.grad) for name, one in network.named_parameters()},
    **{f"buffer {name}": one for name, one in network.named_buffers()},
}
maps = given["maps"][:2] if processes.first else given["maps"][2:]
dropped = nn.Sequential(nn.Dropout2d(0.5), nn.Dropout(0.3), DropPath(0.4))
share_batch(dropped, torch.device("cpu"))
torch.manual_seed(5)
found["dropped"] = dropped(maps)
found["channels last"] = dropped(maps.contiguous(memory_format=torch.channels_last))
values = given["values"][:3] if processes.first else given["values"][3:]
found["largest"] = torch.tensor([largest(values, place, processes.total) for place in range(1, 11)])
found["rows"] = processes.gather(torch.full((processes.rank, 2), float(processes.rank)))
torch.save(found, f"{sys.argv[1]}.{processes.rank}")
"""


@pytest.fixture(scope="module")
def given() -> dict[str, object]:
    generator = torch.Generator().manual_seed(3)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), BatchNormAct2d(4), nn.Conv2d(4, 5, 1), nn.BatchNorm2d(5, momentum=None)
    ).double()
    state = {name: random(*one.shape) if one.is_floating_point() else one for name, one in network.state_dict().items()}
    state |= {name: value.square() + 0.1 for name, value in state.items() if name.endswith("running_var")}
    # Values far from zero would lose their variance in a careless sum.
    images, factors = random(4, 3, 8, 9) + 100, random(4, 5, 6, 7)
    values = torch.tensor([0.5, 3.0, 0.0, 2.0, 2.0, 7.5, 1e-30, 1.0, -1e-9, 0.25])
    return {"network": state, "images": images, "factors": factors, "maps": random(4, 6, 3, 5), "values": values}


@pytest.fixture(scope="module")
def found(given: dict[str, object], tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Tensor]]:
    folder = tmp_path_factory.mktemp("shared")
    torch.save(given, folder / "given")
    (folder / "shared.py").write_text(SHARED)
    in_two_processes(folder / "shared.py", folder / "given")
    return [torch.load(folder / f"given.{rank}", weights_only=True) for rank in (0, 1)]


def test_batch_norm_has_the_statistics_and_gradients_of_the_whole_batch(
    given: dict[str, object], found: list[dict[str, Tensor]]
) -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), BatchNormAct2d(4), nn.Conv2d(4, 5, 1), nn.BatchNorm2d(5, momentum=None)
    ).double()
    network.load_state_dict(given["network"])  # type: ignore[arg-type]
    images = given["images"].clone().requires_grad_()  # type: ignore[attr-defined]
    (network(images) * given["factors"]).sum().backward()
    network.eval()
    exact: dict[str, Any] = {"rtol": 1e-8, "atol": 1e-10}
    torch.testing.assert_close(torch.cat([one["images"] for one in found]), images.grad, **exact)
    torch.testing.assert_close(torch.cat([one["evaluated"] for one in found]), network(images).detach(), **exact)
    for own in found:
        for name, parameter in network.named_parameters():
            torch.testing.assert_close(own[f"gradient {name}"], parameter.grad, **exact)
        for name, buffer in network.named_buffers():
            torch.testing.assert_close(own[f"buffer {name}"], buffer, **exact)


def test_dropout_drops_what_one_process_would_drop(given: dict[str, object], found: list[dict[str, Tensor]]) -> None:
    layers = nn.Sequential(nn.Dropout2d(0.5), nn.Dropout(0.3), DropPath(0.4))
    maps = given["maps"]
    assert isinstance(maps, Tensor)
    torch.manual_seed(5)
    torch.testing.assert_close(torch.cat([one["dropped"] for one in found]), layers(maps))
    last = layers(maps.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(torch.cat([one["channels last"] for one in found]), last)


def test_the_largest_values_are_found_without_bringing_them_together(
    given: dict[str, object], found: list[dict[str, Tensor]]
) -> None:
    values = given["values"]
    assert isinstance(values, Tensor)
    for own in found:
        assert torch.equal(own["largest"], values.clamp(min=0).sort(descending=True).values)


def test_rows_are_gathered_in_the_order_of_the_processes(found: list[dict[str, Tensor]]) -> None:
    assert torch.equal(found[0]["rows"], torch.tensor([[1.0, 1.0]])) and torch.equal(found[0]["rows"], found[1]["rows"])
