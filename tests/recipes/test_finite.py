"""Infinity and NaN are no settings, however they are given."""

import dataclasses
import json
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from sceneparse.cli.settings import given_settings
from sceneparse.errors import UserError
from sceneparse.recipes import read_recipe
from sceneparse.settings import DataSettings, LossSettings, OptimizerSettings, PreprocessingSettings, Recipe
from sceneparse.settings.data import SourceSettings
from sceneparse.settings.temperatures import Temperatures
from sceneparse.settings.types import fits
from sceneparse.weights.config import config_from_json


def groups(kind: type) -> Iterator[type]:
    """A settings class and all that stand in it."""
    yield kind
    for hint in get_type_hints(kind).values():
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            yield from groups(hint)


def odd_settings() -> Iterator[tuple[type, str, Any]]:
    """All settings that take numbers which are not whole, each with a value that has such a one in it."""
    for kind in dict.fromkeys((*groups(Recipe), SourceSettings, Temperatures)):
        hints = get_type_hints(kind, include_extras=True)
        for item in dataclasses.fields(kind):
            for value in (math.inf, (1.0, math.inf), (math.inf,), {"a": math.nan}, {"a": (-math.inf, 0.0)}):
                if fits(value, hints[item.name]):
                    yield kind, item.name, value
                    break


ODD = list(odd_settings())


@pytest.mark.parametrize(("kind", "name", "value"), ODD, ids=[f"{kind.__name__}-{name}" for kind, name, _ in ODD])
def test_no_setting_takes_infinity(kind: type, name: str, value: Any) -> None:
    with pytest.raises(UserError, match=rf"{name}(\.a)? is .*, but must be (a finite number|finite numbers)$"):
        kind(**{name: value})


def test_there_are_as_many_such_settings_as_one_expects() -> None:
    names = {f"{kind.__name__}.{name}" for kind, name, _ in ODD}
    assert len(names) > 45
    assert {
        "AugmentationSettings.scale",
        "LossSettings.options",
        "NiftiSettings.windows",
        "DataSettings.range",
    } <= names


BOUNDARY = """
data: {kind: toyworld}
network: {aux: false}
loss: {kind: boundary_cross_entropy, options: {weight: .inf}}
"""


def test_it_is_refused_in_yaml_in_json_and_on_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(BOUNDARY, encoding="utf-8")
    with pytest.raises(UserError, match=r"mine\.yaml: loss\.options\.weight is inf, but must be a finite number"):
        read_recipe(path)
    for word, text in (("inf", ".inf"), ("-inf", "-.inf"), ("nan", ".nan")):
        given: Any = given_settings(Recipe, ["--augmentation.scale", f"[0.5,{text}]", "--optimizer.lr", text])
        for group in ("augmentation", "optimizer"):
            with pytest.raises(UserError, match=rf"{word}\)?, but must be (a finite number|finite numbers)$"):
                read_recipe("toy-pspnet", **{group: given[group]})
    groups = ("backbone", "network", "preprocessing", "protocol", "data")
    config = (
        {"format": 1, "name": "a"} | {name: {} for name in groups} | {"preprocessing": {"mean": [0.5, math.nan, 0]}}
    )
    with pytest.raises(UserError, match=r"config\.json: preprocessing\.mean is .*, but must be finite numbers"):
        config_from_json(json.loads(json.dumps(config)), "config.json")


def test_it_is_found_in_options_inside_of_lists_and_so_are_whole_numbers_beyond_all_floats() -> None:
    terms = [{"kind": "cross_entropy"}, {"kind": "focal", "options": {"gamma": math.inf}}]
    with pytest.raises(UserError, match=r"loss\.options\.terms\.options\.gamma is inf, but must be a finite number"):
        LossSettings(kind="combined", options={"terms": terms})
    assert PreprocessingSettings(mean=(0, 1, 0), std=(1, 2, 3)).std == (1, 2, 3)
    third: Any = Fraction(1, 3)
    assert OptimizerSettings(lr=third, clip=1e300).clip == 1e300
    with pytest.raises(UserError, match=r"data\.range is \(0, 10{9}.*, but must be finite numbers"):
        DataSettings("folder", root="x", range=(0, 10**400))
