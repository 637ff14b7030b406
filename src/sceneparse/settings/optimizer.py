"""Settings of the optimiser: how weights are changed."""

from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Literal

from sceneparse.errors import UserError, require
from sceneparse.settings.choices import Choice
from sceneparse.settings.types import check_types
from sceneparse.tables import require_known, table

USES: dict[str, tuple[str, ...]] = {"sgd": ("momentum",), "adamw": ()}
"""The settings that some kinds of optimiser have a use for, by the kind; all others hold for every kind."""

OF_SCHEDULES = ("power", "floor", "rise", "start", "milestones", "factor")
"""The settings that only some schedules use; a schedule's entry in their table says which."""


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
        schedule: How the rate goes from the first iteration to the last: poly (the papers'), cosine, one_cycle, step,
            constant, or one that an installed package brings along.
        schedule_options: Settings of such a schedule of its own, by name.
        power: Exponent of the poly schedule, (1 - iteration / iterations) ** power.
        floor: cosine and one_cycle: the multiple of the rate that they end at.
        rise: one_cycle: the share of the iterations in which the rate rises to lr.
        start: one_cycle: the multiple of the rate that it begins at.
        milestones: step: where the rate falls, in rising order; below 1 as shares of the iterations ([0.5, 0.75]), else
            as iterations.
        factor: step: the rate is multiplied by this at each milestone.
        warmup: Iterations in which the rate rises linearly from zero to the schedule's, whichever it is.
        clip: Largest norm of the gradient; null doesn't clip.
    """

    kind: Literal["sgd", "adamw"] = "sgd"
    lr: float = 0.01
    head_factor: float = 10.0
    layer_decay: float = 1.0
    new_factor: float = 1.0
    momentum: float = 0.9
    weight_decay: float = 1e-4
    schedule: Annotated[str, Choice("schedules")] = "poly"
    schedule_options: dict[str, Any] = field(default_factory=dict, hash=False)
    power: float = 0.9
    floor: float = 0.0
    rise: float = 0.3
    start: float = 0.04
    milestones: tuple[float, ...] = ()
    factor: float = 0.1
    warmup: int = 0
    clip: float | None = None

    def __post_init__(self) -> None:
        check_types(self, "optimizer")
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
        self._refuse_unused()
        self._check_schedule()

    def _refuse_unused(self) -> None:
        own = {name for names in USES.values() for name in names}
        for item in fields(self):
            if item.name in own and item.name not in USES[self.kind] and getattr(self, item.name) != item.default:
                left_out = own.difference(USES[self.kind]).union(OF_SCHEDULES, ("kind", "schedule_options"))
                used = [one.name for one in fields(self) if one.name not in left_out]
                raise UserError(f"optimizer.{item.name} has no effect on {self.kind}, which uses {', '.join(used)}")

    def _check_schedule(self) -> None:
        require(0 <= self.floor < 1, f"optimizer.floor is {self.floor}, but must be at least 0 and below 1")
        require(0 < self.rise < 1, f"optimizer.rise is {self.rise}, but must be above 0 and below 1")
        require(0 < self.start <= 1, f"optimizer.start is {self.start}, but must be above 0 and at most 1")
        require(0 < self.factor < 1, f"optimizer.factor is {self.factor}, but must be above 0 and below 1")
        shown = list(self.milestones)
        require(
            all(0 < one < 1 for one in shown) or all(one >= 1 and one == int(one) for one in shown),
            f"optimizer.milestones is {shown}, but must be shares of the iterations, above 0 and below 1, or whole "
            "iterations of 1 or more",
        )
        require(shown == sorted(set(shown)), f"optimizer.milestones is {shown}, but must rise from one to the next")
        require_known("schedules", self.schedule, "optimizer.schedule")
        usual = {item.name: item.default for item in fields(self)}
        # Another package's entry may import torch: it is asked only where there is something to ask.
        if self.schedule_options or any(getattr(self, name) != usual[name] for name in ("schedule", *OF_SCHEDULES)):
            table("schedules")[self.schedule].check(self)
