"""What earlier versions wrote down and did nothing with is left out, so that their folders still load."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from sceneparse.errors import UserError
from sceneparse.recipes import read_recipe, to_mapping
from sceneparse.recipes.earlier import without_ignored_training
from sceneparse.settings import NetworkSettings, Recipe
from sceneparse.settings.data import DataSettings
from sceneparse.weights.config import config_from_json


def earlier(**network: Any) -> dict[str, Any]:
    """`network:` as commit 634fde6 wrote it down, all defaults included."""
    defaults = to_mapping(NetworkSettings())
    del defaults["options"]
    return {**defaults, "output_stride": 8, **network}


def config(network: dict[str, Any], **backbone: Any) -> dict[str, Any]:
    whole = to_mapping(Recipe(data=DataSettings(kind="toyworld")))
    names = ("name", "preprocessing", "protocol", "data")
    return {
        "format": 1,
        "backbone": {**whole["backbone"], **backbone},
        "network": network,
        **{name: whole[name] for name in names},
    }


@pytest.mark.parametrize(
    ("network", "read"),
    [
        ({"architecture": "upernet"}, NetworkSettings("upernet")),
        ({"architecture": "upernet", "output_stride": 16, "reduce": False}, NetworkSettings("upernet")),
        ({"architecture": "upernet_concat", "pool": "max"}, NetworkSettings("upernet_concat", pool="max")),
        ({"architecture": "upernet_unified", "aux": False}, NetworkSettings("upernet_unified", aux=False)),
        ({"architecture": "fcn", "bins": [2], "pool": "max", "resampling": "plain"}, NetworkSettings("fcn")),
        ({"architecture": "deeplabv3", "bins": [], "reduce": False}, NetworkSettings("deeplabv3")),
        (
            {"architecture": "upernet", "bins": [], "resize_first": True, "fuse": False, "resampling": "plain"},
            NetworkSettings("upernet", bins=(), fuse=False),
        ),
        ({"bins": [2, 3], "branch": "norm_but_one"}, NetworkSettings(bins=(2, 3))),
        ({"architecture": "pspnet", "output_stride": 16}, NetworkSettings(output_stride=16)),
    ],
)
def test_the_network_of_an_earlier_model_folder_is_the_one_that_was_built(
    network: dict[str, Any], read: NetworkSettings
) -> None:
    assert config_from_json(config(earlier(**network)), "config.json").network == read


@pytest.mark.parametrize(
    ("network", "dilation"),
    [
        ({"architecture": "upernet"}, "first"),
        ({"architecture": "fcn", "output_stride": 32}, "first"),
        ({"stages": 2, "aux": False}, "first"),
        ({"architecture": "fcn"}, "half"),
    ],
)
def test_a_dilation_of_no_stage_is_left_out(network: dict[str, Any], dilation: str) -> None:
    found = config_from_json(config(earlier(**network), dilation="half"), "config.json")
    assert found.backbone.dilation == dilation


@pytest.mark.parametrize("aux", [True, False])
def test_an_end_of_stage_3_that_nothing_stands_on_is_left_out(aux: bool) -> None:
    written = config(earlier(aux=aux), name="mobilenetv2_100", stage3_end="next_block")
    assert config_from_json(written, "config.json").backbone.stage3_end == ("next_block" if aux else "own")


def test_the_recipe_in_an_earlier_run_folder_is_read_as_it_was_meant(tmp_path: Path) -> None:
    whole = to_mapping(Recipe(data=DataSettings(kind="toyworld"))) | {"network": earlier(architecture="upernet")}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(whole))
    assert read_recipe(tmp_path / "recipe.yaml").network == NetworkSettings("upernet")


def test_what_is_written_today_is_refused_and_not_left_out(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        json.dumps({"data": {"kind": "toyworld"}, "network": {"architecture": "fcn", "pool": "max"}})
    )
    with pytest.raises(UserError, match=r"network\.pool has no effect on fcn, which uses output_stride, channels"):
        read_recipe(tmp_path / "mine.yaml")
    with pytest.raises(UserError, match=r"network\.pool has no effect"):
        config_from_json(config({**earlier(architecture="fcn", pool="max"), "options": {}}), "config.json")


def test_what_was_off_beside_what_was_off_stays() -> None:
    whole = to_mapping(read_recipe("toy-pspnet"))
    whole["augmentation"] |= {"rotate": 0, "rotate_probability": 0, "crop": None, "scale": [1.0, 1.0]}
    whole["network"] |= {"aux": False}
    whole["loss"] |= {"aux_weight": 0.0}
    found = without_ignored_training(whole)
    assert found["augmentation"] == whole["augmentation"] and found["loss"]["aux_weight"] == 0
