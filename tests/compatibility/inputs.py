"""What `make` trains and parses: small data sets, and the recipes that a user would write for them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

COMMON: dict[str, Any] = {
    "backbone": {"name": "test_efficientnet", "dilation": "half"},
    "augmentation": {"crop": [64, 64], "scale": [0.75, 1.5], "rotate": 5.0, "color": 0.2},
    "optimizer": {"kind": "adamw", "lr": 0.004, "head_factor": 2.0, "weight_decay": 0.01, "warmup": 5},
    "training": {
        "iterations": 80,
        "batch": 4,
        "precision": "float32",
        "device": "cpu",
        "validate_every": 40,
        "validate_count": 4,
        "checkpoint_every": 40,
        "log_every": 20,
    },
}

TOY = {"kind": "toyworld", "size": 64, "train_count": 40, "eval_count": 6, "workers": 0, "cache_mb": 8}

SOURCES = [
    {"kind": "folder", "root": "left", "name": "one", "weight": 2.0, "rename": {"grass": "meadow"}, "short": 40},
    {"kind": "folder", "root": "right", "name": "two", "keep": {"objects": ["sky", "car", "meadow"]}, "test": None},
]

RECIPES: dict[str, dict[str, Any]] = {
    "pspnet": {
        "network": {"architecture": "pspnet", "channels": 8, "aux_channels": 8},
        "data": TOY,
        "protocol": {"scales": [0.75, 1.0], "flip": True},
    },
    "upernet": {
        "network": {"architecture": "upernet", "channels": 8, "aux_channels": 8},
        "data": TOY | {"train": "train[:30]"},
        "protocol": {"name": "window", "window": [48, 48], "stride": 0.5},
    },
    "upernet_unified": {
        "network": {
            "architecture": "upernet_unified",
            "channels": 8,
            "aux": False,
            # Without textures, whose head has as many weights as all the other models together.
            "tasks": {"from_data": ["scenes", "parts", "materials"]},
        },
        "data": TOY,
        "loss": {"part_objects": "mean", "part_weight": 2.0},
    },
    "upernet_concat": {
        "network": {"architecture": "upernet_concat", "channels": 8, "aux_channels": 8},
        "data": {"kind": "mixture", "root": "data", "batches": "mixed", "sources": SOURCES, "workers": 0},
    },
    "fcn": {
        "network": {"architecture": "fcn", "channels": 8, "aux_channels": 8},
        "data": {
            "kind": "huggingface",
            "root": "data/parquet",
            "subset": "small",
            "columns": ["picture", "mask"],
            "val": "validation",
            "test": "validation",
            "workers": 0,
        },
        "loss": {"hard_fraction": 0.5, "class_weights": "median"},
    },
    "deeplabv3": {
        "backbone": {"in_channels": 2},
        "network": {"architecture": "deeplabv3", "channels": 8, "aux_channels": 8},
        "preprocessing": {"mean": [0.2, 0.3], "std": [0.25, 0.25]},
        # Without colours, which pictures of two channels don't have: 634fde6 took and ignored them, others refuse them.
        "augmentation": COMMON["augmentation"] | {"color": 0.0},
        "data": {
            "kind": "nifti",
            "root": "data/volumes",
            "modalities": ["water", "fat"],
            "truth": "organs",
            "classes": "data/volumes/classes.json",
            "empty_slices": False,
            "test": "val",
            "workers": 0,
        },
    },
    "pspnet_multilabel": {
        "network": {"architecture": "pspnet_multilabel", "channels": 8, "aux_channels": 16, "output_stride": 16},
        "data": {"kind": "folder", "root": "data/left", "test": "val", "workers": 0},
        "protocol": {"resize": "short", "size": 48, "absent": "zero"},
    },
}
"""A recipe for each architecture; between them they use every kind of data that has settings of its own."""

GOING_ON: dict[str, Any] = {
    "backbone": {"name": "test_efficientnet"},
    "network": {"architecture": "pspnet", "channels": 8, "aux_channels": 8, "output_stride": 16, "stages": 3},
    "data": TOY,
    "augmentation": {"crop": [64, 64]},
    "optimizer": {"lr": 0.02, "head_factor": 2.0},
    "loss": {"class_weights": "median"},
    "training": COMMON["training"]
    | {"iterations": 24, "batch": 4, "log_every": 3, "validate_every": 8, "checkpoint_every": 4},
}
"""The training that is stopped half way; by SGD, whose steps are as small as its gradients' rounding."""

SWEEP: dict[str, Any] = {
    "description": "two rows, one seed",
    "base": "going-on.yaml",
    "set": {"training": {"iterations": 6, "validate_every": 0, "checkpoint_every": 2}},
    "rows": [
        {"name": "grid 1, average", "network": {"bins": [1]}},
        {"name": "grid 1, max", "network": {"bins": [1], "pool": "max"}},
    ],
    "seeds": [0],
    "groups": {"look-alikes": ["car", "boat", "sheep", "rock"]},
}


