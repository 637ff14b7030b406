"""Layers of settings: what a choice above leaves of the layers below it."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from sceneparse.cli.settings import given_settings
from sceneparse.errors import UserError
from sceneparse.recipes import read_recipe, to_mapping, to_yaml
from sceneparse.recipes.layers import CHOOSERS, layered
from sceneparse.recipes.options import options_help
from sceneparse.recipes.sweep import read_sweep
from sceneparse.settings import DataSettings, LossSettings, Recipe
from tests.support.outside import install

TERMS = {"terms": [{"kind": "cross_entropy", "options": {"label_smoothing": 0.05}}, {"kind": "dice", "weight": 0.5}]}
COMBINED = {"kind": "combined", "class_weights": "median", "options": TERMS}

LEFT: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    # Options are the entry's own, whatever they are called; what both use stays.
    ({"loss": COMBINED}, {"loss": {"kind": "lovasz"}}, {"loss": {"kind": "lovasz", "class_weights": "median"}}),
    ({"loss": {"options": {"label_smoothing": 0.1}}}, {"loss": {"kind": "focal"}}, {"loss": {"kind": "focal"}}),
    (
        {"loss": {"kind": "dice", "options": {"over": "picture", "smooth": 3}}},
        {"loss": {"kind": "jaccard", "options": {"smooth": 5}}},
        {"loss": {"kind": "jaccard", "options": {"smooth": 5}}},
    ),
    ({"loss": {"hard_fraction": 0.5, "hard_threshold": 0.6}}, {"loss": {"kind": "dice"}}, {"loss": {"kind": "dice"}}),
    (
        {"loss": {"hard_fraction": 0.5, "aux_weight": 0.2}},
        {"loss": {"kind": "combined", "options": TERMS}},
        {"loss": {"hard_fraction": 0.5, "aux_weight": 0.2, "kind": "combined", "options": TERMS}},
    ),
    (
        {"loss": COMBINED | {"hard_fraction": 0.5}},
        {"loss": {"kind": "focal"}},
        {"loss": {"kind": "focal", "class_weights": "median"}},
    ),
    # The same entry once more is no other choice.
    (
        {"loss": {"kind": "dice", "options": {"over": "picture"}}},
        {"loss": {"kind": "dice", "options": {"smooth": 3}}},
        {"loss": {"kind": "dice", "options": {"over": "picture", "smooth": 3}}},
    ),
    ({"loss": {"hard_fraction": 0.5}}, {"loss": {"aux_weight": 0}}, {"loss": {"hard_fraction": 0.5, "aux_weight": 0}}),
    # What is not the old entry's is left to the new one, which takes or refuses it.
    (
        {"loss": {"options": {"gamma": 3}}},
        {"loss": {"kind": "focal"}},
        {"loss": {"kind": "focal", "options": {"gamma": 3}}},
    ),
    ({"loss": {"kind": "gone", "options": {"a": 1}}}, {"loss": {"kind": "dice"}}, {"loss": {"kind": "dice"}}),
    (
        {"optimizer": {"momentum": 0.8, "lr": 0.1}},
        {"optimizer": {"kind": "adamw"}},
        {"optimizer": {"kind": "adamw", "lr": 0.1}},
    ),
    (
        {"optimizer": {"schedule": "cosine", "floor": 0.1, "warmup": 9}},
        {"optimizer": {"schedule": "one_cycle"}},
        {"optimizer": {"schedule": "one_cycle", "warmup": 9}},
    ),
    (
        {"optimizer": {"floor": 0.1, "power": 2}},
        {"optimizer": {"schedule": "cosine"}},
        {"optimizer": {"schedule": "cosine", "floor": 0.1}},
    ),
    (
        {"network": {"architecture": "upernet", "finest": 8, "bins": [1], "output_stride": 32, "aux": False}},
        {"network": {"architecture": "pspnet"}},
        {"network": {"architecture": "pspnet", "bins": [1], "aux": False}},
    ),
    (
        {"network": {"output_stride": 8, "channels": 64, "reduce": False}},
        {"network": {"architecture": "upernet"}},
        {"network": {"architecture": "upernet", "channels": 64}},
    ),
    (
        {"network": {"output_stride": 16, "aux": False}},
        {"network": {"architecture": "linear"}},
        {"network": {"architecture": "linear", "output_stride": 16, "aux": False}},
    ),
    (
        {
            "network": {"architecture": "upernet_unified", "tasks": {"from_data": ["scenes"]}},
            "loss": {"scene_weight": 0.1, "aux_weight": 0},
        },
        {"network": {"architecture": "upernet"}},
        {"network": {"architecture": "upernet"}, "loss": {"aux_weight": 0}},
    ),
    (
        {"data": {"kind": "geotiff", "root": "x", "options": {"bands": [1]}, "cache_mb": 5}},
        {"data": {"kind": "cvat"}},
        {"data": {"kind": "cvat", "root": "x", "cache_mb": 5}},
    ),
    (
        {"protocol": {"name": "semseg", "scales": [0.5, 1], "flip": True}},
        {"protocol": {"name": "mmseg", "flip": False}},
        {"protocol": {"name": "mmseg", "flip": False}},
    ),
    ({"protocol": {"flip": True}}, {"protocol": {"crf": True}}, {"protocol": {"flip": True, "crf": True}}),
    (
        {"init": {"model": "a", "sha256": "b", "classes": {"car": "van"}}},
        {"init": {"model": None}},
        {"init": {"model": None}},
    ),
    (
        {"init": {"model": "a", "sha256": "b", "adopt": "all"}, "backbone": {"weights": "hub"}},
        {"init": {"model": "c"}},
        {"init": {"model": "c", "adopt": "all"}, "backbone": {}},
    ),
    ({"init": {"model": "a", "sha256": "b"}}, {"init": {"model": "a"}}, {"init": {"model": "a", "sha256": "b"}}),
    # What is no settings at all is left for the reader to refuse.
    ({"loss": 3, "protocol": None}, {"loss": {"kind": ["focal"]}}, {"loss": {"kind": ["focal"]}, "protocol": None}),
]


@pytest.mark.parametrize(("below", "above", "left"), LEFT)
def test_what_belonged_to_another_choice_below_is_dropped(
    below: dict[str, Any], above: dict[str, Any], left: dict[str, Any]
) -> None:
    assert layered(below, above) == left


def test_every_setting_that_has_options_is_known_here() -> None:
    """Options are the settings that are mappings of anything; those of a list's items are taken whole with it."""
    mappings = {
        f"{group}.{name}"
        for group, settings in to_mapping(Recipe(data=DataSettings("toyworld"))).items()
        if isinstance(settings, dict)
        for name in settings
        if name.endswith("options")
    }
    assert mappings == {f"{chooser.group}.{chooser.options}" for chooser in CHOOSERS}


