"""Which of a backbone's parameters each stage adds, found by what its features depend on."""

from collections import deque

import torch
from torch import Tensor, nn
from torch.func import functional_call


def stages_of_parameters(
    backbone: nn.Module, in_channels: int, parameters: list[nn.Parameter]
) -> list[list[nn.Parameter]]:
    """Group parameters by the first feature that depends on them.

    Tried without computing anything, so it holds whatever the layers are called and in which order they are made. What
    no feature depends on belongs to the last stage.

    Args:
        backbone: Gives a list of features, each of which depends on more of the network than the one before.
        in_channels: Channels of the picture.
        parameters: Those that are grouped, all of them the backbone's.

    Returns:
        A group for each feature.
    """
    names = {id(parameter): name for name, parameter in backbone.named_parameters()}
    stand_ins: dict[str, Tensor] = {
        name: torch.empty_like(parameter, device="meta").requires_grad_()
        for name, parameter in backbone.named_parameters()
    }
    buffers = {name: torch.empty_like(buffer, device="meta") for name, buffer in backbone.named_buffers()}
    modes = {module: module.training for module in backbone.modules()}
    backbone.eval()
    try:
        with torch.enable_grad():
            picture = torch.empty(1, in_channels, SIDE, SIDE, device="meta")
            features: list[Tensor] = functional_call(backbone, (stand_ins, buffers), (picture,))
    finally:
        for module, mode in modes.items():
            module.training = mode
    stage_of: dict[int, int] = {}
    for stage, maps in enumerate(features):
        for leaf in _leaves(maps):
            stage_of.setdefault(id(leaf), stage)
    groups: list[list[nn.Parameter]] = [[] for _ in features]
    for parameter in parameters:
        stand_in = stand_ins[names[id(parameter)]]
        groups[stage_of.get(id(stand_in), len(features) - 1)].append(parameter)
    return groups


SIDE = 128
"""Side of the picture that is tried: a multiple of every stride."""


def _leaves(maps: Tensor) -> list[Tensor]:
    """Return the tensors that a tensor was computed from and that no other was."""
    found: list[Tensor] = []
    seen = set()
    left = deque([maps.grad_fn])
    while left:
        node = left.popleft()
        if node is None or node in seen:
            continue
        seen.add(node)
        variable = getattr(node, "variable", None)
        if variable is not None:
            found.append(variable)
        left.extend(following for following, _ in node.next_functions)
    return found
