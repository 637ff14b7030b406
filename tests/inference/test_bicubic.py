"""Antialiased bicubic interpolation as matrix products is PyTorch's, and OpenVINO takes it."""

from importlib.util import find_spec

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.export import Dim

from sceneparse.inference.bicubic import BicubicAsProducts


@pytest.mark.parametrize("size", [(14, 9), (7, 20), (40, 3), (1, 1), (28, 18)])
def test_products_are_pytorchs_interpolation(size: tuple[int, int]) -> None:
    maps = torch.randn(1, 5, 14, 9, generator=torch.Generator().manual_seed(0))
    expected = F.interpolate(maps, size=size, mode="bicubic", antialias=True)
    with BicubicAsProducts():
        found = F.interpolate(maps, size=size, mode="bicubic", antialias=True)
        other = F.interpolate(maps, size=size, mode="bilinear")
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=0)
    assert torch.equal(other, F.interpolate(maps, size=size, mode="bilinear"))


class Positions(nn.Module):
    """Adds a position embedding, brought to the map's size, as plain ViTs do."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(1, 4, 6, 6, generator=torch.Generator().manual_seed(1)))

    def forward(self, maps: Tensor) -> Tensor:
        size = list(maps.shape[-2:])
        return maps + F.interpolate(self.embedding, size=size, mode="bicubic", antialias=True)


@pytest.mark.skipif(find_spec("openvino") is None, reason="OpenVINO is not installed")
def test_openvino_takes_positions_for_any_size() -> None:
    from sceneparse.inference.openvino_engine import core, installed

    network, sides = Positions().eval(), {2: Dim("height", min=2, max=99), 3: Dim("width", min=2, max=99)}
    with BicubicAsProducts(), torch.no_grad():
        graph = torch.export.export(network, (torch.zeros(1, 4, 9, 7),), dynamic_shapes=({**sides},))
    model = core().compile_model(installed().convert_model(graph), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for size in [(6, 6), (11, 5), (3, 30)]:
        maps = torch.zeros(1, 4, *size)
        found = torch.from_numpy(model(maps.numpy())[0])
        torch.testing.assert_close(found, network(maps).detach(), atol=2e-5, rtol=0)
