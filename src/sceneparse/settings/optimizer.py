"""Settings of the optimiser: how weights are changed."""

from dataclasses import dataclass, fields
from typing import Literal

from sceneparse.errors import UserError, require

USES: dict[str, tuple[str, ...]] = {"sgd": ("momentum",), "adamw": ()}
"""The settings that some kinds of optimiser have a use for, by the kind; all others hold for every kind."""


@dataclass(frozen=True)
class OptimizerSettings:
    """How weights are changed.

    Args:
        kind: sgd (with momentum; the papers') or adamw.
        lr: Base learning rate, of the pretrained backbone.
        head_factor: New layers learn at this multiple of the base rate (PSPNet: 10).
        layer_decay: Layers of the backbone learn the slower the further they are from the head: each stage (of a plain
            ViT, each block) at this multiple of the rate of the one behind it, the last at this multiple of the base
            rate (BEiT). 1: all alike.
        new_factor: With init.model: what it did not fill, or not whole, learns at this multiple of its rate.
        momentum: SGD only.
        weight_decay: Decay of all weights but biases and normalisation.
        power: Exponent of the poly schedule, (1 - iteration / iterations) ** power.
        warmup: Iterations in which the rate rises linearly from zero.
        clip: Largest norm of the gradient; null doesn't clip.
    """

    kind: Literal["sgd", "adamw"] = "sgd"
    lr: float = 0.01
    head_factor: float = 10.0
    layer_decay: float = 1.0
    new_factor: float = 1.0
    momentum: float = 0.9
    weight_decay: float = 1e-4
    power: float = 0.9
    warmup: int = 0
    clip: float | None = None

    def __post_init__(self) -> None:
        require(self.lr > 0, f"optimizer.lr is {self.lr}, but must be positive")
        require(self.head_factor > 0, f"optimizer.head_factor is {self.head_factor}, but must be positive")
        require(
            0 < self.layer_decay <= 1, f"optimizer.layer_decay is {self.layer_decay}, but must be above 0 and at most 1"
        )
        require(self.new_factor > 0, f"optimizer.new_factor is {self.new_factor}, but must be positive")
        require(0 <= self.momentum < 1, f"optimizer.momentum is {self.momentum}, but must be at least 0 and below 1")
        require(self.weight_decay >= 0, f"optimizer.weight_decay is {self.weight_decay}, but must be 0 or more")
        require(self.power >= 0, f"optimizer.power is {self.power}, but must be 0 or more")
        require(self.warmup >= 0, f"optimizer.warmup is {self.warmup}, but must be 0 or more")
        require(self.clip is None or self.clip > 0, f"optimizer.clip is {self.clip}, but must be positive or null")
        own = {name for names in USES.values() for name in names}
        for item in fields(self):
            if item.name in own and item.name not in USES[self.kind] and getattr(self, item.name) != item.default:
                used = [one.name for one in fields(self) if one.name not in own or one.name in USES[self.kind]]
                raise UserError(f"optimizer.{item.name} has no effect on {self.kind}, which uses {', '.join(used[1:])}")
