"""Networks whose random weights were not drawn are, once filled, those whose were; sketches draw none either."""

from collections.abc import Callable

import pytest
import torch
from timm.layers.weight_init import trunc_normal_tf_
from torch import Tensor, nn

from sceneparse.networks.unfilled import sketched, unfilled
from sceneparse.settings import BackboneSettings, NetworkSettings
from sceneparse.weights.build import build

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
        # Nothing was drawn, not even in vain.
        assert torch.equal(torch.random.get_rng_state(), state)
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
        state = torch.random.get_rng_state()
        nn.init.normal_(parameter)
        for weight in (nn.Conv2d(3, 4, 3).weight, nn.Linear(3, 4).weight):
            draws: list[Callable[[Tensor], Tensor]] = [
                nn.init.kaiming_normal_, nn.init.xavier_uniform_, nn.init.trunc_normal_, trunc_normal_tf_
            ]  # fmt: skip
            for draw in draws:
                draw(weight)
        assert torch.equal(torch.random.get_rng_state(), state)
        nn.init.normal_(other)
        nn.init.orthogonal_(square := nn.Parameter(torch.empty(3, 3)))
    assert not parameter.any() and not torch.equal(other, torch.full((9,), 7.0))
    torch.testing.assert_close(square @ square.T, torch.eye(3))
    nn.init.uniform_(parameter)
    assert parameter.all()


def test_a_sketch_has_shapes_alone_and_draws_nothing() -> None:
    settings, network = BackboneSettings("resnet18"), NetworkSettings(channels=8)
    state = torch.random.get_rng_state()
    with sketched():
        sketch = build(settings, network, 5)
        assert torch.equal(torch.random.get_rng_state(), state)
    shapes = {name: value.shape for name, value in build(settings, network, 5).state_dict().items()}
    assert {name: value.shape for name, value in sketch.state_dict().items()} == shapes
    assert all(value.is_meta for value in sketch.parameters())