def write_recipes(folder: Path) -> None:
    """Write all recipes and the sweep."""
    for name, recipe in RECIPES.items():
        backbone = COMMON["backbone"] | recipe.get("backbone", {})
        if name.startswith("upernet"):
            backbone.pop("dilation")
        _write_yaml(folder / f"{name}.yaml", COMMON | recipe | {"backbone": backbone})
    _write_yaml(folder / "going-on.yaml", GOING_ON)
    _write_yaml(folder / "sweep.yaml", SWEEP)


def write_data(folder: Path) -> None:
    """Write all data sets that the recipes name."""
    write_folder(folder / "left", 5, ["sky", "grass", "car"], (48, 64))
    write_folder(folder / "right", 6, ["sky", "meadow", "car"], (40, 56))
    write_parquet(folder / "parquet")
    write_volumes(folder / "volumes")


def scene(generator: np.random.Generator, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A noisy picture of sky, grass and a car, and its mask (0, 1, 2; 255 where nothing is known)."""
    height, width = size
    mask = np.zeros(size, np.uint8)
    mask[int(generator.integers(height // 3, 2 * height // 3)) :] = 1
    top, left = int(generator.integers(0, height - 14)), int(generator.integers(0, width - 18))
    mask[top : top + 12, left : left + 16] = 2
    colors = np.array([[120, 170, 230], [70, 150, 60], [200, 40, 50]])
    picture = np.clip(colors[mask] + generator.normal(0, 25, (*size, 3)), 0, 255).astype(np.uint8)
    mask[:2] = 255
    return picture, mask


def write_folder(root: Path, seed: int, names: list[str], size: tuple[int, int]) -> None:
    """A data set of kind folder with three classes."""
    generator = np.random.default_rng(seed)
    for split, count in (("train", 6), ("val", 3)):
        for index in range(count):
            picture, mask = scene(generator, size)
            for kind, pixels in (("images", picture), ("masks", mask)):
                (root / split / kind).mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(root / split / kind / f"{index:02}.png")
    (root / "classes.json").write_text(json.dumps({"names": names, "ignore": 255}))


def write_parquet(root: Path) -> None:
    """A dataset of the Hugging Face library with two configurations, of which one is worth reading."""
    import datasets

    generator = np.random.default_rng(7)
    features = datasets.Features({"picture": datasets.Image(), "mask": datasets.Image()})
    for split, count in (("train", 6), ("validation", 3)):
        pairs = [scene(generator, (48, 64)) for _ in range(count)]
        columns = {
            name: [Image.fromarray(pair[index]) for pair in pairs] for index, name in enumerate(("picture", "mask"))
        }
        (root / "small").mkdir(parents=True, exist_ok=True)
        datasets.Dataset.from_dict(columns, features=features).to_parquet(root / "small" / f"{split}.parquet")
    files = [{"split": split, "path": f"small/{split}.parquet"} for split in ("train", "validation")]
    other = [{"split": "train", "path": "small/validation.parquet"}]
    configs = [{"config_name": "small", "data_files": files}, {"config_name": "other", "data_files": other}]
    (root / "README.md").write_text(f"---\n{yaml.safe_dump({'configs': configs})}---\n")
    (root / "classes.json").write_text(json.dumps({"names": ["sky", "grass", "car"], "ignore": 255}))


def write_volumes(root: Path) -> None:
    """Cases of two modalities, the first slices without a voxel above zero."""
    import nibabel

    generator = np.random.default_rng(8)
    for split, count in (("train", 2), ("val", 1)):
        for number in range(count):
            name = f"{split}{number}"
            truth = np.zeros((48, 40, 5), np.int16)
            truth[10:38, 8:32, 2:] = 3
            truth[int(generator.integers(12, 18)) : 30, 12:24, 3:] = 7
            volumes = {"organs": truth}
            for modality, strength in (("water", 100), ("fat", 160)):
                noise = generator.integers(1, 40, truth.shape)
                volumes[modality] = ((truth > 0) * (strength + 10 * truth + noise)).astype(np.int16)
            folder = root / split / name
            folder.mkdir(parents=True)
            for what, values in volumes.items():
                affine = np.diag([-1.0, -1.0, 1.0, 1.0])
                nibabel.save(nibabel.Nifti1Image(values, affine), folder / f"{name}_{what}.nii.gz")
    names = ["background", "body", "organ"]
    (root / "classes.json").write_text(json.dumps({"names": names, "ids": [0, 3, 7]}))


def _write_yaml(path: Path, value: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(value, sort_keys=False, default_flow_style=None, width=110))
