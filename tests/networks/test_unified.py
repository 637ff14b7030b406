from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sceneparse.labels import LabelSpace
from sceneparse.networks import HEADS, UnifiedUPerNet
from sceneparse.networks.backbones import make_backbone
from sceneparse.settings import (
    BackboneSettings,
    DataSettings,
    NetworkSettings,
    PreprocessingSettings,
    ProtocolSettings,
    TaskSettings,
)
from sceneparse.weights.build import build
from sceneparse.weights.config import ModelConfig
from sceneparse.weights.model import Model, load_model, save_model

TASKS = {"scenes": 6, "parts": 9, "materials": 4, "textures": 3}


def make(**options: Any) -> UnifiedUPerNet:
    torch.manual_seed(0)
    return UnifiedUPerNet(make_backbone("resnet10t"), 5, **{"channels": 16, **TASKS, **options})


@pytest.mark.parametrize("size", [(64, 96), (65, 47)])
def test_every_task_has_logits_at_its_own_stride(size: tuple[int, int]) -> None:
    output = make().eval()(torch.randn(2, 3, *size))
    grid = tuple(-(-side // 4) for side in size)
    assert output.scene.shape == (2, 6)
    shapes = {name: tuple(getattr(output, name).shape) for name in ("object", "part", "material", "texture")}
    assert shapes == {name: (2, n, *grid) for name, n in (("object", 5), ("part", 9), ("material", 4), ("texture", 3))}
    assert output.logits is output.object and output.aux is None and output.image is None


@pytest.mark.parametrize("task", TASKS)
def test_a_task_without_classes_has_no_head(task: str) -> None:
    output = make(**{task: 0}).eval()(torch.randn(1, 3, 64, 64))
    gone = {"scenes": "scene", "parts": "part", "materials": "material", "textures": "texture"}[task]
    assert [name for name in output._fields if getattr(output, name) is None] == [gone]


@pytest.mark.parametrize(
    ("task", "silent"),
    [
        ("texture", ("backbone", "pyramid", "top", "laterals", "levels", "fusion")),
        ("material", ("fusion", "object_head", "part_head", "scene_head", "texture_head")),
        ("scene", ("laterals", "levels", "fusion", "object_head", "texture_head")),
        ("object", ("part_head", "material_head", "scene_head", "texture_head")),
        ("part", ("object_head", "material_head", "scene_head", "texture_head")),
    ],
)
def test_a_tasks_gradient_goes_where_its_features_come_from(task: str, silent: tuple[str, ...]) -> None:
    network = make()
    getattr(network(torch.randn(2, 3, 64, 64)), task).square().mean().backward()
    moved = {name.split(".")[0] for name, weight in network.named_parameters() if weight.grad is not None}
    assert moved.isdisjoint(silent) and f"{task}_head" in moved
    assert ("backbone" in moved) == (task != "texture")


@pytest.mark.parametrize("pool", ["avg", "precise"])
@pytest.mark.parametrize("asked", [("object",), ("scene",), ("scene", "part"), ("material",), ("texture",), HEADS])
def test_what_is_asked_for_is_as_if_all_were(asked: tuple[str, ...], pool: str) -> None:
    network = make(pool=pool, feature_norm=True).eval()
    images = torch.randn(2, 3, 65, 47)
    some, everything = network(images, asked), network(images)
    for name in HEADS:
        value = getattr(some, name)
        assert (value is not None) == (name in asked)
        assert value is None or torch.equal(value, getattr(everything, name))


@pytest.mark.parametrize(
    ("asked", "idle"),
    [
        (("texture",), ("pyramid", "top", "laterals", "levels", "fusion", "object_head", "scene_head")),
        (("scene",), ("laterals", "levels", "fusion", "object_head", "texture_head")),
        (("material",), ("fusion", "object_head", "part_head", "texture_head")),
        (("part",), ("object_head", "material_head", "texture_head")),
    ],
)
def test_what_is_not_asked_for_is_not_computed(asked: tuple[str, ...], idle: tuple[str, ...]) -> None:
    network = make()
    ran: set[str] = set()
    for name, module in network.named_children():
        for part in module.modules():
            part.register_forward_hook(lambda *_, name=name: ran.add(name))
    network(torch.randn(2, 3, 64, 64), asked)
    assert ran.isdisjoint(idle) and {"backbone", f"{asked[0]}_head"} <= ran


def test_textures_alone_keep_nothing_of_the_backbone() -> None:
    network: Any = make()
    network(torch.randn(2, 3, 64, 64), ("texture",)).texture.sum().backward()
    assert all(weight.grad is None for weight in network.backbone.parameters())
    assert all(weight.grad is not None for weight in network.texture_head.parameters())


def test_a_linear_scene_head_is_the_mean_times_one_matrix() -> None:
    network: Any = make().eval()
    with torch.inference_mode():
        features = network.backbone(torch.randn(2, 3, 64, 96))
        mean = network.merge(features)[-1].mean(dim=(2, 3))
        layer = network.scene_head.classifier
        expected = mean @ layer.weight.flatten(1).T + layer.bias
        torch.testing.assert_close(network.decode_all(features).scene, expected)
    assert not isinstance(network.scene_head.layer, nn.Sequential)
    deep: Any = make(scene_head="convolution")
    assert isinstance(deep.scene_head.layer, nn.Sequential)


def test_the_texture_head_is_four_convolutions_of_128() -> None:
    head = make().texture_head
    assert head is not None
    assert [tuple(m.weight.shape[:2]) for m in head.modules() if isinstance(m, nn.Conv2d)] == [
        (128, 64),
        *[(128, 128)] * 3,
        (3, 128),
    ]


def test_it_can_be_exported() -> None:
    network = make(pool="precise", resize_first=True).eval()
    images = torch.randn(1, 3, 64, 96)
    exported = torch.export.export(network, (images,)).module()(images)
    for name, value in network(images)._asdict().items():
        torch.testing.assert_close(getattr(exported, name), value, rtol=1e-4, atol=1e-5)


def test_a_model_folder_keeps_all_of_its_heads(tmp_path: Path) -> None:
    settings = NetworkSettings(
        architecture="upernet_unified",
        channels=16,
        pool="precise",
        resize_first=True,
        aux=False,
        tasks=TaskSettings(scenes=6, parts=(4, 3, 2), materials=4, textures=3, scene_head="convolution"),
    )
    backbone = BackboneSettings("resnet10t")
    network = build(backbone, settings, 2).eval()
    config = ModelConfig("unified", backbone, settings, PreprocessingSettings(), ProtocolSettings(), DataSettings())
    save_model(tmp_path / "model", Model(network, config, LabelSpace(("sky", "house"))), "a card")
    again = load_model(tmp_path / "model")
    images = torch.randn(1, 3, 64, 64)
    assert again.config.network.tasks == settings.tasks
    with torch.inference_mode():
        for one, other in zip(again.network(images), network(images), strict=True):
            assert torch.equal(one, other)
