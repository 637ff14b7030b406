"""What must not be imported before it is needed: a mistake is answered in the time that Python takes to start."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

HEAVY = (
    "torch",
    "torchvision",
    "timm",
    "openvino",
    "onnxruntime",
    "lightning_fabric",
    "scipy",
    "av",
    "datasets",
    "ray",
)

PROGRAM = f"""
import json, sys
from sceneparse.cli import main
ends = [main(words) for words in json.loads(sys.argv[1])]
print(json.dumps([ends, sorted(set({HEAVY}) & set(sys.modules))]))
"""


def run(folder: Path, *commands: str) -> tuple[list[int], list[str], list[str]]:
    """Give commands one after another in a process; return their ends, the heavy modules, and what was said."""
    words = json.dumps([command.split() for command in commands])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, words], cwd=folder, capture_output=True, text=True, check=True
    )
    ends, loaded = json.loads(done.stdout.splitlines()[-1])
    return ends, loaded, done.stderr.splitlines()


def test_mistakes_are_refused_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    (tmp_path / "runs" / "mine" / "model").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "model" / "config.json").write_text("{")
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    mistakes = {
        "train toy-pspnt": "did you mean 'toy-pspnet'",
        "train toy-pspnet --training.iteratoins 3": "did you mean '--training.iterations'",
        "train toy-pspnet --backbone.weights none.pth": "no file none.pth",
        "train toy-pspnet --init ./runs/mine/modle": "near: runs/mine/model",
        "train toy-pspnet --out runs/mine": "already holds a training",
        "train camvid-pspnet-mobilenetv2 --data.root nowhere": "nowhere: no such folder",
        "predict runs/mien/model a.png --out o": "near: runs/mine/model",
        "predict runs/mine/model a.png --out o": "no model.safetensors in it",
        "predict runs/mine/model b.png --out o": "b.png: no such file or folder",
        "predict model.onnx a.png --out o": "no such file: model.onnx",
        "evaluate psp-resnet50-ade20k": "no model folder psp-resnet50-ade20k",
        "diagnose nothing": "no model folder nothing",
        "calibrate nothing": "no model folder nothing",
        "calibrate model.onnx": "calibrate its model folder",
        "discover nothing a.png": "no model folder nothing",
        "bench nothing": "recipes in the package",
        "export nothing --format onnx": "no model folder nothing",
        "import none.pth --out m": "none.pth: no such checkpoint",
        "serve day=runs/mien/model": "near: runs/mine/model",
        "data check nowhere": "nowhere: no such folder",
        "sweep toy-tabel1": "did you mean 'toy-table1'",
    }
    ends, loaded, said = run(tmp_path, *mistakes)
    assert ends == [2] * len(mistakes)
    assert len(said) == len(mistakes)
    for line, expected in zip(said, mistakes.values(), strict=True):
        assert expected in line
    assert loaded == []


def test_the_doctor_of_pictures_needs_nothing_heavy(tmp_path: Path) -> None:
    for split in ("train", "val"):
        for kind in ("images", "masks"):
            (tmp_path / "data" / split / kind).mkdir(parents=True)
        for index in range(2):
            pixels = np.random.default_rng([index, len(split)]).integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / split / "images" / f"{index}.png")
            Image.fromarray(pixels[..., 0] % 2).save(tmp_path / "data" / split / "masks" / f"{index}.png")
    (tmp_path / "data" / "classes.json").write_text('{"names": ["sky", "road"]}')
    ends, loaded, _ = run(tmp_path, "data check data")
    assert (ends, loaded) == ([0], [])


def test_a_converted_network_is_run_without_what_builds_networks() -> None:
    imports = "sys, sceneparse.inference.open_model, sceneparse.parsing, sceneparse.serving"
    program = f"import {imports}; print({{'timm', 'torchvision'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
