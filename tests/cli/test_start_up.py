"""What must not be imported before it is needed: a mistake is answered in the time that Python takes to start."""

import json
import subprocess
import sys
from html import escape
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneparse import progress
from sceneparse.cli.beforehand import loading

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


def write_run(folder: Path, kind: str) -> str:
    """Write a run folder with the settings of a model, and return these as an exported file holds them."""
    settings: dict[str, dict[str, str]] = {name: {} for name in ("backbone", "network", "preprocessing", "protocol")}
    config = json.dumps({"format": 1, "name": "m", **settings, "data": {"kind": kind}})
    (folder / "model").mkdir(parents=True)
    (folder / "recipe.yaml").write_text("")
    for name, text in (("config.json", config), ("labels.json", '{"names": ["a"]}'), ("model.safetensors", "")):
        (folder / "model" / name).write_text(text)
    return escape(json.dumps({"config": json.loads(config)}))


def test_mistakes_are_refused_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    (tmp_path / "runs" / "mine" / "model").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "model" / "config.json").write_text("{")
    note = write_run(tmp_path / "runs" / "city", "cityscapes")
    write_run(tmp_path / "runs" / "own", "folder")
    (tmp_path / "city.xml").write_text(f'<net><rt_info><sceneparse value="{note}" /></rt_info></net>')
    (tmp_path / "old.pt").touch()
    for name in ("a.png", "my photo.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
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
        "predict runs/mine/model b.png c.png d.png e.png --out o": "and 1 more",
        "predict runs/mine/model my photo.png --out o": "in quotes: 'my photo.png'",
        "predict runs/mine/model a.png --out o --protocol windw": "--protocol is 'windw', but must be one of whole",
        "predict runs/mine/model a.png --out o --stride 2": "error: --stride is 2.0",
        "serve runs/mine/model --window 0 0": "--window is",
        "evaluate runs/own --protocol windw": "did you mean 'window'?",
        "diagnose runs/own --stride 2": "error: --stride is 2.0",
        "evaluate runs/own": "name its folder with --data DIR",
        "evaluate runs/own --data nowhere": "nowhere: no such folder",
        "evaluate runs/own --data nowhere --kind ade20k": "nowhere",
        "evaluate runs/own --kind ade20k": "to test on data of kind ade20k, name its folder with --data DIR",
        "evaluate runs/own --data nowhere --kind nifti": "nowhere: no such folder",
        "evaluate old.pt --data nowhere --kind ade20k": "nowhere",
        "evaluate city.xml --data nowhere": "nowhere",
        "diagnose runs/city/model --data nowhere": "nowhere",
        "calibrate runs/city --data nowhere": "nowhere",
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
        "data show nowhere": "nowhere: no such folder",
        "data show nowhere --kind folder": "nowhere: no such folder",
        "data show nowhere --kind ade20k": "nowhere",
        "data export nowhere --kind folder --out o": "nowhere: no such folder",
        "data export nowhere --kind ade20k --out o": "nowhere",
        "evaluate runs --data nowhere": "a folder of 2 runs: name one of them, such as runs/city, runs/own",
        "predict runs a.png --out o": "'sceneparse compare runs' shows",
        "calibrate runs": "a folder of 2 runs",
        "train toy-pspnet --init runs": "a folder of 2 runs",
        "evaluate runs/own --kind toyworld --split nonsense": "the toy world has no split 'nonsense'",
        "evaluate psp-resnet50-ade20k --kind toyworld --split val+nonsense": "no model folder psp-resnet50-ade20k",
        "evaluate old.pt --kind toyworld --split val+nonsense": "the toy world has no split 'nonsense'",
        "train toy-pspnet --data.val nonsense": "the toy world has no split 'nonsense'",
        "data show toyworld --split nonsense": "the toy world has no split 'nonsense'",
        "data show toyworld --count 0": "--count is 0, but must be a whole number of at least 1",
        "data show ./nodir --kind huggingface": "nodir: no such folder; expected: a name of the hub",
        "data check ./nodir --kind huggingface": "nodir: no such folder",
        "evaluate runs/own --data ./nodir --kind huggingface": "nodir: no such folder",
        "evaluate runs/own --count 0": "--count is 0, but must be a whole number of at least 1",
        "diagnose runs/own --learn-count -3": "--learn-count is -3",
        "calibrate runs/own --count 0": "--count is 0",
        "bench runs/own --repeats 0": "--repeats is 0",
        "export runs/own --format onnx --precision int8": "int8 is for --format openvino",
        "export runs/own --format openvino --precision int8": "name some in --calibration",
        "export runs/own --format openvino --precision int8 --calibration b.png": "b.png: no such file or folder",
        "export runs/own --format onnx --split val": "--split is for the labelled pictures of --precision int8",
        "export runs/own --format onnx --out m.xml": "m.xml: the file of format onnx must end in .onnx",
        "export runs/own --format openvino --precision int8 --calibration a.png --data nowhere": "nowhere",
        "compare runs/own runs": "own: is named twice",
        "compare nowhere": "nowhere: there is no such run folder",
        "sweep toy-tabel1": "did you mean 'toy-table1'",
    }
    ends, loaded, said = run(tmp_path, *mistakes)
    assert ends == [2] * len(mistakes)
    assert len(said) == len(mistakes)
    for line, expected in zip(said, mistakes.values(), strict=True):
        assert expected in line
    assert loaded == []


def test_a_run_folders_first_use_with_openvino_is_announced_before_pytorch_is_loaded(tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="openvino is not installed (extra openvino)")
    write_run(tmp_path / "runs" / "own", "folder")
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    words = "predict runs/own a.png --out o --device cpu"
    without = f"import sys; sys.modules['torch'] = None; from sceneparse.cli import main; main({words.split()})"
    done = subprocess.run([sys.executable, "-c", without], cwd=tmp_path, capture_output=True, text=True, check=False)
    first, second, *_ = done.stderr.splitlines()
    assert first.startswith("runs/own: its first use with OpenVINO here, for which it is converted once, ")
    assert second.startswith("Traceback"), "of PyTorch, which is not there"


def test_that_pytorch_is_loaded_is_said_in_a_log_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    said = ""
    with loading():
        while not said.endswith("\n"):
            said += capsys.readouterr().err
    assert said == "loading PyTorch, a few seconds …\n"


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
