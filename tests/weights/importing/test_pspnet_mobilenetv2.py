"""The PSPNet whose keys begin with psp_layer: its recorded scores, and its files on both backbones."""

from pathlib import Path

import pytest
import torch

from sceneparse.errors import UserError
from sceneparse.networks import resize
from sceneparse.settings import BackboneSettings, NetworkSettings
from sceneparse.weights.build import build
from sceneparse.weights.importing.convert import Recognised, configure, convert, recognise
from sceneparse.weights.importing.families import pspnet_mobilenetv2
from sceneparse.weights.importing.family import theirs
from sceneparse.weights.importing.mobilenets import mobilenetv2
from sceneparse.weights.importing.reading import Checkpoint
from tests.support.golden_cases import golden_case
from tests.support.published import as_if_trained, imported, network_of

MOBILENET = BackboneSettings("mobilenetv2_100", dilation="half", stem_activation="relu")


def published(backbone: BackboneSettings, network: NetworkSettings) -> tuple[torch.nn.Module, dict[str, torch.Tensor]]:
    """A network of ours and its weights under the family's keys."""
    torch.manual_seed(0)
    ours = as_if_trained(build(backbone, network, 6))
    body = mobilenetv2("backbone.", flat=True) if "mobile" in backbone.name else [(r"^backbone\.body\.", "backbone.")]
    names = [*body, *pspnet_mobilenetv2.NETWORK]
    return ours, {theirs(key, names): value for key, value in ours.state_dict().items()}


def test_scores_are_those_recorded(shared: Path) -> None:
    case = golden_case(shared, "seed000_pspnet_mobilenetv2_ds8")
    checkpoint = Checkpoint(case.weights(), "checkpoint")
    found = recognise(checkpoint, "auto")
    assert isinstance(found, Recognised)
    network, _ = convert(checkpoint, found, configure(found, {}))
    images = case.image()
    with torch.inference_mode():
        raw = network(images).logits
    case.compare({"logits": resize(raw, (images.shape[2], images.shape[3]), network.align_corners), "raw": raw})


@pytest.mark.parametrize(
    ("backbone", "channels"), [(MOBILENET, 80), (BackboneSettings("resnet18", dilation="none"), 128)]
)
def test_both_backbones_are_imported_from_a_file(backbone: BackboneSettings, channels: int, tmp_path: Path) -> None:
    network = NetworkSettings(channels=channels, aux=False, align_corners=True)
    ours, state = published(backbone, network)
    model = imported(state, tmp_path)
    assert (model.family, model.model.config.backbone, model.model.config.network) == (
        "pspnet-mobilenetv2",
        backbone,
        network,
    )
    images = torch.randn(1, 3, 40, 56)
    with torch.inference_mode():
        torch.testing.assert_close(network_of(model)(images).logits, ours(images).logits)


def test_output_stride_16_is_chosen_by_the_user(tmp_path: Path) -> None:
    _, state = published(MOBILENET, NetworkSettings(channels=80, aux=False, align_corners=True))
    network = network_of(imported(state, tmp_path, network={"output_stride": 16}))
    depthwise = [m for m in network.backbone.modules() if isinstance(m, torch.nn.Conv2d) and m.groups > 1]
    # features.1 to features.17: 7 keeps its stride, 14 loses it and is not dilated, the last three are.
    assert [layer.stride[0] for layer in depthwise] == [1, 2, 1, 2, 1, 1, 2, *[1] * 10]
    assert [layer.dilation[0] for layer in depthwise] == [1] * 14 + [2] * 3


def test_what_lies_behind_the_features_is_dropped_with_a_reason(tmp_path: Path) -> None:
    _, state = published(MOBILENET, NetworkSettings(channels=80, aux=False, align_corners=True))
    state["backbone.features.18.0.weight"] = torch.zeros(1280, 320, 1, 1)
    account = imported(state, tmp_path).account
    assert account.dropped == (("the layer behind the features that the pyramid takes", 1),)


def test_another_backbone_is_refused(tmp_path: Path) -> None:
    _, state = published(MOBILENET, NetworkSettings(channels=80, aux=False, align_corners=True))
    state = {key.replace("backbone.features.17", "backbone.features.99"): value for key, value in state.items()}
    with pytest.raises(UserError, match="neither a MobileNetV2 nor a ResNet"):
        imported(state, tmp_path)
