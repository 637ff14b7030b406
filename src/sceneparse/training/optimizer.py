"""Build the optimiser and its parameter groups, and compute the learning rate."""

import torch
from torch.optim import SGD, AdamW, Optimizer

from sceneparse.networks import SceneParser
from sceneparse.settings import OptimizerSettings

BETAS = (0.9, 0.999)
"""AdamW's decay rates of the first and second moment."""


def learning_rate(iteration: int, *, base: float, iterations: int, power: float, warmup: int = 0) -> float:
    """Return the learning rate of an iteration by the poly schedule, after a warm-up.

    base · (1 - iteration / iterations) ** power (PSPNet paper, section 5.1). A pure function of the iteration, so
    nothing of it needs to be kept.

    Args:
        iteration: 0 … iterations - 1.
        base: The rate that the schedule starts from.
        iterations: Length of the training.
        power: Exponent of the poly schedule.
        warmup: Iterations in which the rate is scaled by 1/warmup, 2/warmup, … 1.
    """
    rate = base * (1 - iteration / iterations) ** power
    return rate * min(1.0, (iteration + 1) / warmup) if warmup else rate


def build_optimizer(network: SceneParser, settings: OptimizerSettings) -> Optimizer:
    """Make the optimiser, its parameters in up to four groups: pretrained or new, decayed or not.

    New layers, all that pretrained weights don't fill, learn at `head_factor` times the rate. Biases and the weights of
    normalisation layers, all of one dimension, are not decayed. Each group keeps the multiple of the base rate as
    "factor"; `set_learning_rate` applies it.
    """
    members: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
    pretrained = {id(parameter) for parameter in network.backbone.pretrained_parameters()}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            group = (id(parameter) not in pretrained, parameter.ndim > 1 and not name.endswith(".bias"))
            members.setdefault(group, []).append(parameter)
    groups = [
        {
            "params": parameters,
            "factor": settings.head_factor if new else 1.0,
            "weight_decay": settings.weight_decay if decayed else 0.0,
        }
        for (new, decayed), parameters in sorted(members.items())
    ]
    if settings.kind == "sgd":
        return SGD(groups, lr=settings.lr, momentum=settings.momentum)
    return AdamW(groups, lr=settings.lr, betas=BETAS)


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Give each parameter group its multiple of a rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]