DICE = f"""
network: {{architecture: upernet, aux: false}}
data: {{kind: toyworld}}
loss: {json.dumps(COMBINED)}
"""


class TestALossWithOptions:
    @pytest.fixture
    def dice(self, tmp_path: Path) -> Path:
        path = tmp_path / "dice.yaml"
        path.write_text(DICE, encoding="utf-8")
        return path

    def test_gives_way_to_another_on_the_command_line(self, dice: Path) -> None:
        given: Any = given_settings(Recipe, ["--loss.kind", "lovasz", "--loss.options.over", "batch"])
        loss = read_recipe(dice, **given).loss
        assert (loss.kind, loss.options, loss.class_weights) == ("lovasz", {"over": "batch"}, "median")

    def test_gives_way_to_another_in_a_recipe_that_extends_it(self, dice: Path) -> None:
        above = dice.with_name("above.yaml")
        above.write_text("extends: dice.yaml\nloss: {kind: focal}\n", encoding="utf-8")
        assert read_recipe(above).loss == LossSettings(kind="focal", class_weights="median")

    def test_gives_way_to_another_in_the_rows_of_a_sweep(self, dice: Path) -> None:
        sweep = dice.with_name("sweep.yaml")
        rows = [{"name": name, "loss": {"kind": name}} for name in ("lovasz", "combined")]
        sweep.write_text(yaml.safe_dump({"base": "dice.yaml", "rows": rows}), encoding="utf-8")
        first, second = (row.recipe.loss for row in read_sweep(sweep).rows)
        assert first.options == {} and second.options == TERMS

    def test_gives_way_to_another_in_a_recipe_as_a_run_writes_it_down(self, dice: Path) -> None:
        written = dice.with_name("written.yaml")
        written.write_text(to_yaml(read_recipe(dice)), encoding="utf-8")
        recipe = read_recipe(written, loss={"kind": "dice"}, network={"architecture": "pspnet"})
        assert recipe.loss.options == {} and recipe.network.output_stride == 8


CYCLES = """
from dataclasses import dataclass

from sceneparse.training.schedules.kind import ScheduleKind


@dataclass(frozen=True)
class Options:
    cycles: int = 2


KIND = ScheduleKind("one", lambda settings, options: lambda i, n: 1.0, options=Options)
"""


def test_another_packages_schedule_gives_way_with_its_options_which_help_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, package="cycles", group="schedules", entries={"cycles": "KIND"}, code=CYCLES)
    below = {"optimizer": {"schedule": "cycles", "schedule_options": {"cycles": 3}}}
    assert layered(below, {"optimizer": {"schedule": "cosine"}}) == {"optimizer": {"schedule": "cosine"}}
    assert "--optimizer.schedule_options.cycles 2" in options_help(["--optimizer.schedule", "cycles"])


def test_a_data_set_of_another_kind_has_no_options_of_the_one_before() -> None:
    exported = DataSettings("cvat", root="x", options={"unlabelled": "ignore"})
    assert exported.of_kind("geotiff", root="y").options == {} and exported.of_kind("coco").options == {}
    assert exported.of_kind("geotiff", options={"bands": [1, 2, 3]}).options == {"bands": [1, 2, 3]}


def test_what_was_wrong_below_is_still_refused() -> None:
    with pytest.raises(UserError, match=r"loss\.options: unknown setting 'label_smothing'"):
        read_recipe("toy-pspnet", loss={"kind": "lovasz", "options": {"label_smothing": 0.1}})
