"""Whatever a user gets wrong: one clear line, exit code 2, no traceback, and nothing half-written."""

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import yaml
from PIL import Image

from sceneparse.cli import main
from tests.support.small import TINY, write_data_set


class Folders:
    """Where a case breaks things: a good data set, recipe and model folder, each case its own copy."""

    def __init__(self, folder: Path, run: Path) -> None:
        self.folder, self.run = folder, run
        self.data = write_data_set(folder / "data")
        self.out = folder / "out"
        self.recipe = folder / "recipe.yaml"
        self.write({"backbone": {"name": "resnet10t"}, "data": {"root": str(self.data)}})

    def write(self, recipe: object) -> None:
        self.recipe.write_text(recipe if isinstance(recipe, str) else yaml.safe_dump(recipe))

    def model(self) -> Path:
        return Path(shutil.copytree(self.run / "model", self.folder / "model"))

    def begun_run(self) -> str:
        run = self.folder / "begun"
        run.mkdir()
        shutil.copy(self.run / "recipe.yaml", run)
        return str(run)

    def train(self, *more: str) -> list[str]:
        return ["train", str(self.recipe), "--out", str(self.out), *TINY, *more]

    def predict(self, *inputs: str) -> list[str]:
        return ["predict", str(self.folder / "model"), *inputs, "--out", str(self.out)]

    def evaluate(self, *more: str) -> list[str]:
        model, out = str(self.folder / "model"), str(self.out)
        return ["evaluate", model, "--data", str(self.data), "--out", out, "--engine", "torch", *more]

    def diagnose(self, *more: str) -> list[str]:
        model, out = str(self.folder / "model"), str(self.out)
        return ["diagnose", model, "--data", str(self.data), "--out", out, "--engine", "torch", *more]


