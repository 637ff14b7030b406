"""Make what the tests of this folder compare with: things that an earlier commit wrote.

    git worktree add /tmp/old 634fde6
    PYTHONPATH=/tmp/old/src python -m tests.compatibility.make /tmp/old tests/compatibility/634fde6

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
import inspect
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.compatibility.inputs import RECIPES, TOY, scene, write_data, write_recipes

VERBS = (
    ["demo", "train", "sweep", "evaluate", "diagnose", "predict", "discover", "serve", "export", "bench"]
    + [f"data {verb}" for verb in ("list", "get", "check", "show", "export", "build-broden")]
    + ["import", "models"]
)


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
        # What stands behind the last line break may be half a line.
        lines = metrics.read_text().rpartition("\n")[0].splitlines() if metrics.exists() else []
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
    recipes, networks = {}, {}
    for name in names:
        plain = name.startswith("toy-") or name == "mini-broden"
        recipe = read_with_root(sceneparse.read_recipe, name, None if plain else "DATA")
        recipes[name] = dataclasses.asdict(recipe)
        if not recipe.network.tasks.from_data:
            with torch.device("meta"):
                built = sceneparse.build(recipe.backbone, recipe.network, 21)
            networks[name] = shapes(built)
    rows = {}
    for name in sweeps.sweep_names():
        base = sweeps.load_sweep(name)["base"]
        sweep = read_with_root(sweeps.read_sweep, name, None if str(base).startswith("toy-") else "DATA")
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


def read_with_root(read: Callable[..., Any], name: str, root: str | None) -> Any:
    """Read a recipe or sweep, as the package of that commit takes what is changed of it: typed, or as arguments."""
    if "changes" in inspect.signature(read).parameters:
        return read(name, **({} if root is None else {"data": {"root": root}}))
    return read(name, [] if root is None else [f"--data.root={root}"])


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
    write_recipes(out / "recipes")
    write_data(out / "data")
    write_pictures(out)
    write_help(out)
    write_settings(out)
    with tempfile.TemporaryDirectory() as temporary:
        write_models(out, Path(temporary))
        write_run(out, Path(temporary))
        write_sweep(out, Path(temporary))
    write_exports(out)
    shutil.rmtree(out / ".cache")


if __name__ == "__main__":
    main()
