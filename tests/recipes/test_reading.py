"""Recipes that extend others, and the published figures that stand in them."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from sceneparse.errors import UserError
from sceneparse.recipes import from_mapping, read_recipe, recipe_names
from sceneparse.recipes.layers import merged
from sceneparse.recipes.reading import Figure, read_file
from sceneparse.settings import TrainingSettings


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


BELOW = """
description: the one below
network: {channels: 64, bins: [1, 2]}
training: {iterations: 7}
data: {kind: toyworld}
published: [{source: a paper, test: single scale, mean_iou: 40.0}]
"""


class TestExtends:
    def test_only_what_differs_has_to_be_said(self, tmp_path: Path) -> None:
        write(tmp_path, "below", BELOW)
        recipe = read_recipe(write(tmp_path, "above", "extends: below.yaml\nnetwork: {bins: [3]}\n"))
        assert recipe.network.channels == 64 and recipe.training.iterations == 7
        assert recipe.network.bins == (3,)

    def test_name_description_and_figures_are_not_passed_on(self, tmp_path: Path) -> None:
        write(tmp_path, "below", BELOW)
        file = read_file(write(tmp_path, "above", "extends: below.yaml\n"))
        assert file.settings()["name"] == "above" and file.settings()["description"] == ""
        assert file.published == ()

    def test_a_name_means_a_recipe_of_the_package(self, tmp_path: Path) -> None:
        path = write(tmp_path, "mine", "extends: toy-pspnet\ntraining: {seed: 3}\n")
        mine, packaged = read_recipe(path), read_recipe("toy-pspnet")
        assert mine.network == packaged.network and mine.training.seed == 3

    def test_extending_goes_on_from_folder_to_folder(self, tmp_path: Path) -> None:
        (tmp_path / "inner").mkdir()
        write(tmp_path, "bottom", BELOW)
        write(tmp_path / "inner", "middle", "extends: ../bottom.yaml\ntraining: {batch: 4}\n")
        recipe = read_recipe(write(tmp_path, "top", "extends: inner/middle.yaml\n"))
        assert (recipe.training.iterations, recipe.training.batch) == (7, 4)

    def test_a_circle_is_refused(self, tmp_path: Path) -> None:
        write(tmp_path, "one", "extends: two.yaml\n")
        with pytest.raises(UserError, match="extends itself"):
            read_recipe(write(tmp_path, "two", "extends: one.yaml\n"))

    def test_an_unknown_setting_is_told_where_it_stands(self, tmp_path: Path) -> None:
        below = write(tmp_path, "below", "netwrok: {channels: 3}\n")
        with pytest.raises(UserError, match="unknown setting 'netwrok'") as caught:
            read_recipe(write(tmp_path, "above", "extends: below.yaml\n"))
        assert str(caught.value).startswith(str(below))

    def test_what_is_not_there_is_told_with_the_file_that_wants_it(self, tmp_path: Path) -> None:
        above = write(tmp_path, "above", "extends: toy-pspnett\n")
        with pytest.raises(
            UserError, match="extends: no recipe named 'toy-pspnett'; did you mean 'toy-pspnet'"
        ) as caught:
            read_recipe(above)
        assert str(caught.value).startswith(str(above))
        with pytest.raises(UserError, match="extends is 5, but must be a recipe's name or file"):
            read_recipe(write(tmp_path, "number", "extends: 5\n"))


def test_merging_goes_into_mappings_and_takes_lists_whole() -> None:
    below = {"a": {"b": 1, "c": [1, 2]}, "d": 1}
    assert merged(below, {"a": {"c": [3]}, "e": None}) == {"a": {"b": 1, "c": [3]}, "d": 1, "e": None}
    assert below == {"a": {"b": 1, "c": [1, 2]}, "d": 1}


class TestFigures:
    def test_published_and_reproduced_figures_are_read(self, tmp_path: Path) -> None:
        text = BELOW + "reproduced: [{source: this package, test: single scale, pixel_accuracy: 80.5}]\n"
        file = read_file(write(tmp_path, "mine", text))
        assert file.published == (Figure("a paper", "single scale", 40.0, None),)
        assert file.reproduced == (Figure("this package", "single scale", None, 80.5),)

    @pytest.mark.parametrize(
        "figures",
        [
            "41.7",
            "[41.7]",
            "[{source: x, mean_iou: 1}]",
            "[{source: x, test: y}]",
            "[{source: x, test: y, mean_iou: 417}]",
        ],
    )
    def test_what_is_no_figure_is_refused(self, tmp_path: Path, figures: str) -> None:
        with pytest.raises(UserError, match="published"):
            read_file(write(tmp_path, "mine", f"published: {figures}\n"))


def test_the_deeper_networks_of_the_paper_differ_in_nothing_but_the_backbone() -> None:
    base = read_file("ade20k-pspnet50").settings()
    for depth in (18, 34, 101, 152, 269):
        settings = read_file(f"ade20k-pspnet{depth}").settings()
        different = {key for key in base if settings[key] != base[key]}
        assert different == {"name", "description", "backbone"}, depth


def test_every_experiment_of_the_papers_names_its_test_protocol() -> None:
    for name in recipe_names():
        file = read_file(name)
        if file.published or len(file.layers) > 1:
            assert file.settings()["protocol"]["name"] in ("semseg", "csail", "whole"), name


@dataclass(frozen=True)
class Inner:
    training: TrainingSettings = field(default_factory=lambda: TrainingSettings(8))
    number: int = 1


@dataclass(frozen=True)
class Outer:
    training: TrainingSettings = field(default_factory=lambda: TrainingSettings(7))
    inner: Inner = field(default_factory=Inner)
    other: Inner = Inner(number=5)


def test_a_default_that_a_group_has_by_its_holder_wins_over_that_of_its_class() -> None:
    """Options that other packages declare may hold such groups."""
    assert from_mapping(Outer, {}, "x.yaml") == Outer()
    given = {"training": {"batch": 2}, "inner": {"number": 3}, "other": {"training": {"batch": 4}}}
    expected = Outer(TrainingSettings(7, batch=2), Inner(number=3), Inner(TrainingSettings(8, batch=4), 5))
    assert from_mapping(Outer, given, "x.yaml") == expected


def test_paths_and_numbers_of_numpy_are_taken_from_python(tmp_path: Path) -> None:
    recipe = read_recipe(
        "toy-pspnet",
        data={"kind": "folder", "root": tmp_path},
        training={"iterations": np.int64(40), "batch": np.uint8(2)},
        optimizer={"lr": np.float32(0.5)},
        augmentation={"crop": (np.int32(65), np.int64(97))},
        protocol={"flip": np.True_},
    )
    assert (recipe.data.root, recipe.optimizer.lr, recipe.augmentation.crop) == (str(tmp_path), 0.5, (65, 97))
    given = (
        recipe.training.iterations,
        recipe.training.batch,
        (recipe.augmentation.crop or (0,))[0],
        recipe.protocol.flip,
    )
    assert list(map(type, given)) == [int, int, int, bool]
    group = replace(recipe.data, root=tmp_path / "another")  # type: ignore[arg-type]
    assert read_recipe("toy-pspnet", data=group).data.root == str(tmp_path / "another")
    with pytest.raises(UserError, match=r"optimizer\.lr is"):
        read_recipe("toy-pspnet", optimizer={"lr": tmp_path})
