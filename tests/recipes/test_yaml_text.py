"""YAML that people write: a key that stands twice is no silence."""

from pathlib import Path

import pytest
import yaml

from sceneparse.errors import UserError
from sceneparse.recipes import read_recipe
from sceneparse.recipes.yaml_text import TwiceError, load_yaml
from sceneparse.settings import InitSettings
from sceneparse.training.init.classes import given_classes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "'a' stands here a second time, after line 1: remove one of them"),
        ("x: {a: 1, 'a': 3}", "'a' stands here a second time: remove one of them"),
        ("x:\n- a: 1\n  a: 2", "'a' stands here a second time, after line 2"),
    ],
)
def test_a_key_that_stands_twice_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(TwiceError) as caught:
        load_yaml(text)
    assert message in str(caught.value.problem)


def test_what_mappings_take_over_from_others_stands_once() -> None:
    text = "p: {q: &b {<<: &a {x: 1, y: 1}, x: 2}}\nc: {<<: *b, y: 3}\nd: {<<: *a, <<: *b, 1: 0, '1': 0}"
    assert load_yaml(text) == yaml.safe_load(text)


def test_recipes_and_maps_of_classes_name_the_file_and_the_place(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("training:\n  batch: 4\n  iterations: 9\n  batch: 8\n")
    with pytest.raises(UserError, match=r"mine\.yaml: not valid YAML \(line 4, column 3: 'batch' stands here a second"):
        read_recipe(mine)
    classes = tmp_path / "classes.yaml"
    classes.write_text("bike: bicycle\nbike: null\n")
    with pytest.raises(UserError, match=r"classes\.yaml cannot be read \(line 2, column 1: 'bike' stands here"):
        given_classes(InitSettings(model="m", classes_file=str(classes)))


def test_names_that_yaml_takes_for_something_else_are_said_to_need_quotes(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    for line in ("drop: [on, 12]", "merge: {vehicle: [12, car]}", "rename: {12: y}"):
        mine.write_text(f"data: {{kind: toyworld, classes: {{{line}}}}}")
        with pytest.raises(UserError, match=r'names such as 12, on and no are text in quotes: "12", "on", "no"'):
            read_recipe(mine)
    mine.write_text("training: {batch: 1.5}")
    with pytest.raises(UserError) as caught:
        read_recipe(mine)
    assert "quotes" not in str(caught.value)
