"""The exponential moving average of the weights, beside the weights that learn.

Averaged weights are often better than the last ones, since the noise of single steps cancels out (Polyak & Juditsky,
SIAM J. Control Optim. 30(4), 1992; with a decay, Tarvainen & Valpola, arXiv 1703.01780).
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from sceneparse.settings.average import AverageSettings
from sceneparse.training.prepare import Prepared
from sceneparse.training.sharding import cut_like, whole

Weights = Literal["live", "average"]
"""Which weights: those that learn, or their moving average."""

STATISTICS = ("running_mean", "running_var")
"""The buffers of batch norm that are averaged like weights."""


class WeightAverage:
    """The moving average of a network's weights.

    Averaged are the parameters that learn and the running statistics of batch norm, by the same factor (as timm's
    ModelEmaV3 does it, and torch's AveragedModel with use_buffers=True). What is frozen, and all other buffers, are the
    network's own. Copies have the parameters' number format, which is float32 under mixed precision too; where the
    weights are shared among processes, each averages its share.

    Several processes hold the same average, since they hold the same weights. A step that float16's gradient scaler
    left out counts as one that changed nothing.

    Args:
        network: The network that learns; its weights now are the average at the beginning.
        settings: Decay and interval.
        state: The average in a checkpoint, as `state` gives it; None to begin.
    """

    def __init__(
        self, network: nn.Module, settings: AverageSettings, state: Mapping[str, Tensor] | None = None
    ) -> None:
        assert settings.decay is not None
        self.decay, self.every = settings.decay, settings.every
        self._network = network
        self._live = _averaged(network)
        with torch.no_grad():
            self._average = {name: value.detach().clone() for name, value in self._live.items()}
            for name, value in (state or {}).items():
                self._average[name].copy_(cut_like(value, self._average[name]))

    def _pairs(self) -> tuple[list[Tensor], list[Tensor]]:
        """The averages and what they are of, as far as this process has them."""
        # Asked for anew each time: sharing the weights among processes replaces what a parameter holds of them.
        return _local(self._average.values()), _local(value.detach() for value in self._live.values())

    def update(self, done: int) -> None:
        """Take the weights after so many iterations into the average, where an update is due.

        average ← k · average + (1 - k) · weights, k = min(decay, (1 + done) / (10 + done)) ** every: a function of the
        iteration, so that no count is kept.
        """
        if done % self.every == 0:
            kept = min(self.decay, (1 + done) / (10 + done)) ** self.every
            torch._foreach_lerp_(*self._pairs(), 1 - kept)

    def state(self) -> dict[str, Tensor]:
        """Return what is averaged, whole, for a checkpoint; all processes call it together."""
        averaged: dict[str, Tensor] = whole(dict(self._average))
        return averaged

    def network_state(self) -> dict[str, Any]:
        """Return the network's state, whole, with the average in it; all processes call it together."""
        found: dict[str, Any] = whole({**self._network.state_dict(), **self._average})
        return found

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Give the network the averaged weights for a while; afterwards it has its own again, to the bit."""
        averages, live = self._pairs()
        own = [value.clone() for value in live]
        torch._foreach_copy_(live, averages)
        try:
            yield
        finally:
            torch._foreach_copy_(live, own)


def begin_average(prepared: Prepared) -> WeightAverage | None:
    """Make the average that a recipe asks for, as new or as in the checkpoint; None where it asks for none."""
    settings, checkpoint = prepared.recipe.training.average, prepared.checkpoint
    if settings.decay is None:
        return None
    return WeightAverage(prepared.learner.network, settings, checkpoint.average if checkpoint else None)


def weights_sentence(average: WeightAverage | None, chosen: Weights, split: str) -> str | None:
    """Return a sentence for the model card on which weights a model has; None where there was no choice.

    Args:
        average: The average that was kept.
        chosen: What scored best.
        split: The split that it was chosen on.
    """
    if average is None:
        return None
    kept = f"an exponential moving average (decay {average.decay:g}) of the training's"
    if chosen == "average":
        return f"Its weights are {kept}, which scored better on `{split}` than the training's own."
    return f"Its weights are the training's own, which scored better on `{split}` than {kept}."


def _averaged(network: nn.Module) -> dict[str, Tensor]:
    """The tensors that are averaged, by their names in the network's state."""
    parameters = network.named_parameters(remove_duplicate=False)
    learnt: dict[str, Tensor] = {name: value for name, value in parameters if value.requires_grad}
    for prefix, module in network.named_modules():
        own = [f"{prefix}.{name}".lstrip(".") for name, _ in module.named_parameters(recurse=False)]
        # Frozen layers keep their statistics.
        if own and not any(name in learnt for name in own):
            continue
        for name, value in module.named_buffers(recurse=False):
            if name in STATISTICS:
                learnt[f"{prefix}.{name}".lstrip(".")] = value
    return learnt


def _local(values: Iterable[Tensor]) -> list[Tensor]:
    """Each tensor itself, or the share of it that this process has."""
    return [value.to_local() if isinstance(value, DTensor) else value for value in values]
