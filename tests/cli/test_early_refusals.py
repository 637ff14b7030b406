"""More mistakes that are answered in the time that Python takes to start; see `test_start_up`."""

import subprocess
import sys
from pathlib import Path

from tests.cli.test_start_up import refused, write_data, write_run


def test_a_folder_or_a_file_without_a_checkpoint_to_import(tmp_path: Path) -> None:
    for name in ("notes/notes.txt", "pairs/encoder_1.pth", "pairs/encoder_2.pth", "half/encoder_1.pth", "half/x.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "trained" / "checkpoint-500").mkdir(parents=True)
    refused(
        tmp_path,
        {
            "import notes --out m": "notes: holds no checkpoint: neither model.safetensors nor",
            "import pairs --out m": "pairs: holds 2 encoders; name the one to import",
            "import half --out m": "its decoder decoder_1.pth is not beside it",
            "import half/encoder_1.pth --out m": "its decoder decoder_1.pth is not beside it",
            "import trained --out m": "trained: holds the checkpoints of a training; name one, such as trained/checkp",
        },
    )


def test_a_backbone_that_there_is_not(tmp_path: Path) -> None:
    rows = "rows: [{name: bad, backbone: {name: resnet5}}]\n"
    (tmp_path / "s.yaml").write_text(f"base: toy-pspnet\ndescription: x\n{rows}")
    (tmp_path / "old.pth").touch()
    said = "backbone 'resnet5' is not a timm model; did you mean resnet5"
    refused(
        tmp_path,
        {
            "train toy-pspnet --backbone.name resnet5": said,
            "train toy-pspnet --backbone.name MobileNetV2": "not a timm model; ",
            "bench toy-pspnet --backbone.name resnet5": said,
            "import old.pth --backbone.name resnet5 --out m": said,
            "sweep s.yaml": "row 'bad': backbone 'resnet5' is not a timm model",
        },
    )


def test_what_contradicts_the_model_that_a_training_starts_from(tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "own", "folder")
    write_data(tmp_path / "data", ["sky", "road"])
    (tmp_path / "list.yaml").write_text("- sky\n")
    train = "train upernet-mobilenetv2 --data.root data --init runs/own"
    refused(
        tmp_path,
        {
            f"{train} --backbone.weights hub": "backbone.weights is hub, which has no effect: init.model fills",
            f"{train} --init.model runs/own": "--init and --init.model say the same",
            f"{train} --init.sha256 {'0' * 64}": "runs/own: is another model than the recipe names",
            f'{train} --init.classes {{"sky":"b"}}': "init.classes names 'b', but the model has no such class",
            f'{train} --init.classes {{"sky":["a","b"]}}': "init.classes gives 'sky' a list, but a class starts",
            f'{train} --init.classes {{"cloud":"a"}}': "init.classes names 'cloud', but the data has no such class",
            f"{train} --init.classes_file none.yaml": "init.classes_file: none.yaml cannot be read",
            f"{train} --init.classes_file list.yaml": "list.yaml must map names of classes to the model's",
            'train toy-pspnet --init.classes {"sky":"a"}': "init.classes has no effect, since init.model is null",
            "train toy-pspnet --optimizer.new_factor 3": "optimizer.new_factor has no effect, since init.model is null",
        },
    )


def test_an_argument_that_is_missing_is_shown_in_an_example(tmp_path: Path) -> None:
    refused(
        tmp_path,
        {
            "export runs/own": "required: --format, as in: sceneparse export runs/my-recipe/model --format ",
            "predict runs/own a.png": "required: --out, as in: sceneparse predict ",
            "evaluate": "required: MODEL, as in: sceneparse evaluate runs/my-recipe/model --data ",
        },
    )


def test_a_missing_module_is_named_by_its_package(tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "own", "folder")
    program = "import sys; sys.modules['starlette.datastructures'] = None; from sceneparse.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "serve", "runs/own"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "error: starlette is not installed; do: pip install 'sceneparse[serve]'" in done.stderr
