"""The heads of a unified network keep their rows by the names of scenes, parts, materials and textures."""

from dataclasses import replace
from typing import Any

import torch

from sceneparse.labels import LabelSpace, PartTree, TaskLabels
from sceneparse.recipes import from_mapping
from sceneparse.settings import DataSettings, PreprocessingSettings, ProtocolSettings, Recipe
from sceneparse.tasks import Task
from sceneparse.training.init.transfer import transfer
from sceneparse.weights.build import build
from sceneparse.weights.config import ModelConfig
from sceneparse.weights.model import Model
from sceneparse.weights.tasks import with_task_sizes


def labels(objects: tuple[str, ...], parts: tuple[str, ...], tree: dict[str, list[str]], scenes: Any) -> TaskLabels:
    space, of_parts = LabelSpace(objects), LabelSpace(parts)
    return TaskLabels(space, LabelSpace(scenes), PartTree.from_json(tree, space, of_parts, "test"))


OLD = labels(
    ("sky", "house", "car"), ("door", "roof", "wheel"), {"house": ["roof", "door"], "car": ["wheel"]}, ("street", "sea")
)
NEW = labels(
    ("car", "boat", "house"), ("hull", "door", "wheel"), {"car": ["door", "wheel"], "house": ["door"]}, ("sea", "room")
)


def recipe_for(tasks: TaskLabels) -> Recipe:
    mapping = {
        "backbone": {"name": "test_resnet"},
        "network": {
            "architecture": "upernet_unified",
            "channels": 8,
            "aux": False,
            "tasks": {"from_data": ["scenes", "parts"]},
        },
        "data": {"kind": "toyworld"},
    }
    recipe = from_mapping(Recipe, mapping, "test")
    return replace(recipe, network=with_task_sizes(recipe.network, tasks, "test"))


def test_rows_are_kept_by_the_names_of_objects_scenes_and_the_parts_of_objects() -> None:
    asked, given = recipe_for(NEW), recipe_for(OLD)
    assert NEW.objects is not None and OLD.objects is not None
    network = build(asked.backbone, asked.network, len(NEW.objects))
    fresh = {name: value.clone() for name, value in network.state_dict().items()}
    config = ModelConfig(
        "old", given.backbone, given.network, PreprocessingSettings(), ProtocolSettings(), DataSettings("toyworld")
    )
    model = Model(build(given.backbone, given.network, len(OLD.objects)), config, OLD.objects, OLD)
    account = transfer(network, asked, NEW.objects, NEW, model, {})
    found, source = network.state_dict(), model.network.state_dict()
    # Channels of parts: car (none, door, wheel), house (none, door). In the model: house (none, roof, door), car (none,
    # wheel).
    expected = {"object": (2, None, 1), "scene": (1, None), "part": (3, None, 4, 0, 2)}
    for head, rows in expected.items():
        for name in (f"{head}_head.classifier.weight", f"{head}_head.classifier.bias"):
            for row, old in enumerate(rows):
                wanted = fresh[name][row] if old is None else source[name][old]
                assert torch.equal(found[name][row], wanted), (name, row)
            assert account.kept[name] == (len(rows) - rows.count(None), len(rows))
    assert all(torch.equal(value, source[name]) for name, value in found.items() if "classifier" not in name)
    assert account.left[Task.OBJECT] == ["sky"] and not account.dropped


def test_between_the_upernets_the_feature_pyramid_is_taken() -> None:
    asked = recipe_for(NEW)
    plain = from_mapping(
        Recipe, {"network": {"architecture": "upernet", "channels": 8, "aux": False}, "data": {"kind": "toyworld"}}, "t"
    )
    plain = replace(plain, backbone=asked.backbone)
    config = ModelConfig(
        "old", plain.backbone, plain.network, PreprocessingSettings(), ProtocolSettings(), DataSettings("toyworld")
    )
    objects = NEW.objects
    assert objects is not None
    model = Model(build(plain.backbone, plain.network, 3), config, objects)
    account = transfer(build(asked.backbone, asked.network, 3), asked, objects, NEW, model, {})
    taken = {name.partition(".")[0] for name in account.taken}
    assert taken == {"backbone", "pyramid", "top", "laterals", "levels"}
    assert {name.partition(".")[0] for name in account.new} == {"fusion", "object_head", "part_head", "scene_head"}
