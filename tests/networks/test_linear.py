import torch

from sceneparse.settings import BackboneSettings, NetworkSettings
from sceneparse.weights.build import build


def test_one_layer_classifies_each_patch() -> None:
    network = build(BackboneSettings("test_vit"), NetworkSettings("linear", aux=False), 3).eval()
    assert network(torch.zeros(1, 3, 65, 48)).logits.shape == (1, 3, 5, 3)
    new = [name for name, _ in network.named_parameters() if not name.startswith("backbone.body")]
    assert new == ["norm.weight", "norm.bias", "classifier.weight", "classifier.bias"]


def test_four_layers_are_put_side_by_side() -> None:
    with torch.device("meta"):
        network = build(BackboneSettings("test_vit"), NetworkSettings("linear", aux=False, layers=4), 3)
    assert network.get_parameter("classifier.weight").shape == (3, 4 * network.backbone.channels[0], 1, 1)
    with torch.device("meta"):
        strided = build(
            BackboneSettings("resnet10t"), NetworkSettings("linear", aux=False, layers=4, output_stride=32), 3
        )
    assert strided(torch.empty(2, 3, 64, 64, device="meta")).logits.shape == (2, 3, 16, 16)
