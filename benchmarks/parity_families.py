"""What a family's checkpoints look like on disk, and how its outputs follow from ours."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from parity_cases import Case
from sceneparse.networks import SceneParser, resize
from sceneparse.weights.importing import FAMILIES, ImportedModel
from sceneparse.weights.importing.family import theirs

SOURCES = (
    (r"hszhao/semseg", "semseg"),
    (r"CSAILVision/semantic-segmentation-pytorch", "csail"),
    (r"CSAILVision/unifiedparsing", "unifiedparsing"),
    (r"Lextal/pspnet-pytorch", "pspnet-pytorch"),
    (r"seed document 000", "pspnet-mobilenetv2"),
    (r"seed document 001", "upernet-concat"),
    (r"mmsegmentation", "mmseg"),
    (r"transformers", "transformers"),
    (r"segmentation_models_pytorch", "smp"),
    (r"torchvision", "torchvision"),
)
"""The family by what the manifest says was run."""


def expected_family(manifest: dict[str, Any]) -> str:
    """The family that a case is of; "operator" and "protocol" are none."""
    source = manifest["source"]
    if "prroi" in manifest["name"] and "model" not in manifest.get("state_dicts", {}):
        return "operator"
    if "tool/test.py" in source["files"]:
        return "protocol"
    for pattern, family in SOURCES:
        if re.search(pattern, source["repo"]):
            return family
    raise ValueError(f"no family is known for {source['repo']}")


def overrides_of(manifest: dict[str, Any]) -> list[str]:
    """What no key tells and the manifest says, as arguments of the command line."""
    given = manifest["source"]["args"]
    found: dict[str, Any] = {}
    if given.get("downsample_factor") == 16:
        found["network.output_stride"] = 16
    if "dropout" in given and manifest["mode"] == "train":
        found["network.dropout"] = given["dropout"]
    undilated = given.get("arch_encoder") in ("resnet18", "resnet50", "resnet101")
    if undilated and given["arch_decoder"].startswith(("ppm", "c1")):
        found["network.output_stride"] = 32
    backbone = given.get("backbone")
    if isinstance(backbone, dict) and "strides" in backbone:
        stride = 4 * int(np.prod(backbone["strides"]))
        if stride != 8 and given["decode_head"]["type"] != "UPerHead":
            found["network.output_stride"] = stride
        if given["decode_head"].get("align_corners"):
            found["network.align_corners"] = "true"
    return [f"--{key}={value}" for key, value in found.items()]


def checkpoint_of(case: Case, family: str, folder: Path) -> Path:
    """Write the case's weights as the family's code would; returns what a user would name."""
    parts = list(case.manifest["state_dicts"])
    if "encoder" in parts:
        for part in parts:
            torch.save(case.weights(part), folder / f"{part}_epoch_20.pth")
        return folder / "encoder_epoch_20.pth"
    [part] = parts
    state = case.weights(part)
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


BGR = ("unifiedparsing", "caffe")
"""Families whose networks take blue first. An import turns them round, so that all models take red first."""

Again = Callable[..., ImportedModel]


def network_outputs(
    case: Case, family: str, imported: ImportedModel, again: Again
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Every stored output that ours has a counterpart of; and those of a run in float64, where the case holds one."""
    network = imported.model.network
    inputs = case.inputs()
    if family in BGR:
        inputs["x"] = inputs["x"].flip(1)
    if case.manifest["mode"] == "train":
        got = _training_outputs(case, family, network, inputs)
        if not case.reference64:
            return got, {}
        doubles = inputs | {"x": inputs["x"].double()}
        return got, _training_outputs(case, family, again().model.network.double(), doubles)
    run = Run(imported, inputs)
    got = {}
    for name, reference in case.reference.items():
        source = run
        plain = name
        if "_ac_false" in name:
            plain = name.replace("_ac_false", "")
            source = Run(again("--network.align_corners=false"), inputs)
        value = source.output(plain.removesuffix("_sub"), reference.shape)
        if value is not None:
            got[name] = _stored(value, case.manifest["outputs"].get(name, "")).numpy()
    return got, {}


def _stored(value: Tensor, meaning: str) -> Tensor:
    """The part of an output that was stored: "stored [:, :, ::2, ::2]"."""
    found = re.search(r"stored \[([:\d, ]+)\]", meaning)
    if found is None:
        return value.contiguous()
    steps = [int(part.strip()[2:] or 1) if part.strip().startswith("::") else 1 for part in found[1].split(",")]
    return value[tuple(slice(None, None, step) for step in steps)].contiguous()


