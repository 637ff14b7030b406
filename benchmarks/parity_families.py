"""Which family a recorded case is of, what its keys do not tell, and what its checkpoints look like on disk."""

import json
import math
import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from parity_cases import Case

SOURCES = (
    (r"hszhao/semseg", "semseg"),
    (r"hszhao/PSPNet", "caffe"),
    (r"CSAILVision/semantic-segmentation-pytorch", "csail"),
    (r"CSAILVision/unifiedparsing", "unifiedparsing"),
    (r"Lextal/pspnet-pytorch", "pspnet-pytorch"),
    (r"seed (document )?000", "pspnet-mobilenetv2"),
    (r"seed (document )?001", "upernet-concat"),
    (r"mmsegmentation|mmseg\b", "mmseg"),
    (r"transformers", "transformers"),
    (r"segmentation_models[_.]pytorch", "smp"),
    (r"torchvision|pytorch/vision", "torchvision"),
)
"""The family by what the manifest says was run."""


def expected_family(manifest: dict[str, Any]) -> str | None:
    """The family that a case is of; "operator" and "protocol" are none. None: the manifest doesn't say."""
    source = manifest["source"]
    keys = [entry[0] for part in manifest.get("state_dicts", {}).values() for entry in part]
    if not keys:
        return "operator"
    if all(key.startswith("toy.") for key in keys):
        return "protocol"
    for pattern, family in SOURCES:
        if re.search(pattern, source["repo"]):
            return family
    return None


def changes_of(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What no key tells and the manifest says, as settings by group."""
    given = manifest["source"].get("args", {})
    found: dict[str, Any] = {}
    if given.get("downsample_factor") == 16:
        found["network.output_stride"] = 16
    if manifest["mode"] == "train":
        # A recording in training mode can only be repeated without dropout.
        found["network.dropout"] = given.get("dropout", 0.0)
    encoder, decoder = str(given.get("arch_encoder", "")), str(given.get("arch_decoder", ""))
    if encoder and not encoder.endswith("dilated") and decoder.startswith(("ppm", "c1")):
        found["network.output_stride"] = 32
    backbone, head = given.get("backbone"), given.get("decode_head")
    if isinstance(backbone, dict) and isinstance(head, dict):
        found |= _mmseg(backbone, head)
    bins = given.get("pool_scales", given.get("sizes"))
    if bins is not None and tuple(bins) != (1, 2, 3, 6):
        found["network.bins"] = list(bins)
    changes: dict[str, dict[str, Any]] = {}
    for key, value in found.items():
        group, _, name = key.partition(".")
        changes.setdefault(group, {})[name] = value
    return changes


def _mmseg(backbone: dict[str, Any], head: dict[str, Any]) -> dict[str, Any]:
    """Of a configuration of MMSegmentation: strides, the placement of the dilation, corners, grids."""
    found: dict[str, Any] = {}
    if "strides" in backbone and head["type"] != "UPerHead":
        stride = 4 * math.prod(backbone["strides"])
        if stride != 8:
            found["network.output_stride"] = stride
        if backbone.get("contract_dilation") is False:
            found["backbone.dilation"] = "first"
    if backbone.get("style") == "caffe":
        found["backbone.stride_on"] = "1x1"
    if head.get("align_corners"):
        found["network.align_corners"] = True
    if "pool_scales" in head and tuple(head["pool_scales"]) != (1, 2, 3, 6):
        found["network.bins"] = list(head["pool_scales"])
    return found


def checkpoint_of(case: Case, family: str | None, folder: Path) -> Path:
    """Write the case's weights as the family's code would; returns what a user would name."""
    halves = case.halves()
    if len(halves) > 1:
        for half, before in halves.items():
            torch.save(case.weights(half), folder / f"{before[:-1]}_epoch_20.pth")
        return folder / "encoder_epoch_20.pth"
    state = case.state()
    path = folder / "checkpoint.pth"
    if family == "transformers":
        save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
        (folder / "config.json").write_text(json.dumps({"model_type": "upernet"}))
        return folder
    if family == "semseg":
        content: dict[str, Any] = {"epoch": 100, "state_dict": _parallel(state), "optimizer": {"state": {}}}
        torch.save(content, path)
    elif family == "pspnet-pytorch":
        torch.save(_parallel(state), path)
    elif family == "mmseg":
        torch.save({"meta": {"epoch": 1}, "state_dict": state, "optimizer": {"state": {}}}, path)
    else:
        torch.save(state, path)
    return path


def _parallel(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"module.{key}": value for key, value in state.items()}
