"""What must not be imported before it is needed: a mistake is answered in the time that Python takes to start."""

import json
import socket
import subprocess
import sys
from html import escape
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneparse import progress
from sceneparse.cli.beforehand import loading
from sceneparse.recipes import read_recipe, to_yaml
from sceneparse.settings.device import may_have_cuda

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
import importlib.util, json, sys
from importlib.util import find_spec
missing = sys.argv[2:]
importlib.util.find_spec = lambda name, *more: None if name in missing else find_spec(name, *more)
from sceneparse.cli import main
ends = [main(words) for words in json.loads(sys.argv[1])]
print(json.dumps([ends, sorted(set({HEAVY}) & set(sys.modules))]))
"""


def run(folder: Path, *commands: str, missing: tuple[str, ...] = ()) -> tuple[list[int], list[str], list[str]]:
    """Give commands one after another in a process; return their ends, the heavy modules, and what was said.

    Args:
        folder: Where they are given.
        commands: The commands.
        missing: Packages that are not installed there.
    """
    words = json.dumps([command.split() for command in commands])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, words, *missing], cwd=folder, capture_output=True, text=True, check=True
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


def write_data(folder: Path, names: list[str]) -> None:
    """Write a data set of these classes, with two tiny pictures a split."""
    for split in ("train", "val"):
        for kind in ("images", "masks"):
            (folder / split / kind).mkdir(parents=True)
        for index in range(2):
            pixels = np.random.default_rng([index, len(split)]).integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / split / "images" / f"{index}.png")
            Image.fromarray(pixels[..., 0] % len(names)).save(folder / split / "masks" / f"{index}.png")
    (folder / "classes.json").write_text(json.dumps({"names": names}))


def refused(folder: Path, mistakes: dict[str, str], missing: tuple[str, ...] = ()) -> None:
    """Give wrong commands, each of which is answered in a line that holds some words, and nothing heavy is loaded."""
    ends, loaded, said = run(folder, *mistakes, missing=missing)
    assert len(said) == len(mistakes), said
    for line, (command, expected) in zip(said, mistakes.items(), strict=True):
        assert expected in line, command
    assert ends == [2] * len(mistakes) and loaded == []


def test_mistakes_are_refused_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    (tmp_path / "runs" / "mine" / "model").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "model" / "config.json").write_text("{")
    note = write_run(tmp_path / "runs" / "city", "cityscapes")
    write_run(tmp_path / "runs" / "own", "folder")
    (tmp_path / "city.xml").write_text(f'<net><rt_info><sceneparse value="{note}" /></rt_info></net>')
    (tmp_path / "old.pt").touch()
    (tmp_path / "nothing-in-it").mkdir()
    for name in ("a.png", "my photo.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    mistakes = {
        "train toy-pspnt": "did you mean 'toy-pspnet'",
        "train toy-pspnet --training.iteratoins 3": "did you mean '--training.iterations'",
        "train toy-pspnet --backbone.weights none.pth": "no file none.pth",
        "train toy-pspnet --backbone.weights runs/own": "to start from it give --init runs/own, with backbone.weights",
        "train toy-pspnet --backbone.weights runs/own/model/model.safetensors": "give --init runs/own/model, with",
        "train toy-pspnet --backbone.weights runs": "runs is a folder; give a .safetensors or .pth file",
        "train toy-pspnet --loss.class_weights [1,2,3]": "loss.class_weights has 3 numbers, but there are",
        "bench city.xml --engine torch": "city.xml is a file for engine openvino, not torch",
        "import nothing-in-it --out m": "nothing-in-it: holds no checkpoint",
        "train runs/own": "give runs/own/recipe.yaml with --out runs/own and --resume; to train anew",
        "train runs/own/model": "to start from the model in it, give a recipe and --init runs/own/model",
        "train runs": "runs is a folder, not a recipe",
        "predict a.png runs/own --out o": "the model comes first: sceneparse predict runs/own a.png --out o",
        "predict a.png old.pt city.xml --out o": "comes first: sceneparse predict city.xml a.png old.pt --out o",
        "discover a.png runs/own --out o": "the model comes first: sceneparse discover runs/own a.png --out o",
        "train toy-pspnet --data.classes.drop sky,road": 'of texts, such as --data.classes.drop "[sky,road]"',
        "train toy-pspnet --augmentation.crop 64": 'such as --augmentation.crop "[64,64]"',
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
    refused(tmp_path, mistakes)


def test_what_a_model_or_this_machine_lacks_is_refused_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    note = write_run(tmp_path / "runs" / "own", "folder")
    write_run(tmp_path / "runs" / "twin", "folder")
    write_run(tmp_path / "sweeps" / "x" / "pspnet" / "seed0", "folder")
    write_run(tmp_path / "sweeps" / "x" / "fcn" / "seed0", "folder")
    write_run(tmp_path / "runs" / "drawn", "toyworld")
    write_run(tmp_path / "runs" / "smooth", "folder")
    config = tmp_path / "runs" / "smooth" / "model" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "protocol": {"crf": True}}))
    write_data(tmp_path / "data", ["a", "b"])
    write_data(tmp_path / "same", ["a"])
    (tmp_path / "own.xml").write_text(f'<net><rt_info><sceneparse value="{note}" /></rt_info></net>')
    for name in ("own.pt2", "file", "clip.mp4", "old.pth"):
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    predict, same, other = "predict runs/own a.png --out o", "--data same --split val", "--data data --split val"
    openvino, onnx = "--engine openvino", "--engine onnxruntime"
    no_size = "the model does not know the sizes of the pictures that it learnt from"
    two = "names 1 class (a) but the data set 2 (a, b)"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        mistakes = {
            f"{predict} --size auto": no_size,
            f"{predict} --protocol window": "protocol.window is not set: give a height and a width",
            f"{predict} --stride 0.5": "protocol.stride has no effect",
            f"{predict} --tasks scene": "model 'm' does not tell task 'scene'",
            f"{predict} --write parts": "--write parts: model 'm' has none",
            f"{predict} --as cityscapes": "but submissions to cityscapes take its own 19",
            f"{predict} {openvino} --precision tf32": "computes in float32 or bfloat16, not in tf32",
            f"{predict} {openvino} --device xpu": "engine openvino computes on the CPU, not on 'xpu'",
            f"{predict} {onnx} --precision bfloat16": "engine onnxruntime computes in float32, not in bfloat16",
            "predict runs/own a.png --out file": "file: is a file; name a folder",
            "predict own.xml a.png --out o --engine torch": "own.xml is a file for engine openvino, not torch",
            "predict own.pt2 a.png --out o": "own.pt2: not a model",
            "predict sweeps/x a.png --out o": "2 runs: name one of them, such as sweeps/x/fcn/seed0, sweeps/x/pspnet",
            "evaluate sweeps": "a folder of 2 runs: name one of them, such as sweeps/x/fcn/seed0",
            "diagnose runs/own --data same --split val --rival sweeps/x": "a folder of 2 runs",
            f"evaluate runs/own {other}": two,
            f"evaluate runs/own {same} --size auto": no_size,
            f"evaluate runs/own {same} --out file": "file: is a file; name a folder",
            "evaluate runs/own --kind toyworld": "names 1 class (a) but the data set 2",
            f"diagnose runs/own {same} --learn-split nonsense": "no split 'nonsense'; there are: train, val (what goes",
            "diagnose runs/drawn --learn-split nonsense": "names 1 class (a) but the data set 2",
            f"diagnose runs/own {same} --rival runs/own/model": "the second model runs/own/model is the first one",
            f"diagnose runs/own {other} --rival runs/twin": two,
            f"diagnose runs/own {same} --out file": "file: is a file; name a folder",
            "calibrate runs/smooth --data same": "runs/smooth: its protocol has a CRF",
            "calibrate runs/own --data data": two,
            "calibrate runs/own --data same --out file": "file: is a file; name a folder",
            "compare runs/own --out file": "file: is a file; name a folder",
            "discover runs/own a.png": "model 'm' predicts objects alone",
            "bench runs/own --size 8 8": "--size 8 8 is too small",
            "bench runs/own --engine torch torch": "--engine names torch twice",
            "bench runs/own --json empty": "empty: is a folder; name a file in it",
            "export runs/own --format onnx --size auto": no_size,
            f"export runs/own --format openvino --precision int8 --calibration a.png {other}": two,
            "import old.pth --from nonsense --out m": "no family 'nonsense'",
            "import old.pth --out m --labels none.json": "none.json",
            "import old.pth --out runs/own": "holds more than a model (model), so it isn't replaced",
            "import old.pth --out file/m": "file/m: cannot be written",
            "import runs/own/model --out m": "is a model of sceneparse's own: every command takes runs/own/model",
            "serve runs/own --tasks scene": "does not tell task 'scene'",
            "serve runs/own runs/own": "two models are called 'own'",
            "serve runs/own --range 3 1": "the range 3 to 1 is none",
            "serve runs/own --log empty": "empty: cannot be written as the log",
            f"serve runs/own --port {port}": f"127.0.0.1 port {port}: cannot listen there",
            "train toy-pspnet --out file/mine": "file/mine: cannot be written (Not a directory); name another folder",
            "train toy-pspnet --out file": "file: is a file; name a folder",
            "train toy-pspnet --resume --out runs/own": "holds a model but no checkpoint to resume from",
            "train toy-pspnet --protocol.name window": "protocol.window is not set",
            "train toy-pspnet --strategy fsdp": "fsdp shares a network's weights among processes",
            "train toy-pspnet --training.precision float16 --training.device cpu": "float16 needs a CUDA device",
            "train toy-pspnet --training.patience 50": "training.patience is 50, which has no effect",
            "train toy-pspnet --init own.xml": "own.xml: not a folder",
            "sweep toy-table1 --processes 0": "--processes is 0",
            "sweep toy-table1 --protocol.name window": "row 'FCN baseline': protocol.name is 'window'",
            "sweep toy-table1 --out file": "file: is a file; name a folder",
            "demo --seed -1": "--seed is -1",
            "demo --out file": "file: is a file; name a folder",
            "data show same --out empty": "empty: is a folder; name a file in it",
        }
        if sys.platform != "darwin":
            mistakes[f"{predict} --device mps"] = "device 'mps' is not there: this machine has 0 MPS devices"
        if not may_have_cuda():
            mistakes |= {
                f"{one} --device cuda": "0 CUDA devices" for one in (predict, "serve runs/own", "bench runs/own")
            }
            mistakes["train toy-pspnet --training.device cuda:1"] = "device 'cuda:1' is not there"
            mistakes["train toy-pspnet --training.precision float16"] = "float16 needs a CUDA device"
        refused(tmp_path, mistakes)


def test_a_package_that_is_missing_is_named_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "own", "folder")
    for name in ("a.png", "clip.mp4"):
        Image.new("RGB", (8, 8)).save(tmp_path / name, "PNG")
    int8 = "export runs/own --format openvino --precision int8 --calibration a.png"
    mistakes = {
        int8: "NNCF is not installed; do: pip install 'sceneparse[int8]'",
        "export runs/own --format onnx": "onnxruntime is not installed; do: pip install 'sceneparse[onnx]'",
        "predict runs/own a.png --out o --engine onnxruntime": "onnxruntime is not installed",
        "predict runs/own clip.mp4 --out o": "videos need PyAV, which is not installed",
        "predict runs/own a.png --out o --runner ray": "collections need Ray, which is not installed",
        "train toy-pspnet --tracking.trackers [mlflow]": "mlflow needs the package mlflow",
    }
    refused(tmp_path, mistakes, missing=("nncf", "onnxscript", "onnxruntime", "av", "ray", "mlflow"))


def test_a_training_of_another_recipe_is_refused_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "mine"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "last-00000010.pt").touch()
    (folder / "recipe.yaml").write_text(to_yaml(read_recipe("toy-pspnet")))
    mistake = "train toy-pspnet --out runs/mine --resume --training.batch 3"
    refused(tmp_path, {mistake: "runs/mine began with another recipe: training.batch is 3 but was"})


def test_who_wants_a_longer_training_is_shown_one_that_starts_from_the_model(tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "mine", "folder")
    (tmp_path / "runs" / "mine" / "checkpoints").mkdir()
    (tmp_path / "runs" / "mine" / "checkpoints" / "last-00000010.pt").touch()
    (tmp_path / "runs" / "mine" / "recipe.yaml").write_text(to_yaml(read_recipe("toy-pspnet")))
    onwards = "leave --resume out: sceneparse train runs/mine/recipe.yaml {} --init runs/mine --out runs/mine-longer"
    resume = "train toy-pspnet --out runs/mine --resume"
    minutes = "--training.iterations 20000 --training.minutes 3.0"  # beside minutes the number is the default one
    for longer, shown in (("--training.iterations 60",) * 2, ("--training.minutes 3", minutes)):
        refused(tmp_path, {f"{resume} {longer}": onwards.format(shown)})
    ends, _, said = run(tmp_path, f"{resume} --training.batch 3")
    assert ends == [2] and "--init" not in said[0]


def test_what_somebody_new_gives_in_the_wrong_place_is_answered_by_what_is_right(tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "mine", "folder")
    write_data(tmp_path / "data", ["a", "b"])
    (tmp_path / "coco" / "images").mkdir(parents=True)
    (tmp_path / "coco" / "masks").mkdir()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    (tmp_path / "coco" / "instances_train.json").write_text('{"images": [], "annotations": [], "categories": []}')
    for name in ("a.png", "m.onnx", "m.onnx.json", "m.xml", "m.bin"):
        (tmp_path / name).touch()
    weights, swapped = "runs/mine/model/model.safetensors", "data is no model, but runs/mine is one: sceneparse"
    mistakes = {
        "train toy-pspnet --data data": "but it is a group: give its settings, such as --data.root data",
        f"predict {weights} a.png --out o": f"{weights}: is a file of a model: name its folder, runs/mine/model",
        "predict m.onnx.json a.png --out o": "m.onnx.json: lies beside an exported model: name that, m.onnx",
        "predict m.bin a.png --out o": "m.bin: lies beside an exported model: name that, m.xml",
        "evaluate data --data runs/mine": f"{swapped} evaluate runs/mine --data data",
        "diagnose data --data runs/mine": f"{swapped} diagnose runs/mine --data data",
        "calibrate data --data runs/mine/model": "sceneparse calibrate runs/mine/model --data data",
        "evaluate runs/mine data": "unexpected 'data'; the data set is given as --data data",
        "diagnose runs/mine data": "unexpected 'data'; the data set is given as --data data",
        "calibrate runs/mine data": "unexpected 'data'; the data set is given as --data data",
        "predict --model runs/mine a.png --out o": "MODEL stands without an option: sceneparse predict MODEL INPUT …",
        "predict runs/mine --inputs=a.png --out o": "INPUT stands without an option: sceneparse predict MODEL INPUT …",
        "train data upernet-mobilenetv2 --out o": "sceneparse train upernet-mobilenetv2 --data.root data --out o",
        "predict runs/mine a.png -o n": "unexpected '-o', since options have no short names here; give '--out'",
        "train toy-pspnet -o n": "give '--out'",
        "evaluate runs/mine -d data": "give '--data'",
        "evaluate runs/mine --data photos": "To parse pictures that have no masks: `sceneparse predict MODEL photos",
        "data check photos": "To parse pictures that have no masks: `sceneparse predict MODEL photos --out DIR`",
        "train --recipe toy-pspnet": "RECIPE stands without an option: sceneparse train RECIPE …",
        "train toy-pspnet.yaml": "the one of the package is named without its ending: toy-pspnet",
        "train --resume --out=runs/mine": "sceneparse train runs/mine/recipe.yaml --out runs/mine --resume",
        "predict toy-pspnet a.png --out o": "toy-pspnet is a recipe, not a model: train it first",
        "train upernet-mobilenetv2 --data.root coco": "error: coco looks like kind coco (instances_train.json",
    }
    refused(tmp_path, mistakes)
    assert run(tmp_path, "train upernet-mobilenetv2 --data.root coco")[2][0].endswith("name it with --data.kind coco")


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
    write_data(tmp_path / "data", ["sky", "road"])
    ends, loaded, _ = run(tmp_path, "data check data")
    assert (ends, loaded) == ([0], [])


def test_a_converted_network_is_run_without_what_builds_networks() -> None:
    imports = "sys, sceneparse.inference.open_model, sceneparse.parsing, sceneparse.serving"
    program = f"import {imports}; print({{'timm', 'torchvision'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
