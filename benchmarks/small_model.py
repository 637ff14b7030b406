"""A model that is made in a second, for programs that need one and not what it knows."""

from pathlib import Path

import torch
from torch import nn

from sceneparse.labels import LabelSpace
from sceneparse.networks import normalize
from sceneparse.settings import (
    BackboneSettings,
    DataSettings,
    NetworkSettings,
    PreprocessingSettings,
    ProtocolSettings,
)
from sceneparse.toyworld import render
from sceneparse.weights.build import build
from sceneparse.weights.config import ModelConfig
from sceneparse.weights.model import Model, save_model


def make_model(folder: Path, classes: int = 20) -> None:
    """Write a small PSPNet of fixed random weights, normalised on scenes so that many classes win somewhere."""
    torch.manual_seed(0)
    config = ModelConfig(
        name="small",
        backbone=BackboneSettings("resnet10t"),
        network=NetworkSettings(channels=64, output_stride=8, aux=False),
        preprocessing=PreprocessingSettings(),
        protocol=ProtocolSettings(),
        data=DataSettings(),
    )
    network = build(config.backbone, config.network, classes).train()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None  # the average over all that is seen
    scenes = torch.stack([render(0, index, 192).image for index in range(8)])
    with torch.no_grad():
        network(normalize(scenes, config.preprocessing.mean, config.preprocessing.std))
    names = tuple(f"class {index}" for index in range(classes))
    save_model(folder, Model(network.eval(), config, LabelSpace(names)), "# small\n")