class Run:
    """One forward pass, and what the families make of it."""

    def __init__(self, imported: ImportedModel, inputs: dict[str, Tensor]) -> None:
        network = imported.model.network
        self.network: SceneParser = network
        self.inputs = inputs
        self.parts = list(imported.model.config.network.tasks.parts) if hasattr(network, "part_head") else []
        self.images = inputs["x"]
        self.size = (self.images.shape[-2], self.images.shape[-1])
        seen: list[Tensor] = []
        handles = [
            module.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
            for name, module in network.named_modules()
            if name == "head.classifier"
        ]
        with torch.inference_mode():
            self.output_of = network(self.images)
            features = network.backbone(self.images)
            self.aux = None if network.aux_head is None else network.aux_head(features[2])
            self.decoded = network.fuse(features) if hasattr(network, "fuse") else seen[0] if seen else None
        for handle in handles:
            handle.remove()
        self.raw: Tensor = self.output_of.logits

    @torch.inference_mode()
    def output(self, name: str, shape: tuple[int, ...]) -> Tensor | None:
        """An output by the name that the manifests give it; None if there is none of that name."""
        task, _, form = name.rpartition("_")
        if task in ("scene", "object", "part", "material") and form in ("prob", "logp"):
            return self._task(getattr(self.output_of, task), task, form, shape)
        if name in ("raw", "cls_raw", "main_raw"):
            return self.raw
        if name in ("logits", "out"):
            return self._full(self.raw)
        if name == "aux_raw":
            return self.aux
        if name == "aux":
            return None if self.aux is None else self._full(self.aux)
        if name == "cls_logits":
            return self.output_of.image
        if name == "logp":
            return self.raw.log_softmax(1)
        if name == "logp_deepsup":
            return None if self.aux is None else self.aux.log_softmax(1)
        if name == "prob":
            return resize(self.raw, shape[-2:], self.network.align_corners).softmax(1)
        if name == "decoder":
            return self.decoded
        if name == "loss" and self.aux is not None:
            return (self._loss(self.raw) + 0.4 * self._loss(self.aux)).view(1)
        return None

    def _full(self, logits: Tensor) -> Tensor:
        return resize(logits, self.size, self.network.align_corners)

    def _loss(self, logits: Tensor) -> Tensor:
        return F.cross_entropy(self._full(logits), self.inputs["y"], ignore_index=255)

    def _task(self, logits: Tensor, task: str, form: str, shape: tuple[int, ...]) -> Tensor:
        if logits.ndim == 4 and form == "prob":
            logits = resize(logits, shape[-2:], self.network.align_corners)
        function = Tensor.softmax if form == "prob" else Tensor.log_softmax
        if task != "part":
            return function(logits, 1)
        return torch.cat([function(block, 1) for block in logits.split(self.parts, dim=1)], dim=1)


def _training_outputs(
    case: Case, family: str, network: SceneParser, inputs: dict[str, Tensor]
) -> dict[str, np.ndarray]:
    """One step's forward and backward pass in training mode: losses, gradients and running statistics."""
    network.train()
    images, target = inputs["x"], inputs["y"]
    ignore = next(source.get("ignore", 255) for source in case.manifest["inputs"] if source["name"] == "y")

    def loss(logits: Tensor) -> Tensor:
        # CSAIL's labels come at the logits' size, the others' at the picture's.
        size = (target.shape[-2], target.shape[-1])
        return F.cross_entropy(resize(logits, size, network.align_corners), target, ignore_index=ignore)

    output = network(images)
    main = total = loss(output.logits)
    full = resize(output.logits, (images.shape[-2], images.shape[-1]), network.align_corners)
    got: dict[str, Tensor] = {
        "pred": full.argmax(1).int(),
        "logits": full,
        "out": full,
        "logp": output.logits.log_softmax(1),
    }
    got |= dict.fromkeys(("main_raw", "raw", "cls_raw"), output.logits)
    if output.aux is not None:
        aux = loss(output.aux)
        total = main + 0.4 * aux
        got |= dict.fromkeys(("aux_loss", "deepsup_loss", "loss_deepsup", "loss_aux"), aux.view(1))
        got |= {"aux_raw": output.aux, "logp_deepsup": output.aux.log_softmax(1)}
    total.backward()
    got |= {"main_loss": main.view(1), "loss_main": main.view(1), "loss": total.view(1)}
    names = _names(case, family)
    gradients = {theirs(name, names): value.grad for name, value in network.named_parameters()}
    buffers = {theirs(name, names): value for name, value in network.named_buffers()}
    for name in case.reference:
        kind, _, key = name.partition(":")
        if kind == "grad" and (gradient := gradients.get(key)) is not None:
            flat = gradient.reshape(-1)
            got[name] = gradient if flat.numel() <= 4000 else flat[:: flat.numel() // 1000][:1000]
        elif kind == "after" and key in buffers:
            got[name] = buffers[key]
    order = [key for part in case.manifest["state_dicts"].values() for key, *_ in part if key in gradients]
    got["grad_norm"] = torch.stack([gradients[key].norm() for key in order])
    return {name: value.detach().contiguous().numpy() for name, value in got.items()}


def _names(case: Case, family: str) -> Any:
    shapes = {
        (key if part == "model" else f"{part}.{key}"): tuple(shape)
        for part, entries in case.manifest["state_dicts"].items()
        for key, shape, *_ in entries
    }
    [recognition] = [found for member in FAMILIES[family] if (found := member.recognise(shapes)) is not None]
    return recognition.names
