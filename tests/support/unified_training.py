"""A step of unifiedparsing's training program, recorded as a case: all heads, its losses and its accuracies."""

import copy
import csv
from importlib import resources
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.support.csail import DeepResNet, enlarge, layer
from tests.support.recording import COUNTERS, Recorder, norms, thinned

WIDTHS, WIDTH = [64, 128, 256, 512], 64
CLASSES = {"scene": 365, "object": 336, "material": 26}
SCALES = {"object": 1, "part": 0.5, "scene": 0.25, "material": 1}


def hierarchy() -> list[tuple[int, int]]:
    """Of every object with parts its label and its number of parts, "no part" included."""
    text = resources.files("sceneparse.standard").joinpath("broden", "object_part_hierarchy.csv").read_text()
    return [(int(row["object_label"]), len(row["part_labels"].split(";"))) for row in csv.DictReader(text.splitlines())]


def precise(maps: Tensor, bins: int) -> Tensor:
    """Whole-map precise pooling by its closed form."""

    def weights(count: int) -> Tensor:
        edges = torch.arange(bins + 1, dtype=torch.float64) * count / bins
        offset = (edges[:, None] - torch.arange(count)).clamp(-1, 1)
        integral = torch.where(offset < 0, (offset + 1) ** 2 / 2, 1 - (1 - offset) ** 2 / 2)
        return ((integral[1:] - integral[:-1]) * bins / count).to(maps.dtype)

    return weights(maps.shape[-2]) @ maps @ weights(maps.shape[-1]).T


class Decoder(nn.Module):
    """The release's decoder, narrower."""

    def __init__(self) -> None:
        super().__init__()
        self.ppm_conv = nn.ModuleList(layer(WIDTHS[-1], 512, 1) for _ in range(4))
        self.ppm_last_conv = layer(WIDTHS[-1] + 2048, WIDTH)
        self.fpn_in = nn.ModuleList(layer(before, WIDTH, 1) for before in WIDTHS[:-1])
        self.fpn_out = nn.ModuleList(nn.Sequential(layer(WIDTH, WIDTH)) for _ in range(3))
        self.conv_fusion = layer(4 * WIDTH, WIDTH)
        self.scene_head = nn.Sequential(
            layer(WIDTH, WIDTH), nn.AdaptiveAvgPool2d(1), nn.Conv2d(WIDTH, CLASSES["scene"], 1)
        )
        parts = sum(count for _, count in hierarchy())
        self.object_head, self.part_head, self.material_head = (
            nn.Sequential(layer(WIDTH, WIDTH), nn.Conv2d(WIDTH, classes, 1))
            for classes in (CLASSES["object"], parts, CLASSES["material"])
        )

    def forward(self, features: list[Tensor], switch: dict[str, bool]) -> dict[str, Tensor]:
        top = features[-1]
        grids = (enlarge(precise(top, side), top) for side in (1, 2, 3, 6))
        maps = self.ppm_last_conv(torch.cat([top, *(conv(g) for conv, g in zip(self.ppm_conv, grids, strict=True))], 1))
        found = {"scene": self.scene_head(maps).flatten(1)} if switch["scene"] else {}
        levels = [maps]
        for index in (2, 1, 0):
            lateral = self.fpn_in[index](features[index])
            maps = lateral + enlarge(maps, lateral)
            levels.insert(0, self.fpn_out[index](maps))
        if switch["material"]:
            found["material"] = self.material_head(levels[0]).log_softmax(1)
        if switch["object"] or switch["part"]:
            fused = self.conv_fusion(torch.cat([enlarge(level, levels[0]) for level in levels], 1))
            if switch["object"]:
                found["object"] = self.object_head(fused).log_softmax(1)
            if switch["part"]:
                found["part"] = self.part_head(fused)
        if "scene" in found:
            found["scene"] = found["scene"].log_softmax(1)
        return found


