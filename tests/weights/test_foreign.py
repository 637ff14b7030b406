"""Folders of other libraries stand where a model folder does: live peers give the same labels as `predict FOLDER`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from sceneparse.cli import main
from sceneparse.errors import UserError
from sceneparse.toyworld import render
from sceneparse.weights.model import find_model, load_model
from tests.support.published import as_if_trained, vectors_as_if_trained
from tests.support.smp_folder import write_smp_folder

CLASSES, SIDE = 6, 128
STAGES = ["stage1", "stage2", "stage3", "stage4"]
SIDES = {
    "transformers ConvNeXt": 141,
    "transformers Swin": 141,
    "transformers DINOv2": 150,
    "transformers DINOv2 with registers": 150,
}
"""No multiples of 32 or of a patch of 14: networks pad or cut; positions are interpolated."""
MEAN, STD = (0.5, 0.4, 0.3), (0.25, 0.2, 0.3)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCENEPARSE_CACHE", str(tmp_path / "cache"))


def upernet(backbone: Any) -> Any:
    """transformers' UperNet over a backbone, whose norms and scales are far from where they start."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.UperNetConfig(
        backbone_config=backbone, hidden_size=16, auxiliary_in_channels=384, num_labels=CLASSES
    )
    peer = as_if_trained(transformers.UperNetForSemanticSegmentation(config))
    vectors_as_if_trained(peer.backbone)
    return peer


def convnext() -> Any:
    transformers = pytest.importorskip("transformers")
    return upernet(
        transformers.ConvNextConfig(hidden_sizes=[96, 192, 384, 768], depths=[3, 3, 9, 3], out_features=STAGES)
    )


def swin() -> Any:
    transformers = pytest.importorskip("transformers")
    return upernet(transformers.SwinConfig(out_features=STAGES))


def dinov2(kind: str = "Dinov2Config") -> Any:
    transformers = pytest.importorskip("transformers")
    return upernet(
        getattr(transformers, kind)(
            hidden_size=384,
            num_hidden_layers=12,
            num_attention_heads=6,
            image_size=518,
            patch_size=14,
            out_indices=[3, 5, 8, 11],
        )
    )


def resnet() -> Any:
    transformers = pytest.importorskip("transformers")
    backbone = transformers.ResNetConfig(
        hidden_sizes=[64, 128, 256, 512], depths=[2, 2, 2, 2], layer_type="basic", out_features=STAGES
    )
    config = transformers.UperNetConfig(
        backbone_config=backbone, hidden_size=16, auxiliary_in_channels=256, num_labels=CLASSES
    )
    torch.manual_seed(0)
    return as_if_trained(transformers.UperNetForSemanticSegmentation(config))


def smp_upernet(encoder: str) -> Any:
    smp = pytest.importorskip("segmentation_models_pytorch")
    torch.manual_seed(0)
    peer = as_if_trained(smp.UPerNet(encoder, encoder_weights=None, decoder_channels=16, classes=CLASSES))
    with torch.no_grad():
        for name, value in peer.encoder.named_parameters():
            if name.endswith("gamma"):
                value.uniform_(0.2, 0.5)
    return peer


PEERS: dict[str, Callable[[], Any]] = {
    "transformers ConvNeXt": convnext,
    "transformers Swin": swin,
    "transformers DINOv2": dinov2,
    "transformers DINOv2 with registers": lambda: dinov2("Dinov2WithRegistersConfig"),
    "transformers ResNet": resnet,
    "smp ConvNeXt": lambda: smp_upernet("tu-convnext_tiny"),
    "smp ResNet": lambda: smp_upernet("resnet18"),
}


def write_preprocessing(folder: Path, name: str) -> None:
    """What stands beside the weights: its own mean and deviation, and no resizing."""
    if name.startswith("transformers"):
        transformers = pytest.importorskip("transformers")
        transformers.SegformerImageProcessor(do_resize=False, image_mean=MEAN, image_std=STD).save_pretrained(folder)
        return
    # As albumentations 2 writes `Compose([Normalize(…, max_pixel_value=1.0)])`, its means in 0..255.
    step = {"__class_fullname__": "Normalize", "max_pixel_value": 1.0}
    step |= {"mean": [255 * value for value in MEAN], "std": [255 * value for value in STD]}
    content = {"__version__": "2.0.8", "transform": {"__class_fullname__": "Compose", "transforms": [step]}}
    (folder / "albumentations_config_eval.json").write_text(json.dumps(content))


def logits_of(peer: Any, image: Tensor) -> Tensor:
    given = peer(image)
    return given if isinstance(given, Tensor) else given.logits


