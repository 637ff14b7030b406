"""Recipes: settings from YAML and the command line, and what is said when they are wrong."""

import math
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from sceneparse.datasets.kinds import KINDS
from sceneparse.errors import UserError
from sceneparse.recipes import from_mapping, read_recipe, recipe_names, to_mapping, to_yaml
from sceneparse.recipes.reading import read_file
from sceneparse.settings import (
    BackboneSettings,
    NetworkSettings,
    OptimizerSettings,
    PreprocessingSettings,
    ProtocolSettings,
    Recipe,
    TrainingSettings,
)

TOY = {"data": {"kind": "toyworld"}}


def recipe(mapping: dict[str, Any] | None = None, changes: dict[str, Any] | None = None) -> Recipe:
    return from_mapping(Recipe, TOY | (mapping or {}), "x.yaml", changes)


def complaint(mapping: dict[str, Any] | None = None, changes: dict[str, Any] | None = None) -> str:
    with pytest.raises(UserError) as caught:
        recipe(mapping, changes)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestMapping:
    def test_what_is_not_said_keeps_its_default(self) -> None:
        read = recipe({"network": {"channels": 64}})
        assert read.network == NetworkSettings(channels=64)
        assert read.training == TrainingSettings()

    def test_lists_become_tuples_and_text_numbers_numbers(self) -> None:
        read = recipe({"network": {"bins": [1, 2]}, "augmentation": {"crop": [32, 48]}, "optimizer": {"lr": "1e-3"}})
        assert read.network.bins == (1, 2)
        assert read.augmentation.crop == (32, 48)
        assert read.optimizer.lr == 0.001

    def test_null_is_read_where_it_means_something(self) -> None:
        read = recipe({"augmentation": {"crop": None}, "optimizer": {"clip": None}})
        assert read.augmentation.crop is None and read.optimizer.clip is None

    @pytest.mark.parametrize("weights", [None, "median", [1, 2.5]])
    def test_class_weights_take_three_forms(self, weights: Any) -> None:
        read = recipe({"loss": {"class_weights": weights}}).loss.class_weights
        assert read == (tuple(weights) if isinstance(weights, list) else weights)

    def test_any_settings_class_can_be_read(self) -> None:
        assert from_mapping(ProtocolSettings, {"flip": True}, "model") == ProtocolSettings(flip=True)

    def test_the_mapping_is_left_as_it_was(self) -> None:
        mapping = {"network": {"bins": [1, 2]}, **TOY}
        from_mapping(Recipe, mapping, "x.yaml", {"network": {"channels": 8}})
        assert mapping == {"network": {"bins": [1, 2]}, "data": {"kind": "toyworld"}}


class TestUnknownKeys:
    @pytest.mark.parametrize(
        ("mapping", "near"),
        [
            ({"network": {"achitecture": "fcn"}}, "'network.achitecture'; did you mean 'network.architecture'?"),
            ({"training": {"lr": 0.1}}, "'training.lr'; did you mean 'optimizer.lr'?"),
            ({"netwrok": {}}, "'netwrok'; did you mean 'network'?"),
            ({"lr": 0.1}, "'lr'; did you mean 'optimizer.lr'?"),
        ],
    )
    def test_the_nearest_known_one_is_named(self, mapping: dict[str, Any], near: str) -> None:
        assert complaint(mapping) == f"x.yaml: unknown setting {near}"

    def test_what_resembles_nothing_gets_the_groups_keys(self) -> None:
        message = complaint({"training": {"zzzzz": 1}})
        assert "did you mean" not in message
        assert "training.iterations, training.minutes, training.decided" in message and "optimizer" not in message

    def test_a_key_that_is_no_text_is_unknown(self) -> None:
        assert "unknown setting '1'; known here: name, description" in complaint({1: 2})  # type: ignore[dict-item]

    def test_a_group_must_be_a_mapping(self) -> None:
        below = "but it is a group: give its settings below it, such as"
        assert complaint({"training": 5}) == f"x.yaml: training is 5, {below} training: {{iterations: 5}}"
        assert complaint({"data": "a b"}) == f"x.yaml: data is 'a b', {below} data: {{root: a b}}"
        assert "it is a group" in complaint({"training": None})


