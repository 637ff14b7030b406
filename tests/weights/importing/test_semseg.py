"""The original PyTorch release's PSPNet: a file in its exact form becomes a model that parses pictures."""

from pathlib import Path

import numpy as np
import pytest
import torch

import sceneparse
from sceneparse.cli import main
from sceneparse.errors import UserError
from sceneparse.settings import BackboneSettings, NetworkSettings, ProtocolSettings
from sceneparse.weights.build import build
from sceneparse.weights.importing.checkpoint import ImportedModel, import_checkpoint
from sceneparse.weights.importing.families.semseg import NAMES, recognise
from sceneparse.weights.importing.family import Shapes, theirs
from tests.support.published import as_if_trained


def shapes_of(backbone: str, classes: int = 150, **network: object) -> Shapes:
    settings = NetworkSettings(**network)  # type: ignore[arg-type]
    with torch.device("meta"):
        ours = build(BackboneSettings(backbone), settings, classes)
    return {theirs(key, NAMES): tuple(value.shape) for key, value in ours.state_dict().items()}


def test_a_release_file_becomes_a_model_that_scores_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    settings = NetworkSettings(channels=8, branch_channels=8, align_corners=True)
    ours = as_if_trained(build(BackboneSettings("resnet50s", dilation="first"), settings, 19))
    state = {f"module.{theirs(key, NAMES)}": value for key, value in ours.state_dict().items()}
    torch.save({"epoch": 200, "state_dict": state, "optimizer": {"state": {}}}, tmp_path / "train_epoch_200.pth")
    out = tmp_path / "model"
    assert main(["import", str(tmp_path / "train_epoch_200.pth"), "--from", "semseg", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "ResNet-50" in said and "cityscapes-19" in said and "weights taken from 'state_dict'" in said
    parser = sceneparse.load(out, device="cpu", engine="torch", precision="float32")
    assert parser.labels.names[0] == "road"
    assert parser.protocol.window == (713, 713)
    assert "Imported" in (out / "README.md").read_text()
    images = torch.randn(1, 3, 57, 73)
    with torch.inference_mode():
        found, expected = parser.engine.network(images).logits, ours(images).logits  # type: ignore[attr-defined]
    # Normalisations are folded into the parser's convolutions, which processors round differently.
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    picture = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    again = ["import", str(tmp_path / "train_epoch_200.pth"), "--out", str(out)]
    assert main(again) == 2 and "is there already" in capsys.readouterr().err
    assert main([*again, "--again"]) == 0
    whole = parser.with_protocol(sceneparse.settings.ProtocolSettings("whole"))
    assert whole(picture).labels.shape == (40, 60)


@pytest.mark.parametrize("depth", [50, 101, 152])
def test_depth_and_classes_are_told_by_the_keys(depth: int) -> None:
    found = recognise(shapes_of(f"resnet{depth}s"))
    assert found is not None
    assert found.backbone == BackboneSettings(f"resnet{depth}s", dilation="first")
    assert found.network == NetworkSettings(align_corners=True)
    assert found.num_classes == 150
    assert any(f"ResNet-{depth}" in why for why in found.why)


def test_widths_are_told_by_the_shapes() -> None:
    found = recognise(shapes_of("resnet50s", channels=96, branch_channels=40, aux_channels=24))
    assert found is not None
    network = found.network
    assert (network.channels, network.branch_channels, network.aux_channels) == (96, 40, 24)


def test_a_depth_that_nobody_published_is_refused() -> None:
    shapes = {key: shape for key, shape in shapes_of("resnet101s").items() if not key.startswith("layer3.22.")}
    with pytest.raises(UserError, match=r"3, 4, 22, 3 bottlenecks, as no published ResNet"):
        recognise(shapes)


def test_what_keys_cannot_tell_is_the_users_to_change(tmp_path: Path) -> None:
    settings = NetworkSettings(channels=8, branch_channels=8, aux=False)
    ours = build(BackboneSettings("resnet50s"), settings, 4)
    torch.save({theirs(key, NAMES): value for key, value in ours.state_dict().items()}, tmp_path / "a.pth")
    found = import_checkpoint(
        tmp_path / "a.pth", network={"align_corners": False}, backbone={"dilation": "half"}, protocol={"name": "whole"}
    )
    assert isinstance(found, ImportedModel)
    model = found.model
    assert model.config.protocol == ProtocolSettings("whole")
    assert not model.config.network.align_corners and not model.network.align_corners
    assert model.config.backbone.dilation == "half"
    other = import_checkpoint(tmp_path / "a.pth", protocol=ProtocolSettings("csail"))
    assert isinstance(other, ImportedModel) and other.model.config.protocol == ProtocolSettings("csail")
    with pytest.raises(UserError, match=r"given settings: unknown setting 'network\.align_corner'; did you mean"):
        import_checkpoint(tmp_path / "a.pth", network={"align_corner": False})
    with pytest.raises(UserError, match=r"backbone\.weights has no effect"):
        import_checkpoint(tmp_path / "a.pth", backbone={"weights": "hub"})
