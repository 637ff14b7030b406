"""A small UPerNet in the form of segmentation_models_pytorch's folders."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from sceneparse.settings import BackboneSettings, NetworkSettings
from sceneparse.weights.build import build
from sceneparse.weights.importing.families.smp import UPERNET
from sceneparse.weights.importing.family import theirs
from tests.support.published import as_if_trained

CLASSES = 6


def write_smp_folder(folder: Path, shards: int = 1) -> Path:
    """Write a UPerNet in the form of smp's `save_pretrained`; its weights in several files as transformers splits."""
    torch.manual_seed(0)
    settings = NetworkSettings(
        architecture="upernet", channels=16, feature_norm=True, aux=False, dropout=0.0, align_logits=True
    )
    network = as_if_trained(build(BackboneSettings("resnet18"), settings, CLASSES))
    names = [*UPERNET, (r"^backbone\.body\.", "encoder.")]
    state = {theirs(key, names): value.contiguous() for key, value in network.state_dict().items()}
    folder.mkdir()
    config = {"_model_class": "UPerNet", "encoder_name": "resnet18", "encoder_weights": None, "classes": CLASSES}
    (folder / "config.json").write_text(json.dumps(config))
    if shards == 1:
        save_file(state, folder / "model.safetensors")
        return folder
    files = {key: f"model-{1 + index % shards:05}-of-{shards:05}.safetensors" for index, key in enumerate(state)}
    for file in set(files.values()):
        save_file({key: value for key, value in state.items() if files[key] == file}, folder / file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": files}))
    return folder
