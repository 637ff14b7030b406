"""Settings that had other names: files and commands with the old ones mean the same."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from sceneparse.cli.settings import given_settings
from sceneparse.errors import UserError
from sceneparse.recipes import from_mapping, read_recipe, to_mapping
from sceneparse.recipes.renamed import RENAMED
from sceneparse.recipes.sweep import read_sweep
from sceneparse.settings import DataSettings, NiftiSettings, Recipe, ToyWorldSettings


def as_written_before(recipe: Recipe, **data: Any) -> dict[str, Any]:
    """A whole recipe under the old names, as earlier versions wrote it."""
    mapping = to_mapping(recipe)
    for old, new in RENAMED.items():
        _, group, name = new.split(".")
        mapping["data"][old.removeprefix("data.")] = mapping["data"][group][name]
    for group in ("toyworld", "huggingface", "nifti", "options"):
        del mapping["data"][group]
    for source in mapping["data"]["sources"]:
        del source["options"]
    mapping["data"] |= data
    return mapping


def test_every_old_name_means_the_new_one_in_files_and_on_the_command_line() -> None:
    values: dict[str, dict[str, Any]] = {
        "toyworld": {"size": 64, "train_count": 5, "eval_count": 3},
        "huggingface": {"columns": ["a", "b"], "subset": "s"},
        "nifti": {"modalities": ["t1"], "truth": "labels", "empty_slices": False},
    }
    assert {f"data.{group}.{name}" for group, own in values.items() for name in own} == set(RENAMED.values())
    for group, own in values.items():
        root: dict[str, Any] = {} if group == "toyworld" else {"root": "here"}
        new = from_mapping(Recipe, {"data": {"kind": group, **root, group: own}}, "x.yaml")
        assert from_mapping(Recipe, {"data": {"kind": group, **root, **own}}, "x.yaml") == new
        words = [
            f"--data.{name}={yaml.safe_dump(value, default_flow_style=True).split(chr(10))[0]}"
            for name, value in own.items()
        ]
        assert from_mapping(Recipe, {"data": {"kind": group, **root}}, "x.yaml", given_settings(Recipe, words)) == new
        apart = [part for word in words for part in word.split("=", 1)]
        assert from_mapping(Recipe, {"data": {"kind": group, **root}}, "x.yaml", given_settings(Recipe, apart)) == new


def test_a_setting_under_both_names_is_refused() -> None:
    data = {"kind": "toyworld", "size": 64, "toyworld": {"size": 128}}
    with pytest.raises(UserError, match=r"x\.yaml: data\.size is now called data\.toyworld\.size"):
        from_mapping(Recipe, {"data": data}, "x.yaml")


def test_a_wrong_value_under_an_old_name_is_refused_by_the_new_one() -> None:
    with pytest.raises(UserError, match=r"data\.toyworld\.size is '?16"):
        from_mapping(Recipe, {"data": {"kind": "toyworld", "size": 16}}, "x.yaml")


def test_a_recipe_file_that_extends_ours_wins_under_an_old_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("extends: toy-pspnet\ndata: {size: 64}\n")
    assert read_recipe(path).data.toyworld == ToyWorldSettings(64, 1200, 120)


@pytest.mark.parametrize(
    "data",
    [
        DataSettings("toyworld", toyworld=ToyWorldSettings(128, 6000, 120)),
        DataSettings("nifti", root="brats", nifti=NiftiSettings(("t1", "t2"), empty_slices=False)),
        DataSettings("camvid", root="CamVid", train="train+val"),
        read_recipe("mini-broden").data,
    ],
    ids=lambda data: data.kind,
)
def test_what_earlier_versions_wrote_reads_as_it_was(data: DataSettings, tmp_path: Path) -> None:
    recipe = Recipe("before", data=data)
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(as_written_before(recipe)))
    assert read_recipe(path) == recipe


def test_what_earlier_versions_wrote_of_other_kinds_is_left_out(tmp_path: Path) -> None:
    recipe = Recipe("before", data=DataSettings("folder", root="mine"))
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(as_written_before(recipe, size=128, train_count=6000, annotation="split")))
    assert read_recipe(path) == recipe


def test_another_kind_on_the_command_line_leaves_the_settings_of_the_recipe_s_own_kind_behind(tmp_path: Path) -> None:
    read = read_recipe("toy-pspnet", data={"kind": "folder", "root": "mine"})
    assert read.data == DataSettings("folder", root="mine", cache_mb=128, workers=1)
    path = tmp_path / "mine.yaml"
    path.write_text("extends: toy-pspnet\ndata: {kind: camvid, root: CamVid}\n")
    assert read_recipe(path).data == DataSettings("camvid", root="CamVid", cache_mb=128, workers=1)
    with pytest.raises(UserError, match=r"data\.toyworld\.size has no effect: kind folder takes"):
        read_recipe("toy-pspnet", data={"kind": "folder", "root": "mine", "size": 64})


def test_a_sweep_takes_old_names_in_rows_grids_and_for_all(tmp_path: Path) -> None:
    path = tmp_path / "sizes.yaml"
    path.write_text("base: toy-pspnet\nset: {data: {eval_count: 4}}\ngrid: {data.size: [64, 96]}\n")
    rows = read_sweep(path, data={"train_count": 8}).rows
    assert [row.recipe.data.toyworld for row in rows] == [ToyWorldSettings(64, 8, 4), ToyWorldSettings(96, 8, 4)]
    assert [row.name for row in rows] == ["size 64", "size 96"]
    with pytest.raises(UserError, match="cannot be set for all"):
        read_sweep(path, data={"size": 32})
    path.write_text("base: toy-pspnet\nrows: [{name: small, data: {size: 64}}]\n")
    assert read_sweep(path).rows[0].recipe.data.toyworld.size == 64


def test_both_names_on_the_command_line_are_refused() -> None:
    with pytest.raises(UserError, match=r"--data\.size is now called --data\.toyworld\.size"):
        given_settings(Recipe, ["--data.size=64", "--data.toyworld.size=65"])


def test_a_group_given_as_one_argument_may_have_old_names() -> None:
    assert given_settings(Recipe, ["--data={size: 64}"]) == {"data": {"toyworld": {"size": 64}}}