class TestWrongTypes:
    @pytest.mark.parametrize(
        ("mapping", "message"),
        [
            ({"training": {"iterations": "many"}}, "training.iterations is 'many', but must be a whole number"),
            ({"training": {"iterations": 1.5}}, "training.iterations is '1.5', but must be a whole number"),
            ({"training": {"batch": True}}, "training.batch is 'True', but must be a whole number"),
            (
                {"network": {"architecture": "unet"}},
                "'unet', but must be one of pspnet, upernet, ",
            ),
            ({"network": {"output_stride": 12}}, "'12', but must be one of 8, 16, 32"),
            ({"network": {"bins": 3}}, "network.bins is '3', but must be a list of whole numbers"),
            ({"network": {"bins": ["a"]}}, "network.bins is 'a', but must be a list of whole numbers"),
            ({"network": {"reduce": "perhaps"}}, "must be true or false"),
            ({"augmentation": {"crop": [3]}}, "augmentation.crop is '[3]'"),
            ({"loss": {"class_weights": "mean"}}, "'mean', but must be one of median or a list of numbers or null"),
            ({"data": {"kind": "toyworld", "root": 5}}, "data.root is '5', but must be text or null"),
            ({"network": {"dropout": None}}, "network.dropout is null, but must be a number"),
            ({"network": {"bins": None}}, "network.bins is null"),
            ({"name": None}, "name is null, but must be text"),
        ],
    )
    def test_the_setting_the_value_and_what_it_may_be_are_named(self, mapping: dict[str, Any], message: str) -> None:
        text = complaint(mapping)
        assert text.startswith("x.yaml: ") and message in text


RANGES = [
    ("backbone.in_channels", 0),
    ("network.channels", 0),
    ("network.bins", []),
    ("network.bins", [0, 1]),
    ("network.dropout", 1.0),
    ("network.dropout", -0.1),
    ("data.workers", -1),
    ("data.cache_mb", -1),
    ("data.toyworld.size", 16),
    ("data.toyworld.train_count", 0),
    ("data.toyworld.eval_count", 0),
    ("augmentation.crop", [0, 3]),
    ("augmentation.scale", [2.0, 1.0]),
    ("augmentation.scale", [0.0, 1.0]),
    ("augmentation.short", []),
    ("augmentation.short", [0, 300]),
    ("augmentation.max_long", 0),
    ("augmentation.mirror", 1.5),
    ("augmentation.rotate", -1),
    ("augmentation.color", 2),
    ("augmentation.ratio_range", [0.0, 1.0]),
    ("augmentation.ratio_range", [2.0, 1.0]),
    ("augmentation.cat_max_ratio", 0),
    ("augmentation.cat_max_ratio", 1.5),
    ("augmentation.copy_paste", 1.5),
    ("sampling.repeat_threshold", -0.1),
    ("sampling.rare_crops", 2),
    ("sampling.temperature", 0),
    ("sampling.temperature", math.inf),
    ("preprocessing.mean", [0.5, 0.5]),
    ("preprocessing.mean", [123.7, 116.3, 103.5]),
    ("preprocessing.std", [1.0, 0.0, 1.0]),
    ("optimizer.lr", 0),
    ("optimizer.lr", math.nan),
    ("optimizer.head_factor", 0),
    ("optimizer.momentum", 1.0),
    ("optimizer.weight_decay", -1e-4),
    ("optimizer.power", -1),
    ("optimizer.warmup", -1),
    ("optimizer.clip", 0),
    ("loss.aux_weight", -0.4),
    ("loss.hard_fraction", 0),
    ("loss.hard_fraction", 1.5),
    ("loss.hard_threshold", 7),
    ("training.iterations", 0),
    ("training.batch", 0),
    ("training.accumulate", 0),
    ("training.validate_every", -1),
    ("training.validate_count", 0),
    ("training.checkpoint_every", 0),
    ("training.log_every", 0),
    ("protocol.size", 0),
    ("protocol.max_long", 0),
    ("protocol.window", [0, 3]),
    ("protocol.stride", 0),
    ("protocol.stride", 1.5),
    ("protocol.scales", []),
    ("protocol.scales", [1.0, 0.0]),
]


@pytest.mark.parametrize(("key", "value"), RANGES)
def test_a_value_out_of_range_is_named_with_its_file(key: str, value: Any) -> None:
    group, _, name = key.partition(".")
    inner, _, leaf = name.rpartition(".")
    settings = {inner: {leaf: value}} if inner else {leaf: value}
    text = complaint({group: {**({"kind": "toyworld"} if group == "data" else {}), **settings}})
    assert text.startswith("x.yaml: ") and key in text


def test_settings_that_contradict_each_other_are_refused() -> None:
    assert "multiple of training.accumulate = 3" in complaint({"training": {"batch": 16, "accumulate": 3}})
    assert "backbone.in_channels is 4" in complaint({"backbone": {"in_channels": 4}})
    with pytest.raises(UserError, match=r"data\.root is not set"):
        from_mapping(Recipe, {}, "x.yaml")


