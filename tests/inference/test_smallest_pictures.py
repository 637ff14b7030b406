"""Networks that leave sides to their layers: as a program for any size they say how small a picture they take."""

import json
from pathlib import Path

import pytest
import torch

from sceneparse.errors import UserError
from sceneparse.inference import TorchEngine, make_engine
from sceneparse.inference.exported_file import Note
from sceneparse.inference.program import Traits
from sceneparse.labels import LabelSpace
from sceneparse.networks import SceneParser, resize
from sceneparse.networks.backbones import make_backbone
from sceneparse.networks.backbones.published_vits import register
from sceneparse.settings import (
    BackboneSettings,
    DataSettings,
    NetworkSettings,
    PreprocessingSettings,
    ProtocolSettings,
)
from sceneparse.weights.build import build
from sceneparse.weights.config import ModelConfig
from sceneparse.weights.model import Model

SIZES = ((64, 64), (97, 161), (113, 75))
"""The smallest that is taken, and odd ones, of which none was traced."""

# A plain ViT of mmsegmentation's, whose positions other runtimes can interpolate, with few and narrow blocks.
register("smallest_vit", "vit_small_patch16_224", {"img_size": 80, "embed_dim": 32, "num_heads": 2, "depth": 4})

CUT = BackboneSettings("test_convnext2", sides="cut")
PATCHES = BackboneSettings("smallest_vit", sides="patches", neck="interpolating")
# The head that is converted soonest; it stands on the coarsest map.
NETWORK = NetworkSettings("fcn", channels=8, aux=False, output_stride=32)


def made(backbone: BackboneSettings) -> SceneParser:
    """A network of random weights; none is left at a value that would hide another's effect."""
    torch.manual_seed(0)
    network = build(backbone, NETWORK, 7).eval()
    for name, parameter in network.named_parameters():
        if parameter.dim() == 1 or "pos_embed" in name:
            torch.nn.init.normal_(parameter, 0.5, 0.3)
    for name, buffer in network.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            torch.nn.init.uniform_(buffer, 0.5, 1.5)
    bias = network.get_parameter("head.classifier.bias")
    with torch.no_grad():  # else one class wins everywhere
        bias.sub_(network(torch.randn(1, 3, 256, 256)).logits.mean((0, 2, 3)))
    return network


@pytest.mark.parametrize("backbone", [CUT, PATCHES], ids=["cut", "patches"])
def test_all_that_openvino_takes_is_right_and_the_rest_goes_to_torch(backbone: BackboneSettings) -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed (the openvino extra)")
    network, preprocessing = made(backbone), PreprocessingSettings()
    expected = TorchEngine(network, preprocessing, device="cpu", precision="float32")
    engine = make_engine(network, preprocessing, engine="openvino", device="cpu", precision="float32")
    for size in SIZES:
        images = torch.randint(0, 256, (1, 3, *size), dtype=torch.uint8)
        scores, truth = engine(images), expected(images)
        assert float((scores - truth).abs().max() / truth.abs().max()) < 1e-5
        labels, right = (resize(each, size, network.align_corners).argmax(1) for each in (scores, truth))
        assert float((labels == right).float().mean()) >= 0.9999 and len(right.unique()) > 1
    with pytest.raises(UserError, match="engine openvino takes pictures of at least 64 pixels a side, not 63×90"):
        engine(torch.zeros(1, 3, 63, 90))
    fitting = make_engine(network, preprocessing, device="cpu", precision="float32")
    # Of which OpenVINO would repeat the one row of the coarsest map otherwise than PyTorch.
    small = torch.randint(0, 256, (1, 3, 48, 70), dtype=torch.uint8)
    assert fitting.name == "openvino" and torch.equal(fitting(small), expected(small))


@pytest.mark.parametrize(
    ("name", "options", "smallest"),
    [
        ("test_vit", {}, 33),
        ("test_vit", {"sides": "cut"}, 64),
        ("test_vit", {"sides": "cut", "neck": "flat"}, 33),
        ("vit_small_patch14_dinov2", {"sides": "cut"}, 56),
        ("vit_base_patch32_224", {"neck": "flat"}, 33),
        ("vit_base_patch32_224", {"sides": "cut", "neck": "flat"}, 64),
        ("convnext_atto", {}, 33),
        ("twins_svt_small", {"sides": "patches"}, 64),
    ],
)
def test_the_coarsest_map_of_the_smallest_picture_has_two_rows(
    name: str, options: dict[str, str], smallest: int
) -> None:
    with torch.device("meta"):
        backbone = make_backbone(name, output_stride=32, **options).eval()  # type: ignore[arg-type]
        assert backbone.smallest == smallest
        assert min(backbone(torch.zeros(1, 3, smallest, smallest))[-1].shape[-2:]) >= 2


@pytest.mark.parametrize(("backbone", "smallest"), [(BackboneSettings("test_convnext2"), 33), (CUT, 64), (PATCHES, 64)])
def test_a_file_of_before_takes_no_smaller_pictures_either(backbone: BackboneSettings, smallest: int) -> None:
    labels = LabelSpace(tuple(f"class {index}" for index in range(7)))
    preprocessing = PreprocessingSettings()
    config = ModelConfig("small", backbone, NETWORK, preprocessing, ProtocolSettings(), DataSettings(kind="toyworld"))
    network = made(backbone)
    note = json.loads(Note.of(Model(network, config, labels), Traits.of(network, preprocessing)).dumps())
    assert note["traits"].pop("smallest") == smallest
    read = Note.loads(json.dumps(note), Path("m.xml"))
    assert read.traits == Traits.of(network, preprocessing) and read.labels == labels
