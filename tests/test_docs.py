"""What the README and docs/ say is true: their Python runs, their YAML and JSON are read, their commands are parsed."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml
from PIL import Image

from sceneparse import cli
from sceneparse.labels import LabelSpace
from sceneparse.recipes import from_mapping, read_recipe, recipe_names
from sceneparse.recipes.sweep import read_sweep, sweep_names
from sceneparse.settings import Recipe
from sceneparse.weights import save_model
from small import TINY, write_data_set
from unified import unified_model

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def _blocks(language: str) -> list[tuple[str, str]]:
    return [
        (page.name, block)
        for page in PAGES
        for block in re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.S)
    ]


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
    for picture in ("photo.jpg", "street.jpg"):
        Image.new("RGB", (64, 48), (90, 120, 60)).save(picture)
    settings = {key: {} for key in ("backbone", "network", "augmentation", "training", "data")}
    for argument in TINY:
        name, value = argument.removeprefix("--").split("=")
        group, key = name.split(".")
        settings[group][key] = yaml.safe_load(value)
    settings["data"]["root"] = str(write_data_set(tmp_path / "my-data"))
    Path("streets.yaml").write_text(yaml.safe_dump(settings))
    exec(compile(code.replace("=20000", "=1"), page, "exec"), {})


@pytest.mark.parametrize(("page", "text"), _blocks("yaml"))
def test_recipes_in_the_docs_are_recipes(page: str, text: str) -> None:
    assert from_mapping(Recipe, yaml.safe_load(text), page).data.root in ("my-data", "/data")


@pytest.mark.parametrize(("page", "text"), _blocks("json"))
def test_label_spaces_in_the_docs_are_label_spaces(page: str, text: str) -> None:
    assert LabelSpace.from_json(json.loads(text), page).names


def _commands() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for line in re.findall(r"^    (sceneparse .*)$", page.read_text(), re.M):
            if "RECIPE" not in line and "SWEEP" not in line and "[--" not in line:
                found.append((page.name, line.split("#")[0]))
    return found


@pytest.mark.parametrize(("page", "line"), _commands())
def test_commands_in_the_docs_are_commands(page: str, line: str) -> None:
    name, rest = cli._find(shlex.split(line)[1:])
    arguments = cli._parse(name, rest)
    if name == "train":
        assert arguments.recipe in recipe_names(), page
    if name == "sweep":
        assert arguments.sweep in sweep_names(), page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_in_the_docs_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).is_file(), target


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