def test_settings_of_the_ablations_are_refused_where_they_do_nothing() -> None:
    for name, value in (("finest", 8), ("fuse", False)):
        refusal = complaint({"network": {name: value}})
        assert f"network.{name} has no effect on pspnet, which uses output_stride, channels, " in refusal
    assert recipe({"network": {"architecture": "upernet", "bins": [], "finest": 16, "fuse": False}}).network.bins == ()
    assert "augmentation.max_long has no effect" in complaint({"augmentation": {"max_long": 600}})


def test_one_mean_serves_all_channels() -> None:
    read = recipe({"backbone": {"in_channels": 4}, "preprocessing": {"mean": [0.5], "std": [0.25]}})
    assert read.preprocessing == PreprocessingSettings((0.5,), (0.25,))


class TestChanges:
    def test_they_win_over_the_file(self) -> None:
        read = recipe({"training": {"iterations": 5, "seed": 3}}, {"training": {"iterations": 7}, "name": "mine"})
        assert read.training.iterations == 7 and read.training.seed == 3 and read.name == "mine"

    def test_values_are_typed_ones(self) -> None:
        read = recipe({}, {"network": {"bins": (1, 2), "dropout": 0.25}, "backbone": {"weights": "1e3"}})
        assert read.network.bins == (1, 2) and read.network.dropout == 0.25 and read.backbone.weights == "1e3"

    def test_settings_replace_the_whole_group(self) -> None:
        optimizer = OptimizerSettings(lr=0.5)
        assert recipe({"optimizer": {"momentum": 0.5}}, {"optimizer": optimizer}).optimizer == optimizer

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"netwrok": {}}, "unknown setting 'netwrok'; did you mean 'network'?"),
            ({"network": {"chanels": 7}}, "unknown setting 'network.chanels'; did you mean 'network.channels'?"),
            ({"network": 7}, "network is 7, but it is a group"),
            ({"data": Path("my-data")}, "give its settings in a mapping, such as data={'root': 'my-data'}"),
            ({"data": None}, "data is None, but it is a group: give its settings in a mapping"),
            ({"training": {"iterations": "x"}}, "training.iterations is 'x', but must be a whole number"),
            ({"network": {"dropout": None}}, "network.dropout is null, but must be a number"),
        ],
    )
    def test_mistakes_name_them(self, changes: dict[str, Any], message: str) -> None:
        text = complaint({}, changes)
        assert text.startswith("given settings: ") and message in text

    def test_a_mistake_of_the_file_names_the_file(self) -> None:
        text = complaint({"network": {"channels": "x"}}, {"training": {"iterations": 7}})
        assert text.startswith("x.yaml: network.channels is 'x'")

    def test_a_value_out_of_range_says_that_they_had_a_part(self) -> None:
        text = complaint({}, {"training": {"iterations": 0}})
        assert text.startswith("x.yaml with the given settings: training.iterations is 0")


class TestYaml:
    def test_reading_back_gives_the_same_recipe(self, tmp_path: Path) -> None:
        original = recipe(
            {
                "name": "straße: 1",
                "augmentation": {"crop": [32, 48], "scale": [0.5, 1.5]},
                "loss": {"class_weights": [1, 2.5]},
                "optimizer": {"weight_decay": 1e-5, "clip": None},
                "protocol": {"scales": [0.5, 1.0], "resize": "none", "flip": True},
            }
        )
        path = tmp_path / "recipe.yaml"
        path.write_text(to_yaml(original), encoding="utf-8")
        assert read_recipe(path) == original

    def test_the_whole_recipe_is_written_defaults_included(self) -> None:
        written = yaml.safe_load(to_yaml(recipe()))
        assert set(written["training"]) == set(TrainingSettings.__dataclass_fields__)
        assert written["network"]["bins"] == [1, 2, 3, 6]

    def test_to_mapping_has_nothing_but_plain_values(self) -> None:
        def check(value: Any) -> None:
            assert type(value) in (dict, list, str, int, float, bool, type(None)), value
            for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
                check(item)

        check(to_mapping(recipe({"loss": {"class_weights": [1, 2]}})))