class UnifiedModule(nn.Module):
    """Encoder, decoder and losses, as the training program puts them together."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = DeepResNet(18, dilated=False), Decoder()
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum, module.num_batches_tracked = 0.001, None

    def forward(self, feed: dict[str, Tensor], switch: dict[str, bool]) -> dict[str, Tensor]:
        found = self.decoder(self.encoder(feed["img"]), switch)
        outputs: dict[str, Tensor] = {f"{name}_logp": value for name, value in found.items() if name != "part"}
        losses: dict[str, Tensor] = {}
        for name, truth, ignored in (
            ("object", "seg_object", 0),
            ("material", "seg_material", 0),
            ("scene", "scene_label", -1),
        ):
            if name in found:
                losses[name] = F.nll_loss(found[name], feed[truth], ignore_index=ignored)
                counts = feed[truth] != ignored
                right = (counts & (found[name].argmax(1) == feed[truth])).sum().float()
                outputs[f"acc_{name}"] = (right / (counts.sum() + 1e-10)).view(1)
        if "part" in found:
            losses["part"], outputs["acc_part"] = self.parts(found["part"], feed)
        outputs |= {f"loss_{name}": value.view(1) for name, value in losses.items()}
        outputs["loss_total"] = sum((SCALES[name] * value for name, value in losses.items()), torch.zeros(())).view(1)
        return outputs

    def parts(self, logits: Tensor, feed: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The loss of the parts, and how many are right."""
        loss, right, pixels = torch.zeros(()), torch.zeros(()), torch.zeros(())
        blocks = logits.split([count for _, count in hierarchy()], dim=1)
        for index, ((label, _), block) in enumerate(zip(hierarchy(), blocks, strict=True)):
            inside, valid = feed["seg_object"] == label, feed["valid_part"][:, index]
            own = F.nll_loss(block.log_softmax(1), feed["seg_part"] * inside, reduction="none") * inside
            count = (inside.flatten(1).sum(1) * valid).sum()
            loss = loss + (own.flatten(1).sum(1) * valid).sum() / count.clamp(min=1)
            hits = inside * (block.argmax(1) == feed["seg_part"])
            right, pixels = right + (hits.flatten(1).sum(1) * valid).sum(), pixels + count
        return loss, (right / (pixels + 1e-10)).view(1)


def record(recorder: Recorder, source: int, by_half: bool) -> Path:
    """Record a step, without the manifest's `extra`.

    Args:
        recorder: Where the case goes.
        source: 0 learns objects, parts and scenes; 1 learns materials.
        by_half: Whether the gradients' norms are recorded for encoder and decoder apart.
    """
    module = UnifiedModule().train()
    keys = {
        "encoder": recorder.filled(module.encoder, COUNTERS),
        "decoder": recorder.filled(module.decoder, COUNTERS),
    }
    height, width = 64, 96
    small = [2, height // 4, width // 4]
    image: dict[str, Any] = {"name": "img", "kind": "image", "shape": [2, 3, height, width], "seed": 51}
    labels: list[dict[str, Any]] = [
        {"name": "seg_object", "shape": small, "seed": 52, "classes": 70, "ignore": 0, "frac": 0.1, "low": 0},
        {"name": "seg_part", "shape": small, "seed": 53, "classes": 2, "low": 0},
        {"name": "valid_part", "shape": [2, len(hierarchy())], "seed": 54, "classes": 2, "low": 0},
        {"name": "scene_label", "shape": [2], "seed": 55, "classes": 365, "low": 0},
    ]
    if source == 1:
        labels = [{"name": "seg_material", "shape": small, "seed": 56, "classes": 26, "low": 0}]
    switch = {name: (name == "material") == (source == 1) for name in ("scene", "object", "part", "material")}

    def step(network: UnifiedModule, dtype: torch.dtype) -> dict[str, Tensor]:
        network = copy.deepcopy(network).to(dtype)
        feed = {one["name"]: recorder.target(one) for one in labels}
        feed["img"] = recorder.image(image["shape"], 51).to(dtype)
        outputs = network(feed, switch)
        outputs["loss_total"].sum().backward()
        if by_half:
            outputs["grad_norm:encoder"], outputs["grad_norm:decoder"] = norms(network.encoder), norms(network.decoder)
        else:
            outputs["grad_norm"] = norms(network)
        for key, value in network.named_parameters():
            if value.grad is not None and (
                key.endswith("encoder.conv1.weight") or "head" in key or "ppm_conv.0" in key
            ):
                outputs[f"grad:{key}"] = thinned(value.grad)
        for key, buffer in network.named_buffers():
            if "encoder.bn1" in key or "head" in key or "fusion" in key or "ppm_conv.0" in key:
                outputs[f"after:{key}"] = buffer
        return outputs

    manifest: dict[str, Any] = {
        "source": {
            "repo": "CSAILVision/unifiedparsing",
            "args": {"arch_encoder": "resnet18", "arch_decoder": "upernet", "fc_dim": 512, "source_idx": source},
        },
        "mode": "train",
        "align_corners": False,
        "inputs": [image, *({"kind": "target", **one} for one in labels)],
        "outputs": {
            "loss_total": "object + 0.5 * part + 0.25 * scene + material",
            "grad:KEY": "gradient of loss_total",
        },
        "state_dicts": keys,
    }
    name = f"unifiedparsing_train_source{source}"
    return recorder.write(name, manifest, step(module, torch.float32), step(module, torch.float64), atol=3e-2)
