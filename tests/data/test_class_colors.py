"""Classes of any data set can be drawn in other colours, which change nothing else."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sceneparse.cli.settings import given_settings
from sceneparse.comparing.comparison import UNTOLD
from sceneparse.datasets.opening import open_dataset
from sceneparse.datasets.show import show_data
from sceneparse.datasets.writing import export_dataset
from sceneparse.doctor import check
from sceneparse.errors import UserError
from sceneparse.evaluation.facts import data_facts
from sceneparse.labels import LabelSpace
from sceneparse.recipes import from_mapping, to_mapping, to_yaml
from sceneparse.settings import ClassSettings, DataSettings, Recipe, ToyWorldSettings
from sceneparse.training.changes import refuse_changes
from tests.support.layouts import LAYOUTS
from tests.support.small import write_data_set

GREEN, GREY = (0, 140, 0), (90, 91, 92)


@pytest.fixture
def folder(tmp_path: Path) -> DataSettings:
    write_data_set(tmp_path / "set", {"train": 2, "val": 1, "test": 1}, size=(6, 8))
    (tmp_path / "set" / "classes.json").write_text(json.dumps({"names": ["road", "tree", "sky"], "ignore": 255}))
    for path in (tmp_path / "set").glob("*/masks/*.png"):
        Image.fromarray(np.repeat(np.array([[0], [1], [2], [0], [1], [255]], np.uint8), 8, axis=1)).save(path)
    return DataSettings(root=str(tmp_path / "set"))


def colored(settings: DataSettings, colors: dict[str, Any], **others: Any) -> DataSettings:
    return replace(settings, classes=replace(settings.classes, colors=colors, **others))


@pytest.mark.parametrize("kind", LAYOUTS)
def test_classes_of_every_kind_can_be_drawn_otherwise_and_nothing_else_changes(kind: str, tmp_path: Path) -> None:
    layout = LAYOUTS[kind](tmp_path)
    own = open_dataset(layout.settings, "train", channels=layout.channels)
    first, *others = own.labels.names
    settings = colored(layout.settings, {first: GREY})
    found = open_dataset(settings, "train", channels=layout.channels)
    assert found.labels.colors == (GREY, *own.labels.colors[1:])
    assert found.labels.names == (first, *others) and found.labels.ids == own.labels.ids
    before, after = own[0].objects, found[0].objects
    assert before is not None and after is not None and before.equal(after)
    diagnosis = check(settings, progress=False, channels=layout.channels)
    assert diagnosis.labels.colors == found.labels.colors and diagnosis.changes == ()


def test_colours_are_given_by_the_names_that_classes_have_after_all_else(folder: DataSettings) -> None:
    given = colored(folder, {"ground": "#5A5b5c", "tree": [0, 140, 0]}, rename={"road": "ground"}, drop=("sky",))
    assert given.classes.colors == {"ground": GREY, "tree": GREEN}
    for labels in (open_dataset(given, "train").labels, check(given, progress=False).labels):
        assert labels.names == ("ground", "tree") and labels.colors == (GREY, GREEN)
    with pytest.raises(UserError, match=r"data\.classes\.colors: .* has no class 'road'.*; it has ground, tree"):
        open_dataset(replace(given, classes=replace(given.classes, colors={"road": GREY})), "train")
    with pytest.raises(UserError, match=r"colors: .* has no class 'tre' \(did you mean 'tree'\?\)"):
        open_dataset(colored(folder, {"tre": GREEN}), "train")


def test_two_classes_of_one_colour_are_refused(folder: DataSettings) -> None:
    sky = open_dataset(folder, "train").labels.colors[2]
    with pytest.raises(UserError, match=r"data\.classes\.colors: 'tree' has the colour .*, which 'sky' has already"):
        open_dataset(colored(folder, {"tree": sky}), "train")
    assert open_dataset(colored(folder, {"tree": sky, "sky": GREY}), "train").labels.colors[1:] == (sky, GREY)
    with pytest.raises(UserError, match=r"gives 'tree' and 'sky' one colour, \[0, 140, 0\]"):
        ClassSettings(colors={"tree": "#008c00", "sky": GREEN})


@pytest.mark.parametrize("color", [None, "green", "#08c", "008c00", [0, 140], [0, 140, 256], [0.0, 1, 2], [True, 0, 0]])
def test_what_is_no_colour_is_refused_in_words(color: Any) -> None:
    with pytest.raises(UserError, match=r"data\.classes\.colors: 'tree' is .*, but must be red, green and blue"):
        from_mapping(Recipe, {"data": {"classes": {"colors": {"tree": color}}}}, "x.yaml")


def test_each_task_s_class_of_a_name_has_the_colour() -> None:
    toy = DataSettings("toyworld", toyworld=ToyWorldSettings(size=64, train_count=3, eval_count=2))
    own = open_dataset(toy, "train").tasks
    assert own.materials is not None and own.tree is not None
    found = open_dataset(colored(toy, {own.materials.names[0]: GREY, own.tree.parts.names[0]: GREEN}), "train").tasks
    assert found.materials is not None and found.materials.colors == (GREY, *own.materials.colors[1:])
    assert found.tree is not None and found.tree.parts.colors == (GREEN, *own.tree.parts.colors[1:])
    assert found.tree.children == own.tree.children


def test_masks_that_hold_colours_are_read_by_their_own(folder: DataSettings, tmp_path: Path) -> None:
    root = Path(str(folder.root))
    space = LabelSpace(("road", "tree", "sky"), ((9, 9, 9), (1, 2, 3), (4, 5, 6)), masks="rgb")
    (root / "classes.json").write_text(json.dumps(space.to_json()))
    for path in root.glob("*/masks/*.png"):
        Image.fromarray(space.palette[np.array([[0, 1, 2, 0, 1, 1]] * 8).T]).save(path)
    given = colored(folder, {"tree": (9, 9, 9), "road": GREY})
    found = open_dataset(given, "train")
    objects = found[0].objects
    assert objects is not None and objects[:, 0].tolist() == [0, 1, 2, 0, 1, 1]
    assert found.labels.colors == (GREY, (9, 9, 9), (4, 5, 6))
    own, checked = check(folder, progress=False), check(given, progress=False)
    assert [(one.code, one.message) for one in checked.findings] == [(one.code, one.message) for one in own.findings]
    export_dataset(given, tmp_path / "written", progress=False)  # what is written can be read
    again = open_dataset(DataSettings(root=str(tmp_path / "written")), "train")
    assert again.labels.colors == found.labels.colors
    written = again[0].objects
    assert written is not None and written.equal(objects)


def test_the_contact_sheet_has_the_colours(folder: DataSettings, tmp_path: Path) -> None:
    show_data(colored(folder, {"tree": GREEN}), out=tmp_path / "sheet.png", count=1, progress=False)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert (np.asarray(sheet.convert("RGB")) == GREEN).all(axis=2).any()


def test_runs_and_figures_compare_whatever_the_colours(folder: DataSettings, tmp_path: Path) -> None:
    recipe = Recipe(data=colored(folder, {"tree": GREEN}))
    for saved in (Recipe(data=folder), Recipe(data=colored(folder, {"tree": GREY, "sky": GREEN}))):
        refuse_changes(recipe, saved, tmp_path)
        assert data_facts(recipe.data) == data_facts(saved.data)
    assert "data.classes.colors.tree".startswith(UNTOLD)


def test_a_recipe_holds_numbers_and_takes_what_it_holds() -> None:
    given = given_settings(Recipe, ["--data.classes.colors", '{tree: "#008c00", sky: [1, 2, 3]}'])
    recipe = from_mapping(Recipe, {"data": {"root": "x"}}, "x.yaml", given)
    assert to_mapping(recipe)["data"]["classes"]["colors"] == {"tree": [0, 140, 0], "sky": [1, 2, 3]}
    assert "tree:" in to_yaml(recipe)
    assert from_mapping(Recipe, to_mapping(recipe), "x.yaml") == recipe