class TestReadRecipe:
    @pytest.mark.parametrize("name", recipe_names())
    def test_every_recipe_of_the_package_can_be_read(self, name: str) -> None:
        kind = KINDS[read_file(name).settings()["data"]["kind"]]
        read = read_recipe(name, data={} if kind.root == "none" else {"root": "anywhere"})
        assert read.name == name and read.description

    def test_a_file_without_a_name_is_named_after_itself(self, tmp_path: Path) -> None:
        path = tmp_path / "mine.yml"
        path.write_text("data: {kind: toyworld}\n")
        assert read_recipe(path).name == "mine"

    def test_changes_reach_the_recipe(self, tmp_path: Path) -> None:
        path = tmp_path / "mine.yaml"
        path.write_text("data: {root: here}\n")
        assert read_recipe(path, data={"root": "there"}).data.root == "there"

    def test_an_unknown_name_is_answered_with_the_nearest(self) -> None:
        name = recipe_names()[0]
        with pytest.raises(UserError, match=f"did you mean '{name}'"):
            read_recipe(name[:-1] + "_")
        with pytest.raises(UserError, match="one of: "):
            read_recipe("qqqqqqq")

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("a: [1", "not valid YAML"),
            ("- a\n- b\n", "expected settings .* found list"),
            ("just text", "found str"),
            ("", r"data\.root is not set"),
            (b"\xff\xfe\xff", "cannot be read"),
        ],
    )
    def test_a_file_that_is_no_recipe_is_named(self, tmp_path: Path, content: str | bytes, message: str) -> None:
        path = tmp_path / "mine.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(UserError, match=message) as caught:
            read_recipe(path)
        assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)

    def test_a_missing_file_lists_the_packages_recipes(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=f"no such recipe file.*{recipe_names()[0]}"):
            read_recipe(tmp_path / "none.yaml")


def test_every_setting_has_its_help_text() -> None:
    import docstring_parser

    for group in (BackboneSettings, NetworkSettings, OptimizerSettings, TrainingSettings, ProtocolSettings, Recipe):
        texts = {item.arg_name: item.description for item in docstring_parser.parse(group.__doc__ or "").params}
        assert set(texts) == set(group.__dataclass_fields__), group.__name__
        assert all(texts.values())


READING = """
import sys
from sceneparse import read_recipe
from sceneparse.datasets.kinds import KINDS
from sceneparse.recipes import recipe_names
from sceneparse.settings import DataSettings
from sceneparse.training.losses.table import LOSSES
from sceneparse.training.schedules.table import SCHEDULES

assert recipe_names()
weighted = read_recipe("camvid-pspnet-mobilenetv2", data={"root": "x"})
assert weighted.loss.class_weights and weighted.data.kind == "camvid"
for name in KINDS:
    if name != "mixture":
        assert DataSettings(name, root=None if name == "toyworld" else "x").kind == name
sources = [{"kind": name, "root": "x"} for name, kind in KINDS.items() if kind.root == "required"]
assert len(read_recipe("toy-fcn", data={"kind": "mixture", "sources": sources}).data.sources) == len(KINDS) - 2
assert [loss.title for loss in LOSSES.values()] and [schedule.title for schedule in SCHEDULES.values()]
print("torch" in sys.modules)
"""


def test_reading_a_recipe_of_any_kind_of_data_does_not_wait_for_torch() -> None:
    run = subprocess.run([sys.executable, "-c", READING], check=True, capture_output=True, text=True)
    assert run.stdout == "False\n"


class TestSeveralTasks:
    UNIFIED: ClassVar[dict[str, Any]] = {"architecture": "upernet_unified", "aux": False}

    def test_weights_of_other_tasks_have_no_effect_without_them(self) -> None:
        assert "loss.part_weight has no effect" in complaint({"loss": {"part_weight": 1.0}})
        network = {**self.UNIFIED, "tasks": {"from_data": ["parts"]}}
        read = recipe({"network": network, "loss": {"part_weight": 1.0}})
        assert read.loss.part_weight == 1.0

    def test_a_number_of_classes_comes_from_the_data_or_from_the_recipe(self) -> None:
        tasks = {"scenes": 5, "from_data": ["scenes"]}
        assert "network.tasks.scenes is given" in complaint({"network": {**self.UNIFIED, "tasks": tasks}})

    def test_negative_weights_are_refused(self) -> None:
        message = complaint({"network": self.UNIFIED, "loss": {"scene_weight": -1}})
        assert "loss.scene_weight is -1.0, but must be 0 or more" in message

    def test_the_toy_recipe_learns_all_tasks(self) -> None:
        tasks = read_recipe("toy-unified").network.tasks
        assert set(tasks.from_data) == {"scenes", "parts", "materials", "textures"}


def test_a_recipe_file_that_is_called_otherwise_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.yaml").write_text("backbone: {name: resnet10t}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for given in ("mine.yml", "mine"):
        with pytest.raises(UserError, match=r"did you mean '?mine\.yaml"):
            read_recipe(given)
