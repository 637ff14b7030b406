from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from sceneparse.errors import UserError
from sceneparse.inference import TorchEngine, predict, resolve
from sceneparse.networks import FCN, PSPNet, SceneParser, UPerNet
from sceneparse.networks.backbones import make_backbone
from sceneparse.settings import PreprocessingSettings, ProtocolSettings

SETTINGS = PreprocessingSettings()


def lively(network: SceneParser) -> SceneParser:
    """Batch normalisations that have seen data, so that leaving one out shows."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values, low, high in (
                (module.running_mean, -0.2, 0.2),
                (module.running_var, 0.5, 1.5),
                (module.weight.data, 0.5, 1.5),
                (module.bias.data, -0.2, 0.2),
            ):
                assert values is not None
                values.uniform_(low, high, generator=generator)
    return network.eval()


@pytest.fixture(scope="module")
def pspnet() -> SceneParser:
    torch.manual_seed(0)
    return lively(PSPNet(make_backbone("resnet18", output_stride=8), 5, channels=32))


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randint(0, 256, (2, 3, 65, 97), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def close(got: Tensor, expected: Tensor, share: float) -> bool:
    return float((got - expected).abs().max()) <= share * float(expected.abs().max())


@pytest.mark.parametrize(
    "build",
    [
        lambda: PSPNet(make_backbone("resnet18", output_stride=8), 5, channels=32),
        lambda: UPerNet(make_backbone("mobilenetv2_100", padding="same"), 5, channels=32),
        lambda: FCN(make_backbone("resnet18"), 5, channels=32, align_corners=True),
    ],
    ids=["pspnet", "upernet on mobilenet with same padding", "fcn"],
)
def test_every_batch_norm_is_folded_and_the_scores_stay(build: Callable[[], SceneParser], images: Tensor) -> None:
    network = lively(build())
    live = TorchEngine.live(network, SETTINGS, precision="float32")
    folded = TorchEngine(network, SETTINGS, device="cpu", precision="float32")
    assert close(folded(images), live(images), 1e-4)
    head = network.aux_head
    unused = sum(isinstance(m, nn.BatchNorm2d) for m in head.modules()) if head is not None else 0
    assert sum(isinstance(m, nn.BatchNorm2d) for m in folded.network.modules()) == unused
    assert f"{folded.folded} of {folded.folded} batch normalisations folded" in folded.describe()


def test_the_network_that_was_given_stays_as_it_is(pspnet: SceneParser, images: Tensor) -> None:
    before = {name: value.clone() for name, value in pspnet.state_dict().items()}
    pspnet.train()
    TorchEngine(pspnet, SETTINGS, device="cpu", precision="bfloat16")(images)
    assert pspnet.training
    pspnet.eval()
    after = pspnet.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)
    assert all(parameter.requires_grad for parameter in pspnet.parameters())


def test_logits_are_float32_at_the_networks_own_stride(pspnet: SceneParser, images: Tensor) -> None:
    for precision in ("float32", "bfloat16"):
        engine = TorchEngine(pspnet, SETTINGS, device="cpu", precision=precision)
        logits = engine(images)
        assert logits.dtype == torch.float32 and logits.shape == (2, 5, 9, 13)
        assert engine.precision == precision and str(engine.device) == "cpu"


def test_bfloat16_is_close_to_float32(pspnet: SceneParser, images: Tensor) -> None:
    exact = TorchEngine(pspnet, SETTINGS, device="cpu", precision="float32")(images)
    rounded = TorchEngine(pspnet, SETTINGS, device="cpu", precision="bfloat16")(images)
    assert close(rounded, exact, 0.05) and not torch.equal(rounded, exact)


def test_float_pictures_count_as_0_to_255_like_uint8_ones(pspnet: SceneParser, images: Tensor) -> None:
    engine = TorchEngine(pspnet, SETTINGS, device="cpu", precision="float32")
    assert torch.equal(engine(images), engine(images.float()))


def test_a_live_engine_sees_the_weights_as_they_are_now(images: Tensor) -> None:
    network = lively(FCN(make_backbone("resnet18"), 3, channels=16))
    engine = TorchEngine.live(network, SETTINGS, precision="float32")
    before = engine(images)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1.1)
    assert not close(engine(images), before, 1e-3)


def test_a_network_can_go_on_training_after_it_was_scored_live(images: Tensor) -> None:
    """Also when it keeps a constant that it made while it was scored."""

    class Caching(UPerNet):
        constant: Tensor | None = None

        def decode(self, features: list[Tensor]) -> Tensor:
            if self.constant is None:
                self.constant = torch.full((1,), 2.0)
            return super().decode(features) * self.constant

    network = lively(Caching(make_backbone("resnet18"), 3, channels=16))
    predict(TorchEngine.live(network, SETTINGS), images[0], resolve(ProtocolSettings(flip=True)))
    network.train()
    network(images.float() / 255).logits.square().mean().backward()
    assert all(p.grad is not None for name, p in network.named_parameters() if not name.startswith("aux_head"))


def test_scoring_in_training_mode_is_refused(images: Tensor) -> None:
    network = FCN(make_backbone("resnet18"), 3, channels=16).train()
    with pytest.raises(RuntimeError, match="training mode"):
        TorchEngine.live(network, SETTINGS)(images)


def test_one_mean_stands_for_all_channels_and_a_wrong_number_is_refused(pspnet: SceneParser) -> None:
    grey = PreprocessingSettings(mean=(0.5,), std=(0.25,))
    assert TorchEngine(pspnet, grey, device="cpu").padding_color == (127.5, 127.5, 127.5)
    with pytest.raises(UserError, match="2 values, but the network takes 3 channels"):
        TorchEngine(pspnet, PreprocessingSettings(mean=(0.5, 0.5), std=(0.25, 0.25)), device="cpu")


def test_padding_is_zero_after_normalisation(pspnet: SceneParser) -> None:
    engine = TorchEngine(pspnet, SETTINGS, device="cpu", precision="float32")
    seen = []
    engine.network.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    engine(torch.tensor(engine.padding_color).view(1, 3, 1, 1).expand(1, 3, 64, 64))
    assert float(seen[0].abs().max()) < 1e-6
