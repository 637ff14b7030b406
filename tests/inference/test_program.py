import torch

from sceneparse.inference.program import Program, without_in_place
from sceneparse.networks import UPerNet
from sceneparse.networks.backbones import make_backbone
from sceneparse.settings import PreprocessingSettings


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
