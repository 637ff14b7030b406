import time

import pytest
import torch

from sceneparse.benching.breakdown import ComponentTimer, boundary_share
from sceneparse.inference import TorchEngine
from sceneparse.inference.graphs import Graphs
from sceneparse.settings import BackboneSettings, NetworkSettings, PreprocessingSettings
from sceneparse.weights.build import build
from tests.support.graphs import Player


def test_time_is_booked_on_the_part_in_which_it_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    network = build(BackboneSettings("resnet10t"), NetworkSettings(channels=8), 3)
    engine = TorchEngine(network, PreprocessingSettings(), device="cpu", precision="float32")
    timer = ComponentTimer(engine, torch.zeros(3, 64, 64, dtype=torch.uint8))
    timer()
    decode = engine.network.decode

    def slow(features: list[torch.Tensor]) -> torch.Tensor:
        time.sleep(0.5)
        return decode(features)

    monkeypatch.setattr(engine.network, "decode", slow)
    timer()
    before, after = timer.calls
    assert after.head > 500 > before.head
    assert max(after.backbone, after.picture, after.labels) < 500
    assert min(*before, *after) >= 0
    assert not engine.network._forward_hooks and not engine.network.backbone._forward_hooks


def test_an_engine_with_graphs_is_timed_as_it_comes() -> None:
    network = build(BackboneSettings("resnet10t"), NetworkSettings(channels=8), 3)
    engine = TorchEngine(network, PreprocessingSettings(), device="cpu", precision="float32")
    graphs = engine.graphs = Graphs(player := Player(), before=1)
    timer = ComponentTimer(engine, torch.zeros(3, 64, 64, dtype=torch.uint8))
    for _ in range(3):
        timer()
    assert len(timer.calls) == 3 and not player.recorded
    assert engine.graphs is graphs, "whoever uses the engine besides keeps its graphs"


def test_the_boundary_is_the_share_of_cells_with_several_winners() -> None:
    winners = torch.tensor([[0, 0, 1], [0, 0, 1], [0, 0, 0]])
    logits = torch.nn.functional.one_hot(winners, 2).permute(2, 0, 1).float()
    assert boundary_share(logits) == 0.5  # the two cells on the right
    assert boundary_share(torch.zeros(4, 3, 3)) == 0
