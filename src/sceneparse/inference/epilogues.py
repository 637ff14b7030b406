"""Let convolutions in a 16-bit format compute what follows them: an activation, and the shortcut of a residual block.

On a GPU each of these reads and writes a map as large as the convolution's, and of a ResNet's time they take a third.
Together with the bias they are one kernel. Which activation follows which convolution, with nothing else between, is
not a matter of names: as in `fold`, it is observed, by running the network once on a small picture.
"""

from collections import Counter
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from sceneparse.inference.fold import PROBE, Uses
from sceneparse.networks.exact.full_bias import Bounds, FullBiasConv2d

ACTIVATIONS: dict[type[nn.Module], Bounds] = {nn.ReLU: Bounds(0.0), nn.ReLU6: Bounds(0.0, 6.0)}
"""The activations that a convolution can compute, by their type, and what they cut values to."""


class Followed(NamedTuple):
    """A convolution, and the activation of its result, which is a child of this name."""

    convolution: nn.Conv2d
    parent: nn.Module
    name: str
    bounds: Bounds


class Epilogues(NamedTuple):
    """What convolutions can compute besides.

    Args:
        activated: Convolutions with their activations.
        residual: Blocks whose last convolution can add the shortcut.
    """

    activated: list[Followed]
    residual: list[nn.Module]

    def fuse(self) -> int:
        """Let those convolutions that are in a 16-bit format compute what follows; returns how many do."""
        fused = 0
        for convolution, parent, name, bounds in self.activated:
            if isinstance(convolution, FullBiasConv2d):
                convolution.bounds = bounds
                setattr(parent, name, nn.Identity())
                fused += 1
        for block in self.residual:
            convolution, activation = (getattr(block, one) for one in _ends(block))
            if isinstance(convolution, FullBiasConv2d):
                convolution.bounds = ACTIVATIONS[type(activation)]
                block.__class__ = _residual_classes()[type(block)]
                fused += 1
        return fused


def find_epilogues(network: nn.Module, channels: int) -> Epilogues:
    """Find what convolutions can compute besides.

    Args:
        network: In evaluation mode, float32, on the CPU, batch norms folded.
        channels: Channels of its input.
    """
    uses = Uses()
    # What watches a module, as timm's collectors of features do, is not to miss it, nor to see something else.
    watched = {module for module in network.modules() if module._forward_hooks or module._forward_pre_hooks}
    runs: Counter[nn.Module] = Counter()
    made_by: dict[int, nn.Conv2d] = {}
    followed: list[tuple[nn.Conv2d, nn.Module, Tensor, bool]] = []

    def made(module: nn.Module, _: Any, out: Any) -> None:
        runs[module] += 1
        if isinstance(module, nn.Conv2d):
            made_by[id(out)] = module
            uses.kept.append(out)

    def met(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        (maps,) = inputs
        convolution = made_by.get(id(maps))
        if convolution is not None and uses.uses[id(maps)] == 0:
            followed.append((convolution, module, maps, bool(getattr(module, "inplace", False))))

    hooks = [module.register_forward_hook(made) for module in network.modules() if isinstance(module, nn.Conv2d)]
    for module in network.modules():
        if type(module) in ACTIVATIONS:
            hooks += [module.register_forward_pre_hook(met), module.register_forward_hook(made)]
    try:
        with torch.no_grad(), uses:
            out = network(torch.zeros(1, channels, PROBE, PROBE))
    finally:
        for hook in hooks:
            hook.remove()
    uses.use(out)
    places = _places(network)
    activated = []
    for convolution, module, maps, in_place in followed:
        # What is written in place is the activation's result for whoever reads it later.
        once = in_place or uses.uses[id(maps)] == 1
        seen = {convolution, module} & watched
        if once and not seen and runs[convolution] == runs[module] == len(places[module]) == 1:
            activated.append(Followed(convolution, *places[module][0], ACTIVATIONS[type(module)]))
    return Epilogues(activated, [module for module in network.modules() if _adds_last(module, watched)])


def _places(network: nn.Module) -> dict[nn.Module, list[tuple[nn.Module, str]]]:
    """For each module where it is: its parents, and what they call it."""
    found: dict[nn.Module, list[tuple[nn.Module, str]]] = {}
    for parent in network.modules():
        for name, child in parent._modules.items():
            if child is not None:
                found.setdefault(child, []).append((parent, name))
    return found


def _ends(block: nn.Module) -> tuple[str, str]:
    """What a residual block calls its last convolution and the activation after its sum."""
    return ("conv3", "act3") if hasattr(block, "conv3") else ("conv2", "act2")


def _adds_last(block: Any, watched: set[nn.Module]) -> bool:
    """Whether a block is timm's, and nothing is between its last convolution and the sum but a folded batch norm."""
    if type(block) not in _residual_classes():
        return False
    convolution, activation = (getattr(block, one) for one in _ends(block))
    norm = getattr(block, _ends(block)[0].replace("conv", "bn"))
    between = type(norm) is not nn.Identity or block.se is not None or block.drop_path is not None
    if watched & {convolution, norm, activation}:
        return False
    return type(convolution) is nn.Conv2d and type(activation) in ACTIVATIONS and not between


def _residual_classes() -> dict[type[nn.Module], type[nn.Module]]:
    """timm's residual blocks, and the same whose last convolution adds the shortcut."""
    from sceneparse.inference.residual import AddingBasicBlock, AddingBottleneck, BasicBlock, Bottleneck

    return {BasicBlock: AddingBasicBlock, Bottleneck: AddingBottleneck}
