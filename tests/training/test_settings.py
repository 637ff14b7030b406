"""No setting of a training is accepted and ignored."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest
import yaml

from sceneparse.errors import UserError
from sceneparse.recipes import from_mapping, read_recipe, to_mapping
from sceneparse.settings import Recipe
from sceneparse.training.schedules.kind import long_warmup

TASKS = {"architecture": "upernet_unified", "aux": False, "tasks": {"from_data": ["materials"]}}

IGNORED: list[tuple[dict[str, Any], str]] = [
    ({"optimizer": {"kind": "adamw", "momentum": 0.8}}, "optimizer.momentum has no effect on adamw, which"),
    ({"loss": {"hard_threshold": 0.5}}, "loss.hard_threshold has no effect, since loss.hard_fraction is 1"),
    ({"loss": {"class_weights_end": 0.5}}, "loss.class_weights_end has no effect, since loss.class_weights is null"),
    ({"loss": {"aux_weight": 0.3}, "network": {"aux": False}}, "loss.aux_weight has no effect, since"),
    ({"loss": {"part_weight": 2.0}}, "loss.part_weight has no effect: pspnet learns one task"),
    ({"loss": {"part_weight": 2.0}, "network": TASKS}, "loss.part_weight has no effect, since"),
    ({"loss": {"part_objects": "mean"}, "network": TASKS}, "loss.part_objects has no effect, since"),
    ({"loss": {"scene_weight": 2.0}, "network": TASKS}, "loss.scene_weight has no effect, since"),
    ({"loss": {"texture_weight": 2.0}, "network": TASKS}, "loss.texture_weight has no effect, since"),
    ({"init": {"adopt": "all"}}, "init.adopt has no effect, since init.model is null"),
    ({"init": {"classes": {"a": "b"}}}, "init.classes has no effect, since init.model is null"),
    ({"init": {"sha256": "0" * 64}}, "init.sha256 has no effect, since init.model is null"),
    ({"optimizer": {"new_factor": 2.0}}, "optimizer.new_factor has no effect, since init.model is null"),
    (
        {"init": {"model": "m"}, "backbone": {"weights": "hub"}},
        "backbone.weights is hub, which has no effect: init.model fills the backbone",
    ),
    ({"backbone": {"frozen": "all"}}, "backbone.frozen is all, but its weights are random"),
    ({"backbone": {"frozen": 4, "weights": "hub"}}, "backbone.frozen is 4, but the backbone has 4 stages"),
    (
        {"backbone": {"frozen": "all", "weights": "hub"}, "optimizer": {"layer_decay": 0.9}},
        "optimizer.layer_decay has no effect, since backbone.frozen is all",
    ),
    ({"augmentation": {"short": [300], "scale": [0.5, 1.0]}}, "augmentation.scale has no effect, since"),
    ({"augmentation": {"crop": None, "scale": [0.5, 1.0]}}, "augmentation.scale has no effect, since"),
    ({"augmentation": {"max_long": 800}}, "augmentation.max_long has no effect, since augmentation.short is null"),
    ({"augmentation": {"rotate": 0, "rotate_probability": 0.3}}, "augmentation.rotate_probability has no effect"),
    ({"augmentation": {"rotate": 5, "rotate_probability": 0}}, "augmentation.rotate has no effect, since"),
    (
        {
            "augmentation": {"color": 0.3},
            "backbone": {"in_channels": 1},
            "preprocessing": {"mean": [0.5], "std": [0.2]},
        },
        "augmentation.color has no effect, since backbone.in_channels is 1",
    ),
    (
        {
            "augmentation": {"photometric": True},
            "backbone": {"in_channels": 1},
            "preprocessing": {"mean": [0.5], "std": [0.2]},
        },
        "augmentation.photometric has no effect, since backbone.in_channels is 1",
    ),
    (
        {"augmentation": {"photometric": True, "color": 0.3}},
        "augmentation.photometric takes the place of augmentation.color, which is 0.3: set that to 0",
    ),
    ({"augmentation": {"ratio_range": [0.5, 2.0]}}, "augmentation.ratio_range has no effect, since augmentation.short"),
    ({"augmentation": {"cat_max_ratio": 0.75, "crop": None}}, "augmentation.cat_max_ratio has no effect, since"),
    ({"augmentation": {"copy_paste_classes": ["car"]}}, "augmentation.copy_paste_classes has no effect, since"),
    ({"augmentation": {"copy_paste_regions": True}}, "augmentation.copy_paste_regions has no effect, since"),
    (
        {"sampling": {"rare_crops": 0.5}, "augmentation": {"crop": None}},
        "sampling.rare_crops has no effect, since augmentation.crop is null",
    ),
    (
        {"sampling": {"temperature": 0.1, "repeat_threshold": 0.01}},
        "sampling.temperature has no effect, since sampling.rare_crops and augmentation.copy_paste are 0",
    ),
]

USED: list[dict[str, Any]] = [
    {"optimizer": {"kind": "sgd", "momentum": 0.8}},
    {"loss": {"hard_threshold": 0.5, "hard_fraction": 0.3}},
    {"loss": {"aux_weight": 0.0}, "network": {"aux": False}},
    {"loss": {"material_weight": 2.0, "object_weight": 0.5, "part_weight": 0.0}, "network": TASKS},
    {"augmentation": {"short": [300], "max_long": 800, "crop": None}},
    {"init": {"model": "m", "adopt": "all", "classes": {"a": None}}, "optimizer": {"new_factor": 2.0}},
    {"backbone": {"frozen": 3, "weights": "hub"}, "optimizer": {"layer_decay": 0.9}},
    {"augmentation": {"crop": None, "scale": [1.0, 1.0]}},
    {"augmentation": {"rotate": 0, "rotate_probability": 0}},
    {"augmentation": {"short": [512], "max_long": 2048, "ratio_range": [0.5, 2.0], "cat_max_ratio": 0.75}},
    {"augmentation": {"copy_paste": 0.5, "copy_paste_classes": ["car"], "crop": None}, "sampling": {"temperature": 1}},
    {"sampling": {"rare_crops": 0.5, "temperature": 0.1, "repeat_threshold": 0.001}},
]

READ = Callable[[dict[str, Any]], Recipe]


def read(settings: dict[str, Any]) -> Recipe:
    return from_mapping(Recipe, {"data": {"kind": "toyworld"}, **settings}, "x.yaml")


@pytest.mark.parametrize(("settings", "message"), IGNORED)
def test_a_setting_without_effect_is_refused_with_the_reason(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        read(settings)
    assert message in str(error.value)


@pytest.mark.parametrize("settings", USED)
def test_a_setting_with_an_effect_and_off_beside_off_are_taken(settings: dict[str, Any]) -> None:
    written = to_mapping(read(settings))
    for group, values in settings.items():
        for name, value in values.items():
            assert (group, name) == ("network", "tasks") or written[group][name] == value


NEWER = ("sampling.", "photometric", "ratio_range", "cat_max_ratio", "copy_paste", "class_weights_end")


def _was_taken(message: str) -> bool:
    """Whether 634fde6 knew the setting, and did not refuse it."""
    refused, newer = ("learns one task", "max_long"), ("init.", "frozen", "layer_decay", *NEWER)
    return not any(word in message for word in (*refused, *newer))


@pytest.mark.parametrize("settings", [settings for settings, message in IGNORED if _was_taken(message)])
def test_a_run_that_began_with_it_in_an_earlier_version_can_go_on(settings: dict[str, Any], tmp_path: Any) -> None:
    network = {name: values for name, values in settings.items() if name in ("network", "backbone")}
    written = asdict(read({**network, "preprocessing": {"mean": [0.5], "std": [0.2]}}))
    for group, values in settings.items():
        written[group] |= values if group != "network" else {}
    # As 634fde6 wrote it: all settings of its time.
    del written["network"]["options"], written["loss"]["kind"], written["loss"]["options"]
    written["network"]["output_stride"] = 8
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(to_plain(written)), encoding="utf-8")
    assert read_recipe(tmp_path / "recipe.yaml").loss.kind == "cross_entropy"


def to_plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    return [to_plain(item) for item in value] if isinstance(value, list | tuple) else value


def test_a_warm_up_of_more_than_half_is_said() -> None:
    assert long_warmup(50, 100) is None
    said = long_warmup(51, 100) or ""
    assert "grows during 51 of the 100 iterations (optimizer.warmup is 51)" in said
    assert "a longer one, such as training={'iterations': 510}, is what helps" in said and "never" not in said
    assert "'warmup'" not in said  # a shorter one made such trainings worse
    never = long_warmup(1000, 3) or ""
    assert "grows during all 3 iterations (optimizer.warmup is 1000) and never comes to its full value" in never
