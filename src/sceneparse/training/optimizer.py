"""Build the optimiser and its parameter groups, each with its multiple of the learning rate."""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor
from torch.optim import SGD, AdamW, Optimizer

from sceneparse.errors import UserError
from sceneparse.networks import SceneParser
from sceneparse.settings import OptimizerSettings, Precision

BETAS = (0.9, 0.999)
"""AdamW's decay rates of the first and second moment."""


def rate_factors(network: SceneParser, settings: OptimizerSettings, made_new: Collection[str] = ()) -> dict[str, float]:
    """Return the multiple of the base rate at which each parameter that learns does, by its name.

    New layers, all that pretrained weights don't fill, learn at `head_factor` times the rate; a group of the backbone's
    layers at `layer_decay` times the rate of the group behind it, the last at `layer_decay` times the base rate
    (BEiT, arXiv 2106.08254, appendix); what the model that training started from did not fill at `new_factor` times the
    rate that it would have.

    Args:
        network: The network, before its weights are shared among processes.
        settings: The factors.
        made_new: Names of the parameters that a model to start from did not fill.

    Raises:
        UserError: The backbone's layers cannot be told apart, but are to learn at different rates.
    """
    backbone = network.backbone
    factor_of = {id(parameter): 1.0 for parameter in backbone.pretrained_parameters()}
    if settings.layer_decay != 1:
        groups = backbone.depth_groups()
        if len(groups) == 1:
            raise UserError(
                f"backbone {backbone.name}: optimizer.layer_decay has no effect: it does not tell its layers apart"
            )
        for depth, group in enumerate(groups):
            factor_of |= {id(parameter): settings.layer_decay ** (len(groups) - depth) for parameter in group}
    factors = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            factor = factor_of.get(id(parameter), settings.head_factor)
            factors[name] = factor * settings.new_factor if name in made_new else factor
    return factors


def fuses(device: torch.device, precision: Precision, *, sharded: bool) -> bool:
    """Return whether the optimiser's step is one kernel of the device, which also can be left out by the device.

    Not where processes share the weights, whose tensors it does not know; nor in float16, whose gradient scaler refuses
    to clip gradients for it.

    Args:
        device: Where the weights are.
        precision: The number format.
        sharded: Whether processes share the weights.
    """
    return device.type == "cuda" and precision != "float16" and not sharded


def build_optimizer(
    network: SceneParser,
    settings: OptimizerSettings,
    factors: Mapping[str, float] | None = None,
    *,
    fused: bool = False,
) -> Optimizer:
    """Make the optimiser, its parameters in groups of pretrained or new, decayed or not, and of equal rates.

    Biases and the weights of normalisation layers, all of one dimension, are not decayed. Each group keeps the multiple
    of the base rate as "factor"; `set_learning_rate` applies it.

    Args:
        network: The network; parameters that need no gradient are left out.
        settings: Kind, rate and decay.
        factors: As `rate_factors` gives them; None asks it.
        fused: Whether a step is one kernel (see `fuses`).
    """
    factors = rate_factors(network, settings) if factors is None else factors
    members: dict[tuple[bool, bool, float], list[torch.nn.Parameter]] = {}
    pretrained = {id(parameter) for parameter in network.backbone.pretrained_parameters()}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            decayed = parameter.ndim > 1 and not name.endswith(".bias")
            members.setdefault((id(parameter) not in pretrained, decayed, factors[name]), []).append(parameter)
    groups = [
        {"params": parameters, "factor": factor, "weight_decay": settings.weight_decay if decayed else 0.0}
        for (_, decayed, factor), parameters in sorted(members.items(), key=lambda item: item[0])
    ]
    if settings.kind == "sgd":
        return SGD(groups, lr=settings.lr, momentum=settings.momentum, fused=fused or None)
    return AdamW(groups, lr=settings.lr, betas=BETAS, fused=fused or None)


def skip_where(optimizer: Optimizer, spoilt: Tensor) -> None:
    """Have a fused optimiser's next step change nothing where a scalar on the device is 1.

    Args:
        optimizer: The optimiser, whose gradients are there.
        spoilt: 0 or 1, float32.
    """
    # What torch's gradient scaler tells them by (`GradScaler.step`).
    optimizer.found_inf = spoilt  # type: ignore[attr-defined]
    if not isinstance(optimizer, SGD):
        return
    # Without a momentum yet, torch would keep uninitialised memory as that of a step that is left out, and refuses
    # groups of which some have one and some don't. From zero, the first momentum is the gradient, as without.
    for group in optimizer.param_groups:
        for parameter in group["params"] if group["momentum"] else ():
            if parameter.grad is not None and "momentum_buffer" not in optimizer.state[parameter]:
                optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Give each parameter group its multiple of a rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]
