"""MMSegmentation's networks: files in its exact form become models; depth, stem and head are recognised by the keys."""

from pathlib import Path
from typing import Any

import pytest
import torch

import sceneparse
from sceneparse.settings import BackboneSettings, Dilation, NetworkSettings
from sceneparse.weights.build import build
from sceneparse.weights.importing.checkpoint import ImportedModel, import_checkpoint
from sceneparse.weights.importing.families import mmseg
from sceneparse.weights.importing.family import Names, theirs
from tests.support.published import as_if_trained


def names_of(backbone: str, network: NetworkSettings) -> Names:
    stem = mmseg.STEMS["deep" if backbone[-1] in "cds" else ""]
    heads = {"pspnet": mmseg.PSPNET, "upernet": mmseg.UPERNET}
    fcn = mmseg._fcn(network.convolutions, network.concat_input)
    return [*stem, *heads.get(network.architecture, fcn)]


NETWORKS: list[tuple[str, dict[str, Any]]] = [
    ("resnet50c", {"architecture": "pspnet", "channels": 16, "branch_channels": 16}),
    ("resnet18c", {"architecture": "pspnet", "channels": 16, "branch_channels": 16, "aux_channels": 8}),
    ("resnet101d", {"architecture": "upernet", "channels": 16}),
    ("resnet34", {"architecture": "upernet", "channels": 16, "aux": False}),
    ("resnet18c", {"architecture": "fcn", "channels": 16, "convolutions": 2, "concat_input": True}),
    ("resnet18d", {"architecture": "fcn", "channels": 16, "convolutions": 1}),
]


@pytest.mark.parametrize(("backbone", "network"), NETWORKS)
def test_everything_is_told_by_keys_and_shapes(backbone: str, network: dict[str, Any]) -> None:
    settings = NetworkSettings(**network)
    unpooled = backbone.endswith("d") and settings.architecture != "upernet"
    dilation: Dilation = "first" if settings.architecture == "upernet" else "half"  # nothing is dilated there
    expected = BackboneSettings(backbone, dilation=dilation, shortcut_pool="none" if unpooled else "own")
    with torch.device("meta"):
        ours = build(expected, settings, 21)
    names = names_of(backbone, settings)
    found = mmseg.recognise({theirs(key, names): tuple(value.shape) for key, value in ours.state_dict().items()})
    assert found is not None
    assert found.backbone == expected
    assert found.network == settings
    assert found.num_classes == 21


def test_a_file_with_the_names_of_its_classes_becomes_a_model_that_scores_alike(tmp_path: Path) -> None:
    torch.manual_seed(0)
    settings = NetworkSettings(architecture="fcn", channels=8, convolutions=2, concat_input=True)
    backbone = BackboneSettings("resnet18c", dilation="half")
    ours = as_if_trained(build(backbone, settings, 3))
    state = {theirs(key, names_of("resnet18c", settings)): value for key, value in ours.state_dict().items()}
    meta = {"mmseg_version": "0.16.0", "CLASSES": ["sky", "road", "car"], "PALETTE": [[0, 0, 0]] * 3}
    torch.save({"meta": meta, "state_dict": state}, tmp_path / "fcn.pth", _use_new_zipfile_serialization=False)
    model = import_checkpoint(tmp_path / "fcn.pth")
    assert isinstance(model, ImportedModel)
    assert model.model.labels.names == ("sky", "road", "car")
    model.save(tmp_path / "model")
    images = torch.randn(1, 3, 49, 64)
    network = sceneparse.load(tmp_path / "model", device="cpu", precision="float32", engine="torch").engine.network  # type: ignore[attr-defined]
    with torch.inference_mode():
        torch.testing.assert_close(network(images).logits, ours(images).logits)


def test_shortcuts_of_a_dilated_v1d_are_a_convolution_alone() -> None:
    """Its ResLayer pools with a kernel of the stride: 1 in a stage that gave its stride up."""
    torch.manual_seed(0)
    settings = BackboneSettings("resnet18d", dilation="half", shortcut_pool="none")
    backbone = as_if_trained(build(settings, NetworkSettings(architecture="fcn", channels=8), 3)).backbone
    maps = torch.randn(1, 128, 9, 11)
    shortcut: Any = backbone.body.get_submodule("layer3.0.downsample")
    torch.testing.assert_close(shortcut(maps), shortcut[2](shortcut[1](maps)))
    strided: Any = backbone.body.get_submodule("layer2.0.downsample")
    pooled = torch.nn.functional.avg_pool2d(maps[:, :64], 2, 2, ceil_mode=True, count_include_pad=False)
    torch.testing.assert_close(strided(maps[:, :64]), strided[2](strided[1](pooled)))
