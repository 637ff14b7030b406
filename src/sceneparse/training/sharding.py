"""Networks too large for one device: each process holds a share of the weights (FSDP), the files stay whole.

The shares come together layer by layer while a layer computes. Model folders and checkpoints hold whole tensors, so
they are the same whatever the number of processes and the strategy.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim import Optimizer

from sceneparse.networks import SceneParser

LARGEST = 1 << 24
"""Weights that come together at a time, where a module can be cut that finely."""


def shard(network: SceneParser, mesh: DeviceMesh) -> SceneParser:
    """Share the weights of a network among processes (FSDP2 of torch), the same in each before.

    The backbone is cut into modules of at most `LARGEST` weights; all that is outside of it comes together at once.

    Args:
        network: The network; stays what it is, with its parameters and their names.
        mesh: Fabric's: the processes along "data_parallel".
    """
    processes = mesh["data_parallel"]
    # Not in channels-last order, which cannot be cut.
    network.to(memory_format=torch.contiguous_format)
    for unit in _units(network.backbone):
        fully_shard(unit, mesh=processes)
    fully_shard(network, mesh=processes)
    return network


def _units(module: nn.Module) -> Iterator[nn.Module]:
    """The largest modules inside that have few enough weights and are called as one."""
    for child in module.children():
        weights = sum(parameter.numel() for parameter in child.parameters())
        if 0 < weights <= LARGEST and not isinstance(child, nn.ModuleList | nn.ModuleDict):
            yield child
        else:
            yield from _units(child)


def is_sharded(network: nn.Module) -> bool:
    """Return whether a network's weights are shared among processes."""
    return isinstance(network, FSDPModule)


def whole(state: Any) -> Any:
    """Return a state dictionary of a network or an optimiser with whole tensors; all processes call it together."""
    if isinstance(state, DTensor):
        return state.full_tensor()
    if isinstance(state, dict):
        return type(state)((key, whole(value)) for key, value in state.items())
    return [whole(value) for value in state] if isinstance(state, list) else state


def cut_like(value: Any, own: Tensor) -> Any:
    """Return this process's share of a whole tensor, cut as another is; what is not cut there, or no tensor, as it is.

    Args:
        value: A whole tensor, the same in all processes, or any other value.
        own: A parameter, or a tensor of the same shape.
    """
    if not isinstance(value, Tensor) or not isinstance(own, DTensor) or value.shape != own.shape:
        return value
    # Each process has the whole: it takes its share, and nothing needs to be sent.
    value = value.to(own.device)
    return distribute_tensor(value, own.device_mesh, own.placements, src_data_rank=None)


def _as_it_keeps(value: Any, own: Tensor) -> Any:
    """Return a value of an optimiser's state as it keeps it for a parameter: cut alike, and laid out alike in memory.

    An optimiser that is one kernel on a GPU refuses a state in another memory format than its parameter's, such as that
    of a training whose weights were shared among processes.
    """
    cut = cut_like(value, own)
    if not isinstance(cut, Tensor) or isinstance(own, DTensor) or cut.ndim == 0 or cut.shape != own.shape:
        return cut
    return torch.empty_like(own, dtype=cut.dtype, device=cut.device).copy_(cut)


def load_optimizer(optimizer: Optimizer, state: dict[str, Any]) -> None:
    """Load an optimiser's state of whole tensors, each cut as its parameter is."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]

    own = {
        index: {key: _as_it_keeps(value, parameters[index]) for key, value in values.items()}
        for index, values in state["state"].items()
    }
    # Whether a step is one kernel is this machine's to say, not the checkpoint's.
    groups = [{**group, "fused": optimizer.defaults["fused"]} for group in state["param_groups"]]
    optimizer.load_state_dict({**state, "state": own, "param_groups": groups})
