import pytest
import timm
import torch

from sceneparse.errors import UserError
from sceneparse.networks.backbones import make_backbone
from sceneparse.settings import BackboneSettings, NetworkSettings
from sceneparse.weights.build import build
from sceneparse.weights.pretrained import load_backbone


@pytest.mark.parametrize(
    ("name", "widths"), [("resnet18s", (64, 64, 128)), ("resnet18c", (32, 32, 64)), ("resnet34s", (64, 64, 128))]
)
def test_shallow_resnets_can_have_a_deep_stem(name: str, widths: tuple[int, ...]) -> None:
    body = make_backbone(name).body
    state = body.state_dict()
    assert tuple(state[f"conv1.{index}.weight"].shape[0] for index in (0, 3, 6)) == widths
    assert state["layer1.0.conv1.weight"].shape == (64, widths[-1], 3, 3)
    assert ("layer1.0.downsample.0.weight" in state) == (widths[-1] != 64)


def test_a_deep_stem_is_that_of_timms_own_deeper_resnets() -> None:
    with torch.device("meta"):
        ours = timm.create_model("resnet34s", num_classes=0).state_dict()
        theirs = timm.create_model("resnet50s", num_classes=0).state_dict()
    stem = [name for name in theirs if not name.startswith("layer")]
    assert {name: ours[name].shape for name in stem} == {name: theirs[name].shape for name in stem}


def test_pretrained_weights_of_a_resnet_that_nobody_trained_are_refused() -> None:
    backbone = BackboneSettings("resnet18s", weights="hub")
    network = build(backbone, NetworkSettings(channels=8), 2)
    with pytest.raises(UserError, match="there are no weights of resnet18s"):
        load_backbone(network, backbone)


@pytest.mark.parametrize("depth", [50, 101])
def test_doubled_dilation_keeps_strides_and_grows_from_the_second_block_of_a_stage(depth: int) -> None:
    with torch.device("meta"):
        backbone = make_backbone(f"resnet{depth}", dilation="doubled")
        features = backbone(torch.empty(1, 3, 64, 96))
    assert [maps.shape[2:] for maps in features] == [(16, 24), (8, 12), (4, 6), (2, 3)]
    blocks = {
        name: module.dilation[0]
        for name, module in backbone.body.named_modules()
        if name.endswith("conv2") and name[:5] == "layer"
    }
    for stage, (first, others) in {1: (1, 1), 2: (1, 2), 3: (2, 4), 4: (4, 8)}.items():
        for name, dilation in blocks.items():
            if name.startswith(f"layer{stage}."):
                assert dilation == (first if ".0." in name else others), name


@pytest.mark.parametrize(
    ("name", "output_stride"), [("resnet50", 8), ("resnet18", 32), ("mobilenetv2_100", 32), ("convnext_tiny", 32)]
)
def test_doubled_dilation_is_refused_where_nobody_has_it(name: str, output_stride: int) -> None:
    with pytest.raises(UserError, match=r"backbone\.dilation is doubled"):
        make_backbone(name, output_stride=output_stride, dilation="doubled")


def test_the_deepest_network_of_the_pspnet_paper_has_269_layers_with_weights() -> None:
    with torch.device("meta"):
        backbone = make_backbone("resnet269s", output_stride=8)
    stages = [len(getattr(backbone.body, f"layer{number}")) for number in (1, 2, 3, 4)]
    assert stages == [3, 30, 48, 8] and 3 * sum(stages) + 2 == 269
    assert backbone.channels == [256, 512, 1024, 2048]
