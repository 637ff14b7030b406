"""Bare backbones become weights files for backbone.weights, whatever stem and names they have."""

import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from torch import Tensor

from sceneparse.cli import main
from sceneparse.errors import UserError
from sceneparse.settings import BackboneSettings, NetworkSettings
from sceneparse.weights.build import build
from sceneparse.weights.importing.checkpoint import ImportedBackbone, import_checkpoint
from sceneparse.weights.pretrained import load_backbone

CSAIL = {"conv1.0.": "conv1.", "conv1.1.": "bn1.", "conv1.3.": "conv2.", "conv1.4.": "bn2.", "conv1.6.": "conv3."}


def csail(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """timm's deep stem under the names of CSAIL's and semseg's files, as those of torch 0.4.0: without counters."""
    renamed = {}
    for key, value in state.items():
        prefix = next((one for one in CSAIL if key.startswith(one)), "")
        new = CSAIL[prefix] + key.removeprefix(prefix) if prefix else key.replace("bn1.", "bn3.", 1)
        renamed[key if key.startswith(("layer", "fc")) else new] = value
    return {key: value for key, value in renamed.items() if not key.endswith("num_batches_tracked")}


def test_the_file_starts_a_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = timm.create_model("resnet50s")
    torch.save(csail(source.state_dict()), tmp_path / "resnet50-imagenet.pth")
    out = tmp_path / "resnet50s.safetensors"
    assert main(["import", str(tmp_path / "resnet50-imagenet.pth"), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "a bare backbone, resnet50s" in said and "2 not used: the classifier of ImageNet" in said
    settings = BackboneSettings("resnet50s", weights=str(out))
    network = build(settings, NetworkSettings(architecture="fcn", channels=8), 3)
    load_backbone(network, settings)
    for key, value in network.backbone.body.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            assert torch.equal(value, source.state_dict()[key]), key


@pytest.mark.parametrize("name", ["resnet18", "resnet101", "resnet50d", "resnet50c", "resnet101s"])
def test_timm_files_are_told_by_their_stems(name: str, tmp_path: Path) -> None:
    torch.save(timm.create_model(name).state_dict(), tmp_path / "a.pth")
    found = import_checkpoint(tmp_path / "a.pth", "backbone")
    assert isinstance(found, ImportedBackbone)
    assert found.name == name


def test_names_of_our_own_are_known_to_a_process_that_has_built_nothing_yet(tmp_path: Path) -> None:
    torch.save(csail(timm.create_model("resnet18s").state_dict()), tmp_path / "a.pth")
    code = (
        "from sceneparse.weights.importing.checkpoint import import_checkpoint\n"
        f"print(import_checkpoint({str(tmp_path / 'a.pth')!r}, 'backbone').name)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "resnet18s\n", done.stderr


def test_torchvision_files_are_read(tmp_path: Path) -> None:
    torch.save(torchvision.models.resnet34(weights=None).state_dict(), tmp_path / "a.pth")
    found = import_checkpoint(tmp_path / "a.pth")
    assert isinstance(found, ImportedBackbone)
    assert found.name == "resnet34"
    with pytest.raises(UserError, match=r"ends in \.safetensors"):
        found.save(tmp_path / "model")


def test_a_backbone_that_lacks_a_part_is_refused(tmp_path: Path) -> None:
    state = torchvision.models.resnet18(weights=None).state_dict()
    del state["layer4.1.bn2.weight"]
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(UserError, match=r"it lacks one \(layer4\.1\.bn2\.weight\)"):
        import_checkpoint(tmp_path / "a.pth")
