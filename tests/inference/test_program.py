"""A network as a program for other runtimes, and which programs count as equal where tests convert each once."""

from pathlib import Path

import torch

from sceneparse.inference.program import Program, without_in_place
from sceneparse.networks import SceneParser, UPerNet
from sceneparse.networks.backbones import make_backbone
from sceneparse.settings import PreprocessingSettings
from sceneparse.weights.model import load_model, save_model
from tests.support.conversions import fingerprint
from tests.support.unified import unified_model


def test_a_program_to_be_converted_writes_nothing_in_place_and_the_network_stays_as_it_was() -> None:
    network = UPerNet(make_backbone("mobilenetv2_050"), 3, channels=8).eval()
    program = Program(network, PreprocessingSettings())
    images = torch.rand(1, 3, 64, 96) * 255
    with torch.no_grad():
        (expected,) = program(images)
        assert without_in_place(program) is program
        assert torch.equal(program(images)[0], expected)
    assert not any(getattr(module, "inplace", False) for module in program.modules())
    assert any(getattr(module, "inplace", False) for module in network.modules())


def test_a_model_read_again_counts_as_converted_and_one_that_differs_in_a_bit_or_a_setting_does_not(
    tmp_path: Path,
) -> None:
    def of(network: SceneParser, **options: bool) -> str:
        return fingerprint(Program(network, PreprocessingSettings(), **options))

    model = unified_model()
    save_model(tmp_path / "model", model, "a card")
    network = load_model(tmp_path / "model").network
    first = of(model.network)
    assert of(network) == first != of(network, labels=True)
    weight = next(network.parameters())
    with torch.no_grad():
        weight.view(-1)[0] = torch.nextafter(weight.view(-1)[0], torch.tensor(1.0))
    assert of(network) != first
