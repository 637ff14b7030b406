"""Several losses at once, each with a weight."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any

from sceneparse.errors import UserError, require
from sceneparse.recipes.options import read_options
from sceneparse.settings import LossSettings
from sceneparse.settings.choices import Choice
from sceneparse.tables import require_known, table
from sceneparse.training.losses.cross_entropy import CrossEntropy
from sceneparse.training.losses.kind import Division, HeadLoss, LossContext, LossKind
from sceneparse.training.losses.overlap import OverlapLoss

if TYPE_CHECKING:
    from torch import Tensor

MINING = ("hard_fraction", "hard_threshold")


@dataclass(frozen=True)
class Term:
    """One of the losses.

    Args:
        kind: Which loss it is; any but combined.
        weight: What it is multiplied by.
        options: Its own settings, as they would stand in loss.options.
    """

    kind: Annotated[str, Choice("losses")]
    weight: float = 1.0
    options: dict[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        require(
            self.kind != "combined",
            "terms: one is of kind combined, but a combination has no other inside: list all of its terms",
        )
        require_known("losses", self.kind, "terms: kind")
        require(self.weight > 0, f"terms: weight of {self.kind} is {self.weight}, but must be above 0; or leave it out")
        read_options(self.loss.options, self.options, f"terms: options of {self.kind}", f"loss {self.kind}")

    @property
    def loss(self) -> LossKind:
        """Its entry in the table."""
        entry: LossKind = table("losses")[self.kind]
        return entry

    def settings(self, whole: LossSettings) -> LossSettings:
        """Return the settings of this term as if it were the only loss, without those that others alone use."""
        usual, used = LossSettings(), self.loss.uses
        unused = {name: getattr(usual, name) for name in MINING if name not in used}
        return replace(whole, kind=self.kind, options=dict(self.options), **unused)


@dataclass(frozen=True)
class Terms:
    """What is added up.

    Args:
        terms: A list of losses, each with kind, weight (1) and options.
    """

    terms: tuple[Term, ...] = field(default_factory=lambda: (Term("cross_entropy"), Term("dice")))

    def __post_init__(self) -> None:
        require(len(self.terms) > 1, "terms must be two losses or more; of a single one give its own name as loss.kind")


@dataclass(frozen=True)
class Combined:
    """The weighted sum of several losses of the same logits.

    Args:
        losses: The losses.
        weights: What each is multiplied by.
    """

    losses: Sequence[HeadLoss]
    weights: Sequence[float]

    def __call__(self, logits: "Tensor", target: "Tensor", context: LossContext) -> "Tensor":
        """Return the loss of a head's logits (see `HeadLoss`)."""
        import torch

        from sceneparse.networks.exact.kernels.usable import usable

        values: dict[int, Tensor] = {}
        # Plain cross-entropy and a loss of overlap share their sweeps over the upsampled scores, but where a GPU's
        # kernels compute cross-entropy in one pass.
        entropy = next((number for number, loss in enumerate(self.losses) if loss == CrossEntropy()), None)
        if entropy is not None and not usable(logits, (target.shape[-2], target.shape[-1])):
            for number, loss in enumerate(self.losses):
                if isinstance(loss, OverlapLoss):
                    values[number], values[entropy] = loss.with_cross_entropy(logits, target, context)
                    break
        # Each pulls its own gradient back; together they go through the network once.
        for number, loss in enumerate(self.losses):
            if number not in values:
                values[number] = loss(logits, target, context)
        return torch.stack([weight * values[number] for number, weight in enumerate(self.weights)]).sum()


@dataclass(frozen=True)
class CombinedKind(LossKind):
    """The declaration of a sum of losses, which takes what its terms take."""

    def used(self, settings: LossSettings) -> frozenset[str]:
        """Return what all terms use, and of mining what one of them uses."""
        uses = [term.loss.uses for term in self._terms(settings)]
        return frozenset.intersection(*uses) | (frozenset.union(*uses) & set(MINING))

    def undivided(self, settings: LossSettings, division: Division) -> str | None:
        """Return which term a divided batch would change."""
        for term in self._terms(settings):
            if (undivided := term.loss.undivided(term.settings(settings), division)) is not None:
                return f"'{settings.kind}', of which {undivided}"
        return None

    def check(self, settings: LossSettings) -> None:
        """Refuse settings that the terms don't use.

        Raises:
            UserError: One is not at its default, or an option is wrong.
        """
        if settings.class_weights is not None:
            for term in self._terms(settings):
                if "class_weights" not in term.loss.uses:
                    raise UserError(
                        f"loss.class_weights has no effect on the term '{term.kind}' of loss.kind '{settings.kind}': "
                        "leave one of them out"
                    )
        super().check(settings)

    def _terms(self, settings: LossSettings) -> tuple[Term, ...]:
        options: Terms = self.read_options(settings.options, settings.kind)
        return options.terms


def _make(settings: LossSettings, options: Terms) -> Combined:
    losses = [term.loss.build(term.settings(settings)) for term in options.terms]
    return Combined(losses, [term.weight for term in options.terms])


COMBINED = CombinedKind(
    title="several losses, each with a weight",
    make=_make,
    # Asked of the terms.
    adds_up=False,
    options=Terms,
)
