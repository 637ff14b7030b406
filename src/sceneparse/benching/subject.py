"""The thing that is benchmarked: a model folder, an exported file, or the network of a recipe."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from sceneparse.benching.recipes import recipe_to_measure, refuse_nothing
from sceneparse.datasets.kinds import KINDS
from sceneparse.errors import UserError
from sceneparse.inference import Engine, EngineName, TestProtocol, label, make_engine
from sceneparse.inference.open_model import open_file
from sceneparse.inference.program import Traits
from sceneparse.labels import LabelSpace
from sceneparse.networks import SceneParser, UnifiedUPerNet
from sceneparse.networks.cost import multiply_adds
from sceneparse.networks.unfilled import sketched, unfilled
from sceneparse.recipes.reading import names_recipe
from sceneparse.settings import (
    BackboneSettings,
    DataSettings,
    NetworkSettings,
    Precision,
    Recipe,
    Resampling,
    TaskSettings,
)
from sceneparse.settings.engine import is_exported
from sceneparse.tasks import Task
from sceneparse.toyworld import ToyWorld
from sceneparse.weights.architectures import computed_as
from sceneparse.weights.build import build
from sceneparse.weights.config import ModelConfig
from sceneparse.weights.inventory import CLASSES
from sceneparse.weights.model import find_model, load_model

SEED = 0
"""Seed of a recipe's random weights."""


@dataclass(frozen=True)
class Subject:
    """A model to be benchmarked, wherever it comes from.

    Args:
        source: How the user names it.
        kind: Whether it is a model folder, an exported file or a recipe.
        path: The folder or the file; None for a recipe.
        config: Its settings.
        classes: Number of classes.
        own_engine: The engine that an exported file is for; None where any will do.
        quantized: Whether an exported file is quantised.
    """

    source: str
    kind: Literal["model", "file", "recipe"]
    path: Path | None
    config: ModelConfig
    classes: int
    own_engine: str | None = None
    quantized: bool = False

    def network(self, resampling: Resampling | None = None) -> SceneParser:
        """Return the network in evaluation mode, with its weights; an exported file has none.

        Args:
            resampling: How its heads are computed; None as the settings say.
        """
        if self.kind == "model" and resampling is None:
            assert self.path is not None
            return load_model(self.path).network
        if self.kind == "file":
            raise ValueError("an exported file has a program, not a network")
        settings = self.config.network if resampling is None else computed_as(self.config.network, resampling)
        if self.kind == "model":
            with unfilled():
                network = build(self.config.backbone, settings, self.classes).eval()
            network.load_state_dict(self.network().state_dict())
            return network
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            return build(self.config.backbone, settings, self.classes).eval()

    def engine(self, name: str, device: str, precision: Precision) -> Engine:
        """Make an engine of that name, starting from the files or the settings.

        Raises:
            UserError: One that isn't installed, or that doesn't take the network, the device or the precision.
        """
        if self.kind == "file":
            assert self.path is not None
            if name != self.own_engine:
                raise UserError(f"{self.path.name} is a file for engine {self.own_engine}; give the model for others")
            return open_file(self.path, device=device, precision=precision)[0]
        engine: EngineName = name  # type: ignore[assignment]
        return make_engine(self.network(), self.config.preprocessing, engine=engine, device=device, precision=precision)

    def multiply_adds(self, resampling: Resampling, size: tuple[int, int]) -> int:
        """Count the multiply-adds for one picture of that size; of a unified network for the objects alone."""
        settings = computed_as(self.config.network, resampling)
        with sketched():
            network = build(self.config.backbone, settings, self.classes).eval()
        tasks = (Task.OBJECT,) if isinstance(network, UnifiedUPerNet) else None
        return multiply_adds(network, self.config.backbone.in_channels, size, tasks)

    def mib(self) -> float:
        """Return the size of the network's weights in MiB."""
        with sketched():
            network = build(self.config.backbone, self.config.network, self.classes)
        return sum(value.numel() * value.element_size() for value in network.state_dict().values()) / 2**20

    def picture(self, size: tuple[int, int]) -> Tensor:
        """Return a (C, H, W) uint8 scene of the toy world, cut to that size; grey unless there are 3 channels."""
        channels = self.config.backbone.in_channels
        scene = ToyWorld(max(*size, 32), 1, "test")[0].image[:, : size[0], : size[1]]
        if channels != 3:
            scene = scene.float().mean(dim=0, keepdim=True).to(torch.uint8).expand(channels, -1, -1)
        return scene.contiguous()


def find_subject(source: str | Path | Recipe, name: str | None = None) -> Subject:
    """Find the model, exported file or recipe that is to be measured.

    Args:
        source: A model folder, a published checkpoint's name, a hub id, an exported .xml or .onnx file, a recipe of the
            package, a .yaml file or a recipe that has been read.
        name: What the record calls it. Default: the source, or a recipe's own name.

    Raises:
        UserError: Nothing of that name, or a damaged one.
    """
    if isinstance(source, Recipe):
        return _of_recipe(source, name or source.name)
    if names_recipe(source):
        return _of_recipe(recipe_to_measure(source), name or str(source))
    text, path = name or str(source), Path(source)
    if is_exported(path):
        engine, note = open_file(path, device="cpu")
        return Subject(text, "file", path, note.config, len(note.labels), engine.name, note.quantized)
    refuse_nothing(str(source))
    folder = find_model(source)
    model = load_model(folder)
    return Subject(text, "model", folder, model.config, len(model.labels))


def labelling(
    subject: Subject, engine: str, device: str, precision: Precision, threads: int, size: tuple[int, int]
) -> Callable[[], object]:
    """Return a function that labels one picture, to be called in a process of its own."""
    torch.set_num_threads(threads)
    made, image = subject.engine(engine, device, precision), subject.picture(size)
    return lambda: label(made, image, TestProtocol())


def warming(subject: Subject) -> Subject:
    """Return a tiny network to run first, so that one-time set-up of the libraries isn't measured."""
    config = replace(
        subject.config,
        backbone=BackboneSettings("resnet10t", in_channels=subject.config.backbone.in_channels),
        network=NetworkSettings(architecture="pspnet", channels=8, aux=False),
    )
    return Subject("tiny", "recipe", None, config, 2)


def _of_recipe(found: Recipe, name: str) -> Subject:
    # Only the objects are parsed, so that the data need not say how many classes the other tasks have.
    network = replace(found.network, tasks=TaskSettings())
    config = ModelConfig(found.name, found.backbone, network, found.preprocessing, found.protocol, found.data)
    subject = Subject(name, "recipe", None, config, _classes(found.data))
    # Settings that make no network, or preprocessing that doesn't fit it, are refused now and not by every engine.
    with sketched():
        Traits.of(build(config.backbone, config.network, subject.classes), config.preprocessing)
    return subject


def _classes(data: DataSettings) -> int:
    """Return the number of classes of a recipe's data set; ADE20K's 150 if nothing says it."""
    renames = data.classes.renames()
    labels, classes = KINDS[data.kind].labels, Path(data.root or "", "classes.json")
    if labels is None and classes.is_file():
        labels = LabelSpace.read(classes)
    if labels is None:
        return CLASSES
    return len({renames.get(name, name) for name in labels.names} - {None})
