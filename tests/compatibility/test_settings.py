"""Recipes and sweeps that come with the package: every setting of theirs is what it was, and builds what it built."""

import hashlib
import itertools
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import sceneparse
from tests.compatibility.stored import STORED, assert_same_settings, read

MADE_ANEW = {"mini-broden", "toy-fcn", "toy-pspnet"}
"""Recipes that are another training by now, as the changelog says."""

NAMES = sorted(read(STORED / "settings" / "recipes.json.gz").keys() - MADE_ANEW)
SWEEPS = sorted(read(STORED / "settings" / "sweeps.json.gz"))
NETWORKS = sorted(read(STORED / "settings" / "networks.json.gz").keys() - MADE_ANEW)
OWN = {"name", "description"}
IDLE = {"deeplabv3": r"augmentation\.color has no effect, since backbone\.in_channels is 2"}
"""Recipes that set something which did nothing: since 0.1.0 that is refused, as the changelog says."""


@cache
def stored(what: str) -> Any:
    return read(STORED / "settings" / f"{what}.json.gz")


def changes(data: Mapping[str, Any]) -> dict[str, Any]:
    """What the stored settings were read with."""
    return {"root": data["root"]} if data["root"] else {}


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_of_the_package_says_what_it_said(name: str) -> None:
    before = stored("recipes")[name]
    assert_same_settings(sceneparse.read_recipe(name, data=changes(before["data"])), before)


@pytest.mark.parametrize("path", sorted((STORED / "recipes").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_recipe_that_a_user_wrote_is_still_read(path: Path) -> None:
    if path.stem in IDLE:
        with pytest.raises(sceneparse.UserError, match=IDLE[path.stem]):
            sceneparse.read_recipe(path)
    elif path.stem != "sweep":
        assert sceneparse.read_recipe(path).name == path.stem


@pytest.mark.parametrize("name", NETWORKS)
def test_a_recipe_of_the_package_builds_the_same_parameters(name: str) -> None:
    recipe = sceneparse.read_recipe(name, data=changes(stored("recipes")[name]["data"]))
    before = stored("networks")[name]
    with torch.device("meta"):
        network = sceneparse.build(recipe.backbone, recipe.network, 21)
    state = [f"{name} {tuple(tensor.shape)}" for name, tensor in network.state_dict().items()]
    assert sum(parameter.numel() for parameter in network.parameters()) == before["parameters"]
    assert len(state) == before["tensors"]
    assert hashlib.sha256("\n".join(state).encode()).hexdigest() == before["sha256"]


@pytest.mark.parametrize("name", SWEEPS)
def test_a_sweep_of_the_package_has_the_rows_that_it_had(name: str, tmp_path: Path) -> None:
    before = stored("sweeps")[name]
    file = resources.files("sceneparse") / "recipes" / "sweeps" / f"{name}.yaml"
    sweep = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert sweep.get("seeds", [0]) == before["seeds"]
    rows = expanded(sweep)
    assert len(rows) == len(before["rows"])
    for settings, row in zip(rows, before["rows"], strict=True):
        path = tmp_path / "row.yaml"
        path.write_text(yaml.safe_dump({"extends": sweep["base"], **settings}), encoding="utf-8")
        recipe = sceneparse.read_recipe(path, data=changes(row["recipe"]["data"]))
        known = row["recipe"] | {"name": recipe.name, "description": recipe.description}
        assert_same_settings(recipe, known)


def expanded(sweep: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What each row of a sweep sets, in the order of the table."""
    grid = sweep.get("grid", {})
    cells = [nested(dict(zip(grid, values, strict=True))) for values in itertools.product(*grid.values())]
    named = [{key: value for key, value in row.items() if key not in ("name", "published")} for row in rows_of(sweep)]
    return [merged(merged(sweep.get("set", {}), row), cell) for row in named for cell in cells]


def rows_of(sweep: Mapping[str, Any]) -> list[dict[str, Any]]:
    return sweep.get("rows") or [{}]


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for dotted, value in values.items():
        inner = value
        for key in reversed(dotted.split(".")):
            inner = {key: inner}
        found = merged(found, inner)
    return found


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(below)
    for key, value in above.items():
        known = found.get(key)
        found[key] = merged(known, value) if isinstance(known, Mapping) and isinstance(value, Mapping) else value
    return found
