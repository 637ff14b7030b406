"""Forms in which people keep a network: programs, parts of folders, prefixes, nn.Sequential, other channels."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import sceneparse
from sceneparse.errors import UserError
from sceneparse.settings import BackboneSettings
from sceneparse.weights.importing.checkpoint import ImportedModel, import_checkpoint
from sceneparse.weights.pretrained import load_backbone
from tests.support.published import imported, network_of
from tests.weights.importing.test_stated import State, fcn, smp_state
from tests.weights.importing.test_wrappers import under


@pytest.fixture(scope="module")
def four() -> State:
    return fcn(4)


@pytest.fixture(scope="module")
def smp() -> State:
    return smp_state(3)


class Holder(nn.Module):
    """A module that has the tensors of a state, which a program of it keeps."""

    def __init__(self, state: State) -> None:
        super().__init__()
        for key, value in state.items():
            *parents, name = key.split(".")
            module: nn.Module = self
            for parent in parents:
                if not hasattr(module, parent):
                    module.add_module(parent, nn.Module())
                module = getattr(module, parent)
            module.register_buffer(name, value.clone())

    def forward(self, images: Tensor) -> Tensor:
        return images + self.classifier.get_buffer("4.bias").sum() * 0  # type: ignore[union-attr]


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_torchscript_program_is_refused_with_advice_that_works(four: State, tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    torch.jit.save(torch.jit.trace(Holder(four), torch.zeros(1, 3, 8, 8)), path)
    with pytest.raises(UserError, match=r"net\.pt: it is a TorchScript program.*torch\.jit\.load.*state_dict\(\)"):
        import_checkpoint(path)
    program = torch.jit.load(path)
    imported(program.state_dict(), tmp_path)


@pytest.mark.parametrize("suffix", ["pt", "pt2"])
def test_a_program_of_torch_export_is_refused_with_advice_that_works(suffix: str, four: State, tmp_path: Path) -> None:
    path = tmp_path / f"net.{suffix}"
    torch.export.save(torch.export.export(Holder(four), (torch.zeros(1, 3, 8, 8),)), path)
    with pytest.raises(UserError, match=r"it is a program of torch\.export.*torch\.export\.load.*state_dict"):
        import_checkpoint(path)
    assert set(torch.export.load(path).state_dict) <= set(four)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_backbones_weights_are_refused_alike(four: State, tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    torch.jit.save(torch.jit.trace(Holder(four), torch.zeros(1, 3, 8, 8)), path)
    settings = BackboneSettings("resnet18", weights=str(path))
    with pytest.raises(UserError, match="it is a TorchScript program"):
        load_backbone(network_of(imported(four, tmp_path)), settings)


def test_an_archive_that_somebody_compressed_is_refused(four: State, tmp_path: Path) -> None:
    torch.save(four, tmp_path / "net.pth")
    with zipfile.ZipFile(tmp_path / "net.pth") as plain, zipfile.ZipFile(tmp_path / "z.pth", "w", 8) as packed:
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    with pytest.raises(UserError, match=r"compressed, which torch\.save never does"):
        import_checkpoint(tmp_path / "z.pth")


@pytest.mark.parametrize(
    "name",
    [
        "model.safetensors.index.json",
        "model-00001-of-00002.safetensors",
        "pytorch_model-00001-of-00003.bin",
        "config.json",
    ],
)
def test_a_part_of_a_folder_names_the_folder(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("{}")
    with pytest.raises(UserError, match="is a part of a checkpoint in several files; give the folder") as error:
        import_checkpoint(tmp_path / name)
    assert str(error.value).endswith(str(tmp_path))


PREFIXES = ("backbone.", "encoder.", "decoder.", "head.", "features.", "backbone.model.", "model.backbone.")


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_parts_name_before_a_whole_network_falls_away(prefix: str, smp: State, four: State, tmp_path: Path) -> None:
    for state, family in ((smp, "smp"), (four, "torchvision")):
        found = imported(under(state, prefix), tmp_path)
        assert found.family == family and found.account.used == len(state)


def test_what_lies_beside_such_a_network_is_said(smp: State, tmp_path: Path) -> None:
    found = imported({**under(smp, "backbone."), "projection.weight": torch.ones(3, 3)}, tmp_path)
    assert "projection: not imported; if your network needs it" in " ".join(found.notes)


@pytest.mark.parametrize("outer", ["", "model.", "module."])
@pytest.mark.parametrize(("first", "second"), [("0.", "1."), ("0._", "1."), ("0.", "2.")])
def test_a_normalisation_before_the_network_in_a_sequence_is_taken(
    outer: str, first: str, second: str, smp: State, tmp_path: Path
) -> None:
    mean, std = torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1), torch.tensor([0.5, 0.4, 0.3]).view(1, 3, 1, 1)
    state = {f"{outer}{first}mean": mean, f"{outer}{first}std": std, **under(smp, outer + second)}
    found = imported(state, tmp_path)
    assert found.model.config.preprocessing.mean == pytest.approx((0.1, 0.2, 0.3)) and not found.warnings


def with_channels(state: State, channels: int) -> State:
    weight = state["encoder.conv1.weight"]
    return state | {"encoder.conv1.weight": weight[:, :1].expand(-1, channels, -1, -1).contiguous()}


@pytest.mark.parametrize("channels", [1, 4])
def test_a_network_of_other_channels_is_imported_once_its_normalisation_is_given(
    channels: int, smp: State, tmp_path: Path
) -> None:
    state = with_channels(smp, channels)
    values = f"{channels} value{'s' if channels > 1 else ''}"
    settings: tuple[dict[str, Any], ...] = ({}, {"backbone": {"in_channels": channels}})
    for changes in settings:
        with pytest.raises(UserError, match=rf"give preprocessing\.mean and preprocessing\.std with {values} each"):
            imported(state, tmp_path, **changes)
    given: dict[str, Any] = {"mean": [0.5] * channels, "std": [0.25] * channels}
    found = imported(state, tmp_path, preprocessing=given)
    assert found.model.config.backbone.in_channels == channels
    assert any(why.startswith(f"its first convolution takes {channels} channel") for why in found.why)
    found.save(tmp_path / "model")
    parser = sceneparse.load(tmp_path / "model", device="cpu", engine="torch", precision="float32")
    picture = np.zeros((64, 64, channels) if channels > 1 else (64, 64), np.uint8)
    assert parser(picture).labels.shape == (64, 64)


@pytest.mark.parametrize("channels", [1, 2])
def test_one_value_that_a_file_states_is_that_of_each_channel(channels: int, smp: State, tmp_path: Path) -> None:
    content = {
        "state_dict": with_channels(smp, channels),
        "hparams": {"normalize": {"mean": 0.5, "std": [0.25]}, "in_channels": channels},
    }
    found = imported(content, tmp_path)
    assert found.model.config.preprocessing.mean == (0.5,) * channels
    assert "in_channels" not in " ".join(found.notes)


def test_a_folders_file_is_still_read_by_its_name(smp: State, tmp_path: Path) -> None:
    save_file(smp, tmp_path / "model.safetensors")
    assert isinstance(import_checkpoint(tmp_path / "model.safetensors"), ImportedModel)
