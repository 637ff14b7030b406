import pytest
import torch
import torch.nn.functional as F

from sceneparse.networks import ConcatUPerNet, resize
from sceneparse.networks.backbones import make_backbone


def make(**options: object) -> ConcatUPerNet:
    torch.manual_seed(0)
    return ConcatUPerNet(make_backbone("resnet10t"), 5, **{"channels": 16, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(64, 96), (65, 47)])
def test_logits_come_at_four_times_stage_1s_size(size: tuple[int, int]) -> None:
    logits = make().eval()(torch.randn(2, 3, *size)).logits
    assert tuple(logits.shape) == (2, 5, *(4 * -(-side // 4) for side in size))


def test_the_auxiliary_head_works_in_training_mode_only() -> None:
    images = torch.randn(2, 3, 64, 64)
    assert make().train()(images).aux.shape == (2, 5, 4, 4)
    assert make().eval()(images).aux is None and make(aux=False).train()(images).aux is None


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("resampling", ["exact", "plain"])
def test_the_classifier_sees_the_enlarged_map(align_corners: bool, resampling: str) -> None:
    network = make(align_corners=align_corners, resampling=resampling).eval()
    with torch.inference_mode():
        features = network.backbone(torch.randn(1, 3, 64, 96))
        enlarged = resize(network.fuse(features), (64, 96), align_corners)
        expected = F.conv2d(enlarged, network.classifier.weight, network.classifier.bias, padding=1)
        torch.testing.assert_close(network.decode(features), expected, rtol=1e-4, atol=1e-5)


def test_both_formulations_have_the_same_gradients() -> None:
    exact, plain = make(dropout=0.0, aux=False).eval(), make(dropout=0.0, aux=False, resampling="plain").eval()
    plain.load_state_dict(exact.state_dict())
    images = torch.randn(1, 3, 64, 64)
    for network in (exact, plain):
        network(images).logits.square().mean().backward()
    for (name, one), other in zip(exact.named_parameters(), plain.parameters(), strict=True):
        assert one.grad is not None and other.grad is not None, name
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-3, atol=1e-5)


def test_it_can_be_exported() -> None:
    network = make().eval()
    images = torch.randn(1, 3, 64, 96)
    exported = torch.export.export(network, (images,)).module()
    torch.testing.assert_close(exported(images).logits, network(images).logits, rtol=1e-4, atol=1e-5)