def _rewrite_json(path: Path, **values: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def _remove(paths: Iterable[Path]) -> None:
    for path in list(paths):
        path.unlink()


def _recipe(content: object) -> Callable[[Folders], list[str]]:
    def case(at: Folders) -> list[str]:
        at.write(content)
        return at.train()

    return case


def _setting(*more: str) -> Callable[[Folders], list[str]]:
    return lambda at: at.train(*more)


def _in_data(change: Callable[[Path], object]) -> Callable[[Folders], list[str]]:
    def case(at: Folders) -> list[str]:
        change(at.data)
        return at.train("--training.iterations=4")

    return case


def _in_model(change: Callable[[Path], object]) -> Callable[[Folders], list[str]]:
    def case(at: Folders) -> list[str]:
        change(at.model())
        return at.predict(str(at.data / "test" / "images"))

    return case


def _with_model(words: Callable[[Folders], list[str]]) -> Callable[[Folders], list[str]]:
    def case(at: Folders) -> list[str]:
        at.model()
        return words(at)

    return case


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


def _mask(data: Path) -> Path:
    return data / "train" / "masks" / "000.png"


def _jpeg_masks(data: Path) -> None:
    for mask in sorted((data / "train" / "masks").iterdir()):
        Image.open(mask).save(mask.with_suffix(".jpg"))
        mask.unlink()


def _all_values(data: Path, value: int) -> None:
    for mask in sorted((data / "train" / "masks").iterdir()):
        Image.new("L", (64, 48), value).save(mask)


CASES: dict[str, tuple[Callable[[Folders], list[str]], str]] = {
    # the command line
    "unknown command": (lambda _: ["trian"], "did you mean 'train'"),
    "data without a verb": (lambda _: ["data"], "one of list, get, check, show, export, build-broden"),
    "missing argument": (lambda _: ["predict"], "required"),
    "misspelt option": (_with_model(lambda at: at.evaluate("--splitt", "val")), "did you mean '--split'"),
    "number expected": (_with_model(lambda at: at.evaluate("--scales", "big")), "invalid float"),
    "unknown protocol": (_with_model(lambda at: at.evaluate("--protocol", "sem")), "one of whole"),
    "window protocol without a window": (_with_model(lambda at: at.evaluate("--protocol", "window")), "window"),
    "scale of zero": (_with_model(lambda at: at.evaluate("--scales", "0")), "--scales must be positive"),
    "unknown split": (_with_model(lambda at: at.evaluate("--split", "tset")), "train"),
    "diagnosing no pictures": (_with_model(lambda at: at.diagnose("--count", "0")), "count is 0"),
    "learning from no pictures": (_with_model(lambda at: at.diagnose("--learn-count", "0")), "--learn-count is 0"),
    "learning from an unknown split": (
        _with_model(lambda at: at.diagnose("--learn-split", "trian")),
        "name one with --learn-split",
    ),
    "calibrating on no pictures": (
        _with_model(lambda at: ["calibrate", *at.diagnose("--count", "0")[1:]]),
        "count is 0",
    ),
    "missing second model": (_with_model(lambda at: at.diagnose("--rival", "no/such/model/folder")), "no/such/model"),
    "the model as its own second model": (
        _with_model(lambda at: at.diagnose("--rival", str(at.folder / "model"))),
        "is the first one: name another one (--rival)",
    ),
    # recipes
    "unknown recipe": (lambda _: ["train", "toy-pspnt"], "did you mean 'toy-pspnet'"),
    "missing recipe file": (lambda at: ["train", str(at.folder / "none.yaml")], "no such recipe file"),
    "recipe is not YAML": (_recipe("network: [unclosed"), r"not valid YAML (line 1, column 19: expected ',' or ']'"),
    "recipe is a list": (_recipe(["network"]), "expected settings"),
    "misspelt key": (_recipe({"trainning": {"iterations": 3}}), "did you mean 'training'"),
    "misspelt nested key": (_recipe({"network": {"chanels": 3}}), "did you mean 'network.channels'"),
    "key in the wrong group": (_recipe({"training": {"lr": 0.1}}), "did you mean 'optimizer.lr'"),
    "value where a group is": (_recipe({"network": 3}), "group"),
    "value of the wrong kind": (_recipe({"training": {"iterations": "many"}}), "whole number"),
    "unknown choice": (_recipe({"optimizer": {"kind": "adam"}}), "adamw"),
    "value out of range": (_setting("--training.batch=0"), "at least 1"),
    "misspelt setting": (_setting("--training.iteratoins=3"), "did you mean '--training.iterations'"),
    "unknown backbone": (_setting("--backbone.name=resnet51"), "resnet50"),
    "no data root": (_recipe({"backbone": {"name": "resnet10t"}}), "data.root is not set"),
    "missing weights": (_setting("--backbone.weights=none.safetensors"), "none.safetensors"),
    # data sets
    "missing data folder": (_setting("--data.root=nowhere"), "nowhere"),
    "no classes.json": (_in_data(lambda data: (data / "classes.json").unlink()), "classes.json"),
    "classes.json is not JSON": (_in_data(lambda data: (data / "classes.json").write_text("{")), "not valid JSON"),
    "repeated class name": (
        _in_data(lambda data: _rewrite_json(data / "classes.json", names=["dark", "dark"])),
        "stands for two classes",
    ),
    "missing masks": (_in_data(lambda data: _mask(data).unlink()), "000"),
    "no masks folder": (_in_data(lambda data: shutil.rmtree(data / "train" / "masks")), "masks"),
    "empty split": (_in_data(lambda data: _remove((data / "train").rglob("*.png"))), "train"),
    "truncated picture": (_in_data(lambda data: _truncate(data / "train" / "images" / "000.png")), "000.png"),
    "truncated mask": (_in_data(lambda data: _truncate(_mask(data))), "000.png"),
    "value outside the label space": (_in_data(lambda data: _all_values(data, 7)), "value 7"),
    "colour mask where indices are expected": (
        _in_data(lambda data: Image.new("RGB", Image.open(_mask(data)).size, (128, 64, 128)).save(_mask(data))),
        '"rgb"',
    ),
    "mask of another size": (
        _in_data(lambda data: Image.open(_mask(data)).resize((20, 20)).save(_mask(data))),
        "000",
    ),
    "JPEG masks": (_in_data(_jpeg_masks), "JPEG"),
    "wrong CamVid layout": (lambda at: at.train("--data.kind=camvid", "--data.root", str(at.folder)), "train"),
    "run folder without a model yet": (
        lambda at: ["predict", at.begun_run(), str(at.data), "--out", str(at.out)],
        "neither a model nor a checkpoint yet",
    ),
    "import over the model of a training": (
        lambda at: ["import", "any.pth", "--out", str(at.run / "model")],
        "a training's folder, whose model would be lost",
    ),
    # checkpoints and model at
    "missing model": (
        lambda at: ["predict", "no/such/model/folder", str(at.data), "--out", str(at.out)],
        "no/such/model",
    ),
    "model folder without weights": (
        _in_model(lambda model: (model / "model.safetensors").unlink()),
        "model.safetensors",
    ),
    "truncated weights": (_in_model(lambda model: _truncate(model / "model.safetensors")), "model.safetensors"),
    "damaged config": (_in_model(lambda model: (model / "config.json").write_text("{")), "config.json"),
    "unknown key in config": (
        _in_model(lambda model: _rewrite_json(model / "config.json", netwrok={})),
        "netwrok",
    ),
    "fewer labels than classes": (
        _in_model(lambda model: (model / "labels.json").write_text('{"names": ["only"]}')),
        "classes",
    ),
    # pictures
    "missing picture": (_with_model(lambda at: at.predict("nowhere.jpg")), "nowhere.jpg"),
    "folder without pictures": (
        _with_model(lambda at: at.predict(str(at.folder / "model"))),
        "picture",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_gets_one_clear_line_and_exit_code_2(
    name: str, tmp_path: Path, tiny_run: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    build, expected = CASES[name]
    words = build(Folders(tmp_path, tiny_run))
    capfd.readouterr()
    code = main(words)
    errors = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error: ")]
    assert code == 2
    assert len(errors) == 1 and expected in errors[0], errors
    assert "Traceback" not in "".join(errors)
    assert not [path for path in tmp_path.rglob("*") if ".tmp" in path.name]
    assert not (tmp_path / "out" / "model").exists()


def test_a_run_folder_in_use_is_not_overwritten(tiny_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (tiny_run / "model" / "model.safetensors").read_bytes()
    data = tiny_run.parent / "data"
    assert main(["train", "fcn-resnet50", "--out", str(tiny_run), *TINY, f"--data.root={data}"]) == 2
    assert "--resume" in capsys.readouterr().err
    assert (tiny_run / "model" / "model.safetensors").read_bytes() == before


def test_resuming_with_another_recipe_names_what_differs(tiny_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tiny_run.parent / "data"
    words = ["train", str(tiny_run / "recipe.yaml"), "--out", str(tiny_run), "--resume", f"--data.root={data}"]
    assert main([*words, "--network.channels=9"]) == 2
    assert "network.channels" in capsys.readouterr().err


def test_an_unreadable_picture_in_a_stream_is_skipped_named_and_counted(
    tmp_path: Path, tiny_run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    at = Folders(tmp_path, tiny_run)
    at.model()
    _truncate(at.data / "test" / "images" / "000.png")
    assert main(at.predict(str(at.data / "test" / "images"))) == 1
    assert "000.png" in capfd.readouterr().err
    assert (at.out / "001.json").is_file() and not (at.out / "000.json").exists()


@pytest.mark.parametrize(
    "words", [["models"], ["models", "--published"], ["data", "list"], ["data", "check", "toyworld"]]
)
def test_a_json_file_that_cannot_be_written_is_refused_before_anything_is_looked_at(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--json", str(tmp_path)]) == 2
    printed = capsys.readouterr()
    assert printed.err == f"error: {tmp_path}: is a folder; name a file in it\n" and printed.out == ""
