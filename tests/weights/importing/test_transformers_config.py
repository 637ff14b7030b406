"""What config.json says of transformers' UperNet beside its keys is taken, or refused; without the peer."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from sceneparse.errors import UserError
from sceneparse.settings import BackboneSettings, NetworkSettings
from sceneparse.weights.build import build
from sceneparse.weights.importing.checkpoint import ImportedModel, import_checkpoint
from sceneparse.weights.importing.families.transformers import NAMES as RESNET
from sceneparse.weights.importing.families.transformers_convnext import NAMES as CONVNEXT
from sceneparse.weights.importing.families.transformers_dinov2 import NAMES as DINOV2
from sceneparse.weights.importing.families.transformers_swin import NAMES as SWIN
from sceneparse.weights.importing.family import Names, theirs

UPERNET = NetworkSettings(architecture="upernet", channels=8, aux=False, dropout=0.0, align_corners=False)
DINO = {"neck": "flat", "sides": "cut", "blocks": (2, 5, 8, 11), "final_norm": True}
KINDS: dict[str, tuple[Names, dict[str, Any], dict[str, Any]]] = {
    "resnet18": (RESNET, {}, {}),
    "resnet26": (RESNET, {}, {}),
    "convnext_tiny": (CONVNEXT, {"sides": "cut"}, {"feature_norm": True}),
    "swin_tiny_patch4_window7_224": (SWIN, {"windows": "padded"}, {"feature_norm": True}),
    "dinov2_small_patch14_518": (DINOV2, DINO, {}),
}


def folder(path: Path, name: str, backbone: dict[str, Any], **config: Any) -> Path:
    """A folder as `save_pretrained` writes it, with a backbone of timm's name and its `backbone_config`."""
    names, settings, more = KINDS[name]
    torch.manual_seed(0)
    values: dict[str, Any] = {**vars(UPERNET), **more}
    state = build(BackboneSettings(name, **settings), NetworkSettings(**values), 3).state_dict()
    tensors: dict[str, Tensor] = {}
    for key, value in state.items():
        renamed = theirs(key, names)
        if ".qkv." in renamed:
            for part, third in zip(("query", "key", "value"), value.chunk(3), strict=True):
                tensors[renamed.replace(".qkv.", f".{part}.")] = third.clone()
        else:
            tensors[renamed] = value.clone()
    path.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path / "model.safetensors")
    (path / "config.json").write_text(json.dumps({"backbone_config": backbone, **config}))
    return path


STAGES = {"out_features": ["stage1", "stage2", "stage3", "stage4"]}


def test_grids_and_the_halving_convolution_are_those_of_config_json(tmp_path: Path) -> None:
    found = import_checkpoint(
        folder(tmp_path, "resnet26", {"downsample_in_bottleneck": True}, pool_scales=[1, 2, 4, 6])
    )
    assert isinstance(found, ImportedModel)
    assert found.model.config.network.bins == (1, 2, 4, 6)
    assert found.model.config.backbone.stride_on == "1x1"
    assert any("grids of 1, 2, 4, 6" in why for why in found.why)
    usual = import_checkpoint(folder(tmp_path, "resnet26", STAGES, pool_scales=[1, 2, 3, 6]))
    assert isinstance(usual, ImportedModel)
    assert (usual.model.config.network.bins, usual.model.config.backbone.stride_on) == ((1, 2, 3, 6), "3x3")


def test_basic_blocks_have_no_convolution_that_could_halve_otherwise(tmp_path: Path) -> None:
    said = {"downsample_in_bottleneck": True, "layer_type": "basic", "out_indices": [1, 2, 3, 4]}
    found = import_checkpoint(folder(tmp_path, "resnet18", said))
    assert isinstance(found, ImportedModel) and found.model.config.backbone.stride_on == "3x3"


@pytest.mark.parametrize("taken", [[-4, -3, -2, -1], [1, 2, 3, -1]])
def test_stages_may_be_counted_from_the_last(taken: list[int], tmp_path: Path) -> None:
    found = import_checkpoint(folder(tmp_path, "resnet18", {"layer_type": "basic", "out_indices": taken}))
    assert isinstance(found, ImportedModel)


@pytest.mark.parametrize("taken", [[-5, -3, -2, -1], [-1, -2, -3, -4]])
def test_other_stages_counted_from_the_last_are_refused(taken: list[int], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="takes the stages"):
        import_checkpoint(folder(tmp_path, "resnet18", {"layer_type": "basic", "out_indices": taken}))


def test_a_dinov2s_blocks_are_read_by_their_names_too(tmp_path: Path) -> None:
    said = {"out_features": ["stage2", "stage5", "stage8", "stage12"], "hidden_size": 384, "num_attention_heads": 6}
    found = import_checkpoint(folder(tmp_path, "dinov2_small_patch14_518", said, pool_scales=[1, 2, 4, 8]))
    assert isinstance(found, ImportedModel)
    assert found.model.config.backbone.blocks == (1, 4, 7, 11) and found.model.config.network.bins == (1, 2, 4, 8)


BLOCKS = {"out_indices": [3, 6, 9, 12], "hidden_size": 384}


@pytest.mark.parametrize(
    ("name", "backbone", "config", "words"),
    [
        ("resnet18", {"hidden_act": "gelu"}, {}, "backbone_config has hidden_act 'gelu', but only 'relu'"),
        ("resnet18", {"downsample_in_first_stage": True}, {}, "downsample_in_first_stage True, but only False"),
        # The stem of a ResNet-18 is as wide as its first stage: no shape tells them apart.
        ("resnet18", {"out_features": ["stem", "stage2", "stage3", "stage4"]}, {}, r"stages \[0, 2, 3, 4\], but must"),
        ("resnet18", {}, {"pool_scales": [1, 2, 3]}, r"pool_scales \[1, 2, 3\], but must have 4 whole numbers"),
        ("resnet18", {}, {"pool_scales": 6}, "pool_scales 6, but must have 4"),
        ("convnext_tiny", {"hidden_act": "relu"}, {}, "hidden_act 'relu', but only 'gelu'"),
        ("swin_tiny_patch4_window7_224", {"hidden_act": "relu"}, {}, "hidden_act 'relu', but only 'gelu'"),
        ("swin_tiny_patch4_window7_224", {"layer_norm_eps": 1e-3}, {}, "layer_norm_eps 0.001, but only 1e-05"),
        ("dinov2_small_patch14_518", {**BLOCKS, "layer_norm_eps": 1e-3}, {}, "layer_norm_eps 0.001, but only 1e-06"),
        ("dinov2_small_patch14_518", {**BLOCKS, "num_attention_heads": 12}, {}, "num_attention_heads 12, but only 6"),
        ("dinov2_small_patch14_518", {**BLOCKS, "hidden_act": "relu"}, {}, "hidden_act 'relu', but only 'gelu'"),
    ],
)
def test_a_field_that_changes_the_numbers_and_cannot_be_built_is_refused(
    name: str, backbone: dict[str, Any], config: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as refused:
        import_checkpoint(folder(tmp_path, name, backbone, **config))
    assert re.search(words, str(refused.value))
