"""Makes what the tests of this folder compare with: things that an earlier commit wrote.

    git worktree add /tmp/old 634fde6
    PYTHONPATH=/tmp/old/src python tests/compatibility/make.py /tmp/old tests/compatibility/634fde6

All of it is made by that commit's own commands, on the CPU in float32 with one thread, in ten minutes or so. The tests
never run this file: it is kept to say how the things came about, and to make a like set for a later commit.

The folder gets

- data/, recipes/: small data sets and the recipes that a user would write for them;
- models/ARCHITECTURE/: model folders; answers/ARCHITECTURE/: what `predict` and `evaluate` made of them;
- pictures/: what was parsed;
- run/stopped, run/finished: a training stopped half way by SIGTERM, and what became of it with --resume;
- sweep/: one finished and one stopped run, and the summary of the whole;
- exported/: an ONNX file;
- help/: what every verb says to --help; settings/: all shipped recipes and sweeps with every setting.
"""

import argparse
import dataclasses
import gzip
import hashlib
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

VERBS = (
    ["demo", "train", "sweep", "evaluate", "diagnose", "predict", "discover", "serve", "export", "bench"]
    + [f"data {verb}" for verb in ("list", "get", "check", "show", "export", "build-broden")]
    + ["import", "models"]
)

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


def command(*words: str | Path, folder: Path) -> str:
    """Run `sceneparse …` in a folder; what it printed."""
    print("sceneparse", *words, flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "sceneparse.cli", *map(str, words)],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))}: {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def environment(folder: Path) -> dict[str, str]:
    """One thread, help of a fixed width, and caches apart from the user's."""
    caches = {name: str(folder / ".cache" / name) for name in ("SCENEPARSE_CACHE", "HF_DATASETS_CACHE", "HF_HOME")}
    return os.environ | caches | {"OMP_NUM_THREADS": "1", "COLUMNS": "100", "HF_HUB_OFFLINE": "1"}


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


def write_pictures(out: Path) -> None:
    """What is parsed: two toy scenes, one of them at odd sizes, and a picture of noise."""
    command("data", "export", "toyworld", "--out", ".cache/toy", *toy_settings(), folder=out)
    (out / "pictures").mkdir()
    scenes = sorted((out / ".cache/toy").rglob("images/*.png"))
    with Image.open(scenes[0]) as first, Image.open(scenes[1]) as second:
        first.save(out / "pictures/scene.png")
        second.resize((83, 61), Image.Resampling.BICUBIC).save(out / "pictures/odd.png")
    picture, _ = scene(np.random.default_rng(9), (48, 64))
    Image.fromarray(picture).save(out / "pictures/car.png")


def toy_settings() -> list[str]:
    """The toy world's settings as arguments."""
    return [f"--data.{key}={value}" for key, value in TOY.items() if key != "kind"]


def write_models(out: Path, work: Path, names: Iterable[str] = RECIPES) -> None:
    """Train each recipe, and keep the model folder and what it answers."""
    for name in names:
        command("train", f"recipes/{name}.yaml", "--out", work / name, folder=out)
        shutil.copytree(work / name / "model", out / "models" / name)
        answer(out, f"models/{name}", f"answers/{name}")
        given = {"upernet_concat": "data", "fcn": "data/parquet", "deeplabv3": "data/volumes"}
        data = given.get(name, "data/left" if name == "pspnet_multilabel" else None)
        split = ["--split", "val"] if name == "upernet_concat" else []
        command(
            "evaluate",
            f"models/{name}",
            *(["--data", data] if data else []),
            *split,
            *("--engine", "torch", "--precision", "float32", "--device", "cpu", "--out", work / "evaluation"),
            folder=out,
        )
        shutil.copy(work / "evaluation/metrics.json", out / "answers" / name / "metrics.json")


def answer(out: Path, model: str, where: str, *engine: str) -> None:
    """What a model says of the pictures, or of a volume."""
    inputs = ["data/volumes/val/val0"] if model.endswith("deeplabv3") else ["pictures"]
    chosen = engine or ("--engine", "torch", "--precision", "float32", "--device", "cpu")
    command("predict", model, *inputs, "--out", where, "--no-overlay", *chosen, folder=out)


def write_run(out: Path, work: Path) -> None:
    """Stop a training half way, keep its folder, and go on with it."""
    run = work / "going-on"
    words = ["train", "recipes/going-on.yaml", "--out", str(run)]
    stop_after(run, 10, [sys.executable, "-m", "sceneparse.cli", *words], out)
    keep_run(run, out / "run/stopped")
    print(command(*words, "--resume", folder=out))
    keep_run(run, out / "run/finished", checkpoints=False)
    shutil.copytree(run / "model", out / "run/finished/model")


def stop_after(run: Path, iteration: int, words: list[str], folder: Path) -> None:
    """Start a training and send it SIGTERM as soon as it has written a line about a later iteration."""
    process = subprocess.Popen(words, cwd=folder, env=environment(folder))
    metrics = run / "metrics.jsonl"
    while process.poll() is None:
        lines = metrics.read_text().splitlines() if metrics.exists() else []
        if lines and json.loads(lines[-1])["iteration"] > iteration:
            process.send_signal(signal.SIGTERM)
            break
        time.sleep(0.02)
    print(f"stopped: {process.wait()}, {json.loads((run / 'run.json').read_text())['iteration']}")


def keep_run(run: Path, where: Path, *, checkpoints: bool = True) -> None:
    """Copy what a run folder needs to go on: without curves, and with the newest checkpoint alone."""
    where.mkdir(parents=True)
    for name in ("recipe.yaml", "metrics.jsonl", "run.json", "class_weights.json", "tests.json"):
        if (run / name).exists():
            shutil.copy(run / name, where / name)
    if checkpoints:
        (where / "checkpoints").mkdir()
        for kind in ("last", "best"):
            for newest in sorted((run / "checkpoints").glob(f"{kind}-*.pt"))[-1:]:
                shutil.copy(newest, where / "checkpoints" / newest.name)


def write_sweep(out: Path, work: Path) -> None:
    """A sweep whose second run was stopped, and its summary when all was done."""
    folder = work / "sweep"
    rows = ("grid-1-average", "grid-1-max")
    words = [sys.executable, "-m", "sceneparse.cli", "sweep", "recipes/sweep.yaml", "--out", str(folder)]
    process = subprocess.Popen(words, cwd=out, env=environment(out))
    metrics = folder / rows[1] / "seed0/checkpoints/last-00000002.pt"
    while process.poll() is None and not metrics.exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    print(f"sweep stopped: {process.wait()}")
    keep = out / "sweep/stopped"
    keep_run(folder / rows[0] / "seed0", keep / rows[0] / "seed0", checkpoints=False)
    shutil.copytree(folder / rows[0] / "seed0/model", keep / rows[0] / "seed0/model")
    keep_run(folder / rows[1] / "seed0", keep / rows[1] / "seed0")
    (out / "sweep/states.txt").write_text(
        command("sweep", "recipes/sweep.yaml", "--out", folder, "--dry-run", folder=out).replace(str(folder), "FOLDER")
    )
    command("sweep", "recipes/sweep.yaml", "--out", folder, folder=out)
    (out / "sweep/finished").mkdir()
    for name in ("summary.json", "summary.csv", "summary.md"):
        shutil.copy(folder / name, out / "sweep/finished" / name)


def write_exports(out: Path) -> None:
    """An ONNX file of the smallest model of one task, and its answers."""
    command("export", "models/fcn", "--format", "onnx", "--out", "exported/fcn.onnx", folder=out)
    answer(out, "exported/fcn.onnx", "answers/fcn.onnx", "--precision", "float32")


def write_help(out: Path) -> None:
    """What every verb says of itself."""
    (out / "help").mkdir()
    (out / "help/sceneparse.txt").write_text(command("--help", folder=out))
    for verb in VERBS:
        (out / "help" / f"{verb.replace(' ', '-')}.txt").write_text(command(*verb.split(), "--help", folder=out))


def write_settings(out: Path) -> None:
    """All settings of every shipped recipe, of every row of every shipped sweep, and the networks that they build."""
    import torch

    import sceneparse

    # By name, so that this file still passes the checks of commits in which these are elsewhere.
    names = importlib.import_module("sceneparse.recipes").recipe_names()
    sweeps = importlib.import_module("sceneparse.recipes.sweep")
    root = ["--data.root=DATA"]
    # As the package of that commit takes it.
    read_recipe: Any = sceneparse.read_recipe
    recipes, networks = {}, {}
    for name in names:
        plain = name.startswith("toy-") or name == "mini-broden"
        recipe = read_recipe(name, [] if plain else root)
        recipes[name] = dataclasses.asdict(recipe)
        if not recipe.network.tasks.from_data:
            with torch.device("meta"):
                built = sceneparse.build(recipe.backbone, recipe.network, 21)
            networks[name] = shapes(built)
    rows = {}
    for name in sweeps.sweep_names():
        base = sweeps.load_sweep(name)["base"]
        sweep = sweeps.read_sweep(name, [] if str(base).startswith("toy-") else root)
        rows[name] = {
            "seeds": sweep.seeds,
            "rows": [
                {
                    "name": row.name,
                    "recipe": dataclasses.asdict(row.recipe),
                    "tests": {test: dataclasses.asdict(protocol) for test, protocol in row.tests.items()},
                }
                for row in sweep.rows
            ],
        }
    (out / "settings").mkdir()
    for name, value in (("recipes", recipes), ("sweeps", rows), ("networks", networks)):
        content = json.dumps(value, separators=(",", ":")).encode()
        (out / "settings" / f"{name}.json.gz").write_bytes(gzip.compress(content, mtime=0))


def shapes(network: Any) -> dict[str, Any]:
    """The number of a network's parameters, and a hash of all names and shapes of its state."""
    lines = [f"{name} {tuple(tensor.shape)}" for name, tensor in network.state_dict().items()]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return {"parameters": sum(one.numel() for one in network.parameters()), "tensors": len(lines), "sha256": digest}


def main() -> None:
    """Make everything, in a new folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path, help="the commit's checkout, whose src is on PYTHONPATH")
    parser.add_argument("out", type=Path, help="a new folder")
    arguments = parser.parse_args()
    import sceneparse

    if not Path(sceneparse.__file__).is_relative_to(arguments.checkout.resolve()):
        sys.exit(f"sceneparse comes from {sceneparse.__file__}: set PYTHONPATH={arguments.checkout}/src")
    out = arguments.out.resolve()
    for folder in ("recipes", "data", "models", "exported"):
        (out / folder).mkdir(parents=True)
    for name, recipe in RECIPES.items():
        backbone = COMMON["backbone"] | recipe.get("backbone", {})
        if name.startswith("upernet"):
            backbone.pop("dilation")
        write_yaml(out / "recipes" / f"{name}.yaml", COMMON | recipe | {"backbone": backbone})
    write_yaml(out / "recipes/going-on.yaml", GOING_ON)
    write_yaml(out / "recipes/sweep.yaml", SWEEP)
    write_folder(out / "data/left", 5, ["sky", "grass", "car"], (48, 64))
    write_folder(out / "data/right", 6, ["sky", "meadow", "car"], (40, 56))
    write_parquet(out / "data/parquet")
    write_volumes(out / "data/volumes")
    write_pictures(out)
    write_help(out)
    write_settings(out)
    with tempfile.TemporaryDirectory() as temporary:
        write_models(out, Path(temporary))
        write_run(out, Path(temporary))
        write_sweep(out, Path(temporary))
    write_exports(out)
    shutil.rmtree(out / ".cache")


def write_yaml(path: Path, value: dict[str, Any]) -> None:
    """Write a recipe."""
    path.write_text(yaml.safe_dump(value, sort_keys=False, default_flow_style=None, width=110))


if __name__ == "__main__":
    main()
