"""Backbones of different families: each trains ten steps, and its exported form agrees with PyTorch.

    python benchmarks/backbone_families.py
    python benchmarks/backbone_families.py --names vit_small_patch14_dinov2 convnext_atto --json families.json

UPerNet with random weights learns ten steps on toy-world scenes (the loss at the first and at the last). Then it is
exported to ONNX, if it says that it can be, and the file is compared with PyTorch at the sizes of `sceneparse export`
(the largest relative error of the logits, the least share of equal labels). Needs onnxruntime for the latter.
"""

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table
from torch import nn

from command_line import command_line, note, parsed, write_figures
from sceneparse.errors import UserError
from sceneparse.exporting.checking import agrees, check_export
from sceneparse.inference.exported_file import export_model
from sceneparse.labels import LabelSpace
from sceneparse.networks import normalize, resize
from sceneparse.settings import (
    BackboneSettings,
    DataSettings,
    NetworkSettings,
    PreprocessingSettings,
    ProtocolSettings,
)
from sceneparse.toyworld import render
from sceneparse.weights.build import build
from sceneparse.weights.config import ModelConfig
from sceneparse.weights.model import Model

FAMILIES = (
    *("vit_tiny_patch16_224", "vit_small_patch14_dinov2", "vit_small_patch14_reg4_dinov2", "vit_small_patch16_dinov3"),
    *("convit_tiny", "deit3_small_patch16_224", "eva02_tiny_patch14_224", "beit_base_patch16_224"),
    *("vit_base_patch16_siglip_224", "vit_base_patch16_clip_224", "cait_xxs24_224", "xcit_nano_12_p16_224"),
    *("twins_svt_small", "mvitv2_tiny", "swiftformer_xs", "resnet50_clip", "convnext_atto", "pvt_v2_b0"),
    *("swin_tiny_patch4_window7_224", "efficientnet_b0"),
)
"""Small ones of twenty families."""

QUICK = ("test_vit",)

STEPS = 10


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--names", nargs="*", default=FAMILIES, metavar="NAME", help="timm's names (default: twenty)")
    parser.add_argument("--side", type=int, default=96, help="side of the training pictures (default: 96)")
    parser.add_argument("--architecture", choices=("upernet", "fcn"), default="upernet", help="default: upernet")
    # An FCN has the same maps, and few layers behind them to be exported.
    given = parsed(parser, {"names": QUICK, "side": 64, "architecture": "fcn"})
    if find_spec("onnxruntime") is None:
        note("onnxruntime is not installed (pip install 'sceneparse[onnx]'): nothing is exported")
    rows = []
    for name in given.names:
        note(name)
        rows.append(tried(name, given.side, given.architecture))
    write_figures(rows, given.json, lambda: report(rows, given.architecture))
    if not all(row["ok"] for row in rows):
        sys.exit(1)


def tried(name: str, side: int, architecture: str) -> dict[str, Any]:
    """Train a model and compare its exported form."""
    torch.manual_seed(0)
    config = ModelConfig(
        name=name,
        backbone=BackboneSettings(name),
        network=NetworkSettings(architecture, channels=32, output_stride=32),
        preprocessing=PreprocessingSettings(),
        protocol=ProtocolSettings(),
        data=DataSettings(),
    )
    row: dict[str, Any] = {"name": name, "first_loss": None, "last_loss": None, "export": "", "error": None}
    scenes = [render(0, index, side) for index in range(4)]
    classes = 1 + max(int(torch.as_tensor(scene.objects).max()) for scene in scenes)
    network = build(config.backbone, config.network, classes)
    losses = trained(
        network,
        normalize(torch.stack([scene.image for scene in scenes]), config.preprocessing.mean, config.preprocessing.std),
        torch.stack([torch.as_tensor(scene.objects).long() for scene in scenes]),
    )
    row |= {"first_loss": round(losses[0], 3), "last_loss": round(losses[-1], 3), "equal": None}
    row["ok"] = losses[-1] < losses[0]
    model = Model(network.eval(), config, LabelSpace(tuple(f"class {index}" for index in range(classes))))
    if (why := network.backbone.unexportable) is not None:
        row["export"] = why
    elif find_spec("onnxruntime") is not None:
        row |= exported(model)
        row["ok"] &= row["export"] == "agrees"
    return row


def trained(network: nn.Module, images: torch.Tensor, masks: torch.Tensor) -> Sequence[float]:
    """Train a network some steps, and return the loss of each."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    losses = []
    network.train()
    for _ in range(STEPS):
        logits = resize(network(images).logits, (masks.shape[-2], masks.shape[-1]), align_corners=False)
        loss = F.cross_entropy(logits, masks, ignore_index=255)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def exported(model: Model) -> dict[str, Any]:
    """Export a model to ONNX, and say how well the file agrees with it."""
    with TemporaryDirectory(prefix="sceneparse-families-") as folder:
        path = Path(folder) / "model.onnx"
        try:
            export_model(model, path, "onnx")
            checks = list(check_export(model, path, "onnx"))
        except (UserError, RuntimeError) as error:
            return {"export": f"failed: {' '.join(str(error).split())[:120]}"}
    return {
        "export": "agrees" if all(map(agrees, checks)) else "differs",
        "error": max(check.error for check in checks),
        "equal": min(check.equal for check in checks),
    }


def report(rows: Sequence[dict[str, Any]], architecture: str) -> None:
    """Print the table."""
    table = Table(title=f"{STEPS} steps of {architecture}, and its ONNX file against PyTorch")
    for column in ("backbone", "first loss", "last", "export", "error", "equal labels"):
        table.add_column(column, overflow="fold", justify="left" if column in ("backbone", "export") else "right")
    for row in rows:
        error, equal = row["error"], row["equal"]
        table.add_row(
            row["name"],
            f"{row['first_loss']:.3f}",
            f"{row['last_loss']:.3f}",
            row["export"] or "–",
            "–" if error is None else f"{error:.1e}",
            "–" if equal is None else f"{100 * equal:.3f}%",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
