"""The declaration of a loss: how it is made, which settings it takes, and whether it adds up over chunks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from sceneparse.errors import UserError, require
from sceneparse.processes import ALONE
from sceneparse.recipes.options import read_options
from sceneparse.settings import LossSettings
from sceneparse.settings.loss import OPTIONAL

if TYPE_CHECKING:
    from torch import Tensor

Total = Callable[["Tensor"], "Tensor"]
"""The sum of a tensor over all processes that train together."""

Division = Literal["chunks", "processes"]
"""What a batch is divided into: chunks, one after the other (`training.accumulate`), or processes' shares."""


@dataclass(frozen=True)
class LossContext:
    """What a loss needs besides logits and truth: the same for all heads and all steps of a training.

    Args:
        align_corners: How logits are resized to the target: corner centres aligned or not.
        class_weights: (C,) weights of the classes, or None for 1 each.
        total: Sums over the processes that share the batch.
    """

    align_corners: bool
    class_weights: Tensor | None = None
    total: Total = ALONE.total


class HeadLoss(Protocol):
    """A loss of one head: the main one, or the auxiliary one."""

    def __call__(self, logits: Tensor, target: Tensor, context: LossContext) -> Tensor:
        """Return the loss of a head's logits.

        Where no pixel counts it must be 0, or at least finite, with gradients of 0. A loss that adds up is a mean over
        the pixels that count: sum(w · value) / sum(w) with the class weights w, the upper sum over this process's
        pixels and the lower one over those of all processes (`context.total`). One that several processes can share all
        the same has in each of them a value, and a gradient for the process's own logits, whose sums are those of the
        batch's loss.

        Args:
            logits: (N, C, h, w) at the network's stride.
            target: (N, H, W) int16 class indices, `sceneparse.labels.IGNORE` where nothing counts.
            context: How logits are resized, and what the classes weigh.

        Returns:
            A scalar.
        """
        ...


@dataclass(frozen=True)
class LossKind:
    """An entry of the table of losses.

    Args:
        title: What it is, in a few words.
        make: Makes the loss of its settings and of its own options (None without).
        adds_up: Whether a batch's loss is the sum of its pixels' losses over what counts, so that it can be computed in
            chunks (`training.accumulate`) and by several processes; a function of the options where they decide. One
            that doesn't is refused there.
        uses: Which of class_weights, hard_fraction and hard_threshold it takes into account; others are refused when
            they are not at their defaults.
        options: A frozen dataclass of settings of its own, each with a default, given as `loss.options`; None for none.
        shared: Whether several processes can share a batch though its loss doesn't add up, since what it needs of the
            whole batch are sums over the processes; a function of the options where they decide.
    """

    title: str
    make: Callable[[LossSettings, Any], HeadLoss]
    adds_up: bool | Callable[[Any], bool]
    uses: frozenset[str] = frozenset()
    options: type | None = None
    shared: bool | Callable[[Any], bool] = False

    def __post_init__(self) -> None:
        if unknown := self.uses - set(OPTIONAL):
            raise ValueError(f"uses names {sorted(unknown)}, but can only name {OPTIONAL}")
        if self.options is not None and not dataclasses.is_dataclass(self.options):
            raise ValueError(f"options is {self.options!r}, but must be a dataclass or None")

    def read_options(self, given: Mapping[str, Any], name: str) -> Any:
        """Return the loss's own options, checked; None for a loss that has none.

        Args:
            given: What `loss.options` says; what is missing has its default.
            name: The loss's name, for messages.

        Raises:
            UserError: An option that it doesn't have, or a bad value.
        """
        return read_options(self.options, given, "loss.options", f"loss {name}")

    def used(self, settings: LossSettings) -> frozenset[str]:  # noqa: ARG002
        """Return which of class_weights, hard_fraction and hard_threshold it takes into account."""
        return self.uses

    def undivided(self, settings: LossSettings, division: Division) -> str | None:
        """Return what of this loss a divided batch would change, for messages; None where nothing would be.

        Args:
            settings: The settings, which must have been checked.
            division: What the batch is divided into.
        """
        options = self.read_options(settings.options, settings.kind)
        adds_up, shared = (found(options) if callable(found) else found for found in (self.adds_up, self.shared))
        if adds_up or (division == "processes" and shared):
            return None
        each = " (with over: picture it would)" if getattr(options, "over", None) == "batch" else ""
        return f"'{settings.kind}'{each}"

    def check(self, settings: LossSettings) -> None:
        """Refuse settings that this loss doesn't use.

        Raises:
            UserError: One is not at its default, or an option is wrong.
        """
        uses = self.used(settings)
        usual = {item.name: item.default for item in dataclasses.fields(LossSettings)}
        for name in OPTIONAL:
            if name not in uses and getattr(settings, name) != usual[name]:
                used = [f"loss.{one}" for one in OPTIONAL if one in uses] + ["loss.options"] * bool(self.options)
                raise UserError(
                    f"loss.{name} has no effect: loss.kind '{settings.kind}' uses "
                    + (", ".join(used) if used else "no settings of its own")
                )
        self.read_options(settings.options, settings.kind)

    def build(self, settings: LossSettings) -> HeadLoss:
        """Make the loss of these settings, which must have been checked."""
        loss = self.make(settings, self.read_options(settings.options, settings.kind))
        require(
            callable(loss),
            f"loss.kind '{settings.kind}' makes a {type(loss).__name__}, but must make a function of logits, target "
            "and context; ask the package's author",
        )
        return loss
