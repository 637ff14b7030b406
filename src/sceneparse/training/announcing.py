"""What is said of a training before its first step: what is trained, on what, and what to know of the data."""

from collections.abc import Mapping
from typing import Any

from sceneparse.data.sample import notes_of
from sceneparse.errors import counted
from sceneparse.training.prepare import Prepared
from sceneparse.training.sharding import is_sharded
from sceneparse.training.start import device_name


def facts_of(prepared: Prepared) -> dict[str, Any]:
    """Return what run.json says of a training from its beginning.

    Args:
        prepared: The training.
    """
    compute, network = prepared.compute, prepared.learner.network
    world = compute.processes.world
    return {
        "device": device_name(compute.fabric.device),
        "precision": compute.precision,
        "processes": world,
        "strategy": ("fsdp" if is_sharded(network) else "ddp") if world > 1 else None,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "frozen_parameters": sum(one.numel() for one in network.parameters() if not one.requires_grad),
        "batch": prepared.recipe.training.batch,
        "loader_workers": prepared.loader_workers,
        "training_samples": len(prepared.data.training),
        "validation_samples": len(prepared.data.validation),
    }


def headline(prepared: Prepared, facts: Mapping[str, Any]) -> str:
    """Return in a line what is trained, and on what.

    Args:
        prepared: The training.
        facts: As of `facts_of`.
    """
    frozen, world = facts["frozen_parameters"], facts["processes"]
    return (
        f"{prepared.recipe.name}: {facts['parameters'] / 1e6:.1f} million parameters, "
        + (f"{frozen / 1e6:.1f} million of them frozen, " if frozen else "")
        + f"{counted(len(prepared.data.labels), 'class', 'classes')}, "
        + f"{counted(facts['training_samples'], 'training sample')}; "
        + f"{facts['device']}, {facts['precision']}"
        + (f", {world} processes" if world > 1 else "")
        + (f"; goes on at iteration {prepared.start}" if prepared.start else "")
    )


def notes_on_data(prepared: Prepared) -> tuple[str, ...]:
    """Return what to know of the data that are learnt from and validated on, each once."""
    data = prepared.data
    return tuple(dict.fromkeys((*notes_of(data.training), *notes_of(data.validation))))