def expected_labels(peer: Any, picture: np.ndarray) -> np.ndarray:
    """Labels by the peer itself; every class is given the same mean score, so that not one class stands everywhere."""
    mean, std = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(STD).view(3, 1, 1)
    image = ((torch.from_numpy(picture).permute(2, 0, 1) / 255 - mean) / std)[None]
    with torch.no_grad():
        middle = logits_of(peer, image).mean(dim=(0, 2, 3))
        for module in peer.modules():
            if isinstance(module, torch.nn.Conv2d) and module.out_channels == CLASSES and module.bias is not None:
                module.bias -= middle
        return logits_of(peer, image).argmax(dim=1)[0].numpy()


@pytest.mark.parametrize("name", PEERS)
def test_predict_labels_a_scene_like_the_live_peer_whose_folder_it_is_given(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    peer = PEERS[name]()
    picture = np.ascontiguousarray(render(0, 0, SIDES.get(name, SIDE)).image.permute(1, 2, 0).numpy())
    expected = expected_labels(peer, picture)
    peer.save_pretrained(tmp_path / "peer")
    write_preprocessing(tmp_path / "peer", name)
    Image.fromarray(picture).save(tmp_path / "scene.png")
    command = ["predict", str(tmp_path / "peer"), str(tmp_path / "scene.png"), "--out", str(tmp_path / "out")]
    assert main([*command, "--engine", "torch", "--device", "cpu", "--precision", "float32"]) == 0
    assert "mean 0.5, 0.4, 0.3, standard deviation 0.25, 0.2, 0.3" in capsys.readouterr().err
    labels = np.asarray(Image.open(tmp_path / "out" / "scene.png"))
    assert len(np.unique(expected)) > 1
    assert (labels == expected).mean() >= 0.9999


def test_a_folder_is_imported_once_and_again_when_it_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_smp_folder(tmp_path / "peer")
    first = find_model(folder)
    said = capsys.readouterr().err
    assert "recognised: smp: upernet on resnet18, 6 classes" in said
    assert f"settings of an import are given to one of its own: sceneparse import {folder} --out MODEL" in said
    assert find_model(folder) == first and capsys.readouterr().err == ""
    assert load_model(folder).config.name == "peer"
    write_preprocessing(folder, "smp")
    assert find_model(folder) != first and load_model(folder).config.preprocessing.mean == pytest.approx(MEAN)


def test_a_folder_that_needs_a_setting_is_given_it_by_an_import(tmp_path: Path) -> None:
    folder = write_smp_folder(tmp_path / "peer")
    step = {"__class_fullname__": "Normalize", "normalization": "min_max"}
    content = {"transform": {"__class_fullname__": "Compose", "transforms": [step]}}
    (folder / "albumentations_config_eval.json").write_text(json.dumps(content))
    line = rf"give preprocessing\.mean; settings .* to one of its own: sceneparse import {folder} --out MODEL$"
    with pytest.raises(UserError, match=line):
        find_model(folder)


def test_sharded_weights_are_read_as_one(tmp_path: Path) -> None:
    whole = load_model(write_smp_folder(tmp_path / "one")).network.state_dict()
    shards = load_model(write_smp_folder(tmp_path / "three", shards=3)).network.state_dict()
    assert all(torch.equal(value, shards[key]) for key, value in whole.items())
    (tmp_path / "three" / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(UserError, match="which is no file beside it"):
        load_model(tmp_path / "three")


def test_a_pickle_that_wants_to_run_something_is_refused_in_a_folder_too(tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self) -> tuple[Any, ...]:
            return (print, ("run",))

    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "config.json").write_text(json.dumps({"model_type": "upernet"}))
    torch.save({"weight": Harmful()}, tmp_path / "theirs" / "pytorch_model.bin")
    with pytest.raises(UserError, match="print"):
        load_model(tmp_path / "theirs")


def test_a_trainers_folder_names_its_checkpoints_and_one_without_a_configuration_what_is_missing(
    tmp_path: Path,
) -> None:
    for step in (90, 500):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "config.json").write_text("{}")
    with pytest.raises(
        UserError, match=r"checkpoints of transformers' Trainer: name one of them, such as .*point-500;"
    ):
        find_model(tmp_path)
    (tmp_path / "checkpoint-500" / "config.json").unlink()
    (tmp_path / "checkpoint-500" / "model.safetensors").touch()
    with pytest.raises(UserError, match=r"holds weights without what says which network .*copy the config.json of the"):
        find_model(tmp_path / "checkpoint-500")
