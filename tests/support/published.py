"""What tests of imported checkpoints share: stand-ins for trained weights, written as their families write them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from sceneparse.networks import SceneParser
from sceneparse.weights.importing.checkpoint import ImportedModel, import_checkpoint

Network = TypeVar("Network", bound=nn.Module)


def as_if_trained(network: Network, seed: int = 0) -> Network:
    """The network in evaluation mode, its normalisations neither the identity nor all alike."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
            nn.init.uniform_(module.weight, 0.5, 1.0, generator=generator)
            nn.init.normal_(module.bias, 0, 0.1, generator=generator)
    return network.eval()


def vectors_as_if_trained(backbone: nn.Module) -> None:
    """Move the vectors of a backbone, those of its norms and scales, far from where they start."""
    with torch.no_grad():
        for name, value in backbone.named_parameters():
            if "layer_scale" in name:
                value.uniform_(0.2, 0.5)
            elif value.ndim == 1:
                value.copy_(torch.rand_like(value) + (0.5 if name.endswith("weight") else -0.5))


def imported(state: Mapping[str, Any], folder: Path, *, family: str = "auto", **changes: Any) -> ImportedModel:
    """A model from a file with these weights; `changes` are those of `import_checkpoint`."""
    path = folder / "checkpoint.pth"
    torch.save(state, path)
    model = import_checkpoint(path, family, **changes)
    assert isinstance(model, ImportedModel)
    return model


def network_of(model: ImportedModel) -> SceneParser:
    """The imported network."""
    network = model.model.network
    assert isinstance(network, SceneParser)
    return network
