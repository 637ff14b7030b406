"""A small world of several tasks that the tests share: houses with a roof and a door, people with a head, the sky."""

from dataclasses import replace

import torch
from torch import Tensor

from sceneparse.labels import LabelSpace, PartTree, TaskLabels
from sceneparse.networks import UnifiedOutput
from sceneparse.settings import BackboneSettings, DataSettings, NetworkSettings, PreprocessingSettings, ProtocolSettings
from sceneparse.weights.build import build
from sceneparse.weights.config import ModelConfig
from sceneparse.weights.model import Model
from sceneparse.weights.tasks import with_task_sizes

OBJECTS = LabelSpace(("sky", "house", "person"))
PARTS = LabelSpace(("roof", "door", "head"))
TREE = PartTree(OBJECTS, PARTS, ((), (0, 1), (2,)))
"""Channels: house nothing, roof, door; person nothing, head."""
TASKS = TaskLabels(
    objects=OBJECTS,
    scenes=LabelSpace(("street", "field")),
    tree=TREE,
    materials=LabelSpace(("brick", "glass", "cloth", "air")),
    textures=LabelSpace(("plain", "striped")),
)

NETWORK = NetworkSettings(architecture="upernet_unified", channels=8, aux=False, dropout=0.0)
NETWORK = replace(NETWORK, tasks=replace(NETWORK.tasks, from_data=("scenes", "parts", "materials", "textures")))


def random_map(generator: torch.Generator, size: tuple[int, ...], classes: int, unknown: float) -> Tensor:
    """Random class indices, some of them unknown."""
    labels = torch.randint(0, classes, size, generator=generator).to(torch.int16)
    labels[torch.rand(size, generator=generator) < unknown] = -1
    return labels


def random_output(batch: int, seed: int = 0, requires_grad: bool = True) -> UnifiedOutput:
    """Random logits of every head, 4 x 5 cells."""
    generator = torch.Generator().manual_seed(seed)

    def logits(*shape: int) -> Tensor:
        return torch.randn(batch, *shape, generator=generator).requires_grad_(requires_grad)

    return UnifiedOutput(
        scene=logits(2), object=logits(3, 4, 5), part=logits(5, 4, 5), material=logits(4, 4, 5), texture=logits(2, 4, 5)
    )


RELEASE = replace(NETWORK, pool="precise", resize_first=True, tasks=replace(NETWORK.tasks, scene_head="convolution"))
"""What the authors' release does otherwise."""


def unified_model(settings: NetworkSettings = NETWORK) -> Model:
    """A model of all tasks with random weights."""
    torch.manual_seed(0)
    backbone, network = BackboneSettings("resnet10t"), with_task_sizes(settings, TASKS, "the data")
    config = ModelConfig("unified", backbone, network, PreprocessingSettings(), ProtocolSettings(), DataSettings())
    return Model(build(backbone, network, len(OBJECTS)).eval(), config, OBJECTS, TASKS)
