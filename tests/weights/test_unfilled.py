"""Networks whose random weights were not drawn are, once filled, those whose were."""

import pytest
import torch
from torch import nn

from sceneparse.settings import BackboneSettings, NetworkSettings
from sceneparse.weights.build import build
from sceneparse.weights.unfilled import unfilled

NETWORKS = [
    ("resnet18", NetworkSettings(channels=8)),
    ("mobilenetv2_035", NetworkSettings(architecture="upernet", channels=8)),
    ("convnext_atto", NetworkSettings(architecture="upernet", channels=8)),
    ("swin_tiny_patch4_window7_224", NetworkSettings(architecture="upernet", channels=8)),
    ("vit_tiny_patch16_224", NetworkSettings(architecture="fcn", channels=8, output_stride=16)),
    ("squeezenet1_1_stride8", NetworkSettings(channels=8)),
]


@pytest.mark.parametrize(("backbone", "network"), NETWORKS, ids=[name for name, _ in NETWORKS])
def test_once_filled_they_are_the_same(backbone: str, network: NetworkSettings) -> None:
    torch.manual_seed(3)
    drawn = build(BackboneSettings(backbone), network, 5)
    state = torch.random.get_rng_state()
    with unfilled():
        filled = build(BackboneSettings(backbone), network, 5)
    assert torch.equal(torch.random.get_rng_state(), state)
    filled.load_state_dict(drawn.state_dict())
    for wanted, found in (
        (dict(drawn.named_parameters()), dict(filled.named_parameters())),
        (dict(drawn.named_buffers()), dict(filled.named_buffers())),
    ):
        assert wanted.keys() == found.keys()
        for name, value in wanted.items():
            assert torch.equal(found[name], value), name
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(filled.eval()(images).logits, drawn.eval()(images).logits)


def test_parameters_are_not_drawn_and_other_tensors_are() -> None:
    parameter, other = nn.Parameter(torch.full((9,), 7.0)), torch.full((9,), 7.0)
    with unfilled():
        nn.init.normal_(parameter)
        nn.init.kaiming_uniform_(parameter.view(3, 3))
        nn.init.normal_(other)
        made = torch.rand(9)
    assert not torch.equal(other, torch.full((9,), 7.0)) and made.unique().numel() == 9
    with torch.no_grad():
        nn.init.uniform_(parameter)
    assert not torch.equal(parameter, torch.full((9,), 7.0))
