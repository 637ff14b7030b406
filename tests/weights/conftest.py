"""Small models that the tests of the model folder share."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from sceneparse.labels import LabelSpace
from sceneparse.settings import (
    BackboneSettings,
    DataSettings,
    NetworkSettings,
    PreprocessingSettings,
    ProtocolSettings,
)
from sceneparse.weights.build import build
from sceneparse.weights.config import ModelConfig
from sceneparse.weights.model import Model, save_model


@pytest.fixture
def labels() -> LabelSpace:
    return LabelSpace(("sky", "road", "car"), ignore=(255,))


@pytest.fixture
def make_config() -> Callable[..., ModelConfig]:
    """A small model's config; arguments change its backbone settings."""

    def make(**backbone: object) -> ModelConfig:
        return ModelConfig(
            name="small",
            backbone=BackboneSettings(**{"name": "test_resnet", "dilation": "half", **backbone}),  # type: ignore[arg-type]
            network=NetworkSettings(architecture="fcn", channels=16),
            preprocessing=PreprocessingSettings(),
            protocol=ProtocolSettings(name="semseg", scales=(0.5, 1.0)),
            data=DataSettings(kind="camvid", root="/home/somebody/CamVid"),
        )

    return make


@pytest.fixture
def make_model(make_config: Callable[..., ModelConfig], labels: LabelSpace) -> Callable[..., Model]:
    """A small model whose random weights follow from the seed."""

    def make(seed: int = 0, **backbone: object) -> Model:
        torch.manual_seed(seed)
        config = make_config(**backbone)
        return Model(build(config.backbone, config.network, len(labels)), config, labels)

    return make


@pytest.fixture
def saved(tmp_path: Path, make_model: Callable[..., Model]) -> Path:
    """A saved model folder, alone in its parent."""
    save_model(tmp_path / "model", make_model(), "# card\n")
    return tmp_path / "model"
