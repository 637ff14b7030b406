"""What the README and docs/ say is true: their Python runs, their YAML and JSON are read, their commands are parsed."""

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from sceneparse import Parser, cli, load
from sceneparse.inference import export_model
from sceneparse.labels import LabelSpace
from sceneparse.recipes import from_mapping, read_recipe, recipe_names, settings_help
from sceneparse.recipes.sweep import read_sweep, sweep_names
from sceneparse.settings import Recipe
from sceneparse.weights.model import load_model, save_model
from tests.support.small import TINY, write_data_set
from tests.support.unified import unified_model

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def _blocks(language: str) -> list[tuple[str, str]]:
    return [
        (page.name, block)
        for page in PAGES
        for block in re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.S)
    ]


def answer_mostly_right(parser: Parser, split: Path) -> None:
    """Write masks by which a model is right at four of five pixels: it has a temperature then, whatever it learnt."""
    random = np.random.default_rng(0)
    for picture in (split / "images").iterdir():
        labels = parser(picture).labels
        wrong = random.random(labels.shape) < 0.2
        Image.fromarray(np.where(wrong, 1 - labels, labels).astype(np.uint8)).save(split / "masks" / picture.name)


@pytest.mark.parametrize(("page", "code"), _blocks("python"))
def test_python_in_the_docs_runs(
    page: str, code: str, tmp_path: Path, tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "streets"):
        if f"runs/{name}/model" in code:
            shutil.copytree(tiny_run / "model", tmp_path / "runs" / name / "model")
    if "runs/toy-unified/model" in code:
        save_model(tmp_path / "runs" / "toy-unified" / "model", unified_model(), "a card")
    if "onnxruntime" in code:
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")
        export_model(load_model(tiny_run / "model"), tmp_path / "model.onnx", "onnx")
    for picture in ("photo.jpg", "street.jpg"):
        Image.new("RGB", (64, 48), (90, 120, 60)).save(picture)
    settings: dict[str, dict[str, Any]] = {
        key: {} for key in ("backbone", "network", "augmentation", "training", "data")
    }
    for argument in TINY:
        name, value = argument.removeprefix("--").split("=")
        group, key = name.split(".")
        settings[group][key] = yaml.safe_load(value)
    settings["data"]["root"] = str(write_data_set(tmp_path / "my-data"))
    if "calibrate(" in code:
        answer_mostly_right(load(tmp_path / "runs" / "mine" / "model", engine="torch"), tmp_path / "my-data" / "val")
    Path("streets.yaml").write_text(yaml.safe_dump(settings))
    shortened = re.sub(r'"iterations": \d+', '"iterations": 1', code)
    assert shortened != code or "sceneparse.train(" not in code, "a training of full length"
    exec(compile(shortened, page, "exec"), {})


@pytest.mark.parametrize(("page", "text"), _blocks("yaml"))
def test_recipes_in_the_docs_are_recipes(page: str, text: str) -> None:
    assert from_mapping(Recipe, yaml.safe_load(text), page).data.root in ("my-data", "/data")


@pytest.mark.parametrize(("page", "text"), _blocks("json"))
def test_label_spaces_in_the_docs_are_label_spaces(page: str, text: str) -> None:
    assert LabelSpace.from_json(json.loads(text), page).names


STANDS_FOR = {"KIND": "ade20k", "RECIPE": "toy-pspnet", "SWEEP": "toy-table1", "[--key value …]": "", "…": ""}
"""What the docs write in place of an argument, and one that could stand there."""


def _commands() -> list[tuple[str, str]]:
    """All commands of the docs, in blocks of code and inside lines; each once a page."""
    found: dict[tuple[str, str], None] = {}
    for page in PAGES:
        text = page.read_text().replace("\\\n", " ")
        lines = re.findall(r"^(?:    )?(?:srun )?(sceneparse .*)$", _code(text), re.M)
        lines += re.findall(r"`(sceneparse [a-z][^`\n]*)`", text)
        for line in lines:
            for word, meant in STANDS_FOR.items():
                line = line.replace(word, meant)
            found[page.name, line.split("#")[0].partition("\\|")[0].strip()] = None
    return list(found)


def _code(text: str) -> str:
    """The blocks of code of a page, fenced or indented."""
    fenced = re.findall(r"^```(?:bash|sh)\n(.*?)^```", text, re.M | re.S)
    return "\n".join([*fenced, *re.findall(r"^    .*$", text, re.M)])


@pytest.mark.parametrize(("page", "line"), _commands())
def test_commands_in_the_docs_are_commands(page: str, line: str) -> None:
    name, rest = cli._find(shlex.split(line)[1:])
    if rest in ([], ["--help"]):
        return  # it only names the command
    if "[--" in line:
        # A line that lists what a command takes: each of it must be there.
        text = cli.parser_of(name).format_help()
        assert all(option in text for option in re.findall(r"--[a-z-]+(?![\w.-])", line)), line
        return
    arguments = cli._parse(name, rest)
    if name == "train":
        assert arguments.recipe in (*recipe_names(), "mine.yaml"), page
    if name == "sweep":
        assert arguments.sweep in sweep_names(), page
    if given := [word.partition("=")[0] for word in getattr(arguments, "settings", []) if word.startswith("--")]:
        known = settings_help(cli.COMMANDS[name].groups)
        # The options of a kind or an architecture are its own; `sceneparse data list KIND` shows them.
        assert all(f"  {re.sub(r'[.]options[.].*', '.options', option)} " in known for option in given), line


def test_commands_are_found_wherever_they_stand() -> None:
    found = {line for _, line in _commands()}
    for line in (
        "sceneparse evaluate MODEL --data DIR",  # in a table
        "sceneparse train mine.yaml --out runs/mine",  # in a fenced block
        "sceneparse data check my-data",  # in an indented one
        "sceneparse train pspnet-resnet50 --data.root /data/streets --out /shared/runs/streets --resume",  # behind srun
    ):
        assert line in found
    assert len(found) > 80


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_in_the_docs_exist(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", page.read_text()):
        if target.startswith("http"):
            continue
        other = page.parent / target if target else page
        assert other.is_file(), target
        if anchor:
            heads = re.findall(r"^#+ (.*)$", other.read_text(), re.M)
            assert anchor in {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}, anchor


@pytest.mark.parametrize(("page", "text"), _blocks("yaml (?:recipe|sweep)"))
def test_recipes_that_extend_others_and_sweeps_in_the_docs_can_be_read(page: str, text: str, tmp_path: Path) -> None:
    (base,) = (text for _, text in _blocks("yaml") if "# streets.yaml" in text)
    (tmp_path / "streets.yaml").write_text(base)
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    if "extends:" in text:
        assert read_recipe(path).data.root == "my-data", page
    else:
        assert len(read_sweep(path).rows) == 4, page
