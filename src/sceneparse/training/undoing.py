"""Steps that are undone: to measure by, before a training begins."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from sceneparse.devices.generators import kept_generators
from sceneparse.training.prepare import Prepared


@contextmanager
def undone(prepared: Prepared) -> Iterator[None]:
    """Put network, optimiser, gradient scaler and generators back, afterwards, to what they were, to the bit.

    Args:
        prepared: A training before its first step.
    """
    learner, precision = prepared.learner, prepared.compute.fabric.strategy.precision
    tensors = [*learner.network.parameters(), *learner.network.buffers()]
    kept = [_own(one).to("cpu", copy=True) for one in tensors]
    rates, scaler = [group.get("lr") for group in learner.optimizer.param_groups], precision.state_dict()
    assert not learner.optimizer.state, "steps can be undone before the first one that counts"
    with kept_generators(prepared.compute.fabric.device):
        try:
            yield
        finally:
            learner.stepper.zero_grad()
            learner.optimizer.state.clear()
            for group, rate in zip(learner.optimizer.param_groups, rates, strict=True):
                group["lr"] = rate
            if scaler:
                precision.load_state_dict(scaler)
            with torch.no_grad():
                for tensor, before in zip(tensors, kept, strict=True):
                    _own(tensor).copy_(before)


def _own(tensor: Tensor) -> Tensor:
    """This process's share of a tensor that several hold together; any other as it is."""
    share: Callable[[], Tensor] | None = tensor.to_local if isinstance(tensor, DTensor) else None
    return tensor.detach() if share is None else share().detach()
